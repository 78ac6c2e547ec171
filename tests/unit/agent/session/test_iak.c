/* Whether a TPM's initial attestation key or its endorsement key vouches (guest-agent.md 2.4; setting enroll.iak). */
#include <stdio.h>
#include "unit/agent/guest.h"
#include "unit/agent/iak_guest.h"

static void provision(struct guest *g, const struct iak_plan *plan)
{
    struct ca *ca CLEANUP(ca_free_at) = NULL;
    struct err err = ERR_INIT;

    if (!ca_new("host CA", clock_now_ms(), &ca, &err))
        abort();
    iak_provision(&g->vtpm, plan, ca);
}

static const struct iak_plan usual = { .kind = IAK_P384 };

/* In the report of the same cycle. */
static bool is_noted(const struct guest *g) { return g->stub.last_report && strstr(g->stub.last_report, "\"IAK_UNUSABLE\""); }

TEST(an_iak_vouches_without_any_credential_and_again_over_the_servers_nonce)
{
    WITH_SESSION(g, session);
    provision(&g, &usual);
    g.stub.takes_iak = true;
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_STRING(g.stub.problem, "");
    CHECK_INT(g.stub.iaks, 1);
    CHECK_INT(g.stub.by_iak, 1);
    CHECK_INT(g.stub.begins, 1);
    CHECK_STRING(session.state.vm_id, VTPM_UUID);
    CHECK_STRING(session.state.ek_cert_sha256, "");
    CHECK(!is_noted(&g));
}

TEST(a_server_that_knows_nothing_of_iaks_gets_its_credential_opened)
{
    WITH_SESSION(g, session);
    provision(&g, &usual);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_STRING(g.stub.problem, "");
    CHECK_INT(g.stub.iaks, 1);
    CHECK_INT(g.stub.by_iak, 0);
    CHECK_INT(g.stub.begins, 1);
    CHECK(session.state.ek_cert_sha256[0]);
}

/* Nothing of an enrolment by a key that is there needs the endorsement hierarchy; one that would have to be made, and the endorsement key, do. */
TEST(an_iak_vouches_where_the_endorsement_hierarchy_has_a_password_if_it_is_there)
{
    for (int kept = 0; kept < 2; kept++) {
        const struct iak_plan plan = { .kind = IAK_P384, .not_kept = !kept };

        WITH_SESSION(g, session);
        provision(&g, &plan);
        g.stub.takes_iak = true;
        g.stub.fail_requests = 1; /* the key is made, and nothing came of it */
        CHECK(!session_cycle(&session, &answer, &why));
        REQUIRE(vtpm_run(&g.vtpm, "tpm2_changeauth -c endorsement secret"));
        why = FAILURE_INIT;
        CHECK_INT(session_cycle(&session, &answer, &why), kept);
        CHECK_STRING(failure_name(why.id), kept ? "NONE" : "EH_PASSWORD");
        CHECK_INT(g.stub.by_iak, kept);
    }
}

TEST(an_iak_that_a_server_does_not_believe_makes_way_for_the_endorsement_key)
{
    static const char *const codes[] = { "IakRefused", "IdentityDuplicated" };

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        WITH_SESSION(g, session);
        provision(&g, &usual);
        g.stub.takes_iak = true;
        g.stub.refuse_iak = codes[i];
        REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
        CHECK_STRING(g.stub.problem, "");
        CHECK_INT(g.stub.begins, 2);
        CHECK_INT(g.stub.by_iak, 0);
        CHECK(is_noted(&g));
    }
}

TEST(a_refusal_that_is_not_about_the_iak_is_final)
{
    WITH_SESSION(g, session);
    provision(&g, &usual);
    g.stub.begin_answer = "EnrolmentTokenRequired";
    CHECK(!session_cycle(&session, &answer, &why));
    CHECK_STRING(failure_name(why.id), "ENROLL_REFUSED");
    CHECK_INT(g.stub.begins, 1);
}

TEST(an_iak_that_is_refused_at_the_end_is_a_failed_enrolment)
{
    WITH_SESSION(g, session);
    provision(&g, &usual);
    g.stub.takes_iak = g.stub.forget_iak = true;
    CHECK(!session_cycle(&session, &answer, &why));
    CHECK_STRING(failure_name(why.id), "IAK_UNUSABLE");
    CHECK_STRING(session.state.vm_id, "");
}

TEST(an_iak_that_cannot_vouch_is_noted_and_the_endorsement_key_does)
{
    static const struct iak_plan plans[] = { { .kind = IAK_P384, .as_ak = true }, { .kind = IAK_P384, .content = IAK_GARBLED } };

    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        WITH_SESSION(g, session);
        provision(&g, &plans[i]);
        g.stub.takes_iak = true;
        REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
        CHECK_STRING(g.stub.problem, "");
        CHECK_INT(g.stub.iaks, 0);
        CHECK(is_noted(&g));
    }
}

TEST(enroll_iak_never_does_not_look)
{
    WITH_SESSION(g, session);
    provision(&g, &(struct iak_plan){ .kind = IAK_P384, .content = IAK_GARBLED });
    g.config.iak = "never";
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(g.stub.iaks, 0);
    CHECK(!is_noted(&g));
}

/* What an operator demanded is never left out. */
TEST(enroll_iak_require_takes_nothing_else)
{
    static const struct {
        const struct iak_plan plan;
        const char *refuse;
        bool takes, none;
    } rows[] = {
        { .none = true, .takes = true },
        { .plan = { .kind = IAK_P384, .as_ak = true }, .takes = true },
        { .plan = { .kind = IAK_P384 }, .takes = true, .refuse = "IakRefused" },
        { .plan = { .kind = IAK_P384 } }, /* a server that asks for a credential all the same */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WITH_SESSION(g, session);
        if (!rows[i].none)
            provision(&g, &rows[i].plan);
        g.config.iak = "require";
        g.stub.takes_iak = rows[i].takes;
        g.stub.refuse_iak = rows[i].refuse;
        CHECK(!session_cycle(&session, &answer, &why));
        CHECK_STRING(failure_name(why.id), "IAK_UNUSABLE");
        CHECK_INT(g.stub.activations, 0);
    }
}

TEST(enroll_iak_require_enrols_by_it)
{
    WITH_SESSION(g, session);
    provision(&g, &usual);
    g.config.iak = "require";
    g.stub.takes_iak = true;
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(g.stub.by_iak, 1);
}
