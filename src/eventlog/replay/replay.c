#include "eventlog/replay/replay.h"
#include "base/deadline.h"
#include "eventlog/log/no_action.h"
#include "eventlog/replay/registers.h"

/* TPM 2.0 Library Part 1, 10.2.3; PFP 10.4.5.3: register 0 starts with the locality of TPM2_Startup in its last byte, and with 4 after an
 * H-CRTM sequence. */
uint8_t replay_startup_locality(const struct eventlog *log)
{
    for (size_t i = 0; i < log->n_events; i++) {
        const struct event *event = &log->events[i];
        struct no_action action;
        struct err err = ERR_INIT;
        if (event->type == EVENT_TYPE(EV_NO_ACTION) && event->pcr == 0 && no_action_parse(event->data, &action, &err) &&
            action.kind == NO_ACTION_STARTUP_LOCALITY)
            return action.locality;
        if (event->type == EVENT_TYPE(EV_EFI_HCRTM_EVENT) && event->pcr == 0)
            return 4;
    }
    return 0;
}

static void add_bank(struct pcr_set *set, enum digest_algorithm algorithm, uint8_t locality)
{
    struct pcr_bank *bank = &set->banks[set->n_banks];

    if (algorithm == DIGEST_NONE || pcr_bank_find(set, algorithm) || set->n_banks == LIMIT_PCR_BANKS)
        return;
    *bank = (struct pcr_bank){ .algorithm = algorithm };
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
        pcr_reset_value(algorithm, pcr, &bank->value[pcr]);
    bank->value[0].value[digest_len(algorithm) - 1] = locality;
    set->n_banks++;
}

/* `only` DIGEST_NONE: all banks. */
static void replay(const struct eventlog *log, enum digest_algorithm only, struct pcr_set *ret)
{
    uint8_t locality = log->registers == REGISTERS_PCR ? replay_startup_locality(log) : 0;

    for (size_t i = 0; i < log->n_parts; i++)
        for (size_t j = 0; j < log->parts[i].n_banks; j++)
            if (only == DIGEST_NONE || log->parts[i].banks[j].algorithm == only)
                add_bank(ret, log->parts[i].banks[j].algorithm, locality);
    for (size_t i = 0; i < log->n_events; i++) {
        const struct event *event = &log->events[i];
        if (!event_extends(event))
            continue;
        for (size_t j = 0; j < ret->n_banks; j++) {
            struct pcr_bank *bank = &ret->banks[j];
            struct bytes digest = event_digest(log, event, bank->algorithm);
            if (digest.len == 0)
                continue;
            digest_extend(&bank->value[event->pcr], digest);
            bank->present |= PCR_BIT(event->pcr);
        }
    }
}

void replay_compute(const struct eventlog *log, struct pcr_set *ret)
{
    memset(ret, 0, sizeof *ret);
    replay(log, DIGEST_NONE, ret);
}

void replay_compute_bank(const struct eventlog *log, enum digest_algorithm algorithm, struct pcr_set *ret)
{
    ret->n_banks = 0;
    if (algorithm != DIGEST_NONE)
        replay(log, algorithm, ret);
}

/* The banks in which each register is quoted, the strongest first. */
struct register_banks {
    size_t n[LIMIT_PCRS];
    enum digest_algorithm banks[LIMIT_PCRS][LIMIT_PCR_BANKS];
};

static size_t strength(enum digest_algorithm algorithm) { return digest_is_strong(algorithm) ? digest_len(algorithm) : 0; }

/* Keeps the strongest first; returns the new number. */
static size_t insert_bank(enum digest_algorithm *banks, size_t n, enum digest_algorithm algorithm)
{
    size_t at = n;

    for (; at > 0 && strength(banks[at - 1]) < strength(algorithm); at--)
        banks[at] = banks[at - 1];
    banks[at] = algorithm;
    return n + 1;
}

/* A bank that the log does not have explains no register (check_banks says so); leaving it out keeps the other banks' proofs. */
static void collect_banks(const struct pcr_set *set, const struct eventlog *log, struct register_banks *ret)
{
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < set->n_banks; i++) {
        if (!eventlog_has_bank(log, set->banks[i].algorithm))
            continue;
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (set->banks[i].present & PCR_BIT(pcr))
                ret->n[pcr] = insert_bank(ret->banks[pcr], ret->n[pcr], set->banks[i].algorithm);
    }
}

static bool make_marks(struct arena *a, const struct eventlog *log, const struct register_banks *banks, struct event_mark **ret,
                       struct err *err)
{
    struct event_mark *marks = ARENA_ARRAY(a, log->n_events, struct event_mark);

    if (!marks)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu events", log->n_events);
    for (size_t i = 0; i < log->n_events; i++) {
        const struct event *event = &log->events[i];
        if (!DEADLINE_EVERY(i, 64, "replaying an event log", err))
            return false;
        if (event_extends(event) && !proof_mark(a, log, event, banks->banks[event->pcr], banks->n[event->pcr], &marks[i], err))
            return false;
    }
    *ret = marks;
    return true;
}

/* Marks for tools: each event by the banks that it has itself. */
bool replay_marks(struct arena *a, const struct eventlog *log, struct event_mark **ret_marks, struct err *err)
{
    struct event_mark *marks = ARENA_ARRAY(a, log->n_events, struct event_mark);

    if (!marks)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu events", log->n_events);
    for (size_t i = 0; i < log->n_events; i++) {
        const struct event *event = &log->events[i];
        enum digest_algorithm banks[LIMIT_LOG_BANKS];
        struct bytes digest;
        size_t n = 0;
        uint16_t tpm_id;
        for (size_t j = 0; event_digest_at(log, event, j, &tpm_id, &digest); j++)
            if (digest_from_tpm_id(tpm_id) != DIGEST_NONE)
                n = insert_bank(banks, n, digest_from_tpm_id(tpm_id));
        if (!proof_mark(a, log, event, banks, n, &marks[i], err))
            return false;
    }
    *ret_marks = marks;
    return true;
}

static bool is_unextended(const struct pcr_bank *bank)
{
    for (unsigned pcr = 0; pcr < SEPARATED_REGISTERS; pcr++)
        if ((bank->present & PCR_BIT(pcr)) && !register_is_reset(&bank->value[pcr], pcr))
            return false;
    return (bank->present & PCRS_0_7) != 0;
}

/* CVE-2021-42299: firmware extends each active bank at least with the separators of registers 0-7. */
static void check_banks(const struct replayed_log *replayed, bool log_missing, struct findings *findings)
{
    size_t n_unextended = 0, n_judged = 0;

    for (size_t i = 0; i < replayed->quoted.n_banks; i++) {
        n_unextended += is_unextended(&replayed->quoted.banks[i]);
        n_judged += (replayed->quoted.banks[i].present & PCRS_0_7) != 0;
    }
    if (n_judged && n_unextended == n_judged)
        findings_add(findings, FINDING_PCR_RESET, FINDING_NO_PCR, FINDING_NO_EVENT, "Registers 0 to 7 have their reset value.");
    for (size_t i = 0; i < replayed->quoted.n_banks; i++) {
        const struct pcr_bank *bank = &replayed->quoted.banks[i];
        if (is_unextended(bank) && n_unextended < n_judged)
            findings_add(findings, FINDING_LOG_BANK_UNEXTENDED, FINDING_NO_PCR, FINDING_NO_EVENT,
                         "Registers 0 to 7 of bank %s have their reset value, those of other banks do not.", digest_name(bank->algorithm));
        else if (!log_missing && bank->present && !eventlog_has_bank(replayed->log, bank->algorithm))
            findings_add(findings, FINDING_LOG_BANK_UNEXTENDED, FINDING_NO_PCR, FINDING_NO_EVENT,
                         "Bank %s is quoted, and the log has no digest for it.", digest_name(bank->algorithm));
    }
}

static void check_log(const struct eventlog *log, struct findings *findings)
{
    if (log->registers == REGISTERS_CONFIDENTIAL)
        findings_add(findings, FINDING_LOG_CONFIDENTIAL, FINDING_NO_PCR, FINDING_NO_EVENT,
                     "The log is about measurement registers of a confidential VM; it cannot explain a TPM's registers.");
    for (size_t i = 0; i < log->n_parts; i++) {
        const struct eventlog_part *part = &log->parts[i];
        int64_t at = part->first_event + part->n_events;
        if (part->state == EVENTLOG_TRUNCATED)
            findings_add(findings, FINDING_LOG_TRUNCATED, FINDING_NO_PCR, at, "Log %zu ends inside an event: %s.", i + 1, part->err.text);
        if (part->state == EVENTLOG_MALFORMED)
            findings_add(findings, FINDING_LOG_MALFORMED, FINDING_NO_PCR, at, "Log %zu cannot be read to its end: %s.", i + 1,
                         part->err.text);
        if (part->trailing != TRAILING_NONE)
            findings_add(findings, FINDING_LOG_TRAILING, FINDING_NO_PCR, FINDING_NO_EVENT, "Log %zu is followed by %zu bytes of fill.",
                         i + 1, part->trailing_bytes.len);
    }
}

/* Without a single event of the firmware there is no boot log, whatever user space wrote into its own. */
static bool has_firmware_events(const struct eventlog *log)
{
    for (size_t i = 0; i < log->n_events; i++)
        if (event_extends(&log->events[i]) && log->events[i].pcr < SEPARATED_REGISTERS)
            return true;
    return false;
}

static uint32_t quoted_registers(const struct pcr_set *quoted)
{
    uint32_t registers = 0;

    for (size_t i = 0; i < quoted->n_banks; i++)
        registers |= quoted->banks[i].present;
    return registers & ((1u << LIMIT_PCRS) - 1);
}

/* What the rules found about an event stands only if its register is explained. */
static void demote(struct replayed_log *replayed)
{
    for (size_t i = 0; i < replayed->log->n_events; i++) {
        const struct event *event = &replayed->log->events[i];
        if (event->pcr < LIMIT_PCRS && replayed->state[event->pcr] == REGISTER_EXPLAINED && event->number < replayed->later[event->pcr])
            continue;
        replayed->marks[i].proof = PROOF_LABEL;
        replayed->marks[i].proved = BYTES_NONE;
    }
    for (unsigned pcr = 0; pcr < SEPARATED_REGISTERS; pcr++)
        replayed->separators.sound[pcr] = replayed->separators.sound[pcr] && replayed->state[pcr] == REGISTER_EXPLAINED;
}

static void judge(struct arena *a, struct replayed_log *replayed, const struct replay_options *options, struct findings *findings)
{
    const struct eventlog *log = replayed->log;
    struct rules_input rules = { log, replayed->marks, quoted_registers(&replayed->quoted), findings };
    bool log_missing = !has_firmware_events(log);

    check_log(log, findings);
    if (log->registers == REGISTERS_CONFIDENTIAL) { /* that says it all: what belongs into which register is another matter there */
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (rules.quoted & PCR_BIT(pcr))
                replayed->state[pcr] = REGISTER_UNEXPLAINED;
        demote(replayed);
        return;
    }
    if (log_missing && !(options && options->no_boot_log))
        findings_add(findings, FINDING_LOG_MISSING, FINDING_NO_PCR, FINDING_NO_EVENT, "The log has no event of the firmware.");
    check_banks(replayed, log_missing, findings);
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
        if (rules.quoted & PCR_BIT(pcr))
            replayed->state[pcr] = register_check(a, replayed, pcr, log_missing, findings);
    if (!log_missing)
        rules_check(&rules, &replayed->separators);
    demote(replayed);
    replayed->exit_boot_services = rules_exit_boot_services(log, replayed->marks);
}

bool replay_verify(struct arena *a, const struct eventlog *log, const struct pcr_set *quoted, const struct replay_options *options,
                   struct findings *findings, const struct replayed_log **ret, struct err *err)
{
    struct replayed_log *replayed = ARENA_NEW(a, struct replayed_log);
    struct register_banks *banks = ARENA_NEW(a, struct register_banks);

    if (!replayed || !banks)
        return err_set(err, ERR_NO_MEMORY, "no memory for a replay");
    if (quoted_registers(quoted) == 0)
        return err_set(err, ERR_MALFORMED, "the quote covers no register");
    replayed->log = log;
    replayed->quoted = *quoted;
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
        replayed->later[pcr] = UINT32_MAX;
    collect_banks(quoted, log, banks);
    for (size_t i = 0; i < quoted->n_banks; i++)
        if (strength(quoted->banks[i].algorithm) >= strength(replayed->strongest) && quoted->banks[i].present)
            replayed->strongest = quoted->banks[i].algorithm;
    if (!make_marks(a, log, banks, &replayed->marks, err))
        return false;
    replay_compute(log, &replayed->computed);
    judge(a, replayed, options, findings);
    *ret = replayed;
    return true;
}

const struct eventlog *replayed_events(const struct replayed_log *log) { return log->log; }

const struct pcr_set *replayed_quoted(const struct replayed_log *log) { return &log->quoted; }

const struct pcr_set *replayed_computed(const struct replayed_log *log) { return &log->computed; }

enum register_state replayed_register(const struct replayed_log *log, unsigned pcr)
{
    return pcr < LIMIT_PCRS ? log->state[pcr] : REGISTER_UNQUOTED;
}

bool replayed_is_unlogged(const struct replayed_log *log, unsigned pcr) { return pcr == USER_SPACE_PCR && log->unlogged; }

const struct event_mark *replayed_mark(const struct replayed_log *log, size_t i) { return &log->marks[i]; }

struct bytes replayed_digest_in(const struct replayed_log *log, size_t i, enum digest_algorithm bank)
{
    const struct event *event = &log->log->events[i];

    if (log->marks[i].proof == PROOF_LABEL || event->pcr >= LIMIT_PCRS || !pcr_find(&log->quoted, bank, event->pcr))
        return BYTES_NONE;
    return event_digest(log->log, event, bank);
}

struct bytes replayed_digest(const struct replayed_log *log, size_t i, enum digest_algorithm *ret_algorithm)
{
    struct bytes best = BYTES_NONE;

    for (size_t b = 0; b < log->quoted.n_banks; b++) {
        struct bytes value = replayed_digest_in(log, i, log->quoted.banks[b].algorithm);
        if (value.len > best.len) {
            best = value;
            *ret_algorithm = log->quoted.banks[b].algorithm;
        }
    }
    return best;
}

struct bytes replayed_proved(const struct replayed_log *log, size_t i)
{
    return log->marks[i].proof == PROOF_PROVED ? log->marks[i].proved : BYTES_NONE;
}

enum digest_algorithm replayed_bank(const struct replayed_log *log) { return log->strongest; }

bool replayed_before_separator(const struct replayed_log *log, size_t i)
{
    const struct event *event = &log->log->events[i];

    return event->pcr < SEPARATED_REGISTERS && log->separators.sound[event->pcr] && event->number < log->separators.event[event->pcr];
}

bool replayed_exit_boot_services(const struct replayed_log *log) { return log->exit_boot_services; }
