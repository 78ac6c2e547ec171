/* Cycles for a relying party that expects the product's names (guest-agent.md 8.2, 8.3): what it is told, when, and what is sent again. */
#include <stdio.h>
#include "base/clock.h"
#include "base/file.h"
#include "json/parse.h"
#include "support/test.h"
#include "unit/agent/guest.h"

/* Nothing listens there. */
static const char nowhere[] = "https://127.0.0.1:1";

static void to_party(struct guest *g)
{
    g->config.report_endpoint = arena_printf(&g->arena, "%s/party", g->stub.endpoint);
    g->config.report_format = "compatible";
    g->stub.any_nonce = true; /* it hands out none */
}

static const struct json *told(struct guest *g)
{
    const struct json *v = NULL;
    struct err err;

    return g->stub.last_party && json_parse(&g->arena, bytes_of_string(g->stub.last_party), NULL, &v, &err) ? v : NULL;
}

static void at(struct session *s, struct guest *g, const char *endpoint)
{
    g->config.endpoint = endpoint;
    session_hang_up(s);
}

/* As the daemon does: attempts, and then it is given up. */
static bool whole_cycle(struct session *s, struct failure *why)
{
    struct report_answer answer;

    for (int made = 0; made < 4; made++)
        if (session_cycle(s, &answer, why))
            return true;
    session_give_up(s, why);
    return false;
}

TEST(a_compatible_report_has_everything_that_the_layout_has)
{
    static const char *const extensions[] = { "AgentVersion",    "BootId",        "ResetCount",   "RestartCount",  "Sequence",
                                              "ErrorCode",       "AkName",        "VmUuid",       "NextReportUtc", "AlertsDisabled",
                                              "ClusterTenantId", "KernelVersion", "TokenRepeated" };
    const struct json *v, *x;
    int64_t next_ms, n;

    WITH_SESSION(g, session);
    to_party(&g);
    g.config.cluster_id = "/subscriptions/x/clusters/y";
    g.config.cluster_tenant = "72f988bf";
    g.config.alerts = false;
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    v = told(&g);
    x = json_get(v, "Extensions");
    CHECK(json_is_string(json_get(v, "ArmID"), "/subscriptions/x/clusters/y"));
    CHECK(json_is_string(json_get(v, "HealthStatus"), "Healthy") && json_is_string(json_get(v, "AttestationUri"), g.stub.endpoint));
    CHECK(json_text(json_get(v, "AttestationToken"), BYTES_NONE).len > 100);
    CHECK(json_is_string(json_get(v, "AttestationStatusMessage"), "") && json_is_string(json_get(v, "PlatformErrorMessage"), ""));
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        if (!json_get(x, extensions[i]))
            test_note("%s", extensions[i]);
        CHECK(json_get(x, extensions[i]) != NULL);
    }
    CHECK(json_as_integer(json_get(x, "ErrorCode"), &n) && n == 0);
    CHECK(json_as_integer(json_get(x, "Sequence"), &n) && n == 1);
    CHECK(json_get(x, "AlertsDisabled")->boolean && json_is_string(json_get(x, "ClusterTenantId"), "72f988bf"));
    CHECK(json_is_string(json_get(x, "AkName"), session.ak_name) && json_is_string(json_get(x, "VmUuid"), VTPM_UUID));
    CHECK(clock_parse(json_text(json_get(x, "NextReportUtc"), BYTES_NONE), &next_ms));
    CHECK(next_ms > clock_now_ms() && next_ms <= clock_now_ms() + (int64_t)g.config.frequency_seconds * 1000);
    CHECK(!json_get(x, "Missed"));
    g.config.resource_id = "arm";
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK(json_is_string(json_get(told(&g), "ArmID"), "arm"));
    g.config.resource_id = g.config.cluster_id = "";
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK(json_is_string(json_get(told(&g), "ArmID"), VTPM_UUID));
    CHECK_STRING(g.stub.problem, "");
}

TEST(a_relying_party_may_shorten_the_period_to_five_minutes)
{
    static const struct {
        unsigned says, is;
    } rows[] = { { 3600, 3600 }, { 300, 300 }, { 299, 300 }, { 1, 300 }, { 0, 0 } };

    WITH_SESSION(g, session);
    to_party(&g);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        g.stub.next_report_seconds = rows[i].says;
        REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
        CHECK_INT(answer.next_report_seconds, rows[i].is);
    }
}

TEST(a_token_that_a_relying_party_did_not_take_is_sent_again_and_not_acquired_again)
{
    char *first;

    WITH_SESSION(g, session);
    to_party(&g);
    g.stub.fail_party = 5;
    CHECK(!whole_cycle(&session, &why)); /* four */
    CHECK_STRING(failure_name(why.id), "SERVER_TROUBLE");
    CHECK_INT(g.stub.party_reports, 0);
    CHECK(!session_cycle(&session, &answer, &why));
    CHECK_INT(g.stub.attestations, 1);
    REQUIRE(session.pending.token != NULL);
    first = arena_string(&g.arena, bytes_of_string(session.pending.token));
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(g.stub.attestations, 1);
    CHECK_INT(g.stub.party_reports, 1);
    CHECK(json_is_string(json_get(told(&g), "AttestationToken"), first) && json_is_string(json_get(told(&g), "HealthStatus"), "Healthy"));
    CHECK(json_at(told(&g), "Extensions", "Missed", "Count", NULL) != NULL);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why); /* delivered: the next one is another */
    CHECK_INT(g.stub.attestations, 2);
    CHECK(!json_at(told(&g), "Extensions", "Missed", NULL));
    g.stub.fail_party = 1;
    CHECK(!session_cycle(&session, &answer, &why));
    session.pending.until_ms = clock_now_ms() - 1; /* 80 % of its life are over */
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(g.stub.attestations, 4);
}

TEST(an_attestation_service_that_is_not_reached_is_told_after_the_second_cycle)
{
    const struct json *v;
    int64_t n;

    WITH_SESSION(g, session);
    to_party(&g);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    for (unsigned outage = 1; outage <= 2; outage++) {
        at(&session, &g, nowhere);
        CHECK(!whole_cycle(&session, &why));
        CHECK_STRING(failure_name(why.id), "CONNECT_REFUSED");
        CHECK_INT(g.stub.party_reports, 3 * outage - 1); /* nothing new but the last token: four attempts are one cycle */
        CHECK(json_is_string(json_get(told(&g), "HealthStatus"), "Healthy"));
        CHECK(!whole_cycle(&session, &why));
        CHECK_INT(g.stub.party_reports, 3 * outage); /* once, not with each attempt */
        v = told(&g);
        CHECK(json_is_string(json_get(v, "HealthStatus"), "PlatformError") && json_get(v, "AttestationToken")->type == JSON_NULL);
        CHECK(json_is_string(json_get(v, "PlatformErrorMessage"), why.text) && json_is_string(json_get(v, "AttestationStatusMessage"), ""));
        CHECK(json_as_integer(json_at(v, "Extensions", "ErrorCode", NULL), &n) && n == 6404);
        CHECK(json_is_string(json_at(v, "Extensions", "ErrorName", NULL), "CONNECT_REFUSED"));
        CHECK(json_as_integer(json_at(v, "Extensions", "Missed", "Count", NULL), &n) && n == 2);
        at(&session, &g, g.stub.endpoint);
        REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
        CHECK(json_is_string(json_get(told(&g), "HealthStatus"), "Healthy")); /* and the count begins anew */
    }
}

static bool says_repeated(struct guest *g)
{
    bool repeated;

    return json_as_boolean(json_at(told(g), "Extensions", "TokenRepeated", NULL), &repeated) && repeated;
}

TEST(the_last_token_is_repeated_in_the_first_cycle_of_an_outage_and_marked_as_repeated)
{
    char *token;
    int64_t sequence, n;

    WITH_SESSION(g, session);
    to_party(&g);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK(!says_repeated(&g));
    token = arena_string(&g.arena, json_text(json_get(told(&g), "AttestationToken"), BYTES_NONE));
    REQUIRE(json_as_integer(json_at(told(&g), "Extensions", "Sequence", NULL), &sequence));
    at(&session, &g, nowhere);
    CHECK(!whole_cycle(&session, &why));
    CHECK_INT(g.stub.party_reports, 2);
    CHECK(says_repeated(&g));
    CHECK(json_is_string(json_get(told(&g), "AttestationToken"), token));
    CHECK(json_is_string(json_get(told(&g), "HealthStatus"), "Healthy") && json_is_string(json_get(told(&g), "PlatformErrorMessage"), ""));
    CHECK(json_as_integer(json_at(told(&g), "Extensions", "ErrorCode", NULL), &n) && n == 0);
    CHECK(json_as_integer(json_at(told(&g), "Extensions", "Sequence", NULL), &n) && n == sequence); /* the same report */
    CHECK(!json_at(told(&g), "Extensions", "Missed", NULL));                                        /* told when there is something new */
    CHECK(!whole_cycle(&session, &why));
    CHECK(!says_repeated(&g) && json_get(told(&g), "AttestationToken")->type == JSON_NULL);
    CHECK(json_as_integer(json_at(told(&g), "Extensions", "Sequence", NULL), &n) && n == sequence + 1);
    CHECK(json_as_integer(json_at(told(&g), "Extensions", "Missed", "Count", NULL), &n) && n == 2);
    CHECK(!whole_cycle(&session, &why));
    CHECK_INT(g.stub.party_reports, 4);
    CHECK(!says_repeated(&g)); /* the platform error is the last word now */
}

/* Each row is a reason why the last token is not the last word about this machine. */
static void expire(struct guest *g UNUSED, struct session *s) { s->state.token_until_ms = clock_now_ms() - 1; }
static void sleep_over(struct guest *g UNUSED, struct session *s) { s->watch.resumed = true; }
static void be_copied(struct guest *g UNUSED, struct session *s) { session_part_from_copies(s); }

static void lose_the_file(struct guest *g, struct session *s UNUSED) { CHECK(vtpm_run(&g->vtpm, "rm agent/token.jwt")); }

static void exchange_the_file(struct guest *g, struct session *s UNUSED) { CHECK(vtpm_run(&g->vtpm, "echo e30.e30.x >agent/token.jwt")); }

static void lose_the_key(struct guest *g, struct session *s UNUSED)
{
    CHECK(vtpm_run(&g->vtpm, "tpm2_evictcontrol -C o -c 0x81000003")); /* happens, is noted, and not yet told */
}

static void be_refused(struct guest *g, struct session *s)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    g->stub.refuse_evidence = true;
    CHECK(!session_cycle(s, &answer, &why));
    CHECK_STRING(failure_name(why.id), "REFUSED");
    g->stub.refuse_evidence = false;
}

static void start_anew(struct guest *g, struct session *s)
{
    session_done(s);
    session_init(s, &g->config);
}

TEST(a_token_that_is_not_the_last_word_about_the_machine_is_not_repeated)
{
    static void (*const happenings[])(struct guest *, struct session *) = { expire,        sleep_over,        be_copied,
                                                                            lose_the_file, exchange_the_file, lose_the_key,
                                                                            be_refused,    start_anew };

    WITH_SESSION(g, session);
    to_party(&g);
    for (size_t i = 0; i < ARRAY_LEN(happenings); i++) {
        unsigned before;

        at(&session, &g, g.stub.endpoint);
        REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
        happenings[i](&g, &session);
        before = g.stub.party_reports;
        at(&session, &g, nowhere);
        CHECK(!whole_cycle(&session, &why));
        CHECK_INT(g.stub.party_reports, before);
        if (g.stub.party_reports != before)
            test_note("row %zu", i);
    }
}

TEST(a_relying_party_that_is_not_reached_either_has_nothing_repeated)
{
    WITH_SESSION(g, session);
    to_party(&g);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    at(&session, &g, nowhere);
    g.stub.fail_party = 1;
    CHECK(!whole_cycle(&session, &why));
    CHECK_INT(g.stub.party_reports, 1);
    CHECK_INT(session.missed.count, 1);
    CHECK_STRING(failure_name(why.id), "CONNECT_REFUSED");
}

TEST(a_refusal_and_local_trouble_are_told_at_once)
{
    const struct json *v;
    int64_t n;

    WITH_SESSION(g, session);
    to_party(&g);
    g.stub.refuse_evidence = true;
    CHECK(!session_cycle(&session, &answer, &why));
    v = told(&g);
    CHECK(json_is_string(json_get(v, "HealthStatus"), "Unhealthy") && json_get(v, "AttestationToken")->type == JSON_NULL);
    CHECK(json_is_string(json_get(v, "AttestationStatusMessage"), why.text) && json_is_string(json_get(v, "PlatformErrorMessage"), ""));
    CHECK(json_as_integer(json_at(v, "Extensions", "ErrorCode", NULL), &n) && n == 65);
    CHECK_INT(answer.next_report_seconds, 3600); /* reported, and told when to come again */
    g.config.tcti = "swtpm:path=/nowhere";
    CHECK(!session_cycle(&session, &answer, &why));
    v = told(&g);
    CHECK(json_is_string(json_get(v, "HealthStatus"), "PlatformError") && json_is_string(json_get(v, "PlatformErrorMessage"), why.text));
    CHECK(json_as_integer(json_at(v, "Extensions", "ErrorCode", NULL), &n) && n == 61);
    CHECK_INT(g.stub.party_reports, 2);
    session_give_up(&session, &why); /* told already */
    CHECK_INT(g.stub.party_reports, 2);
    failure_set(&why, FAILURE_NONCE, "thrice"); /* starting over did not help: told when it is given up */
    session_give_up(&session, &why);
    CHECK_INT(g.stub.party_reports, 3);
    CHECK(json_is_string(json_get(told(&g), "HealthStatus"), "PlatformError") &&
          json_is_string(json_get(told(&g), "PlatformErrorMessage"), "thrice"));
}
