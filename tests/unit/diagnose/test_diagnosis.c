#include "diagnose/diagnosis.h"
#include "json/parse.h"
#include "support/test.h"

TEST(every_check_has_an_id_of_its_own_a_group_and_a_title)
{
    for (int i = 0; i < CHECK_COUNT; i++) {
        const struct check_row *row = check_row((enum check)i);

        CHECK(row->id[0] && row->group[0] && row->title[0] && row->cause < CAUSE_COUNT);
        for (int j = 0; j < i; j++)
            CHECK(strcmp(row->id, check_row((enum check)j)->id) != 0);
    }
}

TEST(the_most_probable_cause_follows_the_order_of_the_specification)
{
    static const struct {
        enum check checks[4];
        enum result results[4];
        size_t n;
        const char *begins, *names;
    } cases[] = {
        { { CHECK_OS }, { RESULT_PASS }, 1, "Everything that was checked is in order.", "" },
        { { CHECK_OS }, { RESULT_SKIP }, 1, "Everything that was checked is in order.", "" },
        { { CHECK_TLS, CHECK_TPM_NODE }, { RESULT_FAIL, RESULT_FAIL }, 2, "Most probable cause: no TPM", "TPM.01" },
        { { CHECK_TLS, CHECK_AK, CHECK_PRIVILEGE },
          { RESULT_FAIL, RESULT_FAIL, RESULT_FAIL },
          3,
          "Most probable cause: permissions",
          "SYS.02" },
        { { CHECK_LOG_FIRMWARE, CHECK_AK }, { RESULT_FAIL, RESULT_FAIL }, 2, "Most probable cause: the attestation key", "KEY.02" },
        { { CHECK_RESOLVE, CHECK_TIME }, { RESULT_FAIL, RESULT_FAIL }, 2, "Most probable cause: the time", "CLK.01" },
        { { CHECK_CONNECT, CHECK_RESOLVE }, { RESULT_FAIL, RESULT_FAIL }, 2, "Most probable cause: name resolution", "NET.01" },
        { { CHECK_PROXY_CONNECT, CHECK_CONNECT }, { RESULT_FAIL, RESULT_FAIL }, 2, "Most probable cause: a firewall", "NET.03" },
        { { CHECK_TLS, CHECK_PROXY_CONNECT }, { RESULT_FAIL, RESULT_FAIL }, 2, "Most probable cause: the proxy", "PXY.02" },
        { { CHECK_ATTEST, CHECK_TLS }, { RESULT_FAIL, RESULT_FAIL }, 2, "Most probable cause: TLS", "TLS.01" },
        { { CHECK_ATTEST, CHECK_OS }, { RESULT_FAIL, RESULT_FAIL }, 2, "Most probable cause: the verifier refuses", "ATT.01" },
        { { CHECK_TPM_NODE, CHECK_TLS },
          { RESULT_WARN, RESULT_FAIL },
          2,
          "Most probable cause: TLS",
          "TLS.01" }, /* a failure before a warning */
        { { CHECK_TLS, CHECK_CLOCK_SYNC }, { RESULT_WARN, RESULT_WARN }, 2, "Nothing failed; worth a look: the time", "CLK.02" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct diagnosis d;
        const char *cause;

        diagnosis_init(&d, &a, "test", 10);
        for (size_t j = 0; j < cases[i].n; j++)
            diagnosis_add(&d, cases[i].checks[j], cases[i].results[j], "measured %zu", j);
        cause = diagnosis_cause(&d, &a);
        REQUIRE(cause);
        CHECK(strncmp(cause, cases[i].begins, strlen(cases[i].begins)) == 0 && strstr(cause, cases[i].names));
        if (test_failed())
            test_note("case %zu: %s", i, cause);
    }
}

TEST(a_result_is_safe_to_show_and_reads_back_as_json)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer text CLEANUP(writer_done) = { 0 }, json CLEANUP(writer_done) = { 0 };
    const struct json *v, *check;
    struct err err = ERR_INIT;
    struct diagnosis d;
    struct checked *c;

    diagnosis_init(&d, &a, "test", 10);
    diagnosis_add(&d, CHECK_OS, RESULT_PASS, "fine");
    c = diagnosis_add(&d, CHECK_CONNECT, RESULT_FAIL, "a\x1b[2Jb \"quoted\"\nforged line");
    c->subject = "attest.endpoint";
    c->class = "connect_timeout";
    c->number = 6402;
    checked_remedy(&d, c, "open %d", 443);
    for (int i = 0; i < DIAGNOSIS_FIXES_MAX + 3; i++)
        checked_fix(&d, c, "line %d", i);
    diagnosis_write_text(&d, &text);
    CHECK(bytes_find(writer_bytes(&text), BYTES_LIT("\x1b")) == SIZE_MAX &&
          bytes_find(writer_bytes(&text), BYTES_LIT("\nforged")) == SIZE_MAX);
    CHECK(bytes_find(writer_bytes(&text), BYTES_LIT("[connect_timeout 6402]")) != SIZE_MAX);
    CHECK(bytes_find(writer_bytes(&text), BYTES_LIT("to do   open 443")) != SIZE_MAX);
    diagnosis_write_json(&d, 0, &json);
    REQUIRE_OK(json_parse(&a, writer_bytes(&json), NULL, &v, &err), err);
    CHECK(json_is_string(json_get(v, "result"), "FAIL") && json_get(v, "checks")->array.n == 2);
    check = json_get(v, "checks")->array.items[1];
    CHECK(json_is_string(json_get(check, "id"), "NET.03") && json_is_string(json_get(check, "subject"), "attest.endpoint"));
    CHECK_INT(json_get(check, "fixes")->array.n, DIAGNOSIS_FIXES_MAX);
    CHECK(diagnosis_find(&d, CHECK_CONNECT, "attest.endpoint") && !diagnosis_find(&d, CHECK_CONNECT, "other") &&
          !diagnosis_find(&d, CHECK_TLS, NULL));
}
