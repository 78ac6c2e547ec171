#include "cli/offline.h"
#include <stdlib.h>
#include "appraise/claims.h"
#include "appraise/verdict.h"
#include "base/clock.h"
#include "base/hex.h"
#include "cli/ak_file.h"
#include "cli/pcrs_file.h"
#include "cli/quoted_values.h"
#include "eventlog/replay.h"
#include "eventlog/systemd_log.h"
#include "jose/jwk.h"
#include "json/parse.h"
#include "refdata/refdata.h"
#include "tpm/tools_format.h"
#include "x509/chain.h"
#include "x509/ek_cert.h"

enum { ANCHORS_MAX = 64, BUNDLE_MAX = 1024 * 1024, BASELINE_MAX = 64 * 1024 * 1024 };

/* One run: what is freed at its end, and what the steps hand on. */
struct run {
    struct cli *cli;
    struct offline *out;
    struct pubkey *ak;
    struct appraise_request request;
    const struct policy *policy;
    struct pcr_set *given; /* --pcrs, or NULL */
    struct err err;
};

static void run_done(struct run *r) { pubkey_free(r->ak); }

static bool read_path(struct run *r, const char *path, size_t limit, struct bytes *ret)
{
    return cli_read(r->cli, path, limit, ret, &r->err);
}

/* Of an option that is meant once, the last use holds. */
static bool read_option(struct run *r, const char *name, size_t limit, struct bytes *ret)
{
    return read_path(r, cli_option(r->cli, name), limit, ret);
}

/* ---- certificates ---- */

struct bundle {
    struct cert *certs[ANCHORS_MAX];
    size_t n;
};

static void bundle_done(struct bundle *b)
{
    for (size_t i = 0; i < b->n; i++)
        cert_free(b->certs[i]);
}

/* Anchors from every use of the option: CAs may issue, other certificates are pinned. */
static bool read_anchors(struct run *r, const char *option, struct bundle *bundle, struct trust_store **ret)
{
    struct trust_entry entries[ANCHORS_MAX];
    struct bytes content;

    for (size_t i = 0; cli_option_at(r->cli, option, i); i++) {
        size_t n;
        if (!read_path(r, cli_option_at(r->cli, option, i), BUNDLE_MAX, &content))
            return false;
        if (!cert_parse_bundle(content, bundle->certs + bundle->n, ANCHORS_MAX - bundle->n, &n, &r->err))
            return err_within(&r->err, "%s", cli_option_at(r->cli, option, i));
        bundle->n += n;
    }
    for (size_t i = 0; i < bundle->n; i++)
        entries[i] = (struct trust_entry){ bundle->certs[i]->is_ca ? TRUST_CA : TRUST_LEAF, bundle->certs[i] };
    return trust_store_new(entries, bundle->n, ret, &r->err);
}

static bool check_chain(struct run *r, const struct cert *leaf, const struct trust_store *store, enum chain_purpose purpose,
                        const char **ret_issuer)
{
    const struct chain_options options = { .purpose = purpose, .now_ms = r->request.now_ms };
    struct verified_chain *chain CLEANUP(verified_chain_free_at) = NULL;

    if (!chain_verify(store, leaf, NULL, 0, &options, &chain, &r->err))
        return false;
    *ret_issuer = arena_string(&r->cli->arena, verified_chain_anchor(chain)->common_name);
    return true;
}

static void note_identity(struct run *r, const struct cert *ek, const struct trust_store *store)
{
    struct offline_identity *identity = &r->out->identity;
    struct ek_identity who;

    if (!check_chain(r, ek, store, CHAIN_EK, &identity->issuer) || !ek_cert_identity(ek, &who, &r->err)) {
        identity->state = IDENTITY_REFUSED;
        identity->sentence = arena_printf(&r->cli->arena, "%s", r->err.text);
        return;
    }
    identity->state = IDENTITY_VERIFIED;
    identity->vm_name = who.vm_name[0] ? arena_printf(&r->cli->arena, "%s", who.vm_name) : NULL;
    identity->vm_uuid = who.vm_uuid[0] ? arena_printf(&r->cli->arena, "%s", who.vm_uuid) : NULL;
}

static bool read_identity(struct run *r)
{
    struct bundle bundle CLEANUP(bundle_done) = { .n = 0 };
    struct trust_store *store CLEANUP(trust_store_free_at) = NULL;
    struct cert *ek CLEANUP(cert_free_at) = NULL;
    bool given = cli_was_given(r->cli, "ek-cert");
    struct bytes content = r->out->has_file ? r->out->file.ek_cert : BYTES_NONE;

    if (!given && !content.len && cli_was_given(r->cli, "ek-root"))
        return err_set(&r->err, ERR_MALFORMED, "--ek-root is of use with --ek-cert only");
    if (!cli_was_given(r->cli, "ek-root"))
        return !given || err_set(&r->err, ERR_MALFORMED, "--ek-cert needs --ek-root: whose certificate may vouch for it");
    if (given && !read_option(r, "ek-cert", LIMIT_CERT_BYTES, &content))
        return false;
    if (!cert_parse_any(content, &ek, &r->err))
        return err_within(&r->err, "endorsement certificate");
    if (!read_anchors(r, "ek-root", &bundle, &store))
        return false;
    note_identity(r, ek, store);
    return true;
}

/* ---- the attestation key ---- */

static bool key_from_evidence(struct run *r)
{
    struct bundle bundle CLEANUP(bundle_done) = { .n = 0 };
    struct trust_store *store CLEANUP(trust_store_free_at) = NULL;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct jwk jwk CLEANUP(jwk_done) = { .key = NULL };
    struct evidence *e = &r->out->evidence;
    const char *issuer;

    if (!e->aik_cert.len) {
        if (!jwk_parse(e->aik_pub, &jwk, &r->err))
            return err_within(&r->err, "aik_pub");
        r->ak = pubkey_ref(jwk.key);
        return true;
    }
    if (!cert_parse(e->aik_cert, &cert, &r->err))
        return err_within(&r->err, "aik_cert");
    if (!cert->key)
        return err_set(&r->err, ERR_UNSUPPORTED, "aik_cert: %s", cert->key_problem);
    r->ak = pubkey_ref(cert->key);
    if (!cli_was_given(r->cli, "ak-root")) {
        r->request.ak_trusted = cli_was_given(r->cli, "assume-ak"); /* `policy test` asks what the rules say */
        return true;
    }
    if (!read_anchors(r, "ak-root", &bundle, &store))
        return false;
    r->request.ak_trusted = check_chain(r, cert, store, CHAIN_AK, &issuer);
    return true;
}

/* Whoever names the key with --ak vouches for it. */
static bool read_key(struct run *r)
{
    if (!cli_was_given(r->cli, "ak"))
        return key_from_evidence(r);
    if (!ak_file_read(r->cli, cli_option(r->cli, "ak"), &r->ak, &r->request.ak_public, &r->err))
        return false;
    r->request.ak_trusted = true;
    return true;
}

/* ---- logs ---- */

static bool add_log(struct run *r, enum evidence_log_kind kind, struct bytes content)
{
    struct evidence *e = &r->out->evidence;

    if (e->n_logs == LIMIT_LOGS)
        return err_set(&r->err, ERR_LIMIT, "more than %d logs", LIMIT_LOGS);
    e->logs[e->n_logs++] = (struct evidence_log){ kind, content };
    return true;
}

/* systemd's records join as a further TCG log, as the agent sends them (guest-agent.md 3.7). */
static bool add_systemd_log(struct run *r, struct bytes text)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct systemd_log log;
    struct bytes events;

    if (!text.len) /* systemd is there and has measured nothing */
        return true;
    if (!systemd_log_parse(&r->cli->arena, text, &log, &r->err) || !systemd_log_as_events(&log, &w, &r->err))
        return err_within(&r->err, "systemd's log");
    if (!arena_copy(&r->cli->arena, writer_bytes(&w), &events))
        return err_set(&r->err, ERR_NO_MEMORY, "no memory for systemd's log");
    r->out->evidence.systemd_log = BYTES_NONE; /* it is among the logs now */
    return add_log(r, EVIDENCE_LOG_TCG, events);
}

static bool read_ima(struct run *r)
{
    struct ima_list *list = NULL;
    struct evidence *e = &r->out->evidence;

    for (size_t i = 0; i < e->n_logs; i++) {
        if (e->logs[i].kind != EVIDENCE_LOG_IMA)
            continue;
        if (list)
            return err_set(&r->err, ERR_UNSUPPORTED, "more than one IMA list");
        list = ARENA_NEW(&r->cli->arena, struct ima_list);
        if (!list || !ima_parse(&r->cli->arena, e->logs[i].content, list, &r->err))
            return list ? err_within(&r->err, "IMA list") : err_set(&r->err, ERR_NO_MEMORY, "no memory for an IMA list");
        if (!list->n && list->truncated) { /* not even one entry: never was a list */
            r->err = list->err;
            return err_within(&r->err, "IMA list");
        }
    }
    r->out->ima = list;
    return true;
}

/* What is broken in a log is a finding; what never was a log is the wrong file. */
static bool read_log(struct run *r, const char *path)
{
    struct bytes content;
    const char *foreign;

    if (!read_path(r, path, LIMIT_LOG_BYTES, &content))
        return false;
    foreign = eventlog_foreign(content);
    if (foreign)
        return err_set(&r->err, ERR_MALFORMED, "%s is no event log but %s", path, foreign);
    return add_log(r, EVIDENCE_LOG_TCG, content);
}

static bool read_logs(struct run *r)
{
    struct bytes content;

    for (size_t i = 0; cli_option_at(r->cli, "log", i); i++)
        if (!read_log(r, cli_option_at(r->cli, "log", i)))
            return false;
    if (cli_was_given(r->cli, "systemd-log")) {
        if (!read_option(r, "systemd-log", LIMIT_LOG_BYTES, &content) || !add_systemd_log(r, content))
            return false;
    } else if (r->out->evidence.systemd_log.len && !add_systemd_log(r, r->out->evidence.systemd_log)) {
        return false;
    }
    if (cli_was_given(r->cli, "ima") && (!read_option(r, "ima", LIMIT_IMA_BYTES, &content) || !add_log(r, EVIDENCE_LOG_IMA, content)))
        return false;
    return read_ima(r);
}

/* ---- quote and values ---- */

/* The service's word for what came before a piece of the IMA list; the piece and the quoted register have to fit it. */
static bool read_ima_state(struct run *r)
{
    struct ima_replay *state;

    if (!r->out->file.ima_state.len)
        return true;
    state = ARENA_NEW(&r->cli->arena, struct ima_replay);
    if (!state)
        return err_set(&r->err, ERR_NO_MEMORY, "no memory for an IMA list");
    r->request.ima_state = state;
    return ima_replay_read(r->out->file.ima_state, state, &r->err) || err_within(&r->err, "ima_state");
}

static bool read_evidence_file(struct run *r)
{
    struct offline *o = r->out;
    struct bytes content;

    if (r->cli->n_arguments == 0)
        return true;
    if (!read_path(r, r->cli->arguments[0], LIMIT_ATTEST_BODY_BYTES, &content))
        return false;
    if (!evidence_file_read(&r->cli->arena, content, &o->file, &r->err) || !read_ima_state(r))
        return err_within(&r->err, "%s", r->cli->arguments[0]);
    o->has_file = true;
    o->evidence = o->file.current;
    return true;
}

bool offline_nonce(struct cli *cli, struct bytes *ret, struct err *err)
{
    const char *hex = cli_option(cli, "nonce");

    return !hex || cli_hex(&cli->arena, hex, ret, err) || err_within(err, "--nonce");
}

int offline_fail(const struct err *err) { return cli_fail(EXIT_ERROR, "%s", err->text); }

static bool read_nonce(struct run *r)
{
    r->request.nonce = r->out->has_file ? r->out->file.nonce : BYTES_NONE;
    if (!offline_nonce(r->cli, &r->request.nonce, &r->err))
        return false;
    r->out->nonce_checked = cli_was_given(r->cli, "nonce") || r->request.nonce.len;
    r->request.any_nonce = !r->out->nonce_checked;
    return true;
}

/* Without a policy that says which: the registers that the findings judge. Those of programs and of a dynamic launch may be missing, and
 * IMA's, whose list is judged by itself. */
#define JUDGED_REGISTERS 0xfbffu

static bool read_required(struct run *r)
{
    const char *text = cli_option(r->cli, "required-pcrs");

    if (!text && !cli_was_given(r->cli, "policy"))
        r->request.required_pcr_mask = JUDGED_REGISTERS;
    return !text || cli_registers(text, &r->request.required_pcr_mask) || err_set(&r->err, ERR_MALFORMED, "--required-pcrs: %s", text);
}

/* The joined logs, as claimed. */
static bool join_logs(struct run *r, struct eventlog *log, bool *ret_any)
{
    const struct evidence *e = &r->out->evidence;
    bool any = false;

    for (size_t i = 0; i < e->n_logs; i++) {
        struct err unreadable = ERR_INIT;
        if (e->logs[i].kind == EVIDENCE_LOG_TCG && e->logs[i].content.len)
            any |= any ? eventlog_append(&r->cli->arena, log, e->logs[i].content, &unreadable)
                       : eventlog_parse(&r->cli->arena, e->logs[i].content, log, &unreadable);
        if (unreadable.code == ERR_NO_MEMORY)
            return err_set(&r->err, ERR_NO_MEMORY, "no memory for the event log");
    }
    *ret_any = any;
    return true;
}

/* What they give: for a quote without values beside it. */
static bool replay_logs(struct run *r, struct pcr_set *ret)
{
    struct eventlog log;
    bool any;

    if (!join_logs(r, &log, &any))
        return false;
    if (any)
        replay_compute(&log, ret);
    return true;
}

static bool read_quote(struct run *r)
{
    struct evidence *e = &r->out->evidence;
    struct pcr_set *replayed = ARENA_NEW(&r->cli->arena, struct pcr_set);
    struct value_sources sources = { .replayed = replayed, .ima = r->out->ima };
    struct bytes content;

    if (!replayed)
        return err_set(&r->err, ERR_NO_MEMORY, "no memory for register values");
    if (cli_was_given(r->cli, "quote") && !read_option(r, "quote", LIMIT_SMALL_BODY_BYTES, &e->quote))
        return false;
    if (cli_was_given(r->cli, "signature") && !read_option(r, "signature", LIMIT_SMALL_BODY_BYTES, &e->signature))
        return false;
    r->request.form = SIGNATURE_FORM_TPMT;
    if (!r->out->has_file) {
        if (!tools_binary(&r->cli->arena, e->quote, "quoted", &e->quote, &r->err) ||
            !tools_binary(&r->cli->arena, e->signature, "sig", &e->signature, &r->err))
            return false;
        e->quote = tools_attest(e->quote);
        if (!tools_signature(&r->cli->arena, e->signature, r->ak, r->request.ak_public, e->quote, &e->signature, &r->request.form, &r->err))
            return false;
    }
    if (!e->digest.algorithm)
        digest_compute(DIGEST_SHA256, e->quote, &e->digest);
    if (cli_was_given(r->cli, "pcrs")) {
        r->given = ARENA_NEW(&r->cli->arena, struct pcr_set);
        if (!r->given)
            return err_set(&r->err, ERR_NO_MEMORY, "no memory for register values");
        if (!read_option(r, "pcrs", PCRS_FILE_MAX, &content))
            return false;
        if (!pcrs_parse_quoted(&r->cli->arena, content, e->quote, r->given, &r->err))
            return err_within(&r->err, "%s", cli_option(r->cli, "pcrs"));
        sources.given = r->given;
    } else if (r->out->has_file) {
        return true; /* the values came with it, and must fit exactly */
    }
    return replay_logs(r, replayed) && quoted_values(&r->cli->arena, e->quote, e->signature, r->request.form, &sources, &e->pcrs, &r->err);
}

/* ---- policy, baseline, time ---- */

static bool read_policy(struct run *r)
{
    struct policy_error why = { .kind = POLICY_PARSING_ERROR };
    struct bytes text;
    const char *shown;

    r->request.no_policy_needed = true;
    if (!cli_was_given(r->cli, "policy"))
        return true;
    if (!read_option(r, "policy", LIMIT_POLICY_TEXT_BYTES, &text))
        return false;
    if (!policy_parse(&r->cli->arena, text, &r->policy, &why)) {
        shown = policy_error_show(&r->cli->arena, &why);
        return err_set(&r->err, ERR_MALFORMED, "%s: %s", cli_option(r->cli, "policy"), shown ? shown : why.err.text);
    }
    r->request.policy = r->policy;
    r->request.no_policy_needed = false;
    return true;
}

/* The baseline itself, or what `trueboot baseline show` prints around it. */
static bool read_baseline(struct run *r)
{
    struct json_options options = { .refuse_duplicates = true };
    const struct json *v;
    struct bytes text;

    if (!cli_was_given(r->cli, "baseline"))
        return true;
    r->out->baseline = ARENA_NEW(&r->cli->arena, struct baseline);
    if (!r->out->baseline)
        return err_set(&r->err, ERR_NO_MEMORY, "no memory for a baseline");
    if (!read_option(r, "baseline", BASELINE_MAX, &text))
        return false;
    if (!json_parse(&r->cli->arena, text, &options, &v, &r->err))
        return err_within(&r->err, "%s", cli_option(r->cli, "baseline"));
    if (json_get(v, "baseline"))
        v = json_get(v, "baseline");
    return baseline_read(&r->cli->arena, v, r->out->baseline, &r->err) || err_within(&r->err, "%s", cli_option(r->cli, "baseline"));
}

static bool read_time(struct run *r)
{
    r->request.now_ms = cli_time(r->cli, "as-of", clock_now_ms());
    return true;
}

bool offline_reference(struct cli *cli, const struct refdata **ret, struct err *err)
{
    const char *given = cli_option(cli, "data"), *own = refdata_user_path(&cli->arena), *problem = NULL;
    struct refdata *named = ARENA_NEW(&cli->arena, struct refdata);

    if (!named || !own)
        return err_set(err, ERR_NO_MEMORY, "no memory for reference data");
    if (given && !refdata_read(&cli->arena, given, own, named, err))
        return false;
    *ret = given ? named : refdata_load(&cli->arena, own, &problem);
    if (problem)
        fprintf(stderr, "trueboot: note: %s\n", problem);
    return true;
}

static bool read_reference(struct run *r)
{
    const struct refdata *data = NULL;

    if (!offline_reference(r->cli, &data, &r->err))
        return false;
    r->request.reference = data ? &data->reference : NULL;
    return true;
}

/* ---- judging ---- */

/* How many entries of the IMA list the quote covers, for people; appraise() has raised the finding if it covers none. */
static void note_ima(struct run *r)
{
    struct offline *o = r->out;
    const struct ima_progress *p = o->appraised.ima_progress;

    o->ima_verified = o->ima && p && p->proved;
    o->ima_fits = o->ima_verified ? p->replay.n - o->evidence.ima_from : 0;
}

/* A quote whose values moved cannot be checked: nothing about the boot is known, and the verdict is Unknown. What the log says against the
 * boot by itself counts all the same: a claim never makes a verdict better, but it may make it worse. */
static bool judge_claims(struct run *r)
{
    struct offline *o = r->out;
    struct arena *a = &r->cli->arena;
    struct findings claimed = { .arena = a };
    struct pcr_set *computed = ARENA_NEW(a, struct pcr_set);
    struct bootchain *chain = ARENA_NEW(a, struct bootchain);
    struct eventlog *log = ARENA_NEW(a, struct eventlog);
    const struct replayed_log *replayed;
    struct boot_record record = { .has_log = true };
    bool any;

    if (!computed || !chain || !log)
        return err_set(&r->err, ERR_NO_MEMORY, "no memory for the event log");
    if (!join_logs(r, log, &any) || !any)
        return r->err.code != ERR_NO_MEMORY;
    replay_compute(log, computed);
    if (!replay_verify(a, log, computed, NULL, &claimed, &replayed, &r->err))
        return r->err.code != ERR_NO_MEMORY; /* no event at all */
    if (!bootchain_read(a, replayed, r->request.reference, &claimed, chain, &r->err))
        return false;
    record.components = chain->components;
    record.registers = *computed;
    if (o->baseline && o->baseline->boot.has_log &&
        !bootchain_compare(a, &o->baseline->boot, &record, chain, r->request.reference, &claimed, &r->err))
        return false;
    for (size_t i = 0; i < claimed.n; i++) {
        const struct finding *f = &claimed.items[i];
        struct finding *copy;
        if (f->severity < SEVERITY_MEDIUM || (o->baseline && baseline_accepts(o->baseline, f->id)))
            continue;
        copy = findings_add(&o->findings, f->id, f->pcr, f->event, "By the log, which no quote confirms: %s", f->text);
        copy->severity = f->severity;
        copy->was = f->was;
        copy->is = f->is;
    }
    o->verdict = verdict_of(&o->findings);
    return true;
}

static bool judge_evidence(struct run *r)
{
    struct offline *o = r->out;

    r->request.evidence = &o->evidence;
    r->request.ak = r->ak;
    if (!appraise(&r->cli->arena, &r->request, &o->appraised, &r->err))
        return false;
    note_ima(r);
    if (o->identity.state == IDENTITY_REFUSED) /* whoever names roots asks for them */
        findings_add(&o->appraised.appraisal.findings, FINDING_EK_REFUSED, FINDING_NO_PCR, FINDING_NO_EVENT, "%s",
                     o->identity.sentence ? o->identity.sentence : "out of memory");
    o->appraised.appraisal.verdict = verdict_of(&o->appraised.appraisal.findings);
    if (o->wants_claims && o->appraised.quote &&
        !claims_build(&r->cli->arena, &r->request, &o->appraised, &o->claims, &o->n_claims, &r->err))
        return false;
    if (o->has_file)
        memcpy(o->appraised.appraisal.vm, o->file.vm, sizeof o->appraised.appraisal.vm);
    o->findings.arena = &r->cli->arena;
    if (!judge(&r->cli->arena, &o->appraised.appraisal, o->appraised.chain, o->baseline, r->request.reference, &o->findings, &o->verdict,
               &r->err))
        return false;
    return !quote_was_raced(&o->findings, 0) || judge_claims(r);
}

int offline_appraise(struct cli *cli, struct offline *ret)
{
    struct run r CLEANUP(run_done) = { .cli = cli, .out = ret, .err = ERR_INIT };
    static bool (*const steps[])(struct run * r) = { read_time,      read_evidence_file, read_policy,   read_baseline,
                                                     read_reference, read_nonce,         read_required, read_key,
                                                     read_identity,  read_logs,          read_quote,    judge_evidence };

    static const char *const needed[] = { "quote", "signature", "ak" };

    for (size_t i = 0; cli->n_arguments == 0 && i < ARRAY_LEN(needed); i++)
        if (!cli_was_given(cli, needed[i]))
            return cli_fail(EXIT_USAGE, "--%s is needed (or an evidence file)", needed[i]);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (!steps[i](&r))
            return offline_fail(&r.err);
    return EXIT_OK;
}

const struct json *offline_value(struct cli *cli, const struct writer *w)
{
    const struct json *v = NULL;
    struct err err = ERR_INIT;
    struct bytes text;

    if (!writer_ok(w) || !arena_copy(&cli->arena, writer_bytes(w), &text))
        cli_fail(EXIT_ERROR, "out of memory");
    else if (!json_parse(&cli->arena, text, NULL, &v, &err))
        cli_fail(EXIT_ERROR, "%s", err.text);
    return v;
}
