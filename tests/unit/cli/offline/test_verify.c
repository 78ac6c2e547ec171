/* Issue-sized proof: every recorded boot through the real `trueboot verify`, against a baseline that `trueboot baseline learn` made. */
#include <stdlib.h>
#include "base/file.h"
#include "base/hex.h"
#include "cli/files/pcrs_file.h"
#include "jose/jwk.h"
#include "json/parse.h"
#include "run.h"
#include "support/test.h"
#include "tpm/attest.h"

static const char *in_folder(struct arena *a, const char *folder, const char *name)
{
    const char *path = arena_printf(a, "%s/%s", folder, name);
    return path && file_exists(path) ? path : NULL;
}

/* The options for one folder's evidence. IMA: the list as read last, which is the one that the quote may be a beginning of. */
static bool evidence(struct arena *a, const char *folder, bool with_values, struct command *c)
{
    const char *log = in_folder(a, folder, "binary_bios_measurements"),
               *ima = in_folder(a, folder, "ima_binary_runtime_measurements.after");
    const char *quote = in_folder(a, folder, "quote_rsa.msg"), *platform = in_folder(a, folder, "platform.json");
    const struct json *v;
    struct err err = ERR_INIT;
    struct bytes text;

    if (!quote || !platform || !file_read_in(a, platform, 1 << 20, &text, &err) || !json_parse(a, text, NULL, &v, &err))
        return false;
    command_add(c, "--quote", quote, "--signature", in_folder(a, folder, "quote_rsa.sig"), "--ak", in_folder(a, folder, "ak_rsa.pem"),
                "--nonce", arena_string(a, json_text(json_get(v, "nonce"), BYTES_NONE)), NULL);
    if (with_values)
        command_add(c, "--pcrs", in_folder(a, folder, "pcrs.json"), NULL);
    if (log)
        command_add(c, "--log", log, NULL);
    if (!ima)
        ima = in_folder(a, folder, "ima_binary_runtime_measurements");
    if (ima)
        command_add(c, "--ima", ima, NULL);
    return true;
}

static const char *learn(struct arena *a, const char *folder, bool with_values)
{
    struct command c = { .n = 0 };
    struct ran r;

    command_add(&c, "baseline", "learn", NULL);
    if (!evidence(a, folder, with_values, &c))
        return NULL;
    r = run(a, &c, NULL);
    if (r.code != 0) {
        test_note("baseline learn %s: exit code %d: %.*s", folder, r.code, BYTES_FMT(r.error));
        return NULL;
    }
    return temporary_file(a, "baseline.json", r.out);
}

static bool contains(const struct json *text, struct bytes word) { return bytes_find(json_text(text, BYTES_NONE), word) != SIZE_MAX; }

static bool finding_is_at(const struct json *findings, const struct json *where)
{
    for (size_t i = 0; i < findings->array.n; i++) {
        const struct json *f = findings->array.items[i];
        int64_t pcr = -1;
        if (where->type == JSON_NUMBER && json_as_integer(json_get(f, "pcr"), &pcr) && pcr == where->number.integer)
            return true;
        if (where->type == JSON_STRING && (contains(json_get(f, "id"), where->string) || contains(json_get(f, "text"), where->string)))
            return true;
    }
    return false;
}

static int code_of(struct bytes verdict)
{
    return bytes_equal_string(verdict, "Healthy") ? 0 : bytes_equal_string(verdict, "Unhealthy") ? 10 : 11;
}

static void judge(struct arena *a, const char *root, struct bytes name, const struct json *row)
{
    struct command c = { .n = 0 };
    const char *folder = arena_printf(a, "%s/%.*s", root, BYTES_FMT(name));
    const char *of = arena_printf(a, "%s/%.*s", root, BYTES_FMT(json_text(json_get(row, "baseline"), BYTES_NONE)));
    const char *baseline = learn(a, of, true);
    const struct json *v, *findings, *places = json_get(row, "findings_at");
    struct bytes verdict = json_text(json_get(row, "verdict"), BYTES_NONE);
    struct ran r;

    REQUIRE(baseline);
    command_add(&c, "verify", "-o", "json", "--baseline", baseline, NULL);
    REQUIRE(evidence(a, folder, true, &c));
    r = run(a, &c, NULL);
    v = run_json(a, &r);
    REQUIRE(v);
    findings = json_get(v, "findings");
    REQUIRE(findings && findings->type == JSON_ARRAY);
    if (!json_get(v, "verdict") || !bytes_equal(json_get(v, "verdict")->string, verdict) || r.code != code_of(verdict))
        test_note("%.*s: exit code %d, findings %.*s", BYTES_FMT(name), r.code, BYTES_FMT(findings->raw));
    CHECK(bytes_equal(json_text(json_get(v, "verdict"), BYTES_NONE), verdict));
    CHECK_INT(r.code, code_of(verdict));
    for (size_t i = 0; i < places->array.n; i++) {
        if (!finding_is_at(findings, places->array.items[i]))
            test_note("%.*s: no finding at %.*s", BYTES_FMT(name), BYTES_FMT(places->array.items[i]->raw));
        CHECK(finding_is_at(findings, places->array.items[i]));
    }
}

/* A machine that never came up, or has no TPM: there is nothing to judge, and nothing is printed. */
static void has_no_evidence(struct arena *a, const char *root, struct bytes name, const struct json *row)
{
    const char *folder = arena_printf(a, "%s/%.*s", root, BYTES_FMT(name));
    struct command c = { .n = 0 };
    struct ran r;

    REQUIRE(folder && file_exists(folder));
    CHECK(!in_folder(a, folder, "quote_rsa.msg") && !in_folder(a, folder, "quote_ecc.msg"));
    CHECK(json_get(row, "baseline")->type == JSON_NULL && json_get(row, "findings_at")->array.n == 0);
    CHECK(contains(json_get(row, "why"), BYTES_LIT("no evidence")));
    command_add(&c, "verify", "-o", "json", "--quote", arena_printf(a, "%s/quote_rsa.msg", folder), "--signature",
                arena_printf(a, "%s/quote_rsa.sig", folder), "--ak", arena_printf(a, "%s/ak_rsa.pem", folder), NULL);
    r = run(a, &c, NULL);
    CHECK_INT(r.code, 1);
    CHECK_INT(r.out.len, 0);
}

TEST(every_recorded_boot_is_judged_as_expected)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *path = shared_data("boot-logs/expected.json");
    const struct json *expected;
    unsigned judged = 0, without = 0;
    struct err err = ERR_INIT;
    struct bytes text;
    char *root;

    if (!path)
        SKIP("no shared data");
    root = arena_printf(&a, "%.*s", (int)(strrchr(path, '/') - path), path);
    REQUIRE_OK(file_read_in(&a, path, 1 << 20, &text, &err), err);
    REQUIRE_OK(json_parse(&a, text, NULL, &expected, &err), err);
    for (size_t i = 0; i < expected->object.n; i++) {
        const struct json *row = expected->object.members[i].value;
        if (json_get(row, "verdict")->type == JSON_NULL) {
            has_no_evidence(&a, root, expected->object.members[i].name, row);
            without++;
            continue;
        }
        judge(&a, root, expected->object.members[i].name, row);
        judged++;
    }
    test_note("%u boots judged, %u without evidence", judged, without);
    CHECK_INT(judged + without, expected->object.n);
    CHECK(judged >= 25 && without >= 3);
}

static const char *boot_folder(struct arena *a, const char *name)
{
    const char *path = shared_data("boot-logs/expected.json");
    return path ? arena_printf(a, "%.*s/%s", (int)(strrchr(path, '/') - path), path, name) : NULL;
}

/* One verdict with further arguments; -1 when there is none. */
static int verdict_code(struct arena *a, const char *folder, bool with_values, const char *option, const char *value,
                        const struct json **ret)
{
    struct command c = { .n = 0 };
    struct ran r;

    command_add(&c, "verify", "-o", "json", NULL);
    if (!evidence(a, folder, with_values, &c))
        return -1;
    if (option)
        command_add(&c, option, value, NULL);
    r = run(a, &c, NULL);
    *ret = run_json(a, &r);
    return r.code;
}

TEST(without_values_the_logs_give_them_and_the_quote_decides)
{
    static const struct {
        const char *folder;
        int code;
    } rows[] = { { "debian-sb-boot1", 0 },
                 { "debian-sb-ima-tcb", 0 },
                 { "debian-linuxefi-sboff", 10 },
                 { "debian-sb-app-pcrs", 11 }, /* nothing logs what programs put into registers 16 and 23 */
                 { "debian-sboff-no-log", 11 } };
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *v;

    if (!shared_data("boot-logs"))
        SKIP("no shared data");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_INT(verdict_code(&a, boot_folder(&a, rows[i].folder), false, NULL, NULL, &v), rows[i].code);
}

TEST(register_10_that_moved_on_is_found_in_the_list)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *v = NULL;
    int64_t quoted = 0;

    if (!shared_data("boot-logs"))
        SKIP("no shared data");
    CHECK_INT(verdict_code(&a, boot_folder(&a, "debian-sb-ima-tcb"), true, NULL, NULL, &v), 0);
    CHECK(json_as_integer(json_at(v, "facts", "ima", "quoted", NULL), &quoted));
    CHECK_INT(quoted, 39);
}

/* Register 10 moved between reading and quoting, and no list says how: the quote cannot be checked. What the log says against the boot by
 * itself counts, and nothing that it says for it. */
TEST(a_quote_that_cannot_be_checked_is_unknown_unless_its_own_log_speaks_against_the_boot)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    static const struct {
        const char *baseline;
        int code;
    } rows[] = { { "debian-sb-ima-tcb", 11 }, { "debian-sb-boot1", 10 } };

    if (!shared_data("boot-logs"))
        SKIP("no shared data");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct command c = { .n = 0 };
        const char *folder = boot_folder(&a, "debian-sb-ima-tcb"), *before = arena_printf(&a, "%s/ima_binary_runtime_measurements", folder);
        const struct json *v;
        struct ran r;
        command_add(&c, "verify", "-o", "json", "--baseline", learn(&a, boot_folder(&a, rows[i].baseline), true), NULL);
        REQUIRE(evidence(&a, folder, true, &c));
        command_add(&c, "--ima", before, NULL); /* the list as it was before the quote; the last use of an option holds */
        r = run(&a, &c, NULL);
        v = run_json(&a, &r);
        REQUIRE(v);
        CHECK_INT(r.code, rows[i].code);
        CHECK(json_get(v, "quoteVerified")->type == JSON_BOOLEAN && !json_get(v, "quoteVerified")->boolean);
        CHECK(json_is_string(json_at(v, "facts", "secureBoot", NULL), "Unknown"));
    }
}

TEST(a_file_that_is_no_log_or_no_register_file_is_an_error_and_no_verdict)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *folder = boot_folder(&a, "debian-sb-boot1");
    const struct {
        const char *option;
        struct bytes content;
        const char *says;
    } rows[] = { { "--log", BYTES_LIT("\x1f\x8b\x08\0\0\0"), "a compressed file" },
                 { "--log", BYTES_LIT("AAAAAAMAAAAAAAAA\n"), "text" },
                 { "--ima", BYTES_LIT("not a list\n"), "IMA list" },
                 { "--ima", BYTES_LIT("{\"a\":1}"), "IMA list" },
                 { "--ima", BYTES_LIT("10 f10"), "IMA list" },
                 { "--systemd-log", BYTES_LIT("x"), "systemd's log" },
                 { "--pcrs", BYTES_LIT("{\"sha256\":{\"0\":\"xx\"}}"), "register 0" },
                 { "--pcrs", BYTES_LIT(""), "no register value" },
                 { "--ak", BYTES_LIT("garbage"), "neither PEM nor hexadecimal" } };

    if (!folder)
        SKIP("no shared data");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct command c = { .n = 0 };
        struct ran r;
        command_add(&c, "verify", "-o", "json", NULL);
        REQUIRE(evidence(&a, folder, true, &c));
        command_add(&c, rows[i].option, temporary_file(&a, "garbage", rows[i].content), NULL);
        r = run(&a, &c, NULL);
        CHECK_INT(r.code, 1);
        CHECK_INT(r.out.len, 0);
        if (bytes_find(r.error, bytes_of_string(rows[i].says)) == SIZE_MAX)
            test_note("%s: %.*s", rows[i].option, BYTES_FMT(r.error));
        CHECK(bytes_find(r.error, bytes_of_string(rows[i].says)) != SIZE_MAX);
    }
}

/* The forms in which tpm2-tools and people hand over one quote. */
TEST(quotes_and_nonces_are_taken_in_the_forms_that_people_have)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *folder = boot_folder(&a, "debian-sb-boot1");
    struct bytes quote, signature, nonce, hex;
    const char *printed;
    struct writer sized CLEANUP(writer_done) = { 0 };
    const struct json *v = NULL;
    struct err err = ERR_INIT;
    struct attest attest;

    if (!folder)
        SKIP("no shared data");
    REQUIRE_OK(file_read_in(&a, arena_printf(&a, "%s/quote_rsa.msg", folder), 4096, &quote, &err), err);
    REQUIRE_OK(file_read_in(&a, arena_printf(&a, "%s/quote_rsa.sig", folder), 4096, &signature, &err), err);
    REQUIRE_OK(attest_decode(quote, &attest, &err), err);
    nonce = attest.extra_data;
    write_u16be_prefixed(&sized, quote);
    CHECK_INT(verdict_code(&a, folder, true, "--quote", temporary_file(&a, "sized", writer_bytes(&sized)), &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--signature", temporary_file(&a, "bare", bytes_slice(signature, 6, 256)), &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--nonce", arena_printf(&a, "0x%s", hex_in(&a, nonce)), &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--pcrs", arena_printf(&a, "%s/quote_rsa.pcrs", folder), &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--pcrs", arena_printf(&a, "%s/pcrs.yaml", folder), &v), 0);
    hex = bytes_of_string(arena_printf(&a, "0x%s\n", hex_in(&a, quote)));
    CHECK_INT(verdict_code(&a, folder, true, "--quote", temporary_file(&a, "hex", hex), &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--signature", temporary_file(&a, "hex-sig", bytes_of_string(hex_in(&a, signature))), &v), 0);
    printed = arena_printf(&a, "%s/quote_rsa.yaml", folder); /* what tpm2_quote wrote to its standard output */
    CHECK_INT(verdict_code(&a, folder, true, "--quote", printed, &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--signature", printed, &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--pcrs", printed, &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--systemd-log", temporary_file(&a, "nothing-measured", BYTES_NONE), &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--quote", temporary_file(&a, "odd", bytes_slice(hex, 0, hex.len - 2)), &v), 10);
}

/* With words before the block, and as a certificate, which is another key's here. */
TEST(a_key_is_taken_out_of_the_files_that_people_have)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *folder = boot_folder(&a, "debian-sb-boot1");
    const struct json *v = NULL;
    struct err err = ERR_INIT;
    struct bytes pem;

    if (!folder)
        SKIP("no shared data");
    REQUIRE_OK(file_read_in(&a, arena_printf(&a, "%s/ak_rsa.pem", folder), 4096, &pem, &err), err);
    pem = bytes_of_string(arena_printf(&a, "Attestation key of web1\n%.*s", BYTES_FMT(pem)));
    CHECK_INT(verdict_code(&a, folder, true, "--ak", temporary_file(&a, "with-words", pem), &v), 0);
    CHECK_INT(verdict_code(&a, folder, true, "--ak", arena_printf(&a, "%s/../ca/root.pem", folder), &v), 10);
    CHECK(bytes_find(json_get(v, "findings")->raw, BYTES_LIT("quote.signature")) != SIZE_MAX);
}

/* quote_ecc: registers 0 to 15 of three banks. Registers of programs and of a dynamic launch say nothing about a boot. */
TEST(a_quote_of_the_registers_that_are_judged_is_enough)
{
    static const struct {
        const char *required;
        int code;
        const char *says;
    } rows[] = { { NULL, 0, "" },
                 { "0-9,14", 0, "" },
                 { "0-23", 10, "registers 0-23 have to be quoted together in one bank of SHA-256 or better; missing: 16-23" },
                 { "0,16,18-19", 10, "missing: 16, 18-19" } };
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *folder = boot_folder(&a, "debian-sb-boot1");

    if (!folder)
        SKIP("no shared data");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct command c = { .n = 0 };
        struct ran r;
        command_add(&c, "verify", "-o", "json", NULL);
        REQUIRE(evidence(&a, folder, true, &c));
        command_add(&c, "--quote", in_folder(&a, folder, "quote_ecc.msg"), "--signature", in_folder(&a, folder, "quote_ecc.sig"), "--ak",
                    in_folder(&a, folder, "ak_ecc.pem"), NULL);
        if (rows[i].required)
            command_add(&c, "--required-pcrs", rows[i].required, NULL);
        r = run(&a, &c, NULL);
        CHECK_INT(r.code, rows[i].code);
        CHECK(bytes_find(r.out, bytes_of_string(rows[i].says)) != SIZE_MAX);
    }
}

TEST(standard_input_is_a_file_once)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *folder = boot_folder(&a, "debian-sb-boot1");
    static const char *const forms[] = { "sha256:\n", "{\"sha256\":{\"0\":\"00\"}}" };
    struct command once = { .n = 0 }, twice = { .n = 0 };
    struct bytes values;
    struct err err = ERR_INIT;
    struct ran r;

    if (!folder)
        SKIP("no shared data");
    REQUIRE_OK(file_read_in(&a, arena_printf(&a, "%s/pcrs.json", folder), 1 << 20, &values, &err), err);
    command_add(&once, "verify", "-o", "json", NULL);
    REQUIRE(evidence(&a, folder, true, &once));
    command_add(&once, "--pcrs", "-", NULL);
    r = run(&a, &once, arena_string(&a, values));
    CHECK_INT(r.code, 0);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) /* no value is in it, or a short one */
        CHECK_INT(run(&a, &once, forms[i]).code, 1);
    command_add(&twice, "verify", NULL);
    REQUIRE(evidence(&a, folder, true, &twice));
    command_add(&twice, "--log", "-", "--quote", "-", NULL);
    r = run(&a, &twice, "");
    CHECK_INT(r.code, 1);
    CHECK(bytes_find(r.error, BYTES_LIT("once only")) != SIZE_MAX);
}

TEST(another_nonce_or_another_key_is_refused)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *v = NULL;
    const char *folder = boot_folder(&a, "debian-sb-boot1");

    if (!folder)
        SKIP("no shared data");
    CHECK_INT(verdict_code(&a, folder, true, "--nonce", "00112233", &v), 10);
    CHECK_STRING(arena_string(&a, json_text(json_get(json_get(v, "findings")->array.items[0], "id"), BYTES_NONE)), "quote.nonce");
    CHECK_INT(verdict_code(&a, folder, true, "--ak", arena_printf(&a, "%s/../debian-sb-second-vm/ak_rsa.pem", folder), &v), 10);
    CHECK_STRING(arena_string(&a, json_text(json_get(json_get(v, "findings")->array.items[0], "id"), BYTES_NONE)), "quote.signature");
}

TEST(an_endorsement_certificate_names_the_vm_or_says_why_not)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *folder = boot_folder(&a, "debian-sb-boot1"), *names[] = { "ca/root.pem", "secure-boot-keys/db.crt" };
    bool verified[] = { true, false };

    if (!folder)
        SKIP("no shared data");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct command c = { .n = 0 };
        const struct json *v, *identity;
        const char *root = arena_printf(&a, "%s/../%s", folder, names[i]);
        bool said = !verified[i];
        struct ran r;

        if (!file_exists(root))
            continue;
        command_add(&c, "verify", "-o", "json", "--ek-cert", in_folder(&a, folder, "nv_0x1c00002.der"), "--ek-root", root, NULL);
        if (i == 0)
            command_add(&c, "--ek-root", arena_printf(&a, "%s/../ca/issuer.pem", folder), NULL);
        REQUIRE(evidence(&a, folder, true, &c));
        r = run(&a, &c, NULL);
        v = run_json(&a, &r);
        REQUIRE(v);
        identity = json_at(v, "facts", "identity", NULL);
        CHECK(json_as_boolean(json_get(identity, "ekVerified"), &said) && said == verified[i]);
        CHECK(json_is_string(json_get(identity, "vmName"), "vm-d01") == verified[i]);
        CHECK_INT(r.code, verified[i] ? 0 : 10); /* a certificate that was asked for and does not hold is a finding */
    }
}

/* ---- evidence files ---- */

static void put_file(struct arena *a, struct json_out *out, const char *member, const char *folder, const char *name)
{
    struct err err = ERR_INIT;
    struct bytes content = BYTES_NONE;

    CHECK(file_read_in(a, arena_printf(a, "%s/%s", folder, name), 1 << 20, &content, &err));
    json_put_base64url(out, member, content);
}

/* The registers of one bank, as attestation-service.md 6.4.1 has them. */
static void put_pcrs(struct arena *a, struct json_out *out, const char *folder)
{
    struct err err = ERR_INIT;
    struct bytes content;
    struct pcr_set set;

    REQUIRE_OK(file_read_in(a, arena_printf(a, "%s/pcrs.json", folder), 1 << 20, &content, &err), err);
    REQUIRE_OK(pcrs_parse(a, content, &set, &err), err);
    json_begin_array(out, "pcrs");
    json_begin_object(out, NULL);
    json_put_integer(out, "algorithm", digest_tpm_id(DIGEST_SHA256));
    json_begin_array(out, "values");
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        json_begin_object(out, NULL);
        json_put_integer(out, "index", pcr);
        json_put_base64url(out, "digest", digest_bytes(pcr_find(&set, DIGEST_SHA256, pcr)));
        json_end(out);
    }
    json_end(out);
    json_end(out);
    json_end(out);
}

static void put_key(struct arena *a, struct json_out *out, const char *folder)
{
    struct pubkey *key CLEANUP(pubkey_free_at) = NULL;
    struct err err = ERR_INIT;
    struct bytes pem;

    REQUIRE_OK(file_read_in(a, arena_printf(a, "%s/ak_rsa.pem", folder), 1 << 16, &pem, &err), err);
    REQUIRE_OK(pubkey_from_pem(pem, &key, &err), err);
    json_begin_object(out, "aik_pub");
    jwk_write_key(out, key);
    json_end(out);
}

static const char *evidence_file(struct arena *a, const char *folder, const char *nonce_hex)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct err err = ERR_INIT;
    struct bytes nonce;

    if (!hex_decode(a, bytes_of_string(nonce_hex), &nonce, &err))
        return NULL;
    json_begin_object(&out, NULL);
    json_put_integer(&out, "version", 1);
    json_put_string(&out, "vm", "3f2a4b60-0000-4000-8000-000000000001");
    json_put_base64url(&out, "nonce", nonce);
    json_begin_object(&out, "current_attestation");
    json_begin_array(&out, "logs");
    json_begin_object(&out, NULL);
    json_put_string(&out, "type", "TCG");
    put_file(a, &out, "log", folder, "binary_bios_measurements");
    json_end(&out);
    json_end(&out);
    put_pcrs(a, &out, folder);
    put_key(a, &out, folder);
    put_file(a, &out, "quote", folder, "quote_rsa.msg");
    put_file(a, &out, "signature", folder, "quote_rsa.sig");
    json_end(&out);
    json_end(&out);
    return temporary_file(a, "web1.evidence.json", writer_bytes(&w));
}

static const char *nonce_of(struct arena *a, const char *folder)
{
    struct err err = ERR_INIT;
    const struct json *v;
    struct bytes text;

    return file_read_in(a, arena_printf(a, "%s/platform.json", folder), 1 << 20, &text, &err) && json_parse(a, text, NULL, &v, &err)
               ? arena_string(a, json_text(json_get(v, "nonce"), BYTES_NONE))
               : NULL;
}

TEST(an_evidence_file_is_judged_with_its_own_nonce_and_a_key_that_somebody_vouches_for)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *folder = boot_folder(&a, "debian-sb-boot1"), *nonce = folder ? nonce_of(&a, folder) : NULL;
    const struct {
        const char *nonce;
        bool vouched;
        int code;
        const char *finding;
    } rows[] = { { nonce, true, 0, NULL }, { nonce, false, 10, "tpm.ak_untrusted" }, { "00", true, 10, "quote.nonce" } };

    if (!folder)
        SKIP("no shared data");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct command c = { .n = 0 };
        const struct json *v;
        bool checked = false;
        struct ran r;

        command_add(&c, "verify", evidence_file(&a, folder, rows[i].nonce), "-o", "json", NULL);
        if (rows[i].vouched)
            command_add(&c, "--ak", in_folder(&a, folder, "ak_rsa.pem"), NULL);
        r = run(&a, &c, NULL);
        v = run_json(&a, &r);
        REQUIRE(v);
        CHECK_INT(r.code, rows[i].code);
        CHECK(json_as_boolean(json_get(v, "nonceChecked"), &checked) && checked);
        CHECK(json_is_string(json_get(v, "vm"), "3f2a4b60-0000-4000-8000-000000000001"));
        CHECK(!rows[i].finding || json_is_string(json_get(json_get(v, "findings")->array.items[0], "id"), rows[i].finding));
    }
}

TEST(what_is_missing_or_unreadable_is_an_error_and_no_verdict)
{
    static const struct {
        const char *arguments[6];
        int code;
        const char *says;
    } rows[] = {
        { { "verify" }, 2, "--quote is needed" },
        { { "verify", "--quote", "q" }, 2, "--signature is needed" },
        { { "verify", "/nonexistent/x.evidence.json" }, 1, "/nonexistent/x.evidence.json" },
        { { "baseline", "learn" }, 2, "--quote is needed" },
        { { "quote", "verify", "--quote", "q" }, 2, "--signature is needed" },
        { { "bootchain", "show" }, 2, "an event log is needed" },
        { { "verify", "--quote=q", "--signature=s", "--ak=a", "--ek-cert=e" }, 2, "--ek-cert needs --ek-root" },
        { { "verify", "--quote=q", "--signature=s", "--ak=a", "--ek-root=r" }, 2, "--ek-root is of use with --ek-cert" },
        { { "baseline", "learn", "x.evidence.json", "--ek-cert=e" }, 2, "--ek-cert needs --ek-root" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct command c = { .n = 0 };
        struct ran r;
        for (size_t k = 0; k < ARRAY_LEN(rows[i].arguments) && rows[i].arguments[k]; k++)
            command_add(&c, rows[i].arguments[k], NULL);
        r = run(&a, &c, NULL);
        CHECK_INT(r.code, rows[i].code);
        CHECK(bytes_find(r.error, bytes_of_string(rows[i].says)) != SIZE_MAX);
        CHECK_INT(r.out.len, 0);
    }
}
