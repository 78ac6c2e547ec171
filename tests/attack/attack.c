#include "attack.h"
#include <stdlib.h>
#include "attestation/service/service.h"
#include "eventlog/replay/replay.h"
#include "export.h"

enum { NOW_MS = 1790000000 * 1000LL }; /* some day in 2026 */

static const uint8_t challenge[32] = { 0xc0, 0xff, 0xee };

static const struct privkey *made_once(struct privkey **key)
{
    struct err err = ERR_INIT;

    if (!*key && !privkey_generate(PRIVKEY_P256, key, &err))
        abort();
    return *key;
}

const struct privkey *attack_key(void)
{
    static struct privkey *key;

    return made_once(&key);
}

const struct privkey *attack_other_key(void)
{
    static struct privkey *key;

    return made_once(&key);
}

static void write_header(struct writer *w, const struct attack *x)
{
    write_u32le(w, 0);
    write_u32le(w, EVENT_TYPE(EV_NO_ACTION));
    write_bytes(w, BYTES_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    write_u32le(w, (uint32_t)(29 + 4 * x->n_banks));
    write_bytes(w, BYTES_LIT("Spec ID Event03\0\0\0\0\0\0\2\0\2"));
    write_u32le(w, (uint32_t)x->n_banks);
    for (size_t i = 0; i < x->n_banks; i++) {
        write_u16le(w, digest_tpm_id(x->banks[i]));
        write_u16le(w, (uint16_t)digest_len(x->banks[i]));
    }
    write_u8(w, 0);
}

static void write_event(struct writer *w, const struct attack *x, const struct built_event *e)
{
    write_u32le(w, e->pcr);
    write_u32le(w, e->type);
    write_u32le(w, e->only ? 1 : (uint32_t)x->n_banks);
    for (size_t i = 0; i < x->n_banks; i++) {
        struct digest d;
        if (e->only && e->only != x->banks[i])
            continue;
        digest_compute(x->banks[i], e->hashed, &d);
        if (x->banks[i] == x->forged_bank)
            digest_compute(x->banks[i], digest_bytes(&d), &d);
        write_u16le(w, digest_tpm_id(x->banks[i]));
        write_bytes(w, digest_bytes(&d));
    }
    write_u32le(w, (uint32_t)e->data.len);
    write_bytes(w, e->data);
}

struct bytes attack_log(const struct attack *x)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes copy = BYTES_NONE;

    write_header(&w, x);
    for (size_t i = 0; i < x->log.n; i++)
        if (!x->log.events[i].gone)
            write_event(&w, x, &x->log.events[i]);
    if (!writer_ok(&w) || !arena_copy(x->log.a, writer_bytes(&w), &copy))
        abort();
    return copy;
}

bool attack_measure(struct attack *x)
{
    struct eventlog log;
    enum digest_algorithm forged = x->forged_bank;
    struct bytes bytes;

    x->forged_bank = DIGEST_NONE; /* the TPM does not lie */
    bytes = attack_log(x);
    x->forged_bank = forged;
    if (!eventlog_parse(&x->a, bytes, &log, &x->err))
        return false;
    replay_compute(&log, &x->quoted);
    for (size_t i = 0; i < x->quoted.n_banks; i++)
        x->quoted.banks[i].present = (1u << LIMIT_PCRS) - 1;
    quote_builder_init(&x->quote, x->key, &x->quoted, x->nonce);
    return true;
}

void attack_quote(struct attack *x) { quote_builder_init(&x->quote, x->key, &x->quoted, x->nonce); }

void attack_select(struct attack *x, uint32_t mask)
{
    x->quoted.n_banks = 1;
    x->quoted.banks[0].present = mask;
    attack_quote(x);
}

bool attack_use_banks(struct attack *x, const enum digest_algorithm *banks, size_t n)
{
    memcpy(x->banks, banks, n * sizeof *banks);
    x->n_banks = n;
    return attack_measure(x);
}

bool attack_begin(struct attack *x)
{
    *x = (struct attack){ .err = ERR_INIT, .key = attack_key(), .nonce = BYTES_OF(challenge), .banks = { DIGEST_SHA256 }, .n_banks = 1 };
    built_stock(&x->a, &x->log, &x->at);
    return attack_measure(x);
}

void attack_done(struct attack *x) { arena_done(&x->a); }

static bool read_policy(struct attack *x, const struct policy **ret)
{
    struct policy_error why = { .kind = POLICY_PARSING_ERROR };

    if (!policy_parse(&x->a, bytes_of_string(x->policy ? x->policy : attestation_builtin_policy), ret, &why))
        return err_set(&x->err, why.err.code, "%s", why.err.text);
    return true;
}

bool attack_send(struct attack *x)
{
    struct evidence *evidence = ARENA_NEW(&x->a, struct evidence);
    struct built_quote quote;
    struct appraise_request request = { .evidence = evidence,
                                        .ak = privkey_public(attack_key()),
                                        .ak_trusted = !x->ak_untrusted,
                                        .nonce = x->nonce,
                                        .reference = x->reference,
                                        .now_ms = NOW_MS };

    x->findings = (struct findings){ .arena = &x->a };
    x->quote.pcrs = &x->quoted;
    if (!evidence || !quote_builder_sign(&x->a, &x->quote, x->key, &quote, &x->err))
        return false;
    request.form = x->quote.form;
    if (!x->no_policy && !read_policy(x, &request.policy))
        return false;
    evidence->pcrs = x->shown ? *x->shown : x->quoted;
    evidence->quote = x->attest.len ? x->attest : quote.attest;
    evidence->signature = x->signature.len ? x->signature : quote.signature;
    evidence->n_logs = !x->no_log;
    evidence->logs[0].content = x->raw_log.len ? x->raw_log : attack_log(x);
    for (size_t i = 0; i < x->n_more_logs; i++)
        evidence->logs[evidence->n_logs++].content = x->more_logs[i];
    digest_compute(DIGEST_SHA256, evidence->logs[0].content, &evidence->digest);
    return appraise(&x->a, &request, &x->out, &x->err) &&
           judge(&x->a, &x->out.appraisal, x->out.chain, x->baseline, x->reference, &x->findings, &x->verdict, &x->err) &&
           export_evidence(x, evidence);
}

bool attack_learn(struct attack *x, struct baseline *ret)
{
    export_learned(ret);
    return baseline_learn(&x->a, &x->out.appraisal, false, ret, &x->err);
}

void attack_move(struct attack *x, size_t from, size_t to)
{
    struct built_event moving = x->log.events[from];

    for (size_t i = from; i > to; i--)
        x->log.events[i] = x->log.events[i - 1];
    for (size_t i = from; i < to; i++)
        x->log.events[i] = x->log.events[i + 1];
    x->log.events[to] = moving;
}

bool attack_refused(const struct attack *x)
{
    return x->verdict != VERDICT_HEALTHY && x->out.appraisal.verdict != VERDICT_HEALTHY && x->out.appraisal.decision != DECISION_PERMITTED;
}

int attack_severity(const struct attack *x, enum finding_id id)
{
    int worst = -1;

    for (size_t i = 0; i < x->findings.n; i++)
        if (x->findings.items[i].id == id && (int)x->findings.items[i].severity > worst)
            worst = (int)x->findings.items[i].severity;
    return worst;
}

void attack_show(const struct attack *x)
{
    test_note("verdict %s, decision %d", verdict_name(x->verdict), x->out.appraisal.decision);
    for (size_t i = 0; i < x->findings.n; i++)
        test_note("%s (%s): %s", finding_kind(x->findings.items[i].id)->id, severity_name(x->findings.items[i].severity),
                  x->findings.items[i].text);
}
