/* trueboot evidence claims: what the attestation service claims about saved evidence, what each claim rests on, and why one is false or is
 * not made. */
#include "appraise/claims_events.h"
#include "appraise/claims_explain.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/offline.h"
#include "eventlog/event_type.h"

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

static int run_evidence_claims(struct cli *cli)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct offline *o = ARENA_NEW(&cli->arena, struct offline);
    const struct claim_explanation *list;
    const struct policy_claim *claims;
    const struct json *v;
    struct err err = ERR_INIT;
    size_t n;
    int code;

    if (!o)
        return cli_fail(EXIT_ERROR, "out of memory");
    o->wants_claims = true;
    code = offline_appraise(cli, o);
    if (code != EXIT_OK)
        return code;
    if (!o->appraised.quote)
        return cli_fail(o->verdict == VERDICT_UNKNOWN ? EXIT_JUDGED_UNKNOWN : EXIT_JUDGED_UNHEALTHY,
                        "the quote does not hold, so that nothing is claimed: %s", o->findings.n ? o->findings.items[0].text : "");
    if (!all_claims(cli, o, &claims, &n, &err) || !claims_explain(&cli->arena, &o->appraised, claims, n, &list, &n, &err))
        return cli_fail_err(&err);
    json_begin_array(&out, NULL);
    for (size_t i = 0; i < n; i++)
        put_explanation(cli, &out, &list[i]);
    json_end(&out);
    v = offline_value(cli, &w);
    return v ? cli_print(cli, v, claims_table) : EXIT_ERROR;
}

static const struct cli_option claims_options[] = { OFFLINE_OPTIONS };
const struct cli_command command_evidence_claims = {
    "evidence claims",
    "[FILE.evidence.json]",
    0,
    1,
    "What the service claims about saved evidence: what each claim rests on, and why one is false or "
    "is not made",
    claims_options,
    ARRAY_LEN(claims_options),
    run_evidence_claims
};
