/* tpm/command/command.h: the frame of TPM commands and of their responses. Nothing here talks to a TPM.
 *
 * TPM 2.0 Library Part 1 r1.59, 18 (command and response structure); Part 2, 6.5.2 TPM_CC; Part 3 for each row. Only what we use:
 * no audit, encryption or HMAC sessions. A command's parameters are written by request.h, a response's are read by answer.h. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/reader.h"
#include "base/writer.h"
#include "tpm/ids.h"

/* handles: in the command's handle area; auths: how many of them, from the first on, need an authorisation; answers: handles
 * in the response; slow: the TPM may take minutes (it makes a key, tests or clears itself). */
/* clang-format off */
/*    code   name               handles auths answers slow */
#define TPM_COMMANDS(X)                                    \
    X(0x120, EvictControl,      2,      1,    0,      0)    \
    X(0x122, NV_UndefineSpace,  2,      1,    0,      0)    \
    X(0x126, Clear,             1,      1,    0,      1)    \
    X(0x12a, NV_DefineSpace,    1,      1,    0,      0)    \
    X(0x131, CreatePrimary,     1,      1,    1,      1)    \
    X(0x137, NV_Write,          2,      1,    0,      0)    \
    X(0x143, SelfTest,          0,      0,    0,      1)    \
    X(0x144, Startup,           0,      0,    0,      1)    \
    X(0x145, Shutdown,          0,      0,    0,      0)    \
    X(0x147, ActivateCredential, 2,     2,    0,      0)    \
    X(0x148, Certify,           2,      2,    0,      0)    \
    X(0x14e, NV_Read,           2,      1,    0,      0)    \
    X(0x151, PolicySecret,      2,      1,    0,      0)    \
    X(0x158, Quote,             1,      1,    0,      0)    \
    X(0x159, RSA_Decrypt,       1,      1,    0,      0)    \
    X(0x15d, Sign,              1,      1,    0,      0)    \
    X(0x161, ContextLoad,       0,      0,    1,      0)    \
    X(0x162, ContextSave,       1,      0,    0,      0)    \
    X(0x165, FlushContext,      0,      0,    0,      0)    \
    X(0x169, NV_ReadPublic,     1,      0,    0,      0)    \
    X(0x171, PolicyOR,          1,      0,    0,      0)    \
    X(0x173, ReadPublic,        1,      0,    0,      0)    \
    X(0x176, StartAuthSession,  2,      0,    1,      0)    \
    X(0x17a, GetCapability,     0,      0,    0,      0)    \
    X(0x17b, GetRandom,         0,      0,    0,      0)    \
    X(0x17c, GetTestResult,     0,      0,    0,      0)    \
    X(0x17d, Hash,              0,      0,    0,      0)    \
    X(0x17e, PCR_Read,          0,      0,    0,      0)    \
    X(0x17f, PolicyPCR,         1,      0,    0,      0)    \
    X(0x181, ReadClock,         0,      0,    0,      0)    \
    X(0x182, PCR_Extend,        1,      1,    0,      0)    \
    X(0x189, PolicyGetDigest,   1,      0,    0,      0)
/* clang-format on */

enum tpm_command_code {
#define X(code, name, handles, auths, answers, slow) TPM_CC_##name = code,
    TPM_COMMANDS(X)
#undef X
};

struct tpm_command {
    uint32_t code;
    const char *name; /* "TPM2_Quote" */
    uint8_t n_handles, n_auths, n_answers;
    bool slow;
};

const struct tpm_command *tpm_command_find(uint32_t code); /* NULL: none of ours */

enum {
    TPM_MESSAGE_MAX = 4096, /* bytes of a command or a response, by the PC Client profile */
    TPM_HEADER_LEN = 10,
    TPM_HANDLES_MAX = 2,
};

/* Permanent handles, Part 2, 7.4. A password session is the empty password here: nothing of ours has another. */
enum tpm_permanent_handle {
    TPM_RH_OWNER = 0x40000001,
    TPM_RH_NULL = 0x40000007,
    TPM_RS_PASSWORD = 0x40000009,
    TPM_RH_LOCKOUT = 0x4000000a,
    TPM_RH_ENDORSEMENT = 0x4000000b,
    TPM_RH_PLATFORM = 0x4000000c,
};

/* The first octet of a handle, Part 2, 7.2. */
enum tpm_handle_type {
    TPM_HT_NV_INDEX = 0x01,
    TPM_HT_HMAC_SESSION = 0x02,
    TPM_HT_POLICY_SESSION = 0x03,
    TPM_HT_TRANSIENT = 0x80,
    TPM_HT_PERSISTENT = 0x81
};

/* tpm_command_begin starts over in `w`: header, handles, and an authorisation for each handle that needs one: sessions[i] is a policy session
 * or TPM_RS_PASSWORD. Both arrays have as many elements as the command's row says. A session stays after its use. Parameters
 * follow; tpm_command_end then fills the size in and says whether everything fitted. */
void tpm_command_begin(struct writer *w, enum tpm_command_code code, const uint32_t *handles, const uint32_t *sessions);
MUST_CHECK bool tpm_command_end(struct writer *w);

/* Which command a whole message is, and the handle that a FlushContext names (0 for others). NULL when it is none of ours. */
const struct tpm_command *tpm_command_of(struct bytes message, uint32_t *ret_flushed);

struct tpm_response {
    uint32_t rc;             /* 0: done; then: */
    uint32_t handle;         /* for a command with an answer handle */
    struct bytes parameters; /* view into the message */
};

/* tpm_response_read takes a whole response to `command`. A refusal (rc not 0) is a well-formed response. */
MUST_CHECK bool tpm_response_read(struct bytes message, const struct tpm_command *command, struct tpm_response *ret, struct err *err);
