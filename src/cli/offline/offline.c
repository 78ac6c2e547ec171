#include "cli/offline/offline.h"
#include "appraise/claims.h"
#include "appraise/verdict.h"
#include "base/clock.h"
#include "cli/data/reference.h"
#include "cli/offline/run.h"
#include "json/parse.h"
#include "refdata/refdata.h"

enum { BASELINE_MAX = 64 * 1024 * 1024 };

static void run_done(struct offline_run *r) { pubkey_free(r->ak); }

bool offline_read_path(struct offline_run *r, const char *path, size_t limit, struct bytes *ret)
{
    return cli_read(r->cli, path, limit, ret, &r->err);
}

/* Of an option that is meant once, the last use holds. */
bool offline_read_option(struct offline_run *r, const char *name, size_t limit, struct bytes *ret)
{
    return offline_read_path(r, cli_option(r->cli, name), limit, ret);
}

/* The service's word for what came before a piece of the IMA list; the piece and the quoted register have to fit it. */
static bool read_ima_state(struct offline_run *r)
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

static bool read_evidence_file(struct offline_run *r)
{
    struct offline *o = r->out;
    struct bytes content;

    if (r->cli->n_arguments == 0)
        return true;
    if (!offline_read_path(r, r->cli->arguments[0], LIMIT_ATTEST_BODY_BYTES, &content))
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

static bool read_nonce(struct offline_run *r)
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

static bool read_required(struct offline_run *r)
{
    const char *text = cli_option(r->cli, "required-pcrs");

    if (!text && !cli_was_given(r->cli, "policy"))
        r->request.required_pcr_mask = JUDGED_REGISTERS;
    return !text || cli_registers(text, &r->request.required_pcr_mask) || err_set(&r->err, ERR_MALFORMED, "--required-pcrs: %s", text);
}

/* ---- policy, baseline, time ---- */

static bool read_policy(struct offline_run *r)
{
    struct policy_error why = { .kind = POLICY_PARSING_ERROR };
    struct bytes text;
    const char *shown;

    r->request.no_policy_needed = true;
    if (!cli_was_given(r->cli, "policy"))
        return true;
    if (!offline_read_option(r, "policy", LIMIT_POLICY_TEXT_BYTES, &text))
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
static bool read_baseline(struct offline_run *r)
{
    struct json_options options = { .refuse_duplicates = true };
    const struct json *v;
    struct bytes text;

    if (!cli_was_given(r->cli, "baseline"))
        return true;
    r->out->baseline = ARENA_NEW(&r->cli->arena, struct baseline);
    if (!r->out->baseline)
        return err_set(&r->err, ERR_NO_MEMORY, "no memory for a baseline");
    if (!offline_read_option(r, "baseline", BASELINE_MAX, &text))
        return false;
    if (!json_parse(&r->cli->arena, text, &options, &v, &r->err))
        return err_within(&r->err, "%s", cli_option(r->cli, "baseline"));
    if (json_get(v, "baseline"))
        v = json_get(v, "baseline");
    return baseline_read(&r->cli->arena, v, r->out->baseline, &r->err) || err_within(&r->err, "%s", cli_option(r->cli, "baseline"));
}

static bool read_time(struct offline_run *r)
{
    r->request.now_ms = cli_time(r->cli, "as-of", clock_now_ms());
    return true;
}

static bool read_reference(struct offline_run *r)
{
    const struct refdata *data = NULL;

    if (!cli_reference(r->cli, &data, &r->err))
        return false;
    r->request.reference = data ? &data->reference : NULL;
    return true;
}

/* ---- judging ---- */

/* How many entries of the IMA list the quote covers, for people; appraise() has raised the finding if it covers none. */
static void note_ima(struct offline_run *r)
{
    struct offline *o = r->out;
    const struct ima_progress *p = o->appraised.ima_progress;

    o->ima_verified = o->ima && p && p->proved;
    o->ima_fits = o->ima_verified ? p->replay.n - o->evidence.ima_from : 0;
}

static bool judge_claims(struct offline_run *r)
{
    struct claimed_boot *claimed = ARENA_NEW(&r->cli->arena, struct claimed_boot);

    if (!claimed)
        return err_set(&r->err, ERR_NO_MEMORY, "no memory for a boot");
    return claimed_boot_read(&r->cli->arena, &r->out->evidence, r->request.reference, claimed, &r->err) &&
           judge_claimed(&r->cli->arena, claimed, r->out->baseline, r->request.reference, &r->out->findings, &r->out->verdict, &r->err);
}

static bool judge_evidence(struct offline_run *r)
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
    struct offline_run r CLEANUP(run_done) = { .cli = cli, .out = ret, .err = ERR_INIT };
    static bool (*const steps[])(struct offline_run * r) = { read_time,         read_evidence_file, read_policy,
                                                             read_baseline,     read_reference,     read_nonce,
                                                             read_required,     offline_read_key,   offline_read_identity,
                                                             offline_read_logs, offline_read_quote, judge_evidence };

    static const char *const needed[] = { "quote", "signature", "ak" };

    for (size_t i = 0; cli->n_arguments == 0 && i < ARRAY_LEN(needed); i++)
        if (!cli_was_given(cli, needed[i]))
            return cli_fail(EXIT_USAGE, "--%s is needed (or an evidence file)", needed[i]);
    if (cli_was_given(cli, "ek-cert") && !cli_was_given(cli, "ek-root"))
        return cli_fail(EXIT_USAGE, "--ek-cert needs --ek-root: whose certificate may vouch for it");
    if (cli_was_given(cli, "ek-root") && !cli_was_given(cli, "ek-cert") && cli->n_arguments == 0)
        return cli_fail(EXIT_USAGE, "--ek-root is of use with --ek-cert only");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (!steps[i](&r))
            return cli_fail_input(&r.err);
    return EXIT_OK;
}
