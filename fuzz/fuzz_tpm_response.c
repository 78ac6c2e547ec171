/* What a TPM answers: one octet that chooses the command, then the whole response. */
#include "fuzz.h"
#include "tpm/command/answer.h"
#include "tpm/command/rc.h"

static const uint32_t commands[] = {
#define X(code, ...) code,
    TPM_COMMANDS(X)
#undef X
};

struct seen { /* what a reader gave */
    struct bytes view[2];
};

static bool take(uint32_t command, struct bytes parameters, unsigned form, struct seen *ret, struct err *err)
{
    union {
        struct answer_handles handles;
        struct answer_properties properties;
        struct pcr_selection banks;
        struct answer_pcrs pcrs;
        struct tpm_clock_info clock;
        uint32_t rc;
    } to;
    struct nv_public nv = { 0 };
    bool done;

    switch (command) {
    case TPM_CC_GetCapability:
        return form == 0   ? answer_handles(parameters, &to.handles, err)
               : form == 1 ? answer_properties(parameters, &to.properties, err)
                           : answer_pcr_banks(parameters, &to.banks, err);
    case TPM_CC_GetTestResult:
        return answer_test_result(parameters, &to.rc, err);
    case TPM_CC_ReadClock:
        return answer_read_clock(parameters, &to.clock, err);
    case TPM_CC_ReadPublic:
        return answer_read_public(parameters, &ret->view[0], &ret->view[1], err);
    case TPM_CC_CreatePrimary:
        return answer_create_primary(parameters, &ret->view[0], err);
    case TPM_CC_ContextSave:
        return answer_context_save(parameters, &ret->view[0], err);
    case TPM_CC_NV_ReadPublic:
        done = answer_nv_read_public(parameters, &nv, err);
        ret->view[0] = nv.policy;
        return done;
    case TPM_CC_PCR_Read:
        done = answer_pcr_read(parameters, &to.pcrs, err);
        if (done && to.pcrs.n)
            ret->view[0] = to.pcrs.value[to.pcrs.n - 1];
        return done;
    case TPM_CC_Quote:
    case TPM_CC_Certify:
        return answer_attest(parameters, &ret->view[0], &ret->view[1], err);
    case TPM_CC_Sign:
        return answer_sign(parameters, &ret->view[0], err);
    case TPM_CC_Hash:
        return answer_hash(parameters, &ret->view[0], &ret->view[1], err);
    default:
        return form == 0 ? answer_nothing(parameters, err) : answer_2b(parameters, &ret->view[0], err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tpm_response r;
    struct err err = ERR_INIT;
    uint32_t command;

    if (size < 1)
        return 0;
    command = commands[data[0] % ARRAY_LEN(commands)];
    if (!tpm_response_read((struct bytes){ data + 1, size - 1 }, tpm_command_find(command), &r, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0] != '\0');
        return 0;
    }
    if (r.rc != TPM_RC_SUCCESS) {
        char text[TPM_RC_TEXT_LEN];

        tpm_rc_text(r.rc, text);
        ENSURE(size - 1 == TPM_HEADER_LEN && text[0] == '0');
        return 0;
    }
    ENSURE(lies_within(r.parameters, data, size));
    for (unsigned form = 0; form < 3; form++) {
        struct seen seen = { 0 };

        err = ERR_INIT;
        if (take(command, r.parameters, form, &seen, &err))
            ENSURE(lies_within(seen.view[0], data, size) && lies_within(seen.view[1], data, size));
        else
            ENSURE(err.code != ERR_NONE && err.text[0] != '\0');
    }
    return 0;
}
