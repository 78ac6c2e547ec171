#include "mutation.h"
#include <stdlib.h>
#include "appraise/claims.h"
#include "appraise/verdict.h"
#include "attestation/service/service.h"
#include "eventlog/replay/replay.h"
#include "support/quote_builder.h"
#include "support/test.h"

static const uint8_t challenge[32] = { 7 };

/* ---- facts -------------------------------------------------------------------------------------------------------- */

struct fact_list {
    struct arena *a;
    struct fact_hash *items;
    size_t n, capacity;
    bool out_of_memory;
};

/* FNV-1a, 64 bits; each part with its length, so that parts cannot run into each other. */
static uint64_t mix(uint64_t hash, struct bytes part)
{
    for (size_t i = 0; i < part.len; i++)
        hash = (hash ^ part.data[i]) * 0x100000001b3;
    return (hash ^ part.len) * 0x100000001b3;
}

static void add_hash(struct fact_list *list, struct fact_hash fact)
{
    if (list->n == list->capacity) {
        size_t larger = list->capacity ? 2 * list->capacity : 256;
        void *grown = arena_grow(list->a, list->items, list->n, larger, sizeof *list->items);
        list->out_of_memory |= !grown;
        if (!grown)
            return;
        list->items = grown;
        list->capacity = larger;
    }
    list->items[list->n++] = fact;
}

static void add_fact(struct fact_list *list, const char *what, struct bytes a, struct bytes b)
{
    add_hash(list, (struct fact_hash){ mix(mix(mix(0xcbf29ce484222325, bytes_of_string(what)), a), b), what });
}

static void add_number(struct fact_list *list, const char *what, int64_t value)
{
    if (value)
        add_fact(list, what, (struct bytes){ (const uint8_t *)&value, sizeof value }, BYTES_NONE);
}

static void add_text(struct fact_list *list, const char *what, const char *text)
{
    if (text)
        add_fact(list, what, bytes_of_string(text), BYTES_NONE);
}

static void add_components(struct fact_list *list, const struct component_list *components)
{
    for (size_t i = 0; i < components->n; i++) {
        const struct component *c = &components->items[i];
        struct bytes pcr = { (const uint8_t *)&c->pcr, sizeof c->pcr };
        for (size_t d = 0; d < c->n_digests; d++)
            add_fact(list, "component", pcr, digest_bytes(&c->digests[d]));
        if (c->text && c->n_digests)
            add_fact(list, "text of a component", bytes_of_string(c->text), digest_bytes(&c->digests[0]));
        if (c->members.len)
            add_fact(list, "members of a list", c->members, BYTES_NONE);
    }
}

static void add_keys(struct fact_list *list, const char *what, const struct boot_keys *keys)
{
    if (keys->measured)
        add_fact(list, what, BYTES_NONE, BYTES_NONE);
    for (size_t i = 0; i < keys->n; i++)
        add_fact(list, what, (struct bytes){ keys->items[i].sha256, 32 }, BYTES_NONE);
}

static void add_chain(struct fact_list *list, const struct bootchain *chain)
{
    const enum fact *windows = &chain->windows.boot_debugging;

    add_number(list, "Secure Boot", chain->secure_boot);
    add_number(list, "setup mode", chain->setup_mode);
    add_number(list, "audit mode", chain->audit_mode);
    add_number(list, "deployed mode", chain->deployed_mode);
    add_number(list, "shim's validation", chain->shim_validation == FACT_YES); /* that it is off, a label may say, too */
    add_number(list, "keys of 2011", chain->ms_2011 == FACT_YES);
    add_number(list, "keys of 2023", chain->ms_2023 == FACT_YES);
    add_number(list, "debugger", chain->debugger);
    add_number(list, "DMA protection", chain->dma_protection_off);
    add_number(list, "boot services exited", chain->boot_services_exited);
    add_number(list, "initrd", chain->initrd == INITRD_UNMEASURED ? 0 : (int64_t)chain->initrd);
    add_number(list, "SBAT date", chain->sbat_date);
    add_text(list, "SBAT level", chain->sbat_level);
    add_text(list, "firmware version", chain->crtm_version);
    add_text(list, "command line", chain->command_line);
    add_text(list, "os-release", chain->os_release);
    add_keys(list, "PK", &chain->pk);
    add_keys(list, "KEK", &chain->kek);
    add_keys(list, "db", &chain->db);
    add_keys(list, "dbx", &chain->dbx);
    add_keys(list, "dbr", &chain->dbr);
    add_keys(list, "MokList", &chain->mok_list);
    add_keys(list, "MokListX", &chain->mok_listx);
    for (size_t i = 0; i < chain->n_authorities; i++)
        if (chain->authorities[i].proved)
            add_fact(list, "authority", bytes_of_string(chain->authorities[i].source),
                     (struct bytes){ chain->authorities[i].key.sha256, 32 });
    for (size_t i = 0; windows + i <= &chain->windows.hypervisor_debug; i++)
        add_number(list, "Windows", (int64_t)windows[i] * 100 + (windows[i] ? (int64_t)i + 1 : 0));
}

static const char event_data[] = "data of an event";

static uint64_t mix_json(uint64_t hash, const struct json *v)
{
    hash = mix(hash, (struct bytes){ (const uint8_t *)&v->type, sizeof v->type });
    if (v->type == JSON_STRING)
        return mix(hash, v->string);
    if (v->type == JSON_NUMBER)
        return mix(hash, (struct bytes){ (const uint8_t *)&v->number.value, sizeof v->number.value });
    if (v->type == JSON_BOOLEAN)
        return mix(hash, (struct bytes){ (const uint8_t *)&v->boolean, sizeof v->boolean });
    for (size_t i = 0; v->type == JSON_ARRAY && i < v->array.n; i++)
        hash = mix_json(hash, v->array.items[i]);
    for (size_t i = 0; v->type == JSON_OBJECT && i < v->object.n; i++)
        hash = mix_json(mix(hash, v->object.members[i].name), v->object.members[i].value);
    return hash;
}

/* The claim "events" says by register what the data of each event proves; {} is nothing. */
static void add_events(struct fact_list *list, const struct json *document)
{
    const struct json *events = json_get(document, "Events");

    for (size_t i = 0; events && events->type == JSON_ARRAY && i < events->array.n; i++) {
        const struct json *data = json_get(events->array.items[i], "ProcessedData"), *pcr = json_get(events->array.items[i], "PcrIndex");
        if (data && pcr && data->type == JSON_OBJECT && data->object.n)
            add_hash(list, (struct fact_hash){ mix_json(mix_json(0xcbf29ce484222325, pcr), data), event_data });
    }
}

/* Booleans that are false, findings, and what the quote itself says say nothing about the log. */
static void add_claims(struct fact_list *list, const struct policy_claim *claims, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct policy_claim *c = &claims[i];
        if (bytes_starts_with(c->type, BYTES_LIT("trueboot.finding")) || bytes_equal_string(c->type, "trueboot.worstFinding"))
            continue;
        if (c->json)
            add_events(list, c->json);
        else if (c->value.type == POLICY_BOOLEAN && c->value.boolean)
            add_fact(list, "claim", c->type, BYTES_NONE);
        else if (c->value.type == POLICY_STRING)
            add_fact(list, "claim", c->type, c->value.string);
        else if (c->value.type == POLICY_INTEGER)
            add_fact(list, "claim", c->type, (struct bytes){ (const uint8_t *)&c->value.integer, sizeof c->value.integer });
    }
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = ((const struct fact_hash *)a)->hash, y = ((const struct fact_hash *)b)->hash;

    return (x > y) - (x < y);
}

static struct facts sorted(struct fact_list *list)
{
    size_t n = 0;

    if (list->n)
        qsort(list->items, list->n, sizeof *list->items, by_hash);
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || list->items[n - 1].hash != list->items[i].hash)
            list->items[n++] = list->items[i];
    return (struct facts){ n, list->items };
}

/* Which measurements become components at all depends on their types (a separator is none): each of the original's digests is known. */
static void add_measurements(struct fact_list *list, const struct subject *s)
{
    for (size_t i = 0; i < s->n_events; i++) {
        const struct event *e = &s->read->events[i];
        int pcr = (int)e->pcr;
        struct bytes digest;
        uint16_t tpm_id;
        for (size_t d = 0; e->type != EVENT_TYPE(EV_NO_ACTION) && event_digest_at(s->read, e, d, &tpm_id, &digest); d++)
            add_fact(list, "component", (struct bytes){ (const uint8_t *)&pcr, sizeof pcr }, digest);
    }
}

/* ---- one appraisal ------------------------------------------------------------------------------------------------ */

static const struct privkey *key(void)
{
    static struct privkey *key;
    struct err err = ERR_INIT;

    if (!key && !privkey_generate(PRIVKEY_P256, &key, &err))
        abort();
    return key;
}

bool subject_try(const struct subject *s, struct arena *a, struct bytes log, struct outcome *ret)
{
    struct evidence *evidence = ARENA_NEW(a, struct evidence);
    struct appraised *out = ARENA_NEW(a, struct appraised);
    struct findings judged = { .arena = a };
    struct fact_list facts = { .a = a };
    struct err err = ERR_INIT;
    const struct policy_claim *claims;
    size_t n_claims;
    struct appraise_request request = {
        .evidence = evidence, .ak = privkey_public(key()), .ak_trusted = true, .nonce = BYTES_OF(challenge), .policy = s->policy
    };

    if (!evidence || !out)
        return false;
    *evidence = s->evidence;
    evidence->logs[0].content = log;
    if (!appraise(a, &request, out, &err) ||
        !judge(a, &out->appraisal, out->chain, s->has_baseline ? &s->baseline : NULL, NULL, &judged, &ret->judged, &err) ||
        !claims_build(a, &request, out, &claims, &n_claims, &err))
        return false;
    add_components(&facts, &out->appraisal.boot.components);
    if (out->chain)
        add_chain(&facts, out->chain);
    add_claims(&facts, claims, n_claims);
    ret->alone = out->appraisal.verdict;
    ret->decision = out->appraisal.decision;
    ret->worst = findings_worst(&out->appraisal.findings);
    ret->worst_judged = findings_worst(&judged);
    ret->n_serious = 0;
    for (size_t i = 0; i < judged.n; i++)
        ret->n_serious += judged.items[i].severity >= SEVERITY_MEDIUM;
    ret->facts = sorted(&facts);
    return !facts.out_of_memory;
}

static int goodness(enum verdict verdict) { return verdict == VERDICT_HEALTHY ? 2 : verdict == VERDICT_UNKNOWN ? 1 : 0; }

/* The first fact of `some` that is not in `all`, but for those of the kind `but` (may be NULL). */
static const struct fact_hash *beyond(const struct facts *some, const struct facts *all, const char *but)
{
    size_t k = 0;

    for (size_t i = 0; i < some->n; i++) {
        while (k < all->n && all->items[k].hash < some->items[i].hash)
            k++;
        if (some->items[i].what != but && (k == all->n || all->items[k].hash != some->items[i].hash))
            return &some->items[i];
    }
    return NULL;
}

const char *outcome_better(const struct subject *s, const struct outcome *now, bool labels_only)
{
    const struct outcome *was = &s->original;
    const struct fact_hash *fresh;

    if (goodness(now->alone) > goodness(was->alone))
        return "verdict";
    if (goodness(now->judged) > goodness(was->judged))
        return "verdict under the baseline";
    if (now->decision == DECISION_PERMITTED && was->decision != DECISION_PERMITTED)
        return "decision of the policy";
    fresh = beyond(&now->facts, &s->known, labels_only ? event_data : NULL); /* the type decides how proved data is spelt */
    return fresh ? fresh->what : NULL;
}

bool outcome_worse(const struct subject *s, const struct outcome *now)
{
    const struct outcome *was = &s->original;

    return goodness(now->alone) < goodness(was->alone) || goodness(now->judged) < goodness(was->judged) || now->worst > was->worst ||
           now->worst_judged > was->worst_judged || now->n_serious > was->n_serious || beyond(&was->facts, &now->facts, NULL);
}

/* ---- what the bytes of a log are ------------------------------------------------------------------------------------ */

bool subject_judges(const struct subject *s, uint32_t pcr)
{
    if (pcr >= 16 || pcr == 10)
        return false;
    for (size_t i = 0; i < s->quoted.n_banks; i++)
        if (s->quoted.banks[i].present >> pcr & 1)
            return true;
    return false;
}

static void set_role(struct subject *s, const uint8_t *from, size_t len, enum byte_role role)
{
    memset(s->roles + (from - s->log.data), role, len);
}

static void note_digests(struct subject *s, const struct event *e)
{
    size_t at = 0;
    struct bytes value;
    uint16_t tpm_id;

    for (size_t i = 0; event_digest_at(s->read, e, i, &tpm_id, &value); i++) {
        size_t head = (size_t)(value.data - e->digests.data) - at;
        set_role(s, e->digests.data + at, head, BYTE_FORM);
        if (pcr_bank_find(&s->quoted, digest_from_tpm_id(tpm_id)))
            set_role(s, value.data, value.len, BYTE_COVERED);
        at += head + value.len;
    }
}

static void note_event(struct subject *s, size_t i, const struct event_mark *mark)
{
    const struct event *e = &s->read->events[i];
    struct span span = s->events[i];
    size_t digests = (size_t)(e->digests.data - s->log.data), data = span.to - e->data.len;

    memset(s->roles + span.from, BYTE_LABEL, span.to - span.from);
    memset(s->roles + data - 4, BYTE_FORM, 4);
    if (event_is_spec_id(e))
        memset(s->roles + span.from, BYTE_FORM, span.to - span.from);
    if (e->type == EVENT_TYPE(EV_NO_ACTION) || !subject_judges(s, e->pcr))
        return;
    memset(s->roles + span.from, BYTE_COVERED, 4);                        /* the register */
    memset(s->roles + span.from + 8, BYTE_FORM, digests - span.from - 8); /* how many digests */
    note_digests(s, e);
    if (mark->proof == PROOF_PROVED && mark->proved.data >= e->data.data &&
        mark->proved.data + mark->proved.len <= e->data.data + e->data.len)
        set_role(s, mark->proved.data, mark->proved.len, BYTE_COVERED);
}

static bool note_roles(struct subject *s, struct err *err)
{
    struct findings findings = { .arena = &s->a };
    const struct replayed_log *replayed;

    s->read = ARENA_NEW(&s->a, struct eventlog);
    if (!s->read || !eventlog_parse(&s->a, s->log, s->read, err) ||
        !replay_verify(&s->a, s->read, &s->quoted, NULL, &findings, &replayed, err))
        return false;
    s->n_events = s->read->n_events;
    s->roles = ARENA_ARRAY(&s->a, s->log.len, uint8_t);
    s->events = ARENA_ARRAY(&s->a, s->n_events, struct span);
    if (!s->roles || !s->events)
        return err_set(err, ERR_NO_MEMORY, "no memory for roles");
    for (size_t i = 0; i < s->n_events; i++) {
        const struct event *e = &s->read->events[i];
        s->events[i] = (struct span){ e->offset, (size_t)(e->data.data - s->log.data) + e->data.len };
        if (i && s->events[i - 1].to != s->events[i].from)
            return err_set(err, ERR_MALFORMED, "event %zu does not follow the one before", i);
        note_event(s, i, replayed_mark(replayed, i));
    }
    return true;
}

static bool note_known(struct subject *s)
{
    struct fact_list known = { .a = &s->a };

    add_measurements(&known, s);
    for (size_t i = 0; i < s->original.facts.n; i++)
        add_hash(&known, s->original.facts.items[i]);
    s->known = sorted(&known);
    return !known.out_of_memory;
}

/* ---- beginning ------------------------------------------------------------------------------------------------------ */

static bool begin(struct subject *s, struct err *err)
{
    struct policy_error why = { .kind = POLICY_PARSING_ERROR };
    struct quote_builder builder;
    struct built_quote quote;
    struct appraised *out = ARENA_NEW(&s->a, struct appraised);
    struct appraise_request request = { .evidence = &s->evidence, .ak = privkey_public(key()), .ak_trusted = true };

    for (size_t i = 0; i < s->quoted.n_banks; i++)
        s->quoted.banks[i].present = (1u << LIMIT_PCRS) - 1;
    if (!policy_parse(&s->a, bytes_of_string(attestation_builtin_policy), &s->policy, &why))
        return err_set(err, why.err.code, "%s", why.err.text);
    quote_builder_init(&builder, key(), &s->quoted, BYTES_OF(challenge));
    if (!out || !quote_builder_sign(&s->a, &builder, key(), &quote, err))
        return false;
    s->evidence.pcrs = s->quoted;
    s->evidence.quote = quote.attest;
    s->evidence.signature = quote.signature;
    s->evidence.n_logs = 1;
    s->evidence.logs[0].content = s->log;
    request.nonce = BYTES_OF(challenge);
    request.policy = s->policy;
    if (!appraise(&s->a, &request, out, err) || !baseline_learn(&s->a, &out->appraisal, false, &s->baseline, err))
        return false;
    for (size_t i = 0; i < out->appraisal.findings.n; i++)
        test_note("%s as it is: %s", s->name, out->appraisal.findings.items[i].text);
    s->has_baseline = true;
    return note_roles(s, err) &&
           ((subject_try(s, &s->a, s->log, &s->original) && note_known(s)) || err_set(err, ERR_NO_MEMORY, "no memory"));
}

bool subject_begin(struct subject *s, const char *name, struct bytes log, const struct pcr_set *quoted)
{
    struct err err = ERR_INIT;

    *s = (struct subject){ .name = name, .log = log, .quoted = *quoted };
    if (begin(s, &err))
        return true;
    test_note("%s: %s", name, err.text);
    return false;
}

void subject_done(struct subject *s) { arena_done(&s->a); }
