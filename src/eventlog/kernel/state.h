/* eventlog/kernel/state.h: what a guest says of its running kernel: lockdown, module signatures, modules that taint it or were refused.
 *
 * Nothing measures these words (guest-agent.md 4; issue 5, scope 4): they are the guest's own. They are shown as such, may raise a finding, and
 * never make a boot better than silence would. Root's helper of the agent collects them; they travel in evidence, and lie on disk, as
 *   {"schema":1,"release":text|null,"lockdown":"none"|"integrity"|"confidentiality"|null,"sigEnforce":bool|null,"modulesDisabled":bool|null,
 *    "taint":number|null,"tainting":[{"module":name,"flags":"OE"}, …],"refused":[{"module":name|null,"reason":word,"times":n}, …],
 *    "more":bool}
 * null: not known. `more`: there were more modules than the lists hold.
 *
 * Sources: Linux Documentation/admin-guide/tainted-kernels, sysctl/kernel (modules_disabled), module-signing; kernel_lockdown(7). */
#pragma once
#include "base/limits.h"
#include "json/write.h"

enum kernel_lockdown { LOCKDOWN_UNKNOWN, LOCKDOWN_NONE, LOCKDOWN_INTEGRITY, LOCKDOWN_CONFIDENTIALITY };
enum kernel_switch { KERNEL_SWITCH_UNKNOWN, KERNEL_SWITCH_OFF, KERNEL_SWITCH_ON };

/* Why a module was refused. */
#define MODULE_REFUSALS(X)                                                 \
    X(UNSIGNED, "unsigned", "it has no signature")                         \
    X(KEY, "unavailableKey", "its signer's key is not among the kernel's") \
    X(CRYPTO, "unsupportedCrypto", "its signature is of an unknown kind")  \
    X(LOCKDOWN, "lockdown", "the kernel is locked down")                   \
    X(APPRAISAL, "appraisal", "IMA could not appraise it")

enum module_refusal {
#define X(name, word, text) MODULE_REFUSED_##name,
    MODULE_REFUSALS(X)
#undef X
        MODULE_REFUSAL_COUNT
};

const char *module_refusal_text(enum module_refusal refusal); /* words for people */

enum {
    KERNEL_MODULE_NAME_LEN = 56 + 1, /* MODULE_NAME_LEN of the kernel, and a NUL */
    KERNEL_MODULE_FLAGS_LEN = 16 + 1,
    KERNEL_RELEASE_LEN = 64 + 1, /* utsname */
    KERNEL_TAINT_BITS = 20
};

/* Bits of the taint mask; the letter that stands for each is kernel_taint_letter(). */
enum { KERNEL_TAINT_FORCED = 1, KERNEL_TAINT_FORCED_UNLOAD = 3, KERNEL_TAINT_ACPI = 8, KERNEL_TAINT_UNSIGNED = 13 };

struct tainting_module {
    char name[KERNEL_MODULE_NAME_LEN];
    char flags[KERNEL_MODULE_FLAGS_LEN]; /* capital letters */
};

struct refused_module {
    char name[KERNEL_MODULE_NAME_LEN]; /* "" when the kernel did not say */
    enum module_refusal why;
    uint32_t times;
};

struct kernel_state {
    char release[KERNEL_RELEASE_LEN]; /* "": not known */
    enum kernel_lockdown lockdown;
    enum kernel_switch sig_enforce;      /* the module loader refuses what is not signed, whatever lockdown says */
    enum kernel_switch modules_disabled; /* no module can be loaded any more, or the kernel has no modules */
    bool has_taint;
    uint32_t taint;
    size_t n_tainting, n_refused;
    struct tainting_module tainting[LIMIT_KERNEL_MODULES];
    struct refused_module refused[LIMIT_KERNEL_MODULES];
    bool more;
};

/* Letters, digits, '_', '-' and '.', at most KERNEL_MODULE_NAME_LEN - 1. */
bool kernel_module_name_is_valid(struct bytes name);
/* Each adds once; a name that is none is left out. */
void kernel_state_add_tainting(struct kernel_state *state, struct bytes name, struct bytes flags);
void kernel_state_add_refused(struct kernel_state *state, struct bytes name, enum module_refusal why);

/* The members of the object that is open. */
void kernel_state_write(struct json_out *out, const struct kernel_state *state);
/* The object's members. ERR_UNSUPPORTED for a schema that we do not know; ERR_MALFORMED, ERR_LIMIT name the member. */
MUST_CHECK bool kernel_state_read(const struct json *v, struct kernel_state *ret, struct err *err);

/* kernel_log_line looks for a refused module in one line of the kernel's own log, without its prefix of time and level. */
void kernel_log_line(struct kernel_state *state, struct bytes line);
/* Records of /dev/kmsg, one a line: "PRIORITY,SEQUENCE,TIME,FLAGS;TEXT"; those that a program wrote there are passed over. */
void kernel_log_record(struct kernel_state *state, struct bytes record);

/* The text of /sys/kernel/security/lockdown: "none [integrity] confidentiality". */
enum kernel_lockdown kernel_lockdown_parse(struct bytes text);
const char *kernel_lockdown_name(enum kernel_lockdown lockdown); /* NULL when not known */

char kernel_taint_letter(unsigned bit);       /* 'P' for 0, … */
const char *kernel_taint_words(unsigned bit); /* "an out-of-tree module was loaded"; NULL past the last bit */
