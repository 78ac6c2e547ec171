#include <stdio.h>
#include <string.h>
#include "appraise/verdict.h"
#include "jose/jws.h"
#include "monitor/baselines.h"
#include "monitor/counters.h"
#include "monitor/turns.h"

enum { MISSED_BATCH = 16 /* judged in one transaction */ };

/* ---- reading records ---- */

static const struct trusted_provider *find_provider(const struct monitor *monitor, const char *name)
{
    for (size_t i = 0; i < monitor->n_providers; i++)
        if (strcmp(monitor->providers[i].provider, name) == 0)
            return &monitor->providers[i];
    return NULL;
}

bool monitor_verify(const struct monitor *monitor, struct arena *a, struct keyring *ring, const struct jws *jws,
                    const struct verified_jws **ret, struct err *err)
{
    const struct signing_key *key;

    if (!keyring_find(ring, monitor->now_ms(), jws->kid, &key, err)) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_UNTRUSTED;
        return false;
    }
    return jws_verify(a, jws, privkey_public(key->key), JWS_ALLOW(key->algorithm), ret, err);
}

bool monitor_read_record(const struct monitor *monitor, struct arena *a, const struct store_appraisal *row, struct appraisal *ret,
                         struct err *err)
{
    struct json_options options = { .refuse_duplicates = true };
    const struct trusted_provider *provider = find_provider(monitor, row->provider);
    const struct verified_jws *verified;
    const struct json *payload;
    struct jws jws;

    if (!provider)
        return err_set(err, ERR_UNTRUSTED, "appraisal %s is of provider %s, which is not trusted", row->id, row->provider);
    if (!jws_parse(a, row->record, LIMIT_ATTEST_BODY_BYTES, &jws, err) ||
        !monitor_verify(monitor, a, provider->records, &jws, &verified, err) ||
        !json_parse(a, verified_jws_payload(verified), &options, &payload, err) || !appraisal_read(a, payload, ret, err))
        return err_within(err, "appraisal %s", row->id);
    if (!bytes_equal_string(jws.typ, APPRAISAL_RECORD_TYPE))
        return err_set(err, ERR_UNTRUSTED, "appraisal %s is signed by %s, but is no appraisal record", row->id, provider->issuer);
    if (!ret->provider || strcmp(ret->provider, provider->issuer) != 0)
        return err_set(err, ERR_UNTRUSTED, "appraisal %s is signed with the key of %s, but names another issuer", row->id,
                       provider->issuer);
    if (strcmp(ret->id, row->id) != 0 || strcmp(ret->vm, row->vm) != 0)
        return err_set(err, ERR_UNTRUSTED, "appraisal %s was stored under another name", row->id);
    return true;
}

/* It never reads as Healthy, and hides no other VM (attack-suite.md S3). */
bool monitor_is_about_record(const struct err *err)
{
    return err->code == ERR_UNTRUSTED || err->code == ERR_MALFORMED || err->code == ERR_TRUNCATED || err->code == ERR_UNSUPPORTED ||
           err->code == ERR_LIMIT;
}

/* ---- one judgement ---- */

struct judging {
    const struct monitor *monitor;
    struct arena *a;
    const char *vm;
    const struct store_appraisal *row; /* the one that is judged: the latest, or one before it that nobody looked at */
    struct store_appraisal latest;
    struct judged *out;
    const char *twin; /* a sentence about another machine with the same TPM, or NULL */
    bool has_before;
    struct store_judgement before;
    int64_t changes;  /* of the boots that are accepted; 0: none ever was */
    int64_t next_end; /* when one of them is not any more; 0: no such time */
    struct vm_memory memory;
};

static void remember_verdict(struct judging *j)
{
    if (j->out->verdict == VERDICT_UNKNOWN)
        return;
    j->memory.has_settled = true;
    j->memory.settled = j->out->verdict;
    j->memory.settled_ms = j->out->appraisal.time_ms;
}

/* Enrolment saw this VM's TPM claimed by another VM, or another's by this one (management/enrolment_identity.c); or two machines answer as this one. */
static bool find_twin(struct judging *j, struct err *err)
{
    const char *key = arena_printf(j->a, STORE_SETTING_DUPLICATE, j->vm);
    struct bytes other;

    if (!key)
        return err_set(err, ERR_NO_MEMORY, "no memory to judge a VM");
    if (!store_setting_get(j->monitor->store, j->a, key, &other, err))
        return err->code == ERR_NOT_FOUND && turns_found(j->monitor->store, j->a, j->vm, &j->twin, err);
    j->twin = arena_printf(j->a, "VM %.*s claims the same TPM", BYTES_FMT(bytes_slice(other, 0, UUID_TEXT_LEN - 1)));
    return j->twin ? true : err_set(err, ERR_NO_MEMORY, "no memory to judge a VM");
}

static void note_duplicate(struct judging *j)
{
    j->out->findings.arena = j->a;
    if (j->twin)
        findings_add(&j->out->findings, FINDING_TPM_IDENTITY_DUPLICATED, FINDING_NO_PCR, FINDING_NO_EVENT, "%s", j->twin);
}

/* By the member that names a finding: a command line may be a finding's name, too, but what is in a string cannot look like a member. */
static bool says(const char *findings_json, enum finding_id id)
{
    static const char member[] = "\"id\":\"";
    const char *name = finding_kind(id)->id;
    size_t len = strlen(name);

    for (const char *at = findings_json; (at = strstr(at, member)) != NULL; at += sizeof member - 1)
        if (strncmp(at + sizeof member - 1, name, len) == 0 && at[sizeof member - 1 + len] == '"')
            return true;
    return false;
}

/* Whether what was judged last is still all there is to judge. */
static bool is_current(const struct judging *j)
{
    return j->has_before && strcmp(j->before.appraisal_id, j->row->id) == 0 && j->before.baseline_changes == j->changes &&
           (!j->next_end || j->next_end > j->monitor->now_ms()) &&
           (j->twin != NULL) == says(j->before.findings, FINDING_TPM_IDENTITY_DUPLICATED);
}

static bool load_changes(struct judging *j, struct err *err)
{
    return store_baseline_changes(j->monitor->store, j->vm, &j->changes, err) &&
           store_baseline_next_end(j->monitor->store, j->vm, &j->next_end, err);
}

static struct baselines_word word_of(const struct judging *j, const char *by, const char *reason)
{
    return (struct baselines_word){ by, reason, j->monitor->now_ms() };
}

static bool learn_first(const struct judging *j, struct err *err)
{
    struct baselines_word word = word_of(j, "trueboot", "first healthy boot, learned component by component");

    return baselines_add(j->monitor->store, j->a, j->vm, &j->out->appraisal, false, (struct approve_how){ false, false }, &word, err);
}

static const char *findings_text(struct arena *a, const struct findings *findings)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    findings_write(&out, NULL, findings);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

static const char *worst_id(const struct findings *findings)
{
    enum severity worst = findings_worst(findings);

    for (size_t i = 0; i < findings->n; i++)
        if (findings->items[i].severity == worst && worst >= SEVERITY_MEDIUM)
            return finding_kind(findings->items[i].id)->id;
    return "";
}

/* A first baseline is learned from a boot that nothing speaks against: not from one whose TPM was restored or copied. Once a boot was accepted, none is
 * without a person's word, not even when that boot was withdrawn. */
static bool may_learn(const struct judging *j)
{
    return !j->changes && baseline_may_learn(&j->out->appraisal) && !j->twin && !j->memory.rolled_back &&
           !counters_went_back(&j->memory, &j->out->appraisal);
}

static bool judge_boot(struct judging *j, struct err *err)
{
    if (!monitor_memory_get(j->monitor->store, j->a, j->vm, &j->memory, err))
        return false;
    if (may_learn(j) && !learn_first(j, err))
        return false;
    if (!baselines_judge(j->monitor, j->a, j->vm, &j->out->appraisal, &j->out->findings, &j->out->verdict, &j->out->baseline_version, err))
        return false;
    counters_note(&j->memory, &j->out->appraisal, &j->out->findings);
    note_duplicate(j);
    j->out->verdict = verdict_settle(&j->out->findings);
    remember_verdict(j);
    return monitor_memory_put(j->monitor->store, j->a, j->vm, &j->memory, err);
}

static bool make_judgement(struct judging *j, struct err *err)
{
    struct store_judgement row = { .vm = j->vm, .appraisal_id = j->row->id, .judged_ms = j->monitor->now_ms() };

    if (!baselines_expire(j->monitor->store, j->a, j->vm, row.judged_ms, err) || !judge_boot(j, err) || !load_changes(j, err))
        return false;
    row.baseline_changes = j->changes;
    row.baseline_version = j->out->baseline_version;
    row.verdict = verdict_name(j->out->verdict);
    row.reason = worst_id(&j->out->findings);
    row.findings = findings_text(j->a, &j->out->findings);
    if (!row.findings)
        return err_set(err, ERR_NO_MEMORY, "no memory for a judgement");
    j->out->judged_ms = row.judged_ms;
    return store_judgement_add(j->monitor->store, &row, &j->out->since_ms, NULL, err);
}

static bool recall_judgement(struct judging *j, struct err *err)
{
    const struct json *v;

    j->out->baseline_version = j->before.baseline_version;
    j->out->judged_ms = j->before.judged_ms;
    j->out->since_ms = j->before.since_ms;
    return verdict_from_text(bytes_of_string(j->before.verdict), &j->out->verdict)
               ? json_parse(j->a, bytes_of_string(j->before.findings), NULL, &v, err) && findings_read(j->a, v, &j->out->findings, err)
               : err_set(err, ERR_MALFORMED, "stored judgement of VM %s has no verdict", j->vm);
}

/* open_judging reads everything there is. Without an appraisal there is nothing to judge but whether another VM claims the same TPM. */
static bool open_judging(struct judging *j, struct err *err)
{
    j->out->any = store_appraisal_latest(j->monitor->store, j->a, j->vm, &j->latest, err);
    if (!j->out->any)
        return err->code == ERR_NOT_FOUND && find_twin(j, err);
    j->row = &j->latest;
    j->has_before = store_judgement_latest(j->monitor->store, j->a, j->vm, &j->before, err);
    if (!j->has_before && err->code != ERR_NOT_FOUND)
        return false;
    j->out->token_id = j->row->token_id;
    return monitor_read_record(j->monitor, j->a, j->row, &j->out->appraisal, err) && load_changes(j, err) && find_twin(j, err);
}

static struct judging *new_judging(const struct monitor *monitor, struct arena *a, const char *vm, struct err *err)
{
    struct judging *j = ARENA_NEW(a, struct judging); /* large: not on the stack */
    struct judged *out = ARENA_NEW(a, struct judged);

    if (!j || !out) {
        err_set(err, ERR_NO_MEMORY, "no memory to judge a VM");
        return NULL;
    }
    *j = (struct judging){ .monitor = monitor, .a = a, .vm = vm, .out = out };
    return j;
}

/* ---- what nobody looked at ---- */

/* The newest record that was judged, or was looked at here. */
struct judged_up_to {
    int64_t time_ms;
    char id[STORE_ID_TEXT_LEN];
};

static void went_on(struct judged_up_to *at, const struct store_appraisal *row)
{
    at->time_ms = row->time_ms;
    snprintf(at->id, sizeof at->id, "%s", row->id);
}

/* Somebody else may have judged on since. A record that is not kept any more was before all that are. */
static bool catch_up(const struct monitor *monitor, const char *vm, struct judged_up_to *at, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct store_judgement before;
    struct store_appraisal row;
    struct err why = ERR_INIT;

    if (!store_judgement_latest(monitor->store, &a, vm, &before, &why) ||
        !store_appraisal_get(monitor->store, &a, vm, before.appraisal_id, &row, &why))
        return why.code == ERR_NOT_FOUND || err_copy(err, &why);
    if (row.time_ms > at->time_ms || (row.time_ms == at->time_ms && strcmp(row.id, at->id) > 0))
        went_on(at, &row);
    return true;
}

/* The next record, if it is not the latest one: *ret_none. In memory of its own: records are large, and there may be many. One that is damaged says
 * nothing. */
static bool judge_missed(const struct monitor *monitor, const char *vm, struct judged_up_to *at, bool *ret_none, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct store_cursor after = { at->time_ms, at->id };
    struct judging *j = new_judging(monitor, &a, vm, err);
    const struct store_appraisal *rows;
    struct err damage = ERR_INIT;
    size_t n;

    if (!j || !store_appraisal_next(monitor->store, &a, vm, after, 2, &rows, &n, err))
        return false;
    *ret_none = n < 2;
    if (*ret_none)
        return true;
    went_on(at, &rows[0]);
    j->row = &rows[0];
    if (!monitor_read_record(monitor, &a, j->row, &j->out->appraisal, &damage))
        return monitor_is_about_record(&damage) || err_copy(err, &damage);
    return load_changes(j, err) && find_twin(j, err) && make_judgement(j, err);
}

struct missed {
    const struct monitor *monitor;
    const char *vm;
    struct judged_up_to at;
    bool none; /* but the latest */
};

static bool judge_some(struct store *tx, void *context, struct err *err)
{
    struct missed *m = context, now = *m;
    struct monitor inside = *m->monitor;

    inside.store = tx;
    if (!catch_up(&inside, now.vm, &now.at, err))
        return false;
    for (unsigned i = 0; i < MISSED_BATCH && !now.none; i++)
        if (!judge_missed(&inside, now.vm, &now.at, &now.none, err))
            return false;
    *m = now;
    return true;
}

/* Each in its turn: what a copy's counters gave away, or an Unhealthy, must not be skipped because something else came after it before
 * anybody looked. Some at a time: what has been judged is kept, whatever becomes of the rest. */
static bool judge_backlog(const struct monitor *monitor, const char *vm, struct err *err)
{
    struct missed m = { .monitor = monitor, .vm = vm };

    while (!m.none) {
        struct missed before = m;

        if (!store_transaction(monitor->store, judge_some, &m, err))
            return false;
        if (!m.none && m.at.time_ms == before.at.time_ms && strcmp(m.at.id, before.at.id) == 0)
            return err_set(err, ERR_INTERNAL, "judging VM %s does not go on", vm);
    }
    return true;
}

/* Judging reads what others write (memory, baseline, judgements): one at a time, and all of it or nothing. */
static bool judge_in(struct store *tx, void *context, struct err *err)
{
    struct judging *j = context;
    struct judged *out = j->out;
    struct monitor inside = *j->monitor;
    const struct monitor *outside = j->monitor;
    struct missed between = { .monitor = outside, .vm = j->vm }; /* what came since the backlog was judged: few */
    bool fine = true;

    inside.store = tx;
    *out = (struct judged){ .any = false };
    *j = (struct judging){ .monitor = &inside, .a = j->a, .vm = j->vm, .out = out };
    while (fine && !between.none)
        fine = judge_some(tx, &between, err);
    fine = fine && open_judging(j, err);
    if (fine && out->any)
        fine = is_current(j) ? recall_judgement(j, err) : make_judgement(j, err);
    j->monitor = outside;
    return fine;
}

bool monitor_judge(const struct monitor *monitor, struct arena *a, const char *vm, struct judged *ret, struct err *err)
{
    struct judging *j = new_judging(monitor, a, vm, err);

    if (!j || !open_judging(j, err))
        return false;
    if (!j->out->any)
        note_duplicate(j);
    else if (is_current(j) ? !recall_judgement(j, err)
                           : !judge_backlog(monitor, vm, err) || !store_transaction(monitor->store, judge_in, j, err))
        return false;
    *ret = *j->out;
    return true;
}

bool monitor_duplicate(const struct monitor *monitor, struct arena *a, const char *vm, struct findings *ret, struct err *err)
{
    struct judging *j = new_judging(monitor, a, vm, err);

    if (!j || !find_twin(j, err))
        return false;
    note_duplicate(j);
    *ret = j->out->findings;
    return true;
}

/* What an operator approves may be a restored TPM, too: its counters count from here on. */
static bool accept_counters(struct judging *j, struct err *err)
{
    if (!j->out->appraisal.quote_verified)
        return err_set(err, ERR_UNTRUSTED, "the last evidence's quote does not verify: there is no boot to approve");
    if (!monitor_memory_get(j->monitor->store, j->a, j->vm, &j->memory, err))
        return false;
    counters_remember(&j->memory, &j->out->appraisal);
    j->memory.rolled_back = false;
    return turns_forget(j->monitor->store, j->a, j->vm, err) && monitor_memory_put(j->monitor->store, j->a, j->vm, &j->memory, err);
}

/* What a person decides about a VM's accepted boots, in one transaction with what it rests on. */
struct ruling {
    struct judging *j;
    struct bytes appraisal; /* approving: the one that is meant; empty: the latest, whichever */
    struct approve_how how;
    int64_t version; /* rejecting, pinning */
    bool pinned;
    const char *by, *reason;
};

static bool is_meant(const struct ruling *ruling, struct err *err)
{
    const struct judging *j = ruling->j;

    if (!j->out->any)
        return err_set(err, ERR_NOT_FOUND, "this VM has not attested yet: there is no boot to approve");
    return !ruling->appraisal.len || bytes_equal_string(ruling->appraisal, j->row->id) ||
           err_set(err, ERR_CONFLICT, "the VM has attested again since: look at it once more, then approve appraisal %s", j->row->id);
}

/* What is approved is what is looked at here: another boot that comes meanwhile must not pass for it, and counters without their baseline must not be
 * accepted. */
static bool approve_in(struct store *tx, void *context, struct err *err)
{
    const struct ruling *ruling = context;
    struct judging *j = ruling->j;
    struct baselines_word word = word_of(j, ruling->by, ruling->reason);
    struct monitor inside = *j->monitor;
    const struct monitor *outside = j->monitor;
    bool fine;

    inside.store = tx;
    j->monitor = &inside;
    fine = open_judging(j, err) && is_meant(ruling, err) && accept_counters(j, err) &&
           baselines_add(tx, j->a, j->vm, &j->out->appraisal, true, ruling->how, &word, err);
    j->monitor = outside;
    return fine;
}

static bool reject_in(struct store *tx, void *context, struct err *err)
{
    const struct ruling *ruling = context;
    struct baselines_word word = word_of(ruling->j, ruling->by, ruling->reason);

    return baselines_reject(tx, ruling->j->a, ruling->j->vm, ruling->version, &word, err);
}

static bool pin_in(struct store *tx, void *context, struct err *err)
{
    const struct ruling *ruling = context;

    return baselines_pin(tx, ruling->j->a, ruling->j->vm, ruling->version, ruling->pinned, ruling->j->monitor->now_ms(), err);
}

static bool decide(const struct monitor *monitor, struct arena *a, const char *vm,
                   bool (*decide_in)(struct store *tx, void *context, struct err *err), struct ruling ruling, struct judged *ret,
                   struct err *err)
{
    ruling.j = new_judging(monitor, a, vm, err);
    return ruling.j && store_transaction(monitor->store, decide_in, &ruling, err) && monitor_judge(monitor, a, vm, ret, err);
}

bool monitor_approve(const struct monitor *monitor, struct arena *a, const char *vm, struct bytes appraisal, struct approve_how how,
                     const char *by, const char *reason, struct judged *ret, struct err *err)
{
    return decide(monitor, a, vm, approve_in, (struct ruling){ .appraisal = appraisal, .how = how, .by = by, .reason = reason }, ret, err);
}

bool monitor_reject(const struct monitor *monitor, struct arena *a, const char *vm, int64_t version, const char *by, const char *reason,
                    struct judged *ret, struct err *err)
{
    return decide(monitor, a, vm, reject_in, (struct ruling){ .version = version, .by = by, .reason = reason }, ret, err);
}

bool monitor_pin(const struct monitor *monitor, struct arena *a, const char *vm, int64_t version, bool pinned, struct judged *ret,
                 struct err *err)
{
    return decide(monitor, a, vm, pin_in, (struct ruling){ .version = version, .pinned = pinned }, ret, err);
}
