#include "eventlog/replay/rules.h"
#include "eventlog/software/grub.h"
#include "eventlog/software/limine.h"
#include "eventlog/log/no_action.h"
#include "eventlog/software/sipa.h"
#include "eventlog/software/systemd_boot.h"
#include "eventlog/software/systemd_log.h"
#include "eventlog/uefi/variable.h"

enum { SECURE_BOOT_PCR = 7, IMAGE_PCR = 4, BOOT_CONFIG_PCR = 5, WINDOWS_FIRST = 12, WINDOWS_LAST = 14, REPORTED_PER_RULE = 8 };

enum rule {
    RULE_UNKNOWN,
    RULE_MISPLACED,
    RULE_LATE,
    RULE_UNPROVED,
    RULE_DUPLICATE,
    RULE_TEXT,
    RULE_PARTIAL,
    RULE_RETYPED,
    RULE_CLOSED,
    RULE_COUNT
};

/* A log with ten thousand wrong events gets a few findings of each kind, not ten thousand. They are counted for each register: what the
 * same rule weighs differs from one to the next, and whoever owns the guest can fill one with harmless events to hide what another shows. */
struct rule_state {
    uint8_t reported[RULE_COUNT][LIMIT_PCRS];
    struct digest separators[4][2]; /* in each of separator_banks: 0 and -1 */
    uint32_t closed;                /* registers that the operating system has closed so far */
};

static bool may_report(struct rule_state *state, enum rule rule, uint32_t pcr)
{
    return state->reported[rule][pcr] < REPORTED_PER_RULE && state->reported[rule][pcr]++ < REPORTED_PER_RULE;
}

static bool in_question(const struct rules_input *in, uint32_t pcr) { return pcr < LIMIT_PCRS && (in->quoted & PCR_BIT(pcr)) != 0; }

/* Separators: PFP 3.3.2: 00000000 or FFFFFFFF; 1 with a message after an error. */
static bool separator_is_sound(const struct event *event, const struct event_mark *mark)
{
    return mark->proof == PROOF_PROVED && mark->rule == PROOF_RULE_DATA && event->data.len == 4 &&
           (bytes_are_all(event->data, 0x00) || bytes_are_all(event->data, 0xff));
}

static void check_separator(const struct rules_input *in, const struct event *event, unsigned nth, struct separators *ret)
{
    const struct event_mark *mark = &in->marks[event->number];
    unsigned pcr = event->pcr;

    ret->sound[pcr] = false;
    if (nth > 0) {
        findings_add(in->findings, FINDING_LOG_SEPARATOR, (int)pcr, event->number, "Register %u has more than one separator.", pcr);
    } else if (mark->rule == PROOF_RULE_SEPARATOR_ERROR ||
               (mark->proof == PROOF_PROVED && bytes_equal(event->data, BYTES_LIT("\1\0\0\0")))) {
        findings_add(in->findings, FINDING_LOG_SEPARATOR_ERROR, (int)pcr, event->number, "The separator of register %u is an error mark.",
                     pcr);
    } else if (!separator_is_sound(event, mark)) {
        findings_add(in->findings, FINDING_LOG_SEPARATOR, (int)pcr, event->number,
                     "The separator of register %u is not the value 0 or -1 that its digest proves.", pcr);
    } else {
        ret->sound[pcr] = true;
        ret->event[pcr] = event->number;
    }
}

static void check_separators(const struct rules_input *in, struct separators *ret)
{
    unsigned n[SEPARATED_REGISTERS] = { 0 };

    *ret = (struct separators){ 0 };
    for (size_t i = 0; i < in->log->n_events; i++) {
        const struct event *event = &in->log->events[i];
        if (event->type != EVENT_TYPE(EV_SEPARATOR) || event->pcr >= SEPARATED_REGISTERS || !in_question(in, event->pcr))
            continue;
        if (n[event->pcr] < REPORTED_PER_RULE)
            check_separator(in, event, n[event->pcr], ret);
        n[event->pcr]++;
    }
    for (unsigned pcr = 0; pcr < SEPARATED_REGISTERS; pcr++)
        if (in_question(in, pcr) && n[pcr] == 0)
            findings_add(in->findings, FINDING_LOG_SEPARATOR, (int)pcr, FINDING_NO_EVENT, "Register %u has no separator.", pcr);
}

static const enum digest_algorithm separator_banks[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

static void compute_separators(struct rule_state *state)
{
    for (size_t i = 0; i < ARRAY_LEN(separator_banks); i++) {
        digest_compute(separator_banks[i], BYTES_LIT("\0\0\0\0"), &state->separators[i][0]);
        digest_compute(separator_banks[i], BYTES_LIT("\xff\xff\xff\xff"), &state->separators[i][1]);
    }
}

/* The type is a label: a separator that bears another one makes what was appended behind it look early. */
static void check_retyped(const struct rules_input *in, const struct event *event, struct rule_state *state)
{
    bool is_separators = false;

    if (event->pcr >= SEPARATED_REGISTERS || event->type == EVENT_TYPE(EV_SEPARATOR))
        return;
    for (size_t i = 0; i < ARRAY_LEN(separator_banks); i++) {
        struct bytes value = event_digest(in->log, event, separator_banks[i]);
        is_separators = is_separators || bytes_equal(value, digest_bytes(&state->separators[i][0])) ||
                        bytes_equal(value, digest_bytes(&state->separators[i][1]));
    }
    if (is_separators && may_report(state, RULE_RETYPED, event->pcr))
        findings_add(in->findings, FINDING_LOG_SEPARATOR, (int)event->pcr, event->number,
                     "Register %u has a separator that is called something else.", event->pcr);
}

/* systemd's own word behind the firmware's: proved, it hides nothing (its content is one constant). */
static bool is_closed_by_system(const struct rules_input *in, const struct event *event, const struct separators *separators)
{
    const struct event_mark *mark = &in->marks[event->number];

    return event->pcr < SEPARATED_REGISTERS && separators->sound[event->pcr] && event->number > separators->event[event->pcr] &&
           mark->proof == PROOF_PROVED && systemd_closes_register(event, mark->proved);
}

/* Unknown types, types that do not belong there, and what came after the separator. */
static void check_place(const struct rules_input *in, const struct event *event, const struct separators *separators,
                        struct rule_state *state)
{
    const struct event_type *type = event_type_find(event->type);
    unsigned pcr = event->pcr;

    if (!type) {
        if (may_report(state, RULE_UNKNOWN, pcr))
            findings_add(in->findings, FINDING_LOG_UNKNOWN_EVENT, (int)pcr, event->number, "Event type 0x%08x in register %u is unknown.",
                         event->type, pcr)
                ->severity = PCR_BIT(pcr) & PCRS_ROM ? SEVERITY_LOW : SEVERITY_HIGH; /* a vendor's own: nothing rests on it there */
        return;
    }
    if (is_closed_by_system(in, event, separators)) {
        state->closed |= PCR_BIT(pcr);
        return;
    }
    /* Images and who authorised them: an operating system measures none. What comes now is to fill a hole. */
    if ((state->closed & PCR_BIT(pcr)) && (pcr == IMAGE_PCR || pcr == SECURE_BOOT_PCR) && may_report(state, RULE_CLOSED, pcr))
        findings_add(in->findings, FINDING_LOG_AFTER_SEPARATOR, (int)pcr, event->number,
                     "%s in register %u came after the operating system had closed it.", type->name, pcr);
    if (!(type->pcrs & PCR_BIT(pcr)) && may_report(state, RULE_MISPLACED, pcr))
        findings_add(in->findings, FINDING_LOG_UNKNOWN_EVENT, (int)pcr, event->number, "%s does not belong in register %u.", type->name,
                     pcr);
    if (pcr < SEPARATED_REGISTERS && separators->sound[pcr] && event->number > separators->event[pcr] &&
        event->type != EVENT_TYPE(EV_SEPARATOR) && !(type->after & PCR_BIT(pcr)) && may_report(state, RULE_LATE, pcr))
        findings_add(in->findings, FINDING_LOG_AFTER_SEPARATOR, (int)pcr, event->number, "%s in register %u came after the separator.",
                     type->name, pcr);
}

/* Actions and their like are printable text: anything else in a register that matters is another event under a wrong label. Data that hashes
 * to its digest is no excuse: the bytes that an image's digest covers can be put into the log as well. */
static bool is_printable(struct bytes text)
{
    if (text.len && text.data[text.len - 1] == 0)
        text.len--;
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] >= 0x7f)
            return false;
    return text.len > 0;
}

static bool is_strict(unsigned pcr) { return pcr == IMAGE_PCR || pcr == BOOT_CONFIG_PCR || pcr == SECURE_BOOT_PCR; }

/* Windows' records: not a single tag that some loader may have made up. */
static bool is_windows(const struct event *event)
{
    struct tagged_event tag;

    if (event->type != EVENT_TYPE(EV_EVENT_TAG) || event->pcr < WINDOWS_FIRST || event->pcr > WINDOWS_LAST)
        return false;
    return !tagged_event_parse(event->data, &tag) || sipa_type_find(tag.id);
}

/* Text that its maker always hashes, in events whose type does not say so: when it does not hash to the digest, it was changed. */
static bool should_be_proved(const struct event *event)
{
    switch (grub_event_of(event).kind) {
    case GRUB_COMMAND:
    case GRUB_KERNEL_CMDLINE:
    case GRUB_MODULE_CMDLINE:
        return true;
    case GRUB_NOT:
    case GRUB_FILE:
        break;
    }
    return is_windows(event) || (event->pcr == 8 && limine_event_of(event).kind != LIMINE_NOT);
}

/* A fact that is missing may be what was to be hidden (Secure Boot's policy, an image, a command line): where facts come from, that
 * weighs as much as the worst of them. In the firmware's own registers nothing rests
 * on an event's data: firmware that words its events in its own way can be accepted in a baseline. */
static void report_unproved(const struct rules_input *in, const struct event *event, const struct event_type *type,
                            struct rule_state *state)
{
    bool grave = is_strict(event->pcr) || event->pcr >= SEPARATED_REGISTERS;

    if (may_report(state, RULE_UNPROVED, event->pcr))
        findings_add(in->findings, FINDING_LOG_UNPROVED, (int)event->pcr, event->number,
                     "The data of %s in register %u does not hash to its digest.", type->name, event->pcr)
            ->severity = grave ? SEVERITY_HIGH : SEVERITY_MEDIUM;
}

/* Firmware and boot loaders extend all banks at once (TCG EFI Protocol, HashLogExtendEvent); a program may extend one. */
static void check_banks(const struct rules_input *in, const struct event *event, struct rule_state *state)
{
    if (!in->marks[event->number].partial || (PCR_BIT(event->pcr) & PCRS_APPLICATION) || !may_report(state, RULE_PARTIAL, event->pcr))
        return;
    findings_add(in->findings, FINDING_LOG_PARTIAL_EVENT, (int)event->pcr, event->number,
                 "An event in register %u has no digest in one of the quoted banks.", event->pcr);
}

static void check_data(const struct rules_input *in, const struct event *event, struct rule_state *state)
{
    const struct event_type *type = event_type_find(event->type);
    const struct event_mark *mark = &in->marks[event->number];

    if (!type || (event->type == EVENT_TYPE(EV_SEPARATOR) && event->pcr < SEPARATED_REGISTERS))
        return;
    if (mark->broken || (mark->proof == PROOF_MEASURED && should_be_proved(event)))
        report_unproved(in, event, type, state);
    if (is_strict(event->pcr) && type->content == CONTENT_TEXT && type->covers == COVERS_DATA && !is_printable(event->data) &&
        may_report(state, RULE_TEXT, event->pcr))
        findings_add(in->findings, FINDING_LOG_UNKNOWN_EVENT, (int)event->pcr, event->number, "%s in register %u holds no text.",
                     type->name, event->pcr);
}

/* Attack L7: each variable of the Secure Boot policy is measured once, as configuration. Under the name of an authority only db and
 * shim's own are legal. */
static const struct {
    const char *name;
    enum uefi_namespace space;
    bool may_authorise;
} policy_variables[] = {
    { "SecureBoot", UEFI_EFI_GLOBAL, false },   { "PK", UEFI_EFI_GLOBAL, false },        { "KEK", UEFI_EFI_GLOBAL, false },
    { "db", UEFI_IMAGE_SECURITY, true },        { "dbx", UEFI_IMAGE_SECURITY, false },   { "dbt", UEFI_IMAGE_SECURITY, false },
    { "dbr", UEFI_IMAGE_SECURITY, false },      { "SetupMode", UEFI_EFI_GLOBAL, false }, { "AuditMode", UEFI_EFI_GLOBAL, false },
    { "DeployedMode", UEFI_EFI_GLOBAL, false },
};

static size_t policy_variable_of(const struct uefi_variable *variable)
{
    for (size_t i = 0; i < ARRAY_LEN(policy_variables); i++)
        if (uefi_variable_is(variable, policy_variables[i].space, policy_variables[i].name))
            return i;
    return ARRAY_LEN(policy_variables);
}

static void check_variable(const struct rules_input *in, const struct event *event, unsigned *seen, struct rule_state *state)
{
    const struct event_type *type = event_type_find(event->type);
    struct uefi_variable variable;
    struct err err = ERR_INIT;
    bool authorises;
    size_t i;

    if (event->pcr != SECURE_BOOT_PCR || !type || (type->content != CONTENT_VARIABLE && type->content != CONTENT_AUTHORITY))
        return;
    if (!uefi_variable_parse(event->data, &variable, &err)) {
        if (may_report(state, RULE_DUPLICATE, SECURE_BOOT_PCR))
            findings_add(in->findings, FINDING_LOG_UNKNOWN_EVENT, SECURE_BOOT_PCR, event->number, "%s holds no variable: %s.", type->name,
                         err.text);
        return;
    }
    i = policy_variable_of(&variable);
    authorises = type->content == CONTENT_AUTHORITY;
    if (i == ARRAY_LEN(policy_variables) || (authorises && policy_variables[i].may_authorise))
        return;
    if (authorises && may_report(state, RULE_MISPLACED, SECURE_BOOT_PCR))
        findings_add(in->findings, FINDING_LOG_UNKNOWN_EVENT, SECURE_BOOT_PCR, event->number, "%s names %s, which authorises nothing.",
                     type->name, policy_variables[i].name);
    if (seen[i]++ > 0 && may_report(state, RULE_DUPLICATE, SECURE_BOOT_PCR))
        findings_add(in->findings, FINDING_LOG_DUPLICATE_VARIABLE, SECURE_BOOT_PCR, event->number, "%s is measured more than once.",
                     policy_variables[i].name);
}

/* Attack L15: StartupLocality stands in register 0, before anything extends it, once, with 0, 3 or 4 (PFP 10.4.5.3). */
static void check_locality(const struct rules_input *in)
{
    bool extended = false, seen = false;
    unsigned reported = 0;

    if (!in_question(in, 0))
        return;
    for (size_t i = 0; i < in->log->n_events && reported < REPORTED_PER_RULE; i++) {
        const struct event *event = &in->log->events[i];
        struct no_action action;
        struct err err = ERR_INIT;
        const char *wrong = NULL;
        extended = extended || (event_extends(event) && event->pcr == 0);
        if (event->type != EVENT_TYPE(EV_NO_ACTION) || !bytes_starts_with(event->data, BYTES_LIT("StartupLocality")))
            continue;
        if (!no_action_parse(event->data, &action, &err) || action.kind != NO_ACTION_STARTUP_LOCALITY)
            wrong = "has a wrong length";
        else if (event->pcr != 0)
            wrong = "is not in register 0";
        else if (action.locality != 0 && action.locality != 3 && action.locality != 4)
            wrong = "names an impossible locality";
        else if (seen)
            wrong = "came twice";
        else if (extended)
            wrong = "came after register 0 was extended";
        seen = true;
        if (!wrong)
            continue;
        reported++;
        findings_add(in->findings, FINDING_LOG_LOCALITY, 0, event->number, "The StartupLocality event %s.", wrong);
    }
}

bool rules_exit_boot_services(const struct eventlog *log, const struct event_mark *marks)
{
    for (size_t i = 0; i < log->n_events; i++) {
        const struct event *event = &log->events[i];
        if (event->pcr == BOOT_CONFIG_PCR && event->type == EVENT_TYPE(EV_EFI_ACTION) && marks[i].proof == PROOF_PROVED &&
            bytes_equal_string(marks[i].proved, "Exit Boot Services Returned with Success"))
            return true;
    }
    return false;
}

/* Attack L10: without this mark, later software may have extended register 4. */
static void check_exit(const struct rules_input *in)
{
    bool image = false;

    for (size_t i = 0; i < in->log->n_events; i++)
        image = image || (in->log->events[i].pcr == IMAGE_PCR && in->log->events[i].type == EVENT_TYPE(EV_EFI_BOOT_SERVICES_APPLICATION));
    if (image && in_question(in, IMAGE_PCR) && in_question(in, BOOT_CONFIG_PCR) && !rules_exit_boot_services(in->log, in->marks))
        findings_add(in->findings, FINDING_LOG_EXIT_BOOT_SERVICES, BOOT_CONFIG_PCR, FINDING_NO_EVENT,
                     "Register 5 does not prove that the firmware handed over (ExitBootServices).");
}

void rules_check(const struct rules_input *in, struct separators *ret)
{
    unsigned seen[ARRAY_LEN(policy_variables)] = { 0 };
    struct rule_state state = { 0 };

    compute_separators(&state);
    check_separators(in, ret);
    for (size_t i = 0; i < in->log->n_events; i++) {
        const struct event *event = &in->log->events[i];
        if (!event_extends(event) || !in_question(in, event->pcr))
            continue;
        check_place(in, event, ret, &state);
        check_retyped(in, event, &state);
        check_banks(in, event, &state);
        check_data(in, event, &state);
        check_variable(in, event, seen, &state);
    }
    check_locality(in);
    check_exit(in);
}
