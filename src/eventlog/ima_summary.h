/* eventlog/ima_summary.h: what the entries of an IMA list say of kernel modules and of kernels for kexec, however many there are.
 *
 * A fold: entries are added one after the other and not kept. That a module is listed says that it was handed to the kernel and what was in it,
 * not that the kernel took it. Sources: Linux Documentation/security/IMA-templates, ABI/testing/ima_policy (MODULE_CHECK, KEXEC_CMDLINE). */
#pragma once
#include "eventlog/ima.h"
#include "eventlog/kernel_state.h"

enum { IMA_SUMMARY_NAMES = 16 };

struct ima_summary {
    uint32_t n_modules;
    uint32_t n_signed;   /* of them with a signature in their entry, appended to the file or beside it */
    uint32_t n_unsigned; /* of them without one although the kernel was recording appended signatures by then */
    char unsigned_names[IMA_SUMMARY_NAMES][KERNEL_MODULE_NAME_LEN]; /* of the first of these */
    uint32_t n_kexec;                                               /* command lines that kernels were made ready with */
    uint32_t n_boots; /* kernels that began to measure: more than one since the TPM's reset is kexec */
    bool records_signatures;
};

/* The caller vouches for the entry: it is proved, or will be before the summary is believed. */
void ima_summary_add(struct ima_summary *summary, const struct ima_entry *entry);
