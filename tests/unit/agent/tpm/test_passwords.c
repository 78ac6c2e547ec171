/* A TPM whose hierarchies have passwords: nothing of ours knows any (guest-agent.md 2.1, 2.4, 2.5, 6.14). */
#include <stdio.h>
#include "agent/failure/decide.h"
#include "base/file.h"
#include "base/hex.h"
#include "support/test.h"
#include "unit/agent/faulty_guest.h"

static unsigned keys_made; /* primary keys that the TPM was asked for */

static void count(void *context UNUSED) { keys_made++; }

static void count_keys(struct guest *g)
{
    keys_made = 0;
    g->plan.hook = count;
    faulty_add(&g->plan, (struct fault){ .kind = FAULT_HOOK, .command = TPM_CC_CreatePrimary });
}

static bool says(const struct guest *g, const char *word) { return g->stub.last_report && strstr(g->stub.last_report, word); }

static void start_anew(struct guest *g, struct session *s)
{
    session_done(s);
    guest_session(g, s);
}

#define WITH_PASSWORDS(g, s, tools)                 \
    struct session s CLEANUP(session_done) = { 0 }; \
    struct report_answer answer;                    \
    struct failure why = FAILURE_INIT;              \
    WITH_GUEST(g);                                  \
    REQUIRE(vtpm_run(&g.vtpm, tools));              \
    guest_session(&g, &s);                          \
    count_keys(&g)

static const char owner[] = "tpm2_changeauth -c owner secret", endorsement[] = "tpm2_changeauth -c endorsement secret";

TEST(a_key_that_cannot_be_persistent_is_made_once_in_a_boot)
{
    char name[sizeof((struct session *)0)->ak_name];

    WITH_PASSWORDS(g, s, owner);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(keys_made, 1);
    CHECK_INT(s.state.ak.handle, 0);
    CHECK(says(&g, "\"OWNER_PASSWORD\"") && !says(&g, "\"AK_MISSING\"") && !says(&g, "secret"));
    memcpy(name, s.ak_name, sizeof name);
    for (int i = 0; i < 3; i++)
        REQUIRE_DONE(session_cycle(&s, &answer, &why) && session_heartbeat(&s, "idle", NULL, &answer, &why), why);
    CHECK(!says(&g, "\"OWNER_PASSWORD\"") && !says(&g, "\"AK_MISSING\"")); /* once */
    start_anew(&g, &s); /* as an upgrade does, which must not need a key to be made (6.14) */
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(keys_made, 1);
    vtpm_power_cycle(&g.vtpm);
    for (int i = 0; i < 2; i++)
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(keys_made, 2);
    CHECK_STRING(s.ak_name, name);
    CHECK(!says(&g, "\"AK_MISSING\""));
    CHECK_INT(g.stub.begins, 1); /* the same key: enrolled once */
    CHECK_INT(g.most.most_objects, 1);
    CHECK_INT(g.device.objects, 0);
    CHECK_STRING(g.stub.problem, "");
}

TEST(with_a_sealed_key_beside_it_a_transient_key_makes_two_objects_and_no_more)
{
    WITH_PASSWORDS(g, s, owner);
    g.config.protocol = "azureguest";
    for (int i = 0; i < 3; i++)
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(g.stub.azure_attestations, 3);
    CHECK_INT(keys_made, 1 + 3); /* the sealed key is another one each time (2.8) */
    CHECK_INT(g.most.most_objects, 2);
    CHECK_INT(g.most.most_sessions, 1);
}

TEST(an_owners_password_that_comes_later_is_in_nobodys_way)
{
    struct bytes text CLEANUP(file_free) = BYTES_NONE;
    char path[120];
    struct err err = ERR_INIT;

    WITH_PASSWORDS(g, s, "true");
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    REQUIRE(vtpm_run(&g.vtpm, owner));
    REQUIRE(vtpm_run(&g.vtpm, endorsement));
    REQUIRE(vtpm_run(&g.vtpm, "tpm2_changeauth -c lockout secret"));
    vtpm_power_cycle(&g.vtpm);
    start_anew(&g, &s);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(keys_made, 1);
    CHECK_INT(s.state.ak.handle, 0x81000003);
    CHECK(!says(&g, "PASSWORD"));
    snprintf(path, sizeof path, "%s/ak.ctx", g.state_dir); /* nothing is kept of what is persistent */
    CHECK(!file_read(path, 1, &text, &err) && err.code == ERR_NOT_FOUND);
}

TEST(a_key_becomes_persistent_once_the_owners_password_is_gone)
{
    WITH_PASSWORDS(g, s, owner);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK(s.state.ak_context.len > 0);
    REQUIRE(vtpm_run(&g.vtpm, "tpm2_changeauth -c owner -p secret"));
    vtpm_power_cycle(&g.vtpm);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(s.state.ak.handle, 0x81000003);
    CHECK_INT(s.state.ak_context.len, 0);
    start_anew(&g, &s);
    CHECK_INT(s.state.ak_context.len, 0);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(keys_made, 2);
}

TEST(a_password_of_the_endorsement_hierarchy_is_called_so)
{
    struct run_decision next;

    WITH_PASSWORDS(g, s, endorsement);
    CHECK(!session_cycle(&s, &answer, &why));
    CHECK_STRING(failure_name(why.id), "EH_PASSWORD");
    CHECK(strstr(why.text, "the endorsement hierarchy has a password") && strstr(why.text, "0x9A2"));
    next = run_decide(&why, 1, 1, 8 * 3600 * 1000, 0);
    CHECK(!next.again_in_cycle && next.pause_ms == 10 * 60 * 1000);
    CHECK_STRING(next.state, "degraded");
    REQUIRE(vtpm_run(&g.vtpm, "tpm2_changeauth -c endorsement -p secret"));
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
}

/* The key is there; what vouches for it at enrolment is not to be had. */
TEST(an_enrolment_that_needs_the_endorsement_hierarchys_password_says_so)
{
    struct ak_record none = { 0 };
    struct ak_options usual = { 0 };
    struct tpm_device *tpm = NULL;
    struct ak *ak = NULL;

    WITH_PASSWORDS(g, s, "true");
    REQUIRE_DONE(tpm_device_open(g.vtpm.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_open(tpm, &usual, &none, &ak, &why), why);
    ak_close(ak);
    tpm_device_close(tpm);
    REQUIRE(vtpm_run(&g.vtpm, endorsement));
    CHECK(!session_cycle(&s, &answer, &why));
    CHECK_STRING(failure_name(why.id), "EH_PASSWORD");
}

TEST(an_endorsement_password_that_comes_during_a_boot_waits_for_the_next_one)
{
    WITH_PASSWORDS(g, s, owner);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    REQUIRE(vtpm_run(&g.vtpm, endorsement));
    start_anew(&g, &s);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(keys_made, 1);
    vtpm_power_cycle(&g.vtpm);
    CHECK(!session_cycle(&s, &answer, &why));
    CHECK_STRING(failure_name(why.id), "EH_PASSWORD");
}

/* What stands in ak.ctx is of whoever can write there: only the recorded key counts. */
TEST(a_context_that_is_not_of_our_key_is_made_good)
{
    static const char *const tools[] = {
        ": >agent/ak.ctx",
        "echo nonsense >agent/ak.ctx",
        "head -c 5000 /dev/zero >agent/ak.ctx",
        "truncate -s 200 agent/ak.ctx",
        "rm agent/ak.ctx; mkdir agent/ak.ctx",
    };

    for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
        WITH_PASSWORDS(g, s, owner);
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
        session_done(&s);
        CHECK(vtpm_run(&g.vtpm, tools[i]));
        guest_session(&g, &s);
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
        CHECK_INT(keys_made, 2);
        CHECK_INT(g.stub.begins, 1);
        CHECK_INT(g.most.most_objects, 1);
        CHECK_INT(g.device.objects, 0);
    }
}

/* A key like ours, and of this TPM: that of another rotation. */
static bool save_other_key(struct guest *g, struct failure *why)
{
    enum { OTHER_ROTATION = 7 };

    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct tpm_public template;
    struct tpm_object made;
    struct tpm_response r;
    struct bytes context;
    struct err err = ERR_INIT;
    uint32_t object;
    char path[120];
    bool done;

    snprintf(path, sizeof path, "%s/ak.ctx", g->state_dir);
    if (!tpm_device_open(g->vtpm.tcti, &tpm, why) || !ak_template(&a, AK_RSA2048, OTHER_ROTATION, &template, &err) ||
        !tpm_create_primary(tpm, TPM_RH_ENDORSEMENT, &template, "another key", &object, &made, why))
        return false;
    done = tpm_call(tpm, request_context_save(tpm_out(tpm), object), "TPM2_ContextSave", &r, why) &&
           answer_context_save(r.parameters, &context, &err) && file_write(path, context, 0600, &err);
    tpm_flush(tpm, &object);
    return done;
}

TEST(a_context_of_another_key_of_the_same_tpm_is_not_taken_for_ours)
{
    char name[sizeof((struct session *)0)->ak_name];

    WITH_PASSWORDS(g, s, owner);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    memcpy(name, s.ak_name, sizeof name);
    session_done(&s);
    REQUIRE_DONE(save_other_key(&g, &why), why);
    guest_session(&g, &s);
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(keys_made, 2);
    CHECK_STRING(s.ak_name, name);
    CHECK_INT(g.most.most_objects, 1);
    CHECK_INT(g.device.objects, 0);
    CHECK_STRING(g.stub.problem, "");
}

TEST(a_tpm_that_saves_no_context_makes_the_key_each_time)
{
    WITH_PASSWORDS(g, s, owner);
    faulty_add(&g.plan, (struct fault){ .kind = FAULT_RC, .rc = 0x143, .command = TPM_CC_ContextSave });
    for (int i = 0; i < 3; i++)
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    CHECK_INT(keys_made, 3);
    CHECK(!says(&g, "\"AK_MISSING\""));
}

TEST(a_key_that_only_the_owner_may_take_away_is_left_with_a_sentence)
{
    const struct ak_options usual = { 0 };
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;

    WITH_PASSWORDS(g, s, "true");
    REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
    REQUIRE(vtpm_run(&g.vtpm, owner));
    REQUIRE_DONE(tpm_device_open(g.vtpm.tcti, &tpm, &why), why);
    CHECK(!ak_forget(tpm, &usual, &s.state.ak, &why));
    CHECK_STRING(failure_name(why.id), "OWNER_PASSWORD");
    CHECK(strstr(why.text, "the owner hierarchy has a password"));
}
