/* What a guest says, read strictly (attestation-service.md 6.4.1, architecture.md 8). */
#include <stdlib.h>
#include "appraise/evidence.h"
#include "base/base64.h"
#include "json/parse.h"
#include "support/test.h"

#define DIGEST "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" /* 32 bytes */
#define BANK   "{\"algorithm\":11,\"values\":[{\"index\":0,\"digest\":\"" DIGEST "\"},{\"index\":7,\"digest\":\"" DIGEST "\"}]}"
#define REST   "\"quote\":\"cXVvdGU\",\"signature\":\"c2ln\",\"aik_cert\":\"Y2VydA\""
#define ATT    "{\"logs\":[{\"type\":\"TCG\",\"log\":\"bG9n\"}],\"pcrs\":[" BANK "]," REST "}"
#define VM     "aaaaaaaa-bbbb-4ccc-8ddd-000000000001"

static bool read_text(struct arena *a, const char *text, struct evidence *ret, struct err *err)
{
    const struct json *v;

    return json_parse(a, bytes_of_string(text), NULL, &v, err) && evidence_read(a, v, ret, err);
}

TEST(an_attestation_is_read_member_by_member)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct evidence e;
    struct err err = ERR_INIT;
    struct digest whole;

    REQUIRE_OK(read_text(&a, ATT, &e, &err), err);
    CHECK_INT(e.n_logs, 1);
    CHECK_INT(e.logs[0].kind, EVIDENCE_LOG_TCG);
    CHECK_BYTES(e.logs[0].content, BYTES_LIT("log"));
    CHECK_INT(e.pcrs.n_banks, 1);
    CHECK_INT(e.pcrs.banks[0].present, 0x81);
    CHECK_BYTES(e.quote, BYTES_LIT("quote"));
    CHECK_BYTES(e.signature, BYTES_LIT("sig"));
    CHECK_BYTES(e.aik_cert, BYTES_LIT("cert"));
    CHECK_BYTES(e.raw, bytes_of_string(ATT));
    digest_compute(DIGEST_SHA256, bytes_of_string(ATT), &whole);
    CHECK(digest_equal(&e.digest, &whole));
}

TEST(base64_may_be_padded_and_of_the_other_alphabet_and_logs_may_be_absent)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct evidence e;
    struct err err = ERR_INIT;

    REQUIRE_OK(read_text(&a, "{\"pcrs\":[],\"quote\":\"-_8=\",\"signature\":\"+/8\",\"aik_pub\":{}}", &e, &err), err);
    CHECK_BYTES(e.quote, e.signature);
    CHECK_INT(e.n_logs, 0);
    REQUIRE_OK(read_text(&a, "{\"logs\":null,\"pcrs\":[],\"quote\":\"\",\"signature\":\"\",\"aik_cert\":null,\"aik_pub\":{}}", &e, &err),
               err);
}

TEST(attestations_with_a_member_missing_or_wrong_are_refused_and_named)
{
    static const struct {
        const char *text, *says;
        enum err_code code;
    } rows[] = {
        { "[]", "object", ERR_MALFORMED },
        { "{\"pcrs\":[],"
          "\"signature\":\"\",\"aik_pub\":{}}",
          "\"quote\" must be a string, but is missing", ERR_MALFORMED },
        { "{\"pcrs\":[],\"quote\":\"\",\"aik_pub\":{}}", "\"signature\" must be a string, but is missing", ERR_MALFORMED },
        { "{" REST "}", "pcrs", ERR_MALFORMED },
        { "{\"pcrs\":{}," REST "}", "pcrs", ERR_MALFORMED },
        { "{\"pcrs\":[],\"quote\":\"\",\"signature\":\"\"}", "neither aik_cert nor aik_pub", ERR_MALFORMED },
        { "{\"pcrs\":[],\"quote\":1,\"signature\":\"\",\"aik_pub\":{}}", "\"quote\" must be a string, but is a number", ERR_MALFORMED },
        { "{\"pcrs\":[],\"quote\":\"!\",\"signature\":\"\",\"aik_pub\":{}}", "quote", ERR_MALFORMED },
        { "{\"pcrs\":[],\"quote\":\"\",\"signature\":\"\",\"aik_pub\":\"x\"}", "aik_pub is not an object", ERR_MALFORMED },
        { "{\"pcrs\":[1]," REST "}", "pcrs[0]", ERR_MALFORMED },
        { "{\"pcrs\":[{\"values\":[]}]," REST "}", "algorithm", ERR_MALFORMED },
        { "{\"pcrs\":[{\"algorithm\":11}]," REST "}", "values", ERR_MALFORMED },
        { "{\"pcrs\":[{\"algorithm\":99,\"values\":[]}]," REST "}", "algorithm 99", ERR_UNSUPPORTED },
        { "{\"pcrs\":[{\"algorithm\":65547,\"values\":[]}]," REST "}", "algorithm 65547", ERR_UNSUPPORTED },
        { "{\"pcrs\":[{\"algorithm\":-11,\"values\":[]}]," REST "}", "algorithm", ERR_UNSUPPORTED },
        { "{\"pcrs\":[" BANK "," BANK "]," REST "}", "listed twice", ERR_MALFORMED },
        { "{\"pcrs\":[{\"algorithm\":11,\"values\":[{\"index\":24,\"digest\":\"" DIGEST "\"}]}]," REST "}", "index 24", ERR_MALFORMED },
        { "{\"pcrs\":[{\"algorithm\":11,\"values\":[{\"index\":-1,\"digest\":\"" DIGEST "\"}]}]," REST "}", "index -1", ERR_MALFORMED },
        { "{\"pcrs\":[{\"algorithm\":11,\"values\":[{\"index\":1.5,\"digest\":\"" DIGEST "\"}]}]," REST "}", "index", ERR_MALFORMED },
        { "{\"pcrs\":[{\"algorithm\":11,\"values\":[{\"index\":0}]}]," REST "}",
          "pcrs[0]: values[0]: \"digest\" must be a string, but is missing", ERR_MALFORMED },
        { "{\"pcrs\":[{\"algorithm\":11,\"values\":[{\"index\":0,\"digest\":\"AAAA\"}]}]," REST "}", "3 bytes", ERR_MALFORMED },
        { "{\"pcrs\":[{\"algorithm\":11,\"values\":[{\"index\":0,\"digest\":\"" DIGEST "\"},{\"index\":0,\"digest\":\"" DIGEST
          "\"}]}]," REST "}",
          "register 0 is listed twice", ERR_MALFORMED },
        { "{\"logs\":{},\"pcrs\":[]," REST "}", "logs is not an array", ERR_MALFORMED },
        { "{\"logs\":[{}],\"pcrs\":[]," REST "}", "logs[0]", ERR_MALFORMED },
        { "{\"logs\":[{\"type\":\"tcg\",\"log\":\"\"}],\"pcrs\":[]," REST "}", "neither TCG nor IMA", ERR_UNSUPPORTED },
        { "{\"logs\":[{\"type\":\"TCG\"}],\"pcrs\":[]," REST "}", "logs[0]: \"log\" must be a string, but is missing", ERR_MALFORMED },
    };
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct evidence e = { .n_logs = 99 };
        struct err err = ERR_INIT;
        CHECK(!read_text(&a, rows[i].text, &e, &err));
        CHECK_INT(err.code, rows[i].code);
        if (!strstr(err.text, rows[i].says))
            test_note("%s: %s", rows[i].text, err.text);
        CHECK(strstr(err.text, rows[i].says) != NULL);
        CHECK_INT(e.n_logs, 99); /* written only on success */
    }
}

static char *repeated(struct arena *a, const char *before, const char *item, size_t n, const char *after)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    write_string(&w, before);
    for (size_t i = 0; i < n; i++) {
        write_string(&w, i ? "," : "");
        write_string(&w, item);
    }
    write_string(&w, after);
    return arena_string(a, writer_bytes(&w));
}

TEST(more_logs_than_the_limit_are_refused)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct evidence e;
    struct err err = ERR_INIT;

    for (size_t n = LIMIT_LOGS; n <= LIMIT_LOGS + 1; n++) {
        char *text = repeated(&a, "{\"logs\":[", "{\"type\":\"IMA\",\"log\":\"\"}", n, "],\"pcrs\":[]," REST "}");
        CHECK(read_text(&a, text, &e, &err) == (n == LIMIT_LOGS));
    }
    CHECK_INT(err.code, ERR_LIMIT);
}

TEST(a_log_quote_or_certificate_beyond_its_limit_is_refused)
{
    static const struct {
        const char *before, *after;
        size_t limit;
    } members[] = { { "{\"logs\":[{\"type\":\"TCG\",\"log\":\"", "\"}],\"pcrs\":[]," REST "}", LIMIT_LOG_BYTES },
                    { "{\"pcrs\":[],\"signature\":\"\",\"aik_pub\":{},\"quote\":\"", "\"}", LIMIT_SMALL_BODY_BYTES },
                    { "{\"pcrs\":[],\"signature\":\"\",\"quote\":\"\",\"aik_cert\":\"", "\"}", LIMIT_CERT_BYTES } };

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        for (size_t more = 0; more <= 3; more += 3) {
            struct arena a CLEANUP(arena_done) = { 0 };
            struct bytes data = { arena_alloc(&a, members[i].limit / 3 * 3 + more), members[i].limit / 3 * 3 + more };
            struct evidence e;
            struct err err = ERR_INIT;
            char *text = arena_printf(&a, "%s%s%s", members[i].before, base64_in(&a, BASE64_URL, data), members[i].after);
            REQUIRE(text != NULL);
            CHECK(read_text(&a, text, &e, &err) == (more == 0));
            CHECK_INT(err.code, more ? ERR_LIMIT : ERR_NONE);
        }
}

/* ---- the evidence file ----------------------------------------------------------------------------------------------------- */

#define FILE_TEXT                                                                                                           \
    "{\"version\":1,\"vm\":\"" VM "\",\"time\":\"2026-11-21T12:00:00Z\",\"nonce\":\"bm9uY2U\",\"current_attestation\":" ATT \
    ",\"boot_attestation\":" ATT ",\"ek_cert\":\"ZWs\",\"systemd_log\":\"c3lz\"}"

TEST(an_evidence_file_is_read_member_by_member)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct evidence_file f;
    struct err err = ERR_INIT;

    REQUIRE_OK(evidence_file_read(&a, BYTES_LIT(FILE_TEXT), &f, &err), err);
    CHECK_STRING(f.vm, VM);
    CHECK_INT(f.time_ms, INT64_C(1795262400000));
    CHECK_BYTES(f.nonce, BYTES_LIT("nonce"));
    CHECK(f.has_boot);
    CHECK_BYTES(f.ek_cert, BYTES_LIT("ek"));
    CHECK_BYTES(f.current.systemd_log, BYTES_LIT("sys"));
    CHECK_BYTES(f.boot.quote, BYTES_LIT("quote"));
}

TEST(an_evidence_file_cut_anywhere_is_refused)
{
    for (size_t n = 0; n < sizeof FILE_TEXT - 1; n++) {
        struct bytes cut = exact_copy(bytes_slice(BYTES_LIT(FILE_TEXT), 0, n));
        struct arena a CLEANUP(arena_done) = { 0 };
        struct evidence_file f;
        struct err err = ERR_INIT;
        CHECK(!evidence_file_read(&a, cut, &f, &err) && err.code != ERR_NONE);
        free((void *)cut.data);
    }
}

TEST(evidence_files_with_a_member_wrong_are_refused_and_named)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "", "evidence file" },
        { "[]", "not an object" },
        { "{}", "version" },
        { "{\"version\":2,\"current_attestation\":" ATT "}", "version 2 is not 1" },
        { "{\"version\":\"1\",\"current_attestation\":" ATT "}", "version" },
        { "{\"version\":1}", "current_attestation" },
        { "{\"version\":1,\"current_attestation\":[]}", "current_attestation" },
        { "{\"version\":1,\"vm\":\"web1\",\"current_attestation\":" ATT "}", "vm is not a UUID" },
        { "{\"version\":1,\"vm\":7,\"current_attestation\":" ATT "}", "vm" },
        { "{\"version\":1,\"time\":\"yesterday\",\"current_attestation\":" ATT "}", "time" },
        { "{\"version\":1,\"time\":7,\"current_attestation\":" ATT "}", "time" },
        { "{\"version\":1,\"nonce\":7,\"current_attestation\":" ATT "}", "nonce" },
        { "{\"version\":1,\"current_attestation\":" ATT ",\"boot_attestation\":{}}", "boot_attestation" },
        { "{\"version\":1,\"current_attestation\":" ATT ",\"boot_attestation\":7}", "boot_attestation" },
        { "{\"version\":1,\"current_attestation\":" ATT ",\"ek_cert\":7}", "ek_cert" },
        { "{\"version\":1,\"version\":1,\"current_attestation\":" ATT "}", "twice" },
        { "{\"version\":1,\"current_attestation\":" ATT "}x", "evidence file" },
    };
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct evidence_file f;
        struct err err = ERR_INIT;
        bool read = evidence_file_read(&a, bytes_of_string(rows[i].text), &f, &err);
        if (read || !strstr(err.text, rows[i].says))
            test_note("%s: %s", rows[i].text, err.text);
        CHECK(!read && strstr(err.text, rows[i].says) != NULL);
    }
}

TEST(a_nonce_longer_than_any_tpm_takes_is_refused)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    static const uint8_t nonce[LIMIT_NONCE_BYTES + 3];
    struct evidence_file f;
    struct err err = ERR_INIT;

    for (size_t n = LIMIT_NONCE_BYTES - 1; n <= sizeof nonce; n++) {
        char *text = arena_printf(&a, "{\"version\":1,\"nonce\":\"%s\",\"current_attestation\":" ATT "}",
                                  base64_in(&a, BASE64_URL, (struct bytes){ nonce, n }));
        CHECK(evidence_file_read(&a, bytes_of_string(text), &f, &err) == (n <= LIMIT_NONCE_BYTES));
    }
}
