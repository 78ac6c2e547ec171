#include "tpm/policy_digest.h"
#include "tpm/attest.h"

static const uint8_t command_code[] = { 0x00, 0x00, 0x01, 0x7f }; /* TPM_CC_PolicyPCR */

bool policy_pcr_digest(enum digest_algorithm algorithm, const struct pcr_set *set, struct digest *ret, struct err *err)
{
    CLEANUP(writer_done) struct writer encoded = { 0 };
    struct pcr_selection selection;
    struct digest start, registers;

    if (!pcr_set_digest(set, algorithm, &registers, err))
        return false;
    pcr_selection_of(set, &selection);
    write_pcr_selection(&encoded, &selection);
    if (!writer_ok(&encoded))
        return err_set(err, ERR_NO_MEMORY, "no memory for a PCR selection");
    digest_fill(&start, algorithm, 0);
    digest_compute_parts(
        algorithm, (const struct bytes[]){ digest_bytes(&start), BYTES_OF(command_code), writer_bytes(&encoded), digest_bytes(&registers) },
        4, ret);
    return true;
}
