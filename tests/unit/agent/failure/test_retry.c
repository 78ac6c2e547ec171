#include <stdio.h>
#include "agent/daemon/run.h"
#include "agent/failure/backoff.h"
#include "agent/protocol/attest.h"
#include "agent/protocol/server.h"
#include "agent/tpm/ak.h"
#include "support/test.h"

static const int64_t eight_hours = 8 * 3600 * 1000;

TEST(every_failure_has_a_name_a_reason_a_meaning_and_a_class)
{
    for (int id = FAILURE_NONE + 1; id <= FAILURE_INTERNAL; id++) {
        CHECK(failure_name((enum failure_id)id)[0]);
        CHECK(strchr(failure_reason((enum failure_id)id), '.'));
        CHECK(failure_meaning((enum failure_id)id)[0]);
    }
}

TEST(each_class_of_failure_is_retried_as_the_documents_say)
{
    static const struct {
        enum failure_id id;
        bool again;          /* within the cycle, after the first attempt */
        int64_t least, most; /* pause in ms */
        const char *state;
    } cases[] = {
        { FAILURE_REFUSED, false, 28800000, 28800000, "backoff" },          /* 400 */
        { FAILURE_NOT_AUTHORISED, false, 28800000, 28800000, "backoff" },   /* 403 */
        { FAILURE_SETTINGS_REFUSED, false, 28800000, 28800000, "backoff" }, /* 403 for the third time */
        { FAILURE_WRONG_ENDPOINT, false, 28800000, 28800000, "backoff" },   /* 404 */
        { FAILURE_PROXY_AUTH, false, 28800000, 28800000, "backoff" },       /* 407 */
        { FAILURE_SERVER_TROUBLE, true, 5000, 10000, "backoff" },           /* 408, 429, 5xx */
        { FAILURE_UNREACHABLE, true, 5000, 10000, "backoff" },
        { FAILURE_REPORT_REFUSED, false, 6000, 60000, "backoff" },
        { FAILURE_CLOCK_SKEW, true, 0, 0, "attesting" },
        { FAILURE_DNS, true, 5000, 10000, "backoff" }, /* 6401: transport errors are tried again */
        { FAILURE_CONNECT_TIMEOUT, true, 5000, 10000, "backoff" },
        { FAILURE_CONNECT_REFUSED, true, 5000, 10000, "backoff" },
        { FAILURE_PROXY_BLOCK, true, 5000, 10000, "backoff" },
        { FAILURE_TLS_PROTO, true, 5000, 10000, "backoff" },
        { FAILURE_MTU, true, 5000, 10000, "backoff" },
        { FAILURE_TIMEOUT, true, 5000, 10000, "backoff" },
        { FAILURE_TLS_UNTRUSTED, false, 28800000, 28800000, "backoff" }, /* a bad certificate is not */
        { FAILURE_TLS_NAME, false, 28800000, 28800000, "backoff" },
        { FAILURE_TLS, false, 28800000, 28800000, "backoff" },
        { FAILURE_TLS_TIME, false, 6000, 60000, "backoff" }, /* a clock gets right by itself */
        { FAILURE_NONCE, true, 0, 0, "attesting" },
        { FAILURE_IDENTITY_UNKNOWN, true, 0, 0, "attesting" },
        { FAILURE_NO_TPM, false, 600000, 600000, "degraded" },
        { FAILURE_TPM_UNUSABLE, false, 600000, 600000, "degraded" },
        { FAILURE_AK_REPLACED, false, 28800000, 28800000, "backoff" },
        { FAILURE_AWAITS_APPROVAL, false, 6000, 60000, "backoff" },
    };
    static const uint32_t randoms[] = { 0, 1, UINT32_MAX / 2, UINT32_MAX };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t r = 0; r < ARRAY_LEN(randoms); r++) {
            struct failure why = { .id = cases[i].id };
            struct run_decision next = run_decide(&why, 1, 1, eight_hours, randoms[r]);

            CHECK_INT(next.again_in_cycle, cases[i].again);
            CHECK(next.pause_ms >= cases[i].least && next.pause_ms <= cases[i].most);
            CHECK_STRING(next.state, cases[i].state);
        }
    }
}

TEST(a_cycle_ends_after_four_attempts_and_starting_over_after_three)
{
    struct failure trouble = { .id = FAILURE_SERVER_TROUBLE }, nonce = { .id = FAILURE_NONCE };

    CHECK(run_decide(&trouble, 3, 1, eight_hours, 0).again_in_cycle);
    CHECK(!run_decide(&trouble, 4, 1, eight_hours, 0).again_in_cycle);
    CHECK(run_decide(&trouble, 4, 1, eight_hours, 0).pause_ms > 0);
    CHECK(run_decide(&nonce, 2, 1, eight_hours, 0).again_in_cycle);
    CHECK(!run_decide(&nonce, 3, 1, eight_hours, 0).again_in_cycle);
    CHECK(run_decide(&nonce, 3, 1, eight_hours, 0).pause_ms > 0);
}

TEST(pauses_within_a_cycle_grow_and_heed_retry_after_up_to_five_minutes)
{
    CHECK_INT(backoff_in_cycle_ms(1, 0, 0), 5000);
    CHECK_INT(backoff_in_cycle_ms(2, 0, 0), 10000);
    CHECK_INT(backoff_in_cycle_ms(3, 0, 0), 20000);
    CHECK_INT(backoff_in_cycle_ms(4, 0, 0), 0);
    CHECK_INT(backoff_in_cycle_ms(1, 0, UINT32_MAX), 10000);
    CHECK_INT(backoff_in_cycle_ms(1, 3, 0), 5000);
    CHECK_INT(backoff_in_cycle_ms(1, 42, 0), 42000);
    CHECK_INT(backoff_in_cycle_ms(1, 100000, 0), 300000);
}

TEST(retry_after_is_a_number_or_a_date_and_nothing_else)
{
    static const char date[] = "Mon, 30 Nov 2026 10:00:00 GMT";
    static const int64_t now_ms = INT64_C(1796032800000); /* the same moment */
    static const struct {
        const char *text, *date;
        unsigned seconds;
    } rows[] = {
        { "0", date, 0 },
        { "1", date, 1 },
        { "120", date, 120 },
        { "00000000000120", date, 120 },
        { "86400", date, 86400 },
        { "86401", date, 86400 },
        { "99999999999999999999999999", date, 86400 },
        { "Mon, 30 Nov 2026 10:01:40 GMT", date, 100 },
        { "Monday, 30-Nov-26 10:01:40 GMT", date, 100 },
        { "Mon Nov 30 10:01:40 2026", date, 100 },
        { "Mon, 30 Nov 2026 10:01:40 GMT", "Mon, 30 Nov 2026 10:01:00 GMT", 40 }, /* its clock is not ours */
        { "Mon, 30 Nov 2026 10:01:40 GMT", "", 100 },
        { "Mon, 30 Nov 2026 10:01:40 GMT", "yesterday", 100 },
        { "Mon, 30 Nov 2026 09:59:59 GMT", date, 0 },
        { "Thu, 01 Jan 1970 00:00:00 GMT", date, 0 },
        { "Fri, 31 Dec 9999 23:59:59 GMT", date, 86400 },
        { "", date, 0 },
        { "-5", date, 0 },
        { "+5", date, 0 },
        { "1.5", date, 0 },
        { "5s", date, 0 },
        { "0x10", date, 0 },
        { "5 5", date, 0 },
        { "soon", date, 0 },
        { "Mon, 30 Nov 2026 10:01:40", date, 0 },
        { "Mon, 99 Nov 2026 10:01:40 GMT", date, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned seconds = server_retry_after(bytes_of_string(rows[i].text), bytes_of_string(rows[i].date), now_ms);

        if (seconds != rows[i].seconds)
            test_note("Retry-After: %s", rows[i].text);
        CHECK_INT(seconds, rows[i].seconds);
    }
}

/* 8.3: never above the configured frequency. */
TEST(no_server_makes_an_agent_wait_longer_than_its_period)
{
    static const enum failure_id ids[] = { FAILURE_REPORT_REFUSED, FAILURE_AWAITS_APPROVAL, FAILURE_SERVER_TROUBLE,
                                           FAILURE_AK_CERT_PENDING };
    static const int64_t hour = 3600 * 1000;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        for (unsigned made = 1; made <= 4; made++) {
            struct failure why = { .id = ids[i], .retry_after_seconds = 86400 };
            struct run_decision next = run_decide(&why, made, made, hour, UINT32_MAX);

            CHECK(next.pause_ms > 0 && next.pause_ms <= hour);
            CHECK(!next.again_in_cycle || next.pause_ms <= 305 * 1000);
        }
    }
}

TEST(pauses_between_cycles_grow_to_an_hour_and_never_pass_the_period)
{
    static const unsigned minutes[] = { 1, 2, 5, 10, 30, 60, 60, 60 };

    for (unsigned failed = 1; failed <= ARRAY_LEN(minutes); failed++) {
        int64_t most = (int64_t)minutes[failed - 1] * 60000;

        CHECK_INT(backoff_between_ms(failed, eight_hours, UINT32_MAX), most);
        CHECK_INT(backoff_between_ms(failed, eight_hours, 0), most / 10);
        CHECK(backoff_between_ms(failed, 30000, UINT32_MAX) <= 30000);
    }
    CHECK_INT(backoff_between_ms(UINT32_MAX, eight_hours, UINT32_MAX), 3600000);
    CHECK_INT(backoff_start_ms(0), 0);
    CHECK_INT(backoff_start_ms(UINT32_MAX), 60000);
}

TEST(sentences_of_strangers_are_made_safe_and_cut_to_size)
{
    struct failure why;
    char huge[2000];

    failure_set(&why, FAILURE_REFUSED, "%s", "a\x1b[2Jb");
    CHECK(!strchr(why.text, 0x1b));
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    failure_set(&why, FAILURE_REFUSED, "%s", huge);
    CHECK(strlen(why.text) < sizeof why.text);
    failure_within(&why, "%s", huge);
    CHECK(strlen(why.text) < sizeof why.text);
}

TEST(a_certificate_is_due_after_two_thirds_of_its_life_or_in_its_last_thirty_days)
{
    static const int64_t day = INT64_C(24) * 3600 * 1000;
    static const struct {
        int life_days;
        double at_days;
        bool due;
    } rows[] = { { 90, 59.9, false }, { 90, 60.1, true }, { 365, 243, false }, { 365, 244, true },  { 60, 39.9, false },
                 { 60, 40.1, true },  { 3, 1.9, false },  { 3, 2.1, true },    { 70, 39.9, false }, { 70, 40.1, true } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const int64_t from_ms = 1000 * day;

        bool due = ak_certificate_is_due(from_ms, from_ms + rows[i].life_days * day, from_ms + (int64_t)(rows[i].at_days * (double)day));
        if (due != rows[i].due)
            test_note("of %d days, after %g", rows[i].life_days, rows[i].at_days);
        CHECK_INT(due, rows[i].due);
    }
}

TEST(a_token_is_worth_repeating_for_four_fifths_of_the_life_that_it_names)
{
    static const int64_t now_ms = INT64_C(1790000000000), otherwise_ms = 5 * 60 * 1000;
    /* {"alg":"RS256"}; the life that is named: an hour, none, backwards, ten years, a text */
    static const struct {
        const char *claims;
        int64_t worth_ms;
    } rows[] = { { "eyJpYXQiOjEwMDAsImV4cCI6NDYwMH0", 2880 * 1000 },
                 { "e30", otherwise_ms },
                 { "eyJpYXQiOjQ2MDAsImV4cCI6MTAwMH0", otherwise_ms },
                 { "eyJpYXQiOjEwMDAsImV4cCI6MzE1MzYxMDAwfQ", otherwise_ms },
                 { "eyJpYXQiOiIxMDAwIiwiZXhwIjo0NjAwfQ", otherwise_ms } };
    char token[120];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(token, sizeof token, "eyJhbGciOiJSUzI1NiJ9.%s.AA", rows[i].claims);
        CHECK_INT(attest_token_worth_until(bytes_of_string(token), now_ms) - now_ms, rows[i].worth_ms);
    }
    CHECK_INT(attest_token_worth_until(BYTES_LIT("no token"), now_ms) - now_ms, otherwise_ms);
}
