#include "tpm/command/rc.h"
#include <stdio.h>

struct row {
    uint32_t code; /* format one: without a place */
    const char *name, *meaning;
};

/* clang-format off */
static const struct row rows[] = {
    { 0x100, "INITIALIZE", "TPM2_Startup has not been sent, or a resume failed" },
    { 0x101, "FAILURE", "the TPM is in failure mode until its next reset" },
    { 0x103, "SEQUENCE", "a sequence handle is used wrongly" },
    { 0x10b, "PRIVATE", "not currently used" },
    { 0x119, "HMAC", "not currently used" },
    { 0x120, "DISABLED", "the command is switched off" },
    { 0x121, "EXCLUSIVE", "an audit session wants to be alone" },
    { 0x124, "AUTH_TYPE", "the object wants another kind of authorisation" },
    { 0x125, "AUTH_MISSING", "an authorisation is missing" },
    { 0x126, "POLICY", "the policy check failed" },
    { 0x127, "PCR", "the register check failed" },
    { 0x128, "PCR_CHANGED", "a register changed after the policy was checked" },
    { 0x12d, "UPGRADE", "the TPM's firmware is being updated" },
    { 0x12e, "TOO_MANY_CONTEXTS", "no more contexts can be saved" },
    { 0x12f, "AUTH_UNAVAILABLE", "the object's password or policy may not be used here" },
    { 0x130, "REBOOT", "the TPM has to be restarted" },
    { 0x131, "UNBALANCED", "hash and symmetric algorithm do not fit together" },
    { 0x142, "COMMAND_SIZE", "the command's size is wrong" },
    { 0x143, "COMMAND_CODE", "the TPM does not know this command" },
    { 0x144, "AUTHSIZE", "the size of the authorisations is wrong" },
    { 0x145, "AUTH_CONTEXT", "this command takes no sessions" },
    { 0x146, "NV_RANGE", "beyond the end of the NV index" },
    { 0x147, "NV_SIZE", "the size is not that of the NV index" },
    { 0x148, "NV_LOCKED", "the NV index is locked" },
    { 0x149, "NV_AUTHORIZATION", "this authority may not use the NV index" },
    { 0x14a, "NV_UNINITIALIZED", "the NV index was never written" },
    { 0x14b, "NV_SPACE", "there is no room in NV" },
    { 0x14c, "NV_DEFINED", "the handle or NV index is taken" },
    { 0x150, "BAD_CONTEXT", "the context cannot be loaded" },
    { 0x151, "CPHASH", "the session is for other parameters" },
    { 0x152, "PARENT", "the parent is no storage key" },
    { 0x153, "NEEDS_TEST", "a self test has to be run first" },
    { 0x154, "NO_RESULT", "there is no result" },
    { 0x155, "SENSITIVE", "the private part does not fit" },
    { 0x081, "ASYMMETRIC", "the asymmetric algorithm is not supported or not right" },
    { 0x082, "ATTRIBUTES", "the attributes contradict each other or the use" },
    { 0x083, "HASH", "the hash algorithm is not supported or not right" },
    { 0x084, "VALUE", "the value is out of range or not right here" },
    { 0x085, "HIERARCHY", "the hierarchy is switched off or not right here" },
    { 0x087, "KEY_SIZE", "the key size is not supported" },
    { 0x088, "MGF", "the mask generation function is not supported" },
    { 0x089, "MODE", "the mode of operation is not supported" },
    { 0x08a, "TYPE", "the type is not right here" },
    { 0x08b, "HANDLE", "there is nothing with this handle, or it is not of the right kind" },
    { 0x08c, "KDF", "the key derivation function is not supported" },
    { 0x08d, "RANGE", "the value is out of range" },
    { 0x08e, "AUTH_FAIL", "the password is wrong, and the failure was counted" },
    { 0x08f, "NONCE", "the nonce's size is wrong" },
    { 0x090, "PP", "physical presence is needed" },
    { 0x092, "SCHEME", "the scheme is not supported or not right here" },
    { 0x095, "SIZE", "the size is not right" },
    { 0x096, "SYMMETRIC", "the symmetric algorithm is not supported" },
    { 0x097, "TAG", "a structure's tag is wrong" },
    { 0x098, "SELECTOR", "a union's selector is wrong" },
    { 0x09a, "INSUFFICIENT", "there are not enough bytes" },
    { 0x09b, "SIGNATURE", "the signature is not valid" },
    { 0x09c, "KEY", "the key does not fit the use" },
    { 0x09d, "POLICY_FAIL", "the policy of the object is not satisfied" },
    { 0x09f, "INTEGRITY", "the integrity check failed" },
    { 0x0a0, "TICKET", "the ticket is not valid" },
    { 0x0a1, "RESERVED_BITS", "reserved bits are set" },
    { 0x0a2, "BAD_AUTH", "the password is wrong" },
    { 0x0a3, "EXPIRED", "the policy has expired" },
    { 0x0a4, "POLICY_CC", "the policy is for another command" },
    { 0x0a5, "BINDING", "public and private part do not belong together" },
    { 0x0a6, "CURVE", "the curve is not supported" },
    { 0x0a7, "ECC_POINT", "the point is not on the curve" },
    { 0x901, "CONTEXT_GAP", "the gap between saved contexts is too large" },
    { 0x902, "OBJECT_MEMORY", "out of memory for objects" },
    { 0x903, "SESSION_MEMORY", "out of memory for sessions" },
    { 0x904, "MEMORY", "out of memory" },
    { 0x905, "SESSION_HANDLES", "out of session handles" },
    { 0x906, "OBJECT_HANDLES", "out of object handles" },
    { 0x907, "LOCALITY", "this locality may not do that" },
    { 0x908, "YIELDED", "the TPM yielded; the command has to be sent again" },
    { 0x909, "CANCELED", "the command was cancelled" },
    { 0x90a, "TESTING", "the TPM tests itself" },
    { 0x910, "REFERENCE_H0", "the first handle names nothing that is loaded" },
    { 0x911, "REFERENCE_H1", "the second handle names nothing that is loaded" },
    { 0x912, "REFERENCE_H2", "the third handle names nothing that is loaded" },
    { 0x918, "REFERENCE_S0", "the first session is not loaded" },
    { 0x919, "REFERENCE_S1", "the second session is not loaded" },
    { 0x91a, "REFERENCE_S2", "the third session is not loaded" },
    { 0x920, "NV_RATE", "NV is written too often; wait" },
    { 0x921, "LOCKOUT", "locked out after wrong passwords" },
    { 0x922, "RETRY", "the TPM could not start the command; send it again" },
    { 0x923, "NV_UNAVAILABLE", "NV cannot be written now" },
};
/* clang-format on */

enum {
    FORMAT_ONE = 0x080,
    PARAMETER = 0x040,
    SESSION = 0x800,
    LAYER_MASK = 0xff0000,
    TPM_LAYER = 0,
    RESMGR_TPM_LAYER = 11 << 16,
    ABRMD_TPM_LAYER = 12 << 16
};

uint32_t tpm_rc_own(uint32_t rc)
{
    uint32_t layer = rc & LAYER_MASK;

    return rc >> 24 == 0 && (layer == TPM_LAYER || layer == RESMGR_TPM_LAYER || layer == ABRMD_TPM_LAYER) ? rc & 0xffff : 0;
}

uint32_t tpm_rc_base(uint32_t rc)
{
    uint32_t own = tpm_rc_own(rc);

    return own & FORMAT_ONE ? own & 0x0bf : own;
}

static const struct row *find(uint32_t base)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].code == base)
            return &rows[i];
    return NULL;
}

static void print_place(uint32_t own, char *out, size_t size)
{
    unsigned n = own >> 8 & 7;

    out[0] = 0;
    if (!(own & FORMAT_ONE))
        return;
    if (own & PARAMETER)
        snprintf(out, size, ", parameter %u", own >> 8 & 15);
    else if (n)
        snprintf(out, size, own & SESSION ? ", session %u" : ", handle %u", n);
}

void tpm_rc_text(uint32_t rc, char out[static TPM_RC_TEXT_LEN])
{
    uint32_t own = tpm_rc_own(rc);
    const struct row *row = find(tpm_rc_base(rc));
    char place[24];

    print_place(own, place, sizeof place);
    if (row)
        snprintf(out, TPM_RC_TEXT_LEN, "0x%X (%s%s: %s)", rc, row->name, place, row->meaning);
    else if (!own)
        snprintf(out, TPM_RC_TEXT_LEN, "0x%X (%s)", rc, rc ? "of a resource manager, not of the TPM" : "success");
    else
        snprintf(out, TPM_RC_TEXT_LEN, "0x%X (%s%s)", rc, own & 0x400 ? "the manufacturer's own code" : "not a code of TPM 2.0", place);
}
