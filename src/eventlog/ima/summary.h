/* eventlog/ima/summary.h: what the entries of an IMA list say of kernel modules and of kernels for kexec, however many there are.
 *
 * A fold: entries are added one after the other and not kept. That a module is listed says that it was handed to the kernel and what was in it,
 * not that the kernel took it. Sources: Linux Documentation/security/IMA-templates, ABI/testing/ima_policy (MODULE_CHECK, KEXEC_CMDLINE). */
#pragma once
#include "eventlog/ima/list.h"
#include "eventlog/kernel/state.h"

enum {
    IMA_SUMMARY_NAMES = 16,
    IMA_SUMMARY_LINES = 4,
    IMA_LINE_MAX = 2048, /* COMMAND_LINE_SIZE of most architectures; what is longer is cut */
};

struct ima_line {
    uint16_t len;
    uint8_t text[IMA_LINE_MAX];
};

struct ima_summary {
    uint32_t n_modules;
    uint32_t n_signed;   /* of them with a signature in their entry, appended to the file or beside it */
    uint32_t n_unsigned; /* of them without one although the kernel was recording appended signatures by then */
    char unsigned_names[IMA_SUMMARY_NAMES][KERNEL_MODULE_NAME_LEN]; /* of the first of these */
    uint32_t n_kexec;                                               /* command lines that kernels were made ready with */
    uint32_t n_boots; /* kernels that began to measure: more than one since the TPM's reset is kexec */
    bool records_signatures;
    struct ima_line ready; /* command line that a kernel was made ready with last, and that has not begun; len 0: none */
    struct ima_line started[IMA_SUMMARY_LINES]; /* of kernels that began: the first ones */
    uint32_t n_started;                         /* all of them */
};

static inline uint32_t ima_summary_lines(const struct ima_summary *s)
{
    return s->n_started < IMA_SUMMARY_LINES ? s->n_started : IMA_SUMMARY_LINES;
}
static inline struct bytes ima_line_bytes(const struct ima_line *line) { return (struct bytes){ line->text, line->len }; }

/* The caller vouches for the entry: it is proved, or will be before the summary is believed. */
void ima_summary_add(struct ima_summary *summary, const struct ima_entry *entry);
