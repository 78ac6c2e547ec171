/* trueboot quote verify: is this quote genuine, fresh, and about these values? */
#include "cli/files/ak_file.h"
#include "cli/files/pcrs_file.h"
#include "cli/files/quoted_values.h"
#include "cli/offline/commands.h"
#include "cli/offline/offline.h"
#include "cli/show/findings.h"
#include "tpm/tools_format.h"

struct quote_files {
    struct bytes attest, signature, nonce;
    enum signature_form form;
    struct pubkey *ak;
    const struct tpm_public *ak_public; /* NULL: not known */
    bool any_nonce;
    struct pcr_set pcrs;
    struct findings findings;
    const struct verified_quote *quote;
};

static void quote_files_done(struct quote_files *q) { pubkey_free(q->ak); }

static bool read_files(struct cli *cli, struct quote_files *q, struct err *err)
{
    if (!cli_read(cli, cli_option(cli, "quote"), LIMIT_SMALL_BODY_BYTES, &q->attest, err) ||
        !cli_read(cli, cli_option(cli, "signature"), LIMIT_SMALL_BODY_BYTES, &q->signature, err) ||
        !ak_file_read(cli, cli_option(cli, "ak"), &q->ak, &q->ak_public, err))
        return false;
    if (!tools_binary(&cli->arena, q->attest, "quoted", &q->attest, err) ||
        !tools_binary(&cli->arena, q->signature, "sig", &q->signature, err))
        return false;
    q->any_nonce = !cli_was_given(cli, "nonce");
    q->attest = tools_attest(q->attest);
    return offline_nonce(cli, &q->nonce, err) &&
           tools_signature(&cli->arena, q->signature, q->ak, q->ak_public, q->attest, &q->signature, &q->form, err);
}

/* The quote's digest stands for values; without --pcrs there is nothing to show but the digest, and only the signature is checked. */
static bool read_values(struct cli *cli, struct quote_files *q, struct err *err)
{
    struct pcr_set given;
    const struct value_sources sources = { .given = &given, .replayed = &given };
    struct bytes content;

    if (!cli_read(cli, cli_option(cli, "pcrs"), PCRS_FILE_MAX, &content, err))
        return false;
    if (!pcrs_parse_quoted(&cli->arena, content, q->attest, &given, err))
        return err_within(err, "%s", cli_option(cli, "pcrs"));
    return quoted_values(&cli->arena, q->attest, q->signature, q->form, &sources, &q->pcrs, err);
}

static bool is_about_values(enum finding_id id) { return id == FINDING_QUOTE_SELECTION || id == FINDING_QUOTE_DIGEST; }

/* Without values, the findings about them are left out. *ret_fine: nothing else was refused. */
static void drop_value_findings(struct quote_files *q)
{
    size_t kept = 0;

    for (size_t i = 0; i < q->findings.n; i++)
        if (!is_about_values(q->findings.items[i].id))
            q->findings.items[kept++] = q->findings.items[i];
    q->findings.n = kept;
}

static void put_claims(struct json_out *out, const struct quote_files *q)
{
    struct err err = ERR_INIT;
    struct attest attest;

    if (!attest_decode(q->attest, &attest, &err)) {
        json_put_null(out, "quote");
        return;
    }
    json_begin_object(out, "quote");
    json_put_string(out, "type", attest_type_name(attest.type));
    json_put_hex(out, "extraData", attest.extra_data);
    json_put_hex(out, "qualifiedSigner", attest.qualified_signer);
    json_put_integer(out, "clock", (int64_t)(attest.clock.clock_ms & INT64_MAX));
    json_put_integer(out, "resetCount", attest.clock.reset_count);
    json_put_integer(out, "restartCount", attest.clock.restart_count);
    json_put_boolean(out, "safe", attest.clock.safe);
    json_begin_object(out, "selection");
    for (size_t i = 0; i < attest.selection.n_banks; i++) {
        const struct pcr_selection_bank *bank = &attest.selection.banks[i];
        char unknown[8];
        snprintf(unknown, sizeof unknown, "0x%04x", bank->hash_id);
        json_begin_array(out, bank->algorithm == DIGEST_NONE ? unknown : digest_name(bank->algorithm));
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (bank->mask >> pcr & 1)
                json_put_integer(out, NULL, pcr);
        json_end(out);
    }
    json_end(out);
    json_put_hex(out, "pcrDigest", attest.pcr_digest);
    json_end(out);
}

static const struct json *quote_value(struct cli *cli, const struct quote_files *q, bool verified, bool has_values)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_boolean(&out, "verified", verified);
    json_put_boolean(&out, "nonceChecked", !q->any_nonce);
    json_put_boolean(&out, "valuesChecked", has_values);
    put_claims(&out, q);
    json_begin_object(&out, "registers");
    if (q->quote)
        pcrs_write(&out, verified_quote_pcrs(q->quote));
    json_end(&out);
    findings_put(&cli->arena, &out, "findings", &q->findings, NULL);
    json_end(&out);
    return cli_json(cli, &w);
}

static void quote_table(struct cli *cli, const struct json *v)
{
    static const struct {
        const char *member, *yes, *no;
    } lines[] = { { "verified", "The quote is genuine.", "The quote does not hold." },
                  { "nonceChecked", "It contains the nonce.", "No nonce was given: it may be a recording." },
                  { "valuesChecked", "Its values were compared.", "No values were given: only the signature was checked." } };
    bool verified = false;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        bool held = false;
        if (!json_as_boolean(json_get(v, lines[i].member), &held))
            held = false;
        verified = i == 0 ? held : verified;
        if (i == 0 || verified || !held)
            puts(held ? lines[i].yes : lines[i].no);
    }
    findings_section(cli, "Findings", json_get(v, "findings"), FINDINGS_JUDGED);
}

static int run_verify(struct cli *cli)
{
    static const char *const needed[] = { "quote", "signature", "ak" };
    struct quote_files q CLEANUP(quote_files_done) = { .findings.arena = &cli->arena };
    struct quote_claim claim;
    struct quote_expectations want;
    bool has_values = cli_was_given(cli, "pcrs"), verified;
    struct err err = ERR_INIT;
    const struct json *v;
    int code;

    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!cli_was_given(cli, needed[i]))
            return cli_fail(EXIT_USAGE, "--%s is needed", needed[i]);
    if (!read_files(cli, &q, &err) || (has_values && !read_values(cli, &q, &err)))
        return cli_fail_input(&err);
    claim = (struct quote_claim){ q.attest, q.signature, q.form, &q.pcrs };
    want = (struct quote_expectations){ .ak = q.ak, .ak_public = q.ak_public, .any_nonce = q.any_nonce, .nonce = q.nonce };
    verified = quote_verify(&cli->arena, &claim, &want, &q.findings, &q.quote, &err);
    if (!verified && !q.findings.n)
        return cli_fail_input(&err);
    if (!has_values) {
        drop_value_findings(&q);
        verified = findings_worst(&q.findings) < SEVERITY_MEDIUM;
    }
    v = quote_value(cli, &q, verified, has_values);
    code = v ? cli_print(cli, v, quote_table) : EXIT_ERROR;
    return code == EXIT_OK && !verified ? EXIT_JUDGED_UNHEALTHY : code;
}

static const struct cli_option options[] = {
    { "quote", "FILE", "TPMS_ATTEST (tpm2_quote -m), its hex, or what tpm2_quote printed" },
    { "signature", "FILE", "its signature (tpm2_quote -s), its hex, or what tpm2_quote printed" },
    { "ak", "FILE", "attestation key: PEM, DER, TPM2B_PUBLIC, TPMT_PUBLIC or its certificate" },
    { "nonce", "HEX", "what the quote must contain", VALUE_HEX },
    { "pcrs", "FILE", "register values: JSON, tpm2-tools' YAML or serialized" },
};
const struct cli_command command_quote_verify = {
    "quote verify", "", 0, 0, "Check a quote's signature, nonce and register values", options, ARRAY_LEN(options), run_verify
};
