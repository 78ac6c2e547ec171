/* agent/failure/failure.h: why the agent could not go on: an id of the failure catalogue, a sentence, and when to try again.
 *
 * One list gives the id, the reason code that a report carries, and the class of retry. Ids and reasons: guest-agent.md 9 and
 * 9.6; classes of retry: 3.8, 8.3. Functions of the agent return bool and take `struct failure *why` last, as lower layers
 * do with `struct err`. */
#pragma once
#include "base/err.h"
#include "json/write.h"

/* IN_CYCLE: a few attempts within this cycle, then as LATER. AGAIN: start the attestation over at once (a value moved under
 * us). LATER: between cycles, with growing pauses. PERIOD: not before the usual time. PROBE: every ten minutes. A refused enrolment is
 * LATER, other than 9.2 has it: an operator who registers a missing root or VM should not wait eight hours for the effect; so is a certificate that is not valid
 * at this time, as a clock that is set later heals it. From
 * AK_CERT_EXPIRED on, rows stop nothing as a rule: they are notes (note.h), and their class does not matter. */
enum retry_class { RETRY_IN_CYCLE, RETRY_AGAIN, RETRY_LATER, RETRY_PERIOD, RETRY_PROBE };

/* clang-format off */
/*    name              reason                     retry     meaning */
#define FAILURES(X)                                                                                                   \
    X(NO_TPM,           "TPM.NoDevice",            PROBE,    "the machine has no TPM that we can see")                \
    X(TPM12,            "TPM.NoDevice",            PROBE,    "the TPM is version 1.2")                                \
    X(TPM_PERM,         "TPM.NoDevice",            PROBE,    "we may not open the TPM")                               \
    X(TPM_BUSY,         "TPM.NoDevice",            LATER,    "another program holds the TPM")                         \
    X(TPM_UNUSABLE,     "TPM.NoDevice",            PROBE,    "the TPM answers with errors or not at all")             \
    X(TPM_MEMORY,       "TPM.NoDevice",            IN_CYCLE, "the TPM has no free slot")                              \
    X(TPM_REFUSED,      "TPM.NoDevice",            LATER,    "the TPM refused a command")                             \
    X(TPM_LOCKOUT,      "TPM.NoDevice",            LATER,    "the TPM is locked out after wrong passwords")           \
    X(EH_DISABLED,      "TPM.NoDevice",            PROBE,    "the endorsement hierarchy is switched off")             \
    X(EH_PASSWORD,      "TPM.NoDevice",            PROBE,    "the endorsement hierarchy has a password")              \
    X(PCR_BANK,         "TPM.BankMissing",         PROBE,    "the TPM keeps no SHA-256 registers")                    \
    X(PCR_UNSTABLE,     "LOG.ReplayMismatch",      LATER,    "registers change faster than they can be quoted")       \
    X(EK_CERT_MISMATCH, "TPM.IdentityChanged",     PERIOD,   "the endorsement certificate is not of this TPM's key")  \
    X(EK_UNUSABLE,      "TPM.NoEndorsementCert",   PERIOD,   "no endorsement key can be used")                        \
    X(AK_REPLACED,      "TPM.IdentityChanged",     PERIOD,   "the attestation key is not the one that was enrolled")  \
    X(SEED_CHANGED,     "TPM.IdentityChanged",     PERIOD,   "the TPM was made anew: its endorsement seed changed")   \
    X(NOT_ENROLLED,     "TPM.AkNotEnrolled",       LATER,    "the server does not know this machine yet")            \
    X(AWAITS_APPROVAL,  "TPM.AkNotEnrolled",       LATER,    "an operator has to approve this machine")               \
    X(ENROLL_REFUSED,   "TPM.AkNotEnrolled",       LATER,    "the server refused to enrol this machine")              \
    X(IAK_UNUSABLE,     "TPM.AkNotEnrolled",       LATER,    "the initial attestation key cannot vouch for ours")     \
    X(ACTIVATE_FAIL,    "TPM.AkNotEnrolled",       LATER,    "the credential was made for another key")               \
    X(IDENTITY_UNKNOWN, "TPM.AkNotEnrolled",       AGAIN,    "the server does not know this machine or its key")      \
    X(CLONE,            "TPM.IdentityDuplicated",  PERIOD,   "another machine uses the same identity")                \
    X(LOG_TOO_LARGE,    "LOG.Truncated",           PERIOD,   "a log is larger than the limit")                        \
    X(REFUSED,          "ATT.Refused",             PERIOD,   "the verifier refused the evidence")                     \
    X(REPORT_REFUSED,   "NET.Report",              LATER,    "the monitor refused the report")                        \
    X(NONCE,            "TPM.NonceMismatch",       AGAIN,    "a challenge or nonce expired or was used")              \
    X(NOT_AUTHORISED,   "NET.Refused",             PERIOD,   "the server does not let us in")                         \
    X(SETTINGS_REFUSED, "AGT.Settings",            PERIOD,   "the server does not let us in, time after time: the settings are wrong") \
    X(WRONG_ENDPOINT,   "NET.Endpoint",            PERIOD,   "the address is not that of a trueboot server")          \
    X(SERVER_TROUBLE,   "NET.Server",              IN_CYCLE, "the server cannot answer now")                          \
    X(BAD_ANSWER,       "NET.Answer",              IN_CYCLE, "the answer is not what the protocol says")              \
    X(UNREACHABLE,     "NET.Unreachable",        IN_CYCLE, "the connection to the server broke off")                   \
    X(DNS,             "NET.Dns",                IN_CYCLE, "the server's name cannot be resolved")                     \
    X(CONNECT_TIMEOUT, "NET.ConnectTimeout",     IN_CYCLE, "nothing answers at the address")                           \
    X(PROXY_AUTH,      "NET.ProxyAuth",          PERIOD,   "the proxy wants credentials")                              \
    X(CONNECT_REFUSED, "NET.ConnectRefused",     IN_CYCLE, "the connection is refused, or there is no route")          \
    X(PROXY_BLOCK,     "NET.ProxyBlock",         IN_CYCLE, "a proxy or filter answers instead of the server")          \
    X(TLS_UNTRUSTED,   "NET.TlsUntrusted",       PERIOD,   "the server's certificate is of a CA we do not trust")      \
    X(TLS_NAME,        "NET.TlsName",            PERIOD,   "the server's certificate is for another name")             \
    X(TLS_TIME,        "NET.TlsTime",            LATER,    "the server's certificate is not valid at this time")       \
    X(TLS_PROTO,       "NET.TlsProto",           IN_CYCLE, "no TLS connection comes about")                            \
    X(MTU,             "NET.Mtu",                IN_CYCLE, "large packets do not get through")                         \
    X(TIMEOUT,         "NET.Timeout",            IN_CYCLE, "the answer takes too long")                                \
    X(TLS,             "NET.Tls",                PERIOD,   "certificates or pins that we were given cannot be used")      \
    X(NO_ENDPOINT,      "NET.Endpoint",            PERIOD,   "no server is configured")                               \
    X(CLOCK_SKEW,       "TIME.Skew",               AGAIN,    "this machine's clock is off")                           \
    X(AK_MISSING,       "TPM.AkNotEnrolled",       LATER,    "the platform has provisioned no attestation key")        \
    X(AK_CERT_PENDING,  "TPM.AkNotEnrolled",       LATER,    "the platform has not issued the key's certificate yet")  \
    X(CVM_FOUND,        "AGT.Unsupported",         PERIOD,   "this is a confidential VM, not a Trusted Launch one")    \
    X(BAD_SETTINGS,     "AGT.Settings",            PERIOD,   "the settings contradict each other")                     \
    X(PCR_CHANGED,      "LOG.ReplayMismatch",      LATER,    "a register changed before the answer was opened")        \
    X(TOKEN_DECRYPT,    "TOK.Signature",           LATER,    "the sealed token does not open")                         \
    X(AK_CERT_EXPIRED,  "TPM.AkNotEnrolled",       PERIOD,   "the key's certificate has expired")                      \
    X(EK_CERT_MISSING,  "TPM.NoEndorsementCert",   PERIOD,   "the TPM has no endorsement certificate")                 \
    X(NV_TOO_SMALL,     "TPM.NoDevice",            PERIOD,   "the certificate does not fit into the TPM")              \
    X(OWNER_PASSWORD,   "TPM.NoDevice",            PERIOD,   "the owner hierarchy has a password")                     \
    X(LOG_MISSING,      "LOG.Missing",             PERIOD,   "there is no firmware log")                               \
    X(LOG_EMPTY,        "LOG.Missing",             PERIOD,   "the firmware log is empty")                              \
    X(LOG_SHA1,         "LOG.Missing",             PERIOD,   "the firmware log has SHA-1 digests only")                \
    X(LOG_REPLAY,       "LOG.ReplayMismatch",      PERIOD,   "the firmware log does not explain the registers")        \
    X(LOG_TRUNCATED,    "LOG.Truncated",           PERIOD,   "the firmware log was probably cut off")                  \
    X(TPM_CLEARED,      "TPM.IdentityChanged",     PERIOD,   "TPM2_Clear was run")                                     \
    X(STATE_ROLLBACK,   "TPM.IdentityChanged",     PERIOD,   "the TPM's state is older than what was seen")            \
    X(PLATFORM_REKEY,   "TPM.IdentityChanged",     LATER,    "the platform makes the attestation key anew")            \
    X(IDENTITY_MISMATCH,"TPM.IdentityDuplicated",  PERIOD,   "the TPM was made for another machine")                   \
    X(KEXEC,            "AGT.Kexec",               PERIOD,   "another kernel was started without a reset")             \
    X(RESTART_SEEN,     "AGT.Restart",             PERIOD,   "the TPM restarted unseen")                               \
    X(RESUME,           "AGT.Resume",              PERIOD,   "the machine slept")                                      \
    X(VMGENID,          "AGT.Restored",            PERIOD,   "the hypervisor says that the machine was copied or restored")\
    X(NOT_UEFI,         "SB.Disabled",             PERIOD,   "the machine was not started by UEFI firmware")           \
    X(SB_OFF,           "SB.Disabled",             PERIOD,   "Secure Boot is off")                                     \
    X(SHIM_INSECURE,    "SB.ShimPolicyInsecure",   PERIOD,   "shim does not validate")                                 \
    X(DISK_FULL,        "AGT.State",               PERIOD,   "the state cannot be written")                            \
    X(STATE_CORRUPT,    "AGT.Crashed",             PERIOD,   "a state file was damaged")                               \
    X(STATE_NEWER,      "AGT.State",               PERIOD,   "the state was written by a newer version")               \
    X(DUPLICATE,        "AGT.Crashed",             PERIOD,   "another agent runs")                                     \
    X(CANCELLED,        "AGT.Stopped",             PERIOD,   "the agent was told to stop")                             \
    X(NO_MEMORY,        "AGT.Crashed",             LATER,    "out of memory")                                         \
    X(INTERNAL,         "AGT.Crashed",             LATER,    "a mistake of ours")
/* clang-format on */

enum failure_id {
    FAILURE_NONE,
#define X(name, reason, retry, meaning) FAILURE_##name,
    FAILURES(X)
#undef X
};

struct failure {
    enum failure_id id;
    unsigned retry_after_seconds; /* as the server asked; 0: it did not */
    unsigned tpm_rc;              /* of the TPM command that failed, layer bits included; 0: none did */
    char text[400];               /* a sentence; safe to show */
};

#define FAILURE_INIT ((struct failure){ 0 })

/* Each records and is false (visibly so for the compiler). failure_from takes over a lower layer's sentence; failure_within puts where we
 * were in front. */
void failure_record(struct failure *why, enum failure_id id, const char *fmt, ...) PRINTF_LIKE(3, 4);
void failure_adopt(struct failure *why, enum failure_id id, const struct err *err);
void failure_prefix(struct failure *why, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define failure_set(why, id, ...)  (failure_record((why), (id), __VA_ARGS__), err_failed())
#define failure_from(why, id, err) (failure_adopt((why), (id), (err)), err_failed())
#define failure_within(why, ...)   (failure_prefix((why), __VA_ARGS__), err_failed())

/* The classes of guest-agent.md 8.5 and their numbers, 6401 to 6411; 0 for everything else. A network failure is one in which the server
 * itself had no say: its own words come later. */
unsigned failure_number(enum failure_id id);
bool failure_is_network(enum failure_id id);
/* {"code":"DNS","reason":"NET.Dns","message":"…","number":6401}, without the number where there is none; null for NULL and NONE. */
void failure_put(struct json_out *out, const char *name, const struct failure *failure);

const char *failure_name(enum failure_id id);         /* "AK_REPLACED"; "NONE" */
enum failure_id failure_from_name(struct bytes name); /* FAILURE_NONE: there is none of that name */
const char *failure_reason(enum failure_id id);       /* "TPM.IdentityChanged"; "" */
const char *failure_meaning(enum failure_id id);
enum retry_class failure_retry(enum failure_id id);
const char *failure_retry_name(enum failure_id id); /* "IN_CYCLE" */
