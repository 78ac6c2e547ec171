/* trueboot evidence claims: what the attestation service claims about saved evidence, what each claim rests on, and why one is false or is
 * not made. */
#include "appraise/claims_events.h"
#include "appraise/claims_explain.h"
#include "attestation/protocol/azureguest_claims.h"
#include "attestation/protocol/azureguest_verify.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/data/reference.h"
#include "cli/frame/table.h"
#include "cli/offline/commands.h"
#include "cli/offline/offline.h"
#include "eventlog/log/event_type.h"
#include "json/parse.h"
#include "refdata/refdata.h"

/* ---- the result -------------------------------------------------------------------------------------------------------- */

static void put_value(struct json_out *out, const struct claim_explanation *e)
{
    if (!e->made)
        json_put_null(out, "value");
    else if (e->value.type == POLICY_BOOLEAN)
        json_put_boolean(out, "value", e->value.boolean);
    else if (e->value.type == POLICY_INTEGER)
        json_put_integer(out, "value", e->value.integer);
    else
        json_put_bytes(out, "value", e->value.string);
}

static void put_proof(struct json_out *out, const struct claim_proof *proof)
{
    json_begin_object(out, NULL);
    if (proof->part) {
        json_put_string(out, "part", proof->part);
    } else {
        json_put_integer(out, "event", proof->event);
        if (proof->pcr < LIMIT_PCRS)
            json_put_integer(out, "register", proof->pcr);
        if (proof->type)
            json_put_string(out, "type", event_type_name(proof->type));
        if (proof->says)
            json_put_string(out, "says", proof->says);
    }
    json_end(out);
}

static void put_explanation(struct cli *cli, struct json_out *out, const struct claim_explanation *e)
{
    json_begin_object(out, NULL);
    json_put_string(out, "claim", e->row->name);
    json_put_string(out, "type", service_claim_type_text(&cli->arena, e->row));
    put_value(out, e);
    json_begin_array(out, "restsOn");
    for (size_t i = 0; i < e->n_proofs; i++)
        put_proof(out, &e->proofs[i]);
    json_end(out);
    json_put_string(out, "why",
                    e->why && e->row == &service_claims[CLAIM_AIK_VALIDATED] && !cli_was_given(cli, "ak-root")
                        ? "no roots were named (--ak-root), so that nothing vouches for the attestation key"
                        : e->why);
    json_end(out);
}

/* ---- for people ---------------------------------------------------------------------------------------------------------- */

enum { VALUE_SHOWN = 40, PROOFS_SHOWN = 3 };

static const char *shown_value(struct cli *cli, const struct json *value)
{
    const char *text;
    size_t end;

    if (!value || value->type == JSON_NULL)
        return "-";
    text = value->type == JSON_STRING ? text_for_people(&cli->arena, value->string) : json_to_string(&cli->arena, value, JSON_COMPACT);
    if (!text || strlen(text) <= VALUE_SHOWN)
        return text ? text : "";
    for (end = VALUE_SHOWN; end && ((uint8_t)text[end] & 0xc0) == 0x80;)
        end--;
    text = arena_printf(&cli->arena, "%.*s… (%zu bytes)", (int)end, text, value->type == JSON_STRING ? value->string.len : strlen(text));
    return text ? text : "";
}

static const char *or_empty(const char *text) { return text ? text : ""; }

static const char *shown_proof(struct cli *cli, const struct json *proof)
{
    struct arena *a = &cli->arena;
    const char *part = show_member(cli, proof, "part"), *type = show_member(cli, proof, "type"), *says = show_member(cli, proof, "says");
    int64_t event = 0, pcr = -1;

    if (part)
        return part;
    if (!json_as_integer(json_get(proof, "event"), &event))
        return "";
    part = json_as_integer(json_get(proof, "register"), &pcr)
               ? arena_printf(a, "event %lld in register %lld", (long long)event, (long long)pcr)
               : arena_printf(a, "event %lld", (long long)event);
    return or_empty(arena_printf(a, "%s%s%s%s%s", or_empty(part), type ? ", " : "", or_empty(type), says ? ": " : "", or_empty(says)));
}

static const char *shown_proofs(struct cli *cli, const struct json *proofs, const char *why)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    for (size_t i = 0; i < proofs->array.n && i < PROOFS_SHOWN; i++)
        write_printf(&w, "%s%s", i ? "; " : "", shown_proof(cli, proofs->array.items[i]));
    if (proofs->array.n > PROOFS_SHOWN)
        write_printf(&w, "; and %zu more", proofs->array.n - PROOFS_SHOWN);
    if (why)
        write_printf(&w, "%s%s", proofs->array.n ? "; " : "", why);
    return or_empty(writer_ok(&w) ? arena_string(&cli->arena, writer_bytes(&w)) : NULL);
}

static void claims_table(struct cli *cli, const struct json *v)
{
    static const char *const headings[] = { "CLAIM", "VALUE", "RESTS ON" };
    struct table *t = table_new(&cli->arena, headings, ARRAY_LEN(headings));

    for (size_t i = 0; i < v->array.n; i++) {
        const struct json *one = v->array.items[i];
        table_row(t, (const char *const[]){ or_empty(show_member(cli, one, "claim")), shown_value(cli, json_get(one, "value")),
                                            shown_proofs(cli, json_get(one, "restsOn"), show_member(cli, one, "why")) });
    }
    table_print(t);
}

/* ---- the command ----------------------------------------------------------------------------------------------------------- */

static bool has_events(const struct offline *o)
{
    for (size_t i = 0; i < o->n_claims; i++)
        if (bytes_equal_string(o->claims[i].type, service_claims[CLAIM_EVENTS].name))
            return true;
    return false;
}

/* "events" is made only for policies that ask for it; here it is one of the claims. */
static bool all_claims(struct cli *cli, const struct offline *o, const struct policy_claim **ret, size_t *ret_n, struct err *err)
{
    struct policy_claim *claims = ARENA_ARRAY(&cli->arena, o->n_claims + 1, struct policy_claim);
    struct events_claim events;

    if (!claims)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    memcpy(claims, o->claims, o->n_claims * sizeof *claims);
    *ret = claims;
    *ret_n = o->n_claims;
    if (!o->appraised.chain || has_events(o))
        return true;
    if (!claims_events(&cli->arena, o->appraised.replayed, o->appraised.ima, &events, err))
        return false;
    claims[(*ret_n)++] = service_claim_string(CLAIM_EVENTS, events.text);
    return true;
}

static int print_claims(struct cli *cli, const struct appraised *appraised, enum claim_evidence evidence, const struct policy_claim *claims,
                        size_t n)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct claim_explanation *list;
    const struct json *v;
    struct err err = ERR_INIT;

    if (!claims_explain(&cli->arena, appraised, evidence, claims, n, &list, &n, &err))
        return cli_fail_err(&err);
    json_begin_array(&out, NULL);
    for (size_t i = 0; i < n; i++)
        put_explanation(cli, &out, &list[i]);
    json_end(&out);
    v = cli_json(cli, &w);
    return v ? cli_print(cli, v, claims_table) : EXIT_ERROR;
}

static void evidence_done(struct azureguest_evidence **evidence)
{
    if (*evidence)
        azureguest_evidence_done(*evidence);
}

/* ---- a request of POST /attest/AzureGuest ------------------------------------------------------------------------------------- */

/* The body as it was sent, or what it holds, decoded. */
static bool is_azureguest(struct cli *cli, struct bytes *ret_text, struct err *err)
{
    const struct json *v;
    struct err ignored = ERR_INIT;

    if (cli->n_arguments != 1 || strcmp(cli->arguments[0], "-") == 0 || /* which can be read once */
        !cli_read(cli, cli->arguments[0], LIMIT_ATTEST_BODY_BYTES, ret_text, &ignored) ||
        !json_parse(&cli->arena, *ret_text, NULL, &v, &ignored) || v->type != JSON_OBJECT)
        return false;
    if (json_get_no_case(v, "AttestationInfo"))
        return azureguest_text_read(&cli->arena, v, ret_text, err) || err->code != ERR_NONE;
    return json_get_no_case(v, "TpmInfo") != NULL;
}

/* The hash of a policy is no word about the evidence, and there is no policy here: that claim is not made. */
static size_t without_policy_hash(struct cli *cli, const struct azureguest_claims *made, const struct policy_claim **ret)
{
    struct policy_claim *claims = ARENA_ARRAY(&cli->arena, made->n_policy, struct policy_claim);
    size_t n = 0;

    for (size_t i = 0; claims && i < made->n_policy; i++)
        if (!bytes_equal_string(made->policy[i].type, service_claims[CLAIM_AZ_POLICY_HASH].name))
            claims[n++] = made->policy[i];
    *ret = claims;
    return n;
}

static int explain_azureguest(struct cli *cli, struct bytes text, struct azureguest_evidence *evidence, struct trust_store **roots)
{
    struct azureguest_checks checks = { .ak_vouched = !cli_was_given(cli, "ak-root"), .now_ms = cli_time(cli, "as-of", clock_now_ms()) };
    const struct policy_claim *claims;
    const struct refdata *data = NULL;
    const struct finding *refused;
    struct azureguest_claims made;
    struct err err = ERR_INIT;
    size_t n;

    if (!cli_reference(cli, &data, &err) || (!checks.ak_vouched && !offline_anchors(cli, "ak-root", roots, &err)))
        return cli_fail_err(&err);
    checks.ak_roots = *roots;
    checks.reference = data ? &data->reference : NULL;
    if (!azureguest_verify(&cli->arena, text, &checks, evidence, &err))
        return cli_fail_err(&err);
    refused = azureguest_refusal(evidence);
    if (refused || !evidence->appraised.quote)
        return cli_fail(EXIT_JUDGED_UNHEALTHY, "the evidence does not hold, so that nothing is claimed: %s", refused ? refused->text : "");
    if (checks.ak_vouched)
        fprintf(stderr, "trueboot: note: the attestation key is taken as trusted: --ak-root checks its certificate\n");
    if (!azureguest_claims_build(&cli->arena, &evidence->message, &evidence->appraised, evidence->enc_key, checks.reference, "", &made,
                                 &err))
        return cli_fail_err(&err);
    n = without_policy_hash(cli, &made, &claims);
    return print_claims(cli, &evidence->appraised, CLAIM_EVIDENCE_AZUREGUEST, claims, n);
}

static int run_azureguest(struct cli *cli, struct bytes text)
{
    struct azureguest_evidence *evidence CLEANUP(evidence_done) = ARENA_NEW(&cli->arena, struct azureguest_evidence);
    struct trust_store *roots CLEANUP(trust_store_free_at) = NULL;

    return evidence ? explain_azureguest(cli, text, evidence, &roots) : cli_fail(EXIT_ERROR, "out of memory");
}

/* ---- evidence of type Tpm --------------------------------------------------------------------------------------------------------- */

static int run_evidence_claims(struct cli *cli)
{
    struct offline *o = ARENA_NEW(&cli->arena, struct offline);
    const struct policy_claim *claims;
    struct err err = ERR_INIT;
    struct bytes text;
    size_t n;
    int code;

    if (!o)
        return cli_fail(EXIT_ERROR, "out of memory");
    if (is_azureguest(cli, &text, &err))
        return err.code != ERR_NONE ? cli_fail_err(&err) : run_azureguest(cli, text);
    o->wants_claims = true;
    code = offline_appraise(cli, o);
    if (code != EXIT_OK)
        return code;
    if (!o->appraised.quote)
        return cli_fail(o->verdict == VERDICT_UNKNOWN ? EXIT_JUDGED_UNKNOWN : EXIT_JUDGED_UNHEALTHY,
                        "the quote does not hold, so that nothing is claimed: %s", o->findings.n ? o->findings.items[0].text : "");
    if (!all_claims(cli, o, &claims, &n, &err))
        return cli_fail_err(&err);
    return print_claims(cli, &o->appraised, CLAIM_EVIDENCE_TPM, claims, n);
}

static const struct cli_option claims_options[] = { OFFLINE_OPTIONS };
const struct cli_command command_evidence_claims = {
    "evidence claims",
    "[FILE.evidence.json|AZUREGUEST_REQUEST.json]",
    0,
    1,
    "What the service claims about saved evidence: what each claim rests on, and why one is false or "
    "is not made",
    claims_options,
    ARRAY_LEN(claims_options),
    run_evidence_claims
};
