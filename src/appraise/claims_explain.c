#include "appraise/claims_explain.h"
#include "bootchain/chain/windows.h"
#include "eventlog/ima/replay.h"
#include "eventlog/log/log.h"
#include "eventlog/replay/replay.h"
#include "eventlog/software/sipa.h"
#include "eventlog/uefi/variable.h"

struct explaining {
    struct arena *a;
    const struct appraised *appraised;
    const struct replayed_log *log; /* NULL: there is none */
    struct claim_explanation *to;
    struct claim_proof *proofs;
    size_t n, capacity;
    bool bad; /* out of memory */
};

/* ---- what is found ------------------------------------------------------------------------------------------------------ */

static void add(struct explaining *x, struct claim_proof proof)
{
    if (x->n == x->capacity) {
        size_t capacity = x->capacity ? 2 * x->capacity : 8;
        struct claim_proof *grown = arena_grow(x->a, x->proofs, x->n, capacity, sizeof *grown);

        x->bad |= !grown;
        if (!grown)
            return;
        x->proofs = grown;
        x->capacity = capacity;
    }
    x->proofs[x->n++] = proof;
}

static void add_part(struct explaining *x, const char *part) { add(x, (struct claim_proof){ .part = part, .event = FINDING_NO_EVENT }); }

static void add_event(struct explaining *x, const struct event *event, const char *says)
{
    add(x, (struct claim_proof){ .event = event->number, .pcr = event->pcr, .type = event->type, .says = says });
}

static void because(struct explaining *x, const char *text)
{
    x->bad |= !text;
    x->to->why = text;
}

static const char *event_words(struct explaining *x, const struct event *event)
{
    const char *text = event ? arena_printf(x->a, "event %u (register %u)", event->number, event->pcr) : NULL;

    x->bad |= !text;
    return text ? text : "";
}

/* Why an event does not count, by its register and its digests. */
static const char *unproved(struct explaining *x, size_t i)
{
    const struct event_mark *mark = replayed_mark(x->log, i);
    unsigned pcr = replayed_events(x->log)->events[i].pcr;

    if (pcr >= LIMIT_PCRS)
        return "it belongs to no register";
    switch (replayed_register(x->log, pcr)) {
    case REGISTER_UNQUOTED:
        return arena_printf(x->a, "register %u is not quoted", pcr);
    case REGISTER_UNCHECKED:
        return arena_printf(x->a, "register %u is not judged by this log", pcr);
    case REGISTER_RESET:
    case REGISTER_UNEXPLAINED:
    case REGISTER_MISMATCH:
        return arena_printf(x->a, "the log does not give the quoted value of register %u", pcr);
    case REGISTER_EXPLAINED:
        break;
    }
    if (mark->partial)
        return "it has no digest in one of the quoted banks";
    return mark->broken ? "its digest is not that of its data: they were changed or misreported" : "its digest does not prove its data";
}

/* ---- Secure Boot's variable ---------------------------------------------------------------------------------------------- */

/* What is known of the events that name one variable. */
struct mentions {
    size_t n, n_counting; /* counting: proved, in register 7, before its separator */
    const char *other;    /* why the first of those that do not count does not */
    const struct event *other_event;
    bool on;
};

static const char *value_text(struct explaining *x, struct bytes data)
{
    return data.len == 0   ? "no value: firmware without Secure Boot"
           : data.len == 1 ? arena_printf(x->a, "the value %u", data.data[0])
                           : arena_printf(x->a, "%zu bytes instead of one", data.len);
}

static void note_mention(struct explaining *x, size_t i, const struct uefi_variable *v, struct mentions *m)
{
    const struct event *event = &replayed_events(x->log)->events[i];
    const struct event_mark *mark = replayed_mark(x->log, i);
    const char *not = NULL;

    m->n++;
    if (event->pcr != 7)
        not = arena_printf(x->a, "it was measured into register %u", event->pcr);
    else if (mark->proof != PROOF_PROVED)
        not = unproved(x, i);
    else if (mark->rule == PROOF_RULE_VARIABLE_DATA_ONLY)
        not = "its digest proves the content alone, not the name";
    else if (!replayed_before_separator(x->log, i))
        not = "it comes behind the register's separator, or there is none";
    else {
        m->n_counting++;
        m->on = v->data.len == 1 && v->data.data[0] == 1;
        add_event(x, event, value_text(x, v->data));
        return;
    }
    x->bad |= !not ;
    if (!m->other) {
        m->other = not ;
        m->other_event = event;
    }
}

static void explain_variable(struct explaining *x, bool value)
{
    const char *name = x->to->row->argument;
    struct mentions m = { .n = 0 };

    for (size_t i = 0; x->log && i < replayed_events(x->log)->n_events; i++) {
        const struct event *event = &replayed_events(x->log)->events[i];
        struct uefi_variable v;
        struct err ignored = ERR_INIT;

        if (uefi_variable_parse(event->data, &v, &ignored) && uefi_variable_is(&v, UEFI_EFI_GLOBAL, name))
            note_mention(x, i, &v, &m);
    }
    if (value)
        return;
    if (!x->log)
        because(x, "there is no event log");
    else if (m.n == 0)
        because(x, arena_printf(x->a, "no event measures the variable %s", name));
    else if (m.n_counting > 1)
        because(x, arena_printf(x->a, "%s is measured %zu times, and must be measured once", name, m.n_counting));
    else if (m.n_counting && !m.on)
        because(x, "only the value 1 is on");
    else
        because(x,
                arena_printf(x->a, "%s measures %s%s, but %s", event_words(x, m.other_event), name, m.n_counting ? " again" : "", m.other));
}

/* ---- Windows' records ------------------------------------------------------------------------------------------------------ */

struct record_search {
    const char *fact;
    bool protection;
    bool any, bad; /* some record speaks of it; some says what makes the claim false */
};

static bool look(void *context, const struct sipa_record *record)
{
    struct record_search *s = context;
    uint64_t value;
    bool on;

    if (!windows_record_speaks_of(record->id, s->fact))
        return true;
    if (!sipa_integer(record, &value)) {
        if (!sipa_boolean(record, &on))
            return true;
        value = on;
    }
    s->any = true;
    s->bad |= s->protection ? value == 0 : value != 0;
    return true;
}

static void explain_records(struct explaining *x, bool value)
{
    const char *fact = x->to->row->argument, *doubt = NULL;
    bool protection = windows_fact_is_protection(fact);
    const struct event *decisive = NULL, *doubtful = NULL;

    for (size_t i = 0; x->log && i < replayed_events(x->log)->n_events; i++) {
        const struct event *event = &replayed_events(x->log)->events[i];
        struct bytes proved = replayed_proved(x->log, i);
        struct record_search s = { .fact = fact, .protection = protection };
        const struct sipa_visitor visitor = { look, NULL, &s };
        struct err ignored = ERR_INIT;

        if (!windows_register(event->pcr) || !sipa_walk(proved.len ? proved : event->data, &visitor, &ignored) || !s.any)
            continue;
        if (proved.len) {
            add_event(x, event, arena_printf(x->a, "%s: %s", windows_fact_words(fact), s.bad == protection ? "no" : "yes"));
            if (s.bad && !decisive)
                decisive = event;
        } else if (!doubt) {
            doubt = unproved(x, i);
            doubtful = event;
            x->bad |= !doubt;
        }
    }
    if (decisive)
        because(x, arena_printf(x->a, "%s says: %s: %s", event_words(x, decisive), windows_fact_words(fact), protection ? "no" : "yes"));
    else if (!x->log)
        because(x, "there is no event log");
    else if (doubt)
        because(x, arena_printf(x->a, "%s speaks of it, but %s", event_words(x, doubtful), doubt));
    else if (x->n == 0)
        because(x, value ? "no record of Windows says otherwise" : "no record of Windows speaks of it");
}

/* ---- the rest --------------------------------------------------------------------------------------------------------------- */

static void explain_log(struct explaining *x)
{
    size_t n = x->log ? replayed_events(x->log)->n_events : 0, n_ima = x->appraised->ima ? verified_ima_n(x->appraised->ima) : 0;

    for (size_t i = 0; i < n; i++)
        if (replayed_proved(x->log, i).len)
            add_event(x, &replayed_events(x->log)->events[i], NULL);
    if (n_ima) {
        const char *part = arena_printf(x->a, "%zu entries of the IMA list, which register 10 proves", n_ima);
        x->bad |= !part;
        add_part(x, part ? part : "");
    }
    if (x->n < n)
        because(x, arena_printf(x->a, "%zu of %zu events are proved; of the others it says no more than that they are there",
                                x->n - (n_ima != 0), n));
}

static void explain_command_line(struct explaining *x, bool made)
{
    const struct bootchain *chain = x->appraised->chain;
    size_t n_unproved = 0;

    for (size_t i = 0; x->log && i < replayed_events(x->log)->n_events; i++) {
        const struct event *event = &replayed_events(x->log)->events[i];
        bool register_of_it = event->pcr == 8 || event->pcr == 9 || event->pcr == 11 || event->pcr == 12;

        if (made && chain && event->number == chain->command_line_event)
            add_event(x, event, NULL);
        n_unproved += register_of_it && !replayed_proved(x->log, i).len;
    }
    if (made)
        return;
    because(x, !x->log ? "there is no event log"
                       : arena_printf(x->a, "no event of registers 8, 9, 11 and 12 proves one; %zu events there do not prove their data",
                                      n_unproved));
}

static void explain_findings(struct explaining *x, bool made)
{
    const struct findings *findings = &x->appraised->appraisal.findings;
    bool worst = x->to->row == &service_claims[CLAIM_WORST_FINDING];

    for (size_t i = 0; made && i < findings->n; i++) {
        const struct finding *f = &findings->items[i];

        if (worst ? f->severity != findings_worst(findings) : !bytes_equal_string(x->to->value.string, finding_kind(f->id)->id))
            continue;
        if (f->event == FINDING_NO_EVENT)
            add(x, (struct claim_proof){ .part = f->text, .event = FINDING_NO_EVENT });
        else
            add(x, (struct claim_proof){
                       .event = f->event, .pcr = f->pcr == FINDING_NO_PCR ? LIMIT_PCRS : (unsigned)f->pcr, .says = f->text });
    }
    if (!made || x->n == 0)
        because(x, "there are no findings");
}

static const struct {
    const char *argument, *part;
} quote_parts[] = { { "signature", "the quote's signature" },
                    { "magic", "the quote's first bytes" },
                    { "pcrDigest", "the quote's pcrDigest" },
                    { "pcrSelect", "the quote's selection" },
                    { "extraData", "the quote's qualifying data" } };

static void explain_row(struct explaining *x, bool made)
{
    const struct service_claim *row = x->to->row;

    switch (row->ground) {
    case CLAIM_GROUND_CERTIFICATE:
        if (x->to->value.boolean)
            add_part(x, "the certificate of the attestation key and its chain");
        else
            because(x, "no certificate that chains to a trusted root vouches for the attestation key");
        break;
    case CLAIM_GROUND_QUOTE:
        for (size_t i = 0; i < ARRAY_LEN(quote_parts); i++)
            if (strcmp(quote_parts[i].argument, row->argument) == 0)
                add_part(x, quote_parts[i].part);
        break;
    case CLAIM_GROUND_LOG:
        if (made)
            explain_log(x);
        else
            because(x, "it is made for policies that look at it");
        break;
    case CLAIM_GROUND_BOOT_QUOTE:
    case CLAIM_GROUND_BOOT_LOG:
        because(x, "it is made of a request's boot_attestation, and here is none");
        break;
    case CLAIM_GROUND_REQUEST:
        because(x, "it is made of a request's keys, and here is none");
        break;
    case CLAIM_GROUND_VARIABLE:
        if (made)
            explain_variable(x, x->to->value.boolean);
        break;
    case CLAIM_GROUND_SIPA:
        if (made)
            explain_records(x, x->to->value.boolean);
        break;
    case CLAIM_GROUND_COMMAND_LINE:
        explain_command_line(x, made);
        break;
    case CLAIM_GROUND_FINDINGS:
        explain_findings(x, made);
        break;
    case CLAIM_GROUND_NOTHING:
    case CLAIM_GROUND_ELSEWHERE:
        because(x, row->rests_on);
        break;
    }
}

static bool explain(struct arena *a, const struct appraised *appraised, struct claim_explanation *to, struct err *err)
{
    struct explaining x = { .a = a, .appraised = appraised, .log = appraised->chain ? appraised->replayed : NULL, .to = to };

    explain_row(&x, to->made);
    to->proofs = x.proofs;
    to->n_proofs = x.n;
    return !x.bad || err_set(err, ERR_NO_MEMORY, "no memory to explain claims");
}

bool claims_explain(struct arena *a, const struct appraised *appraised, enum claim_evidence evidence, const struct policy_claim *claims,
                    size_t n_claims, const struct claim_explanation **ret, size_t *ret_n, struct err *err)
{
    struct claim_explanation *list = ARENA_ARRAY(a, n_claims + CLAIM_COUNT, struct claim_explanation);
    bool made[CLAIM_COUNT] = { false };
    size_t n = 0;

    if (!list)
        return err_set(err, ERR_NO_MEMORY, "no memory to explain claims");
    for (size_t i = 0; i < n_claims; i++) {
        const struct service_claim *row = claims[i].issuer == POLICY_ISSUER_SERVICE ? service_claim_find(claims[i].type) : NULL;
        if (!row)
            continue;
        made[row - service_claims] = true;
        list[n++] = (struct claim_explanation){ .row = row, .made = true, .value = claims[i].value };
    }
    for (size_t i = 0; i < CLAIM_COUNT; i++)
        if (!made[i] && service_claims[i].evidence == evidence)
            list[n++] = (struct claim_explanation){ .row = &service_claims[i] };
    for (size_t i = 0; i < n; i++)
        if (!explain(a, appraised, &list[i], err))
            return false;
    *ret = list;
    *ret_n = n;
    return true;
}
