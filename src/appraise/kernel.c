#include "appraise/kernel.h"
#include "bootchain/chain/cmdline.h"

static void put_fact(struct json_out *out, const char *name, const struct kernel_fact *fact)
{
    json_begin_object(out, name);
    json_put_string(out, "is", fact->text);
    json_put_boolean(out, "proved", fact->proved);
    json_end(out);
}

void kernel_facts_write(struct json_out *out, const struct kernel_facts *facts)
{
    json_begin_object(out, "kernelState");
    put_fact(out, "moduleSignatures", &facts->module_signatures);
    put_fact(out, "lockdown", &facts->lockdown);
    put_fact(out, "modules", &facts->modules);
    put_fact(out, "taint", &facts->taint);
    json_end(out);
}

enum { IMA_PCR = 10, NAMES_SHOWN = 5 };

struct work {
    struct arena *a;
    const struct kernel_state *words;
    const struct bootchain *chain;
    struct findings *findings;
    struct kernel_facts *facts;
    bool no_memory;
};

static const char *keep(struct work *w, const char *text)
{
    w->no_memory |= !text;
    return text;
}

/* ---- what the measured command line decides ---- */

/* The last one wins, as in the kernel; what stands behind "--" is the first program's. A line with escaped characters is another one than the
 * kernel read: they may be its blanks. */
static bool option(const struct work *w, const char *name, struct bytes *ret)
{
    struct bytes rest, word, got, value;
    bool found = false;

    if (!w->chain || !w->chain->command_line || strstr(w->chain->command_line, "\\x"))
        return false;
    rest = bytes_of_string(w->chain->command_line);
    while (cmdline_next(&rest, &word, &got, &value) && !bytes_equal_string(got, "--"))
        if (bytes_equal_string(got, name)) {
            *ret = value;
            found = true;
        }
    return found;
}

static bool is_yes(struct bytes value)
{
    static const char *const yes[] = { "", "1", "y", "Y", "on" };

    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (bytes_equal_string(value, yes[i]))
            return true;
    return false;
}

static enum kernel_lockdown measured_lockdown(const struct work *w)
{
    struct bytes value;

    if (!option(w, "lockdown", &value))
        return LOCKDOWN_UNKNOWN;
    return bytes_equal_string(value, "integrity")         ? LOCKDOWN_INTEGRITY
           : bytes_equal_string(value, "confidentiality") ? LOCKDOWN_CONFIDENTIALITY
                                                          : LOCKDOWN_UNKNOWN;
}

static bool measured_enforcement(const struct work *w)
{
    struct bytes value;

    return (option(w, "module.sig_enforce", &value) && is_yes(value)) || measured_lockdown(w) != LOCKDOWN_UNKNOWN;
}

/* ---- facts and findings from the words ---- */

/* Words that say worse than the measured command line stand; better ones do not. */
static void lockdown(struct work *w)
{
    enum kernel_lockdown measured = measured_lockdown(w), said = w->words ? w->words->lockdown : LOCKDOWN_UNKNOWN;

    if (measured != LOCKDOWN_UNKNOWN && (said == LOCKDOWN_UNKNOWN || said >= measured)) {
        w->facts->lockdown = (struct kernel_fact){ kernel_lockdown_name(measured), true };
        return;
    }
    w->facts->lockdown.text = kernel_lockdown_name(said);
    if (said == LOCKDOWN_NONE && w->chain && w->chain->secure_boot == SECURE_BOOT_ENABLED)
        findings_add(w->findings, FINDING_OS_LOCKDOWN, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "The guest says that its kernel is not locked down, although Secure Boot is on.");
}

static void signatures(struct work *w)
{
    const struct kernel_state *words = w->words;
    bool off =
        words && words->sig_enforce == KERNEL_SWITCH_OFF && words->lockdown == LOCKDOWN_NONE && words->modules_disabled != KERNEL_SWITCH_ON;

    if (off) {
        w->facts->module_signatures.text = "not enforced";
        findings_add(w->findings, FINDING_OS_MODULE_SIGNATURES, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "The guest says that its kernel loads modules without a signature%s.",
                     measured_enforcement(w) ? ", although its measured command line asks for one" : "");
    } else if (measured_enforcement(w)) {
        w->facts->module_signatures = (struct kernel_fact){ "enforced", true };
    } else if (words && words->modules_disabled == KERNEL_SWITCH_ON) {
        w->facts->module_signatures.text = "no module can be loaded";
    } else if (words && (words->sig_enforce == KERNEL_SWITCH_ON || words->lockdown >= LOCKDOWN_INTEGRITY)) {
        w->facts->module_signatures.text = "enforced";
    }
}

static void refused(struct work *w)
{
    const struct kernel_state *words = w->words;
    const char *list = "";

    for (size_t i = 0; i < words->n_refused && i < NAMES_SHOWN && list; i++) {
        const struct refused_module *m = &words->refused[i];
        list = arena_printf(w->a, "%s%s%s (%s)", list, i ? ", " : "", m->name[0] ? m->name : "one that it does not name",
                            module_refusal_text(m->why));
    }
    if (words->n_refused && keep(w, list))
        findings_add(w->findings, FINDING_OS_MODULE_REFUSED, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "The guest says that its kernel refused modules: %s%s.", list, words->n_refused > NAMES_SHOWN ? ", and more" : "");
}

/* The modules whose flags have the letter, "a, b, c"; "" when none is named. */
static const char *modules_with(struct work *w, char letter)
{
    const char *list = "";
    size_t n = 0;

    for (size_t i = 0; i < w->words->n_tainting && list; i++) {
        const struct tainting_module *m = &w->words->tainting[i];
        if (!strchr(m->flags, letter))
            continue;
        if (n++ < NAMES_SHOWN)
            list = arena_printf(w->a, "%s%s%s", list, n > 1 ? ", " : "", m->name);
    }
    if (n > NAMES_SHOWN && list)
        list = arena_printf(w->a, "%s and %zu more", list, n - NAMES_SHOWN);
    return keep(w, list);
}

/* What a person should hear of. The rest, warnings and worn memory, is no matter of integrity. */
static void taint_finding(struct work *w, unsigned bit)
{
    static const struct {
        unsigned bit;
        enum severity severity;
    } rows[] = {
        { 0, SEVERITY_INFO },
        { KERNEL_TAINT_FORCED, SEVERITY_LOW },
        { KERNEL_TAINT_FORCED_UNLOAD, SEVERITY_LOW },
        { KERNEL_TAINT_ACPI, SEVERITY_LOW },
        { 10, SEVERITY_INFO },
        { 12, SEVERITY_INFO },
        { 15, SEVERITY_INFO },
    };
    char letter = kernel_taint_letter(bit);
    const char *names = modules_with(w, letter);
    struct finding *f;

    if (!names)
        return;
    if (bit == KERNEL_TAINT_UNSIGNED)
        findings_add(w->findings, FINDING_OS_MODULE_UNSIGNED, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "The guest says that its kernel loaded a module without a signature that it trusts%s%s.", names[0] ? ": " : "", names);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].bit == bit) {
            f = findings_add(w->findings, FINDING_OS_KERNEL_TAINTED, FINDING_NO_PCR, FINDING_NO_EVENT, "The guest says that %s (%c)%s%s.",
                             kernel_taint_words(bit), letter, names[0] ? ": " : "", names);
            f->severity = rows[i].severity;
        }
}

static void taint(struct work *w)
{
    const char *text = "";

    for (unsigned bit = 0; bit < KERNEL_TAINT_BITS && text; bit++) {
        if (!(w->words->taint >> bit & 1))
            continue;
        taint_finding(w, bit);
        text = arena_printf(w->a, "%s%s%s", text, text[0] ? ", " : "", kernel_taint_words(bit));
    }
    if (keep(w, text))
        w->facts->taint.text = w->words->taint == 0 ? "none" : text[0] ? text : "for an unknown reason";
}

/* ---- what IMA proves ---- */

static void unsigned_modules(struct work *w, const struct ima_summary *s)
{
    const char *list = "";

    for (uint32_t i = 0; i < s->n_unsigned && i < NAMES_SHOWN && list; i++)
        list = arena_printf(w->a, "%s%s%s", list, i ? ", " : "", s->unsigned_names[i]);
    if (s->n_unsigned && keep(w, list))
        findings_add(w->findings, FINDING_OS_MODULE_UNSIGNED, IMA_PCR, FINDING_NO_EVENT,
                     "IMA's list proves that modules without a signature were handed to the kernel: %s%s.", list,
                     s->n_unsigned > NAMES_SHOWN ? ", and more" : "");
}

static void measured(struct work *w, const struct ima_summary *s)
{
    unsigned_modules(w, s);
    if (s->n_boots > 1)
        findings_add(w->findings, FINDING_OS_KEXEC, IMA_PCR, FINDING_NO_EVENT,
                     "IMA's list proves that %u kernels ran one after the other since the TPM was reset (kexec); what the firmware's log "
                     "says of kernel "
                     "and command line is about the first.",
                     s->n_boots)
            ->severity = SEVERITY_LOW;
    else if (s->n_kexec)
        findings_add(w->findings, FINDING_OS_KEXEC, IMA_PCR, FINDING_NO_EVENT,
                     "IMA's list proves that a kernel was made ready with kexec.");
    for (uint32_t i = 0; i < ima_summary_lines(s); i++)
        cmdline_judge(ima_line_bytes(&s->started[i]), IMA_PCR, FINDING_NO_EVENT, w->findings);
    if (s->n_started > IMA_SUMMARY_LINES)
        findings_add(w->findings, FINDING_OS_KEXEC, IMA_PCR, FINDING_NO_EVENT,
                     "IMA's list has the command lines of %u kernels that ran; only the first %d were looked at.", s->n_started,
                     IMA_SUMMARY_LINES)
            ->severity = SEVERITY_MEDIUM;
    w->facts->modules.text = !s->n_modules ? "IMA measured none"
                             : s->n_signed
                                 ? keep(w, arena_printf(w->a, "%u measured, %u of them with a signature", s->n_modules, s->n_signed))
                                 : keep(w, arena_printf(w->a, "%u measured", s->n_modules));
    w->facts->modules.proved = true;
}

bool kernel_judge(struct arena *a, const struct kernel_state *words, const struct ima_summary *ima, const struct bootchain *chain,
                  struct findings *findings, struct kernel_facts *ret, struct err *err)
{
    struct kernel_facts facts = { .lockdown = { .text = NULL } };
    struct work w = { .a = a, .words = words, .chain = chain, .findings = findings, .facts = &facts };

    lockdown(&w);
    signatures(&w);
    if (words)
        refused(&w);
    if (words && words->has_taint)
        taint(&w);
    if (ima)
        measured(&w, ima);
    if (w.no_memory)
        return err_set(err, ERR_NO_MEMORY, "no memory for what the kernel says");
    *ret = facts;
    return true;
}
