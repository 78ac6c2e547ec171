#include "appraise/ima_words.h"
#include "bootchain/chain/cmdline.h"
#include "eventlog/ima/gap.h"

enum { IMA_PCR = 10 };

/* A kernel that is told where its image lies resumes from it, if there is one (Linux kernel-parameters: resume=, noresume). */
static bool may_resume(const struct bootchain *chain)
{
    struct bytes rest = chain && chain->command_line ? bytes_of_string(chain->command_line) : BYTES_NONE, word, name, value;
    bool told = false;

    while (cmdline_next(&rest, &word, &name, &value)) {
        if (bytes_equal_string(name, "noresume") || bytes_equal_string(name, "nohibernate"))
            return false;
        told = told || bytes_equal_string(name, "resume");
    }
    return told;
}

/* What the list's first entry says of the registers that it was made of; "" for a list that does not begin so. */
static const char *aggregate_words(struct arena *a, struct bytes list, const struct pcr_set *quoted)
{
    struct err ignored = ERR_INIT;
    struct ima_cursor c;
    struct ima_entry entry;
    bool there, fits;

    if (!list.len || !ima_begin(list, &c, &ignored) || !ima_next(&c, a, &entry, &there, &ignored) || !there ||
        !ima_boot_aggregate_fits(&entry, quoted, &fits))
        return "";
    return fits ? " Its boot_aggregate is of the quoted registers 0 to 9: entries are missing, or kexec started this kernel and the list "
                  "of the "
                  "one before is lost."
                : " Its boot_aggregate is of other registers 0 to 9 than the quoted ones: the list is of another boot.";
}

void ima_explain_mismatch(struct arena *a, struct bytes list, uint32_t n, const struct pcr_set *quoted, const struct pcr_set *start,
                          const struct bootchain *chain, struct findings *findings)
{
    const char *resume = may_resume(chain)
                             ? " The kernel was told from where to resume after hibernation (resume=): if it did, its list is that "
                               "of the boot before, while the TPM began anew."
                             : "";
    struct ima_gap gap;

    if (list.len && ima_find_gap(list, quoted, start, &gap)) {
        findings_add(
            findings, FINDING_IMA_RESUMED, IMA_PCR, FINDING_NO_EVENT,
            "Register %d began anew while the kernel's list went on: it holds the first %u entries and those from %u to %u, and none of "
            "the %u between.",
            IMA_PCR, gap.before, gap.after, gap.end - 1, gap.after - gap.before);
        return;
    }
    findings_add(findings, FINDING_IMA_MISMATCH, IMA_PCR, FINDING_NO_EVENT,
                 "No beginning of the IMA list (%u entries) gives the quoted value of register %d.%s%s", n, IMA_PCR,
                 aggregate_words(a, list, quoted), resume);
}
