#include "eventlog/replay/registers.h"
#include "base/hex.h"
#include "eventlog/replay/phases.h"
#include "eventlog/software/systemd_log.h"

enum { IMA_PCR = 10, DEBUG_PCR = 16, DRTM_FIRST = 17, DRTM_LAST = 22, APPLICATION_PCR = 23 };

bool register_is_reset(const struct digest *value, unsigned pcr)
{
    struct digest reset;

    pcr_reset_value(value->algorithm, pcr, &reset);
    return digest_equal(value, &reset);
}

static bool is_reset_in_all(const struct pcr_set *quoted, unsigned pcr)
{
    for (size_t i = 0; i < quoted->n_banks; i++)
        if ((quoted->banks[i].present & PCR_BIT(pcr)) && !register_is_reset(&quoted->banks[i].value[pcr], pcr))
            return false;
    return true;
}

static bool is_extended(const struct pcr_set *computed, unsigned pcr)
{
    for (size_t i = 0; i < computed->n_banks; i++)
        if (computed->banks[i].present & PCR_BIT(pcr))
            return true;
    return false;
}

/* *ret_bank: the first bank of the log that differs, or NULL. A bank that the log does not have at all is check_banks' business. */
static enum register_state compare_register(const struct replayed_log *replayed, unsigned pcr, const struct pcr_bank **ret_bank)
{
    enum register_state state = REGISTER_EXPLAINED;

    *ret_bank = NULL;
    for (size_t i = 0; i < replayed->quoted.n_banks; i++) {
        const struct pcr_bank *quoted = &replayed->quoted.banks[i];
        const struct pcr_bank *computed = pcr_bank_find(&replayed->computed, quoted->algorithm);
        if (!(quoted->present & PCR_BIT(pcr)) || (computed && digest_equal(&computed->value[pcr], &quoted->value[pcr])))
            continue;
        state = REGISTER_MISMATCH;
        if (computed && !*ret_bank)
            *ret_bank = computed;
    }
    return state;
}

/* The registers of one number in all quoted banks, as they grow. */
struct growing {
    const struct replayed_log *replayed;
    unsigned pcr;
    size_t n;
    struct digest value[LIMIT_PCR_BANKS];
    const struct digest *quoted[LIMIT_PCR_BANKS];
};

/* False when the log has not every quoted bank. */
static bool growing_begin(struct growing *g, const struct replayed_log *replayed, unsigned pcr)
{
    *g = (struct growing){ .replayed = replayed, .pcr = pcr };
    for (size_t i = 0; i < replayed->quoted.n_banks; i++) {
        const struct pcr_bank *quoted = &replayed->quoted.banks[i];
        if (!(quoted->present & PCR_BIT(pcr)))
            continue;
        if (!eventlog_has_bank(replayed->log, quoted->algorithm))
            return false;
        pcr_reset_value(quoted->algorithm, pcr, &g->value[g->n]);
        if (pcr == 0)
            g->value[g->n].value[digest_len(quoted->algorithm) - 1] = replay_startup_locality(replayed->log);
        g->quoted[g->n++] = &quoted->value[pcr];
    }
    return g->n > 0;
}

static bool growing_fits(const struct growing *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (!digest_equal(&g->value[i], g->quoted[i]))
            return false;
    return true;
}

static void growing_extend(struct growing *g, const struct event *event)
{
    for (size_t i = 0; i < g->n; i++) {
        struct bytes digest = event_digest(g->replayed->log, event, g->value[i].algorithm);
        if (digest.len)
            digest_extend(&g->value[i], digest);
    }
}

/* systemd goes on measuring while evidence is collected: its last records may have come after the quote. Without them the register is
 * explained, and they say nothing, as if they had not been sent. *ret_any: something of the register came before. */
static bool later_records(const struct replayed_log *replayed, unsigned pcr, uint32_t *ret_later, bool *ret_any)
{
    const struct eventlog *log = replayed->log;
    struct growing g;
    size_t first = log->n_events; /* of the records at the register's end */

    for (size_t i = log->n_events; i > 0; i--) {
        const struct event *event = &log->events[i - 1];
        if (!event_extends(event) || event->pcr != pcr)
            continue;
        if (!event_is_systemd_record(event))
            break;
        first = i - 1;
    }
    if (first == log->n_events || !growing_begin(&g, replayed, pcr))
        return false;
    *ret_any = false;
    for (size_t i = 0; i < log->n_events; i++) {
        const struct event *event = &log->events[i];
        if (!event_extends(event) || event->pcr != pcr)
            continue;
        if (i >= first && growing_fits(&g)) {
            *ret_later = event->number;
            return true;
        }
        growing_extend(&g, event);
        *ret_any = true;
    }
    return false;
}

static bool is_capped(const struct digest *computed, const struct digest *quoted)
{
    static const uint8_t zeros[DIGEST_MAX_LEN];
    struct digest capped = *computed;

    digest_extend(&capped, (struct bytes){ zeros, digest_len(capped.algorithm) });
    return digest_equal(&capped, quoted);
}

static void report_mismatch(struct arena *a, const struct replayed_log *replayed, const struct pcr_bank *computed, unsigned pcr,
                            struct findings *findings)
{
    const struct digest *quoted = pcr_find(&replayed->quoted, computed->algorithm, pcr);
    const char *how = is_capped(&computed->value[pcr], quoted)
                          ? "after the last event something extended it with zeros, as Windows does to close a weak bank"
                          : "the log gives another value than the TPM signed";
    struct finding *finding = findings_add(findings, FINDING_LOG_REPLAY_MISMATCH, (int)pcr, FINDING_NO_EVENT, "Register %u (%s): %s.", pcr,
                                           digest_name(computed->algorithm), how);

    finding_was_is(findings, finding, hex_in(a, digest_bytes(&computed->value[pcr])), hex_in(a, digest_bytes(quoted)));
}

static bool is_all_ones_or_zeros(const struct pcr_set *quoted, unsigned pcr)
{
    for (size_t i = 0; i < quoted->n_banks; i++) {
        struct bytes value = digest_bytes(&quoted->banks[i].value[pcr]);
        if ((quoted->banks[i].present & PCR_BIT(pcr)) && !bytes_are_all(value, 0x00) && !bytes_are_all(value, 0xff))
            return false;
    }
    return true;
}

static enum register_state check_application_register(const struct replayed_log *replayed, unsigned pcr, struct findings *findings)
{
    if (!is_reset_in_all(&replayed->quoted, pcr))
        findings_add(findings, FINDING_VALUE_PCR_USED, (int)pcr, FINDING_NO_EVENT, "Register %u was extended by a program.", pcr);
    return REGISTER_UNCHECKED;
}

static void take_computed(struct replayed_log *replayed, const struct growing *g)
{
    for (size_t i = 0; i < replayed->computed.n_banks; i++)
        for (size_t k = 0; k < g->n; k++)
            if (g->value[k].algorithm == replayed->computed.banks[i].algorithm) {
                replayed->computed.banks[i].value[g->pcr] = g->value[k];
                replayed->computed.banks[i].present |= PCR_BIT(g->pcr);
            }
}

/* Whether the register's events give the quoted values from another beginning: zeros, with `locality` in the last byte. Then *replayed has
 * the values so computed. */
static bool is_explained_from(struct replayed_log *replayed, unsigned pcr, uint8_t locality)
{
    struct growing g;

    if (!growing_begin(&g, replayed, pcr))
        return false;
    for (size_t i = 0; i < g.n; i++) {
        digest_fill(&g.value[i], g.value[i].algorithm, 0);
        g.value[i].value[digest_len(g.value[i].algorithm) - 1] = locality;
    }
    for (size_t i = 0; i < replayed->log->n_events; i++)
        if (event_extends(&replayed->log->events[i]) && replayed->log->events[i].pcr == pcr)
            growing_extend(&g, &replayed->log->events[i]);
    if (!growing_fits(&g))
        return false;
    take_computed(replayed, &g);
    return true;
}

/* Firmware that has an authenticated code module start the TPM in locality 3, and does not write that into the log (PFP 10.4.5.3): seen on
 * Lenovo's and Dell's machines and in VMware's guests. That the TPM started so is proved by the register itself. */
static bool is_explained_by_locality(struct replayed_log *replayed, struct findings *findings)
{
    static const uint8_t localities[] = { 3, 4 };
    bool said = replay_startup_locality(replayed->log) != 0;

    for (size_t i = 0; i < replayed->log->n_events && !said; i++) /* also a wrong one, which is another finding */
        said = replayed->log->events[i].type == EVENT_TYPE(EV_NO_ACTION) &&
               bytes_starts_with(replayed->log->events[i].data, BYTES_LIT("StartupLocality"));
    for (size_t i = 0; i < ARRAY_LEN(localities) && !said; i++)
        if (is_explained_from(replayed, 0, localities[i])) {
            findings_add(findings, FINDING_LOG_LOCALITY, 0, FINDING_NO_EVENT,
                         "The TPM was started in locality %u, and the log does not say so.", localities[i])
                ->severity = SEVERITY_INFO;
            return true;
        }
    return false;
}

/* After the log's own events systemd said where the boot was, and kept no log of it. */
static bool is_explained_by_phases(struct replayed_log *replayed, struct findings *findings)
{
    const char *last;
    struct growing g;
    size_t n;

    if (!growing_begin(&g, replayed, PHASE_PCR))
        return false;
    for (size_t i = 0; i < replayed->log->n_events; i++)
        if (event_extends(&replayed->log->events[i]) && replayed->log->events[i].pcr == PHASE_PCR)
            growing_extend(&g, &replayed->log->events[i]);
    if (!phases_lead_to(g.value, g.quoted, g.n, &last, &n))
        return false;
    take_computed(replayed, &g);
    findings_add(findings, FINDING_LOG_PCR_UNEXPLAINED, PHASE_PCR, FINDING_NO_EVENT,
                 "systemd said in register 11 how far the boot had come (%zu word%s, the last one \"%s\"), and sent no log of it.", n,
                 n == 1 ? "" : "s", last)
        ->severity = SEVERITY_INFO;
    return true;
}

/* Register 15 is user space's alone: no firmware, loader or kernel extends it. systemd 252 to 254 measure there the keys of encrypted volumes, the machine's id
 * and file systems, and keep no log; from 255 on they do, so that a log which has words of systemd's, and none about this register, leaves it unexplained. What
 * the register holds is proved all the same, and how it came about is a hole that a person may accept (architecture.md 8). */
static bool is_user_space_without_log(const struct replayed_log *replayed, unsigned pcr)
{
    if (pcr != USER_SPACE_PCR)
        return false;
    for (size_t i = 0; i < replayed->log->n_events; i++)
        if (event_is_systemd_record(&replayed->log->events[i]))
            return false;
    return true;
}

static void report_unexplained(struct replayed_log *replayed, unsigned pcr, struct findings *findings)
{
    replayed->unlogged = is_user_space_without_log(replayed, pcr);
    if (!replayed->unlogged) {
        findings_add(findings, FINDING_LOG_PCR_UNEXPLAINED, (int)pcr, FINDING_NO_EVENT,
                     "Register %u was extended, and no event says by what.", pcr);
        return;
    }
    findings_add(
        findings, FINDING_LOG_PCR_UNEXPLAINED, (int)pcr, FINDING_NO_EVENT,
        "Register 15 was extended, and no event says by what: systemd 252 to 254 measure disk keys and the machine's id there without a "
        "log, and so may whatever else runs as root. Accepted, its value has to stay.")
        ->severity = SEVERITY_MEDIUM;
}

/* A dynamic launch sets these registers to zero before it extends them (PC Client Platform TPM Profile 1.05, 4.6.2). */
static enum register_state check_drtm_register(struct arena *a, struct replayed_log *replayed, unsigned pcr, struct findings *findings)
{
    const struct pcr_bank *differs;
    enum register_state state;

    if (is_extended(&replayed->computed, pcr)) {
        state = compare_register(replayed, pcr, &differs);
        if (state == REGISTER_EXPLAINED || is_explained_from(replayed, pcr, 0))
            return REGISTER_EXPLAINED;
        if (differs)
            report_mismatch(a, replayed, differs, pcr, findings);
        return state;
    }
    if (is_all_ones_or_zeros(&replayed->quoted, pcr))
        return REGISTER_RESET;
    findings_add(findings, FINDING_DRTM_UNEXPECTED, (int)pcr, FINDING_NO_EVENT, "Register %u is neither all zeros nor all ones.", pcr);
    return REGISTER_UNEXPLAINED;
}

/* attestation-service.md 6.5 step 9. `log_missing`: one finding about the log says it all. */
enum register_state register_check(struct arena *a, struct replayed_log *replayed, unsigned pcr, bool log_missing,
                                   struct findings *findings)
{
    const struct pcr_bank *differs;
    enum register_state state;
    bool any;

    if (pcr == DEBUG_PCR || pcr == APPLICATION_PCR)
        return check_application_register(replayed, pcr, findings);
    if (pcr == IMA_PCR)
        return REGISTER_UNCHECKED;
    if (pcr >= DRTM_FIRST && pcr <= DRTM_LAST)
        return check_drtm_register(a, replayed, pcr, findings);
    if (!is_extended(&replayed->computed, pcr)) {
        if (is_reset_in_all(&replayed->quoted, pcr))
            return REGISTER_RESET;
        if (pcr == PHASE_PCR && !log_missing && is_explained_by_phases(replayed, findings))
            return REGISTER_EXPLAINED;
        if (!log_missing)
            report_unexplained(replayed, pcr, findings);
        return REGISTER_UNEXPLAINED;
    }
    state = compare_register(replayed, pcr, &differs);
    if (differs && later_records(replayed, pcr, &replayed->later[pcr], &any))
        return any ? REGISTER_EXPLAINED : REGISTER_RESET;
    if (differs && pcr == PHASE_PCR && is_explained_by_phases(replayed, findings))
        return REGISTER_EXPLAINED;
    if (differs && pcr == 0 && is_explained_by_locality(replayed, findings))
        return REGISTER_EXPLAINED;
    if (differs)
        report_mismatch(a, replayed, differs, pcr, findings);
    return state;
}
