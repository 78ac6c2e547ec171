#include <stdlib.h>
#include "extension/compose.h"
#include "extension/outcome.h"
#include "support/test.h"

#define MINUTE (60 * INT64_C(1000))
#define NOW    (INT64_C(1800000000000))

static struct daemon_state idle(void)
{
    return (struct daemon_state){ .state = "idle", .verdict = "", .ak_name = "", .failure = "", .failure_message = "" };
}

static struct compose_facts facts_of(const struct daemon_state *d)
{
    return (struct compose_facts){ .operation = "Enable",
                                   .applied_ms = NOW - 60 * MINUTE,
                                   .enabled_ms = NOW - 60 * MINUTE,
                                   .first_enabled_ms = NOW - 60 * MINUTE,
                                   .daemon = d,
                                   .beat_ms = NOW - MINUTE };
}

TEST(a_daemon_that_has_left_nothing_is_starting_for_five_minutes_and_then_down)
{
    struct compose_facts f = facts_of(NULL);
    struct handler_status s;
    struct heartbeat beat;

    f.beat_ms = 0;
    f.enabled_ms = NOW - 5 * MINUTE + 1;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_TRANSITIONING);
    compose_heartbeat(&f, NOW, &beat);
    CHECK(beat.ready);

    f.enabled_ms = NOW - 5 * MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_ERROR);
    CHECK_INT(s.code, 68);
    compose_heartbeat(&f, NOW, &beat);
    CHECK(!beat.ready && beat.code == 68);
}

TEST(a_daemon_that_stopped_beating_is_down)
{
    struct daemon_state d = idle();
    struct compose_facts f = facts_of(&d);
    struct handler_status s;

    f.beat_ms = NOW - 5 * MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_ERROR);
    CHECK_INT(s.code, 68);
    f.beat_ms = NOW + 60 * MINUTE; /* before the clock was set back */
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_ERROR);
}

/* The wall clock may be set back at any time: what began "in the future" is not young for as long as the step was. */
TEST(a_clock_that_was_set_back_hides_no_trouble)
{
    struct daemon_state d = idle();
    struct compose_facts f = facts_of(&d);
    struct handler_status s;

    d.failure = "DNS";
    d.failing_since_ms = NOW + 24 * 60 * MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_WARNING);
    CHECK_INT(s.code, 6401);
    d.failing_since_ms = NOW + 10 * MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_SUCCESS);

    f.strict = true;
    f.first_enabled_ms = NOW + 24 * 60 * MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_ERROR);
    f.first_enabled_ms = NOW + MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_TRANSITIONING);
}

TEST(a_running_daemon_is_success_before_and_after_its_first_verdict)
{
    struct daemon_state d = idle();
    struct compose_facts f = facts_of(&d);
    struct handler_status s;

    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_SUCCESS);
    CHECK(strstr(s.message, "first attestation is pending") != NULL);
    CHECK_INT(s.sub[SUBSTATUS_BOOT_INTEGRITY].status, STATUS_TRANSITIONING);

    d.verdict = "accepted";
    d.verdict_ms = NOW - MINUTE;
    d.next_ms = NOW + MINUTE;
    d.ak_name = "000b97aabbccddeeff";
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_SUCCESS);
    CHECK_STRING(s.message, "Boot integrity monitoring is running. Last verdict: Healthy.");
    CHECK_INT(s.sub[SUBSTATUS_BOOT_INTEGRITY].status, STATUS_SUCCESS);
    CHECK(strstr(s.sub[SUBSTATUS_BOOT_INTEGRITY].message, "Healthy, verified 2027-01-15T07:59:00Z, next 2027-01-15T08:01:00Z") != NULL);
    CHECK_STRING(s.sub[SUBSTATUS_ATTESTATION_KEY].message, "AK 000b97aabbcc..");
}

TEST(what_was_noticed_is_a_warning_of_its_step_and_of_nothing_else)
{
    static const struct {
        const char *code;
        enum substatus_name name;
    } cases[] = { { "LOG_REPLAY", SUBSTATUS_EVENT_LOG_REPLAY },
                  { "LOG_SHA1", SUBSTATUS_EVENT_LOG },
                  { "LOG_EMPTY", SUBSTATUS_EVENT_LOG },
                  { "TPM_LOCKOUT", SUBSTATUS_TPM_ACCESS },
                  { "AK_CERT_EXPIRED", SUBSTATUS_ATTESTATION_KEY },
                  { "CLOCK_SKEW", SUBSTATUS_PROVIDER_REACHABLE } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct daemon_state d = idle();
        struct compose_facts f = facts_of(&d);
        struct handler_status s;

        d.verdict = "accepted";
        d.ak_name = "000b97aabbccddeeff";
        d.notes[0] = (struct daemon_note){ "NOT_UEFI", "no step is about this" };
        d.notes[1] = (struct daemon_note){ cases[i].code, "a sentence" };
        d.n_notes = 2;
        compose_status(&f, NOW, &s);
        CHECK_INT(s.status, STATUS_SUCCESS);
        for (size_t k = 0; k <= SUBSTATUS_BOOT_INTEGRITY; k++)
            CHECK(s.sub[k].shown && (k == SUBSTATUS_REPORT_ACCEPTED || (s.sub[k].status == STATUS_WARNING) == (k == cases[i].name)));
        CHECK(strstr(s.sub[cases[i].name].message, cases[i].code) && strstr(s.sub[cases[i].name].message, "a sentence"));
    }
}

TEST(the_daemons_notes_and_its_certificate_are_read_from_its_status)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct handler_status s;
    struct compose_facts f;
    struct daemon_state d;

    REQUIRE_OK(daemon_state_parse(&a,
                                  BYTES_LIT("{\"state\":\"idle\",\"lastVerdict\":\"accepted\",\"akName\":\"000b97aabbccddeeff\","
                                            "\"akCertificateExpiryTime\":\"2027-01-09T10:00:00.000Z\",\"notes\":[{\"code\":\"LOG_REPLAY\","
                                            "\"message\":\"register 4\\u001b[2J\"},7,{\"code\":1}]}"),
                                  &d, &err),
               err);
    CHECK_INT(d.n_notes, 3);
    f = facts_of(&d);
    compose_status(&f, NOW, &s);
    CHECK_STRING(s.sub[SUBSTATUS_ATTESTATION_KEY].message, "AK 000b97aabbcc.. certificate valid to 2027-01-09");
    CHECK(strstr(s.sub[SUBSTATUS_EVENT_LOG_REPLAY].message, "register 4") && !strchr(s.sub[SUBSTATUS_EVENT_LOG_REPLAY].message, 0x1b));
}

TEST(a_refused_boot_is_a_substatus_and_no_error_of_the_extension)
{
    struct daemon_state d = idle();
    struct compose_facts f = facts_of(&d);
    struct handler_status s;

    d.verdict = "refused";
    d.failure = "REFUSED";
    d.failure_message = "the verifier refused the evidence";
    d.failing_since_ms = NOW - 600 * MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_SUCCESS);
    CHECK(strstr(s.message, "Unhealthy") != NULL);
    CHECK_INT(s.sub[SUBSTATUS_BOOT_INTEGRITY].status, STATUS_ERROR);
}

TEST(trouble_is_success_for_half_an_hour_then_a_warning_and_never_an_error)
{
    struct daemon_state d = idle();
    struct compose_facts f = facts_of(&d);
    struct handler_status s;

    d.state = "backoff";
    d.failure = "CONNECT_TIMEOUT";
    d.failure_message = "nothing answers";
    d.failing_since_ms = NOW - 30 * MINUTE + 1;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_SUCCESS);
    CHECK_INT(s.sub[SUBSTATUS_PROVIDER_REACHABLE].status, STATUS_WARNING);
    CHECK_INT(s.sub[SUBSTATUS_PROVIDER_REACHABLE].code, 6402);
    d.failing_since_ms = NOW - 30 * MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_WARNING);
    CHECK_INT(s.code, 6402);
    d.failing_since_ms = NOW - 30000 * MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_WARNING);
}

TEST(what_cannot_work_is_an_error_with_the_code_of_its_kind)
{
    static const struct {
        const char *failure;
        int code;
    } cases[] = { { "NO_TPM", 60 },   { "TPM12", 61 },       { "TPM_PERM", 52 },       { "TPM_UNUSABLE", 61 },
                  { "PCR_BANK", 61 }, { "AK_REPLACED", 62 }, { "ENROLL_REFUSED", 63 }, { "EK_CERT_MISMATCH", 62 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct daemon_state d = idle();
        struct compose_facts f = facts_of(&d);
        struct handler_status s;
        struct heartbeat beat;

        d.state = "degraded";
        d.failure = cases[i].failure;
        d.failure_message = "because";
        compose_status(&f, NOW, &s);
        CHECK_INT(s.status, STATUS_ERROR);
        CHECK_INT(s.code, cases[i].code);
        CHECK(strstr(s.message, cases[i].failure) != NULL);
        compose_heartbeat(&f, NOW, &beat);
        CHECK(!beat.ready && beat.code == cases[i].code);
    }
}

TEST(strict_enabling_fails_without_a_verdict_in_five_minutes)
{
    struct daemon_state d = idle();
    struct compose_facts f = facts_of(&d);
    struct handler_status s;

    d.failure = "DNS";
    d.failure_message = "no such name";
    f.strict = true;
    f.first_enabled_ms = NOW - 5 * MINUTE + 1;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_TRANSITIONING); /* success would be the end of the deployment that is to fail */
    CHECK(strstr(s.message, "pending: no such name") != NULL);
    f.first_enabled_ms = NOW - 5 * MINUTE;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_ERROR);
    CHECK_INT(s.code, 6401);
    CHECK(strstr(s.message, "no such name") != NULL);
    d.verdict = "accepted";
    compose_status(&f, NOW, &s);
    CHECK_INT(s.status, STATUS_SUCCESS);
}

TEST(warnings_about_settings_are_a_substatus)
{
    static const char *const warnings[] = { "first", "second" };
    struct daemon_state d = idle();
    struct compose_facts f = facts_of(&d);
    struct handler_status s;

    compose_status(&f, NOW, &s);
    CHECK_INT(s.sub[SUBSTATUS_CONFIGURATION].status, STATUS_SUCCESS);
    f.warnings = warnings;
    f.n_warnings = 2;
    compose_status(&f, NOW, &s);
    CHECK_INT(s.sub[SUBSTATUS_CONFIGURATION].status, STATUS_WARNING);
    CHECK_STRING(s.sub[SUBSTATUS_CONFIGURATION].message, "first; second");
    CHECK_INT(s.status, STATUS_SUCCESS);
}

TEST(an_address_that_is_no_servers_is_a_matter_of_configuration)
{
    static const struct {
        const char *failure;
        enum status_word status;
    } cases[] = { { "WRONG_ENDPOINT", STATUS_SUCCESS },
                  { "NO_ENDPOINT", STATUS_WARNING },
                  { "BAD_SETTINGS", STATUS_ERROR },
                  { "SETTINGS_REFUSED", STATUS_ERROR } };
    static const char *const warnings[] = { "a mistyped key" };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct daemon_state d = idle();
        struct compose_facts f = facts_of(&d);
        struct handler_status s;

        d.failure = cases[i].failure;
        d.failure_message = "https://elsewhere.example answers HTTP 404";
        f.warnings = warnings;
        f.n_warnings = 1;
        compose_status(&f, NOW, &s);
        CHECK_INT(s.status, cases[i].status);
        CHECK_INT(s.sub[SUBSTATUS_CONFIGURATION].status, cases[i].status == STATUS_ERROR ? STATUS_ERROR : STATUS_WARNING);
        CHECK_INT(s.sub[SUBSTATUS_CONFIGURATION].code, 53);
        CHECK(strstr(s.sub[SUBSTATUS_CONFIGURATION].message, "elsewhere.example") != NULL);
    }
}

TEST(the_daemons_words_are_read_and_made_harmless)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct daemon_state d;

    REQUIRE_OK(daemon_state_parse(
                   &a,
                   BYTES_LIT("{\"state\":\"backoff\",\"lastVerdict\":null,\"failure\":{\"code\":\"DNS\",\"message\":\"a\\u001b[31m\"},"
                             "\"failingSince\":\"2027-01-15T08:00:00Z\",\"akName\":7}"),
                   &d, &err),
               err);
    CHECK_STRING(d.state, "backoff");
    CHECK_STRING(d.verdict, "");
    CHECK_STRING(d.failure, "DNS");
    CHECK_STRING(d.failure_message, "a\\x1b[31m");
    CHECK_STRING(d.ak_name, "");
    CHECK_INT(d.failing_since_ms, NOW);
    CHECK(!daemon_state_parse(&a, BYTES_LIT("[]"), &d, &err));
    CHECK(!daemon_state_parse(&a, BYTES_LIT("{\"state\":"), &d, &err));
    CHECK(!daemon_state_parse(&a, BYTES_LIT("{\"a\":[[[[[[[[1]]]]]]]]}"), &d, &err));
}

TEST(an_unknown_failure_is_trouble)
{
    CHECK_INT(outcome_of("SOMETHING_NEW")->class, OUTCOME_TROUBLE);
    CHECK_INT(outcome_of("SOMETHING_NEW")->exit_code, 68);
    CHECK_INT(outcome_of("REFUSED")->exit_code, 65);
}
