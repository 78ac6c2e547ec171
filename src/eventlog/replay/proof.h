/* eventlog/replay/proof.h: which bytes of an event its digest proves.
 *
 * Each event type has a rule; real firmware and boot loaders deviate in known ways, and every known way is a row of PROOF_RULES:
 * nothing else counts as proved. What a rule proves is a view into the event's data; the rest of the data (GRUB's prefixes,
 * a tag's description) stays a label. */
#pragma once
#include "base/arena.h"
#include "eventlog/log/log.h"

/* clang-format off */
/*    name                    slug                       what was hashed, and who does that */
#define PROOF_RULES(X)                                                                                                                                                                        \
    X(NONE,                   "none",                    "nothing: the digest covers something outside of the log")                                                                           \
    X(DATA,                   "data",                    "the event's data, as the specification says")                                                                                       \
    X(VARIABLE_DATA_ONLY,     "variable_data_only",      "the variable's content alone, not its name: EDK2 for EV_EFI_VARIABLE_BOOT, old firmware for others")                                \
    X(WITHOUT_LAST_BYTE,      "without_last_byte",       "the data without its last byte: shim before 15.3 counts one byte too many for its authorities")                                     \
    X(WITHOUT_NUL,            "without_nul",             "the text without its final NUL: GRUB, and loaders that log C strings")                                                              \
    X(AFTER_GRUB_CMD,         "after_grub_cmd",          "GRUB: the command after the prefix \"grub_cmd: \", without the final NUL")                                                          \
    X(AFTER_KERNEL_CMDLINE,   "after_kernel_cmdline",    "GRUB: the text after the prefix \"kernel_cmdline: \", without the final NUL")                                                       \
    X(AFTER_MODULE_CMDLINE,   "after_module_cmdline",    "GRUB: the text after the prefix \"module_cmdline: \", without the final NUL")                                                       \
    X(AFTER_OLD_GRUB_PREFIX,  "after_old_grub_prefix",   "GRUB builds that wrote \"grub_cmd \" or \"grub_kernel_cmdline \" without a colon")                                                  \
    X(OLD_GRUB_WITH_NUL,      "old_grub_with_nul",       "the same builds for commands: the final NUL is hashed, too")                                                                        \
    X(AFTER_LIMINE_NAME,      "after_limine_name",       "Limine: the text after \"cmdline: \", \"path: \" and the like, without the final NUL")                                                \
    X(UTF16_WITH_NUL,         "utf16_with_nul",          "UTF-16 text and a NUL unit that the data leaves out: systemd-boot and EFI stubs")                                                   \
    X(SECTION_NAME,           "section_name",            "systemd-stub: the section's name in ASCII with its NUL; the data has it in UTF-16")                                                 \
    X(TAG_CONTENT,            "tag_content",             "the content of a tagged event, without its header")                                                                                 \
    X(SYSTEMD_STRING,         "systemd_string",          "systemd: the record's string, in a record that our agent carried over as JSON")                                                     \
    X(SEPARATOR_ERROR,        "separator_error",         "an error separator: the value 1, with a message as data (PFP 10.4.1)")                                                              \
    X(KNOWN_FLAG,             "known_flag",              "a one-byte flag with a name as data: shim's MokListTrusted and MokSBState, found by trying both values")
/* clang-format on */

enum proof_rule {
#define X(name, slug, text) PROOF_RULE_##name,
    PROOF_RULES(X)
#undef X
        PROOF_RULE_COUNT
};

/* How much is known about an event. Only what is PROVED may become a fact. */
enum proof {
    PROOF_LABEL,    /* nothing: EV_NO_ACTION, or its register is not quoted or not explained by the log */
    PROOF_MEASURED, /* the digest is what the TPM recorded; the data only says what it claims to be of */
    PROOF_PROVED,   /* `proved` hashes to the digest in every quoted bank */
};

struct event_mark {
    enum proof proof;
    enum proof_rule rule; /* PROOF_RULE_NONE unless something hashes to the digest */
    bool partial;         /* it has no digest in one of the banks: the TPM's firmware interface always extends all of them */
    bool broken;          /* the type says that the digest covers the data, and it does not: the data was changed or misreported */
    struct bytes proved;  /* what the digest covers: a view into the data, into static storage or the arena */
};

/* proof_mark finds the rule that holds in all of `banks` (n ≥ 1, the strongest first). proof is MEASURED or PROVED as if
 * the register were explained, LABEL for EV_NO_ACTION and what has a digest in none of the banks; with digests in some of them it is
 * MEASURED at most. Memory from `a` only for systemd records with escapes. */
MUST_CHECK bool proof_mark(struct arena *a, const struct eventlog *log, const struct event *event, const enum digest_algorithm *banks,
                           size_t n_banks, struct event_mark *ret, struct err *err);

const char *proof_rule_name(enum proof_rule rule); /* "variable_data_only" */
const char *proof_name(enum proof proof);          /* "label", "measured", "proved" */
