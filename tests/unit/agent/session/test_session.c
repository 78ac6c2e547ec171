/* Enrolment, attestation and reports between a real TPM emulator and a server that checks everything. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent/daemon/run.h"
#include "base/clock.h"
#include "base/file.h"
#include "json/parse.h"
#include "support/test.h"
#include "unit/agent/guest.h"

static const struct json *parsed(struct guest *g, const char *text)
{
    const struct json *v = NULL;
    struct err err;

    return text && json_parse(&g->arena, bytes_of_string(text), NULL, &v, &err) ? v : NULL;
}

TEST(a_fresh_guest_enrols_attests_and_reports_in_one_cycle)
{
    WITH_SESSION(g, session);
    const struct json *report;

    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_STRING(g.stub.problem, "");
    CHECK_INT(answer.next_report_seconds, 3600);
    CHECK_INT(g.stub.begins, 1);
    CHECK_INT(g.stub.activations, 1);
    CHECK_INT(g.stub.nonces, 1);
    CHECK_INT(g.stub.attestations, 1);
    CHECK_INT(g.stub.reports, 1);
    report = parsed(&g, g.stub.last_report);
    CHECK(json_get(report, "token") && json_get(report, "token")->type == JSON_STRING);
    CHECK(json_get(report, "failure") && json_get(report, "failure")->type == JSON_NULL);
    CHECK(json_get(report, "bootId") && json_get(report, "kernelVersion") && json_get(report, "bootTimeUtc"));
    CHECK(json_get(report, "eventLogRef") && json_get(report, "eventLogRef")->type == JSON_NULL);
    CHECK_STRING(session.state.vm_id, VTPM_UUID);
    CHECK_STRING(session.state.last_verdict, "accepted");

    /* The nonce of the answer serves the next one; nothing is enrolled again. */
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(g.stub.nonces, 1);
    CHECK_INT(g.stub.begins, 1);
    REQUIRE_DONE(session_heartbeat(&session, "idle", NULL, &answer, &why), why);
    CHECK(json_is_string(json_get(parsed(&g, g.stub.last_heartbeat), "state"), "idle"));
    CHECK_STRING(g.stub.problem, "");
}

/* guest-agent.md 3.7 and attestation-service.md 6.4: published servers take PS256 and do not say so. */
static const struct json *state_file(struct guest *g, const char *name)
{
    struct bytes text = BYTES_NONE;
    struct err err;

    return file_read_in(&g->arena, arena_printf(&g->arena, "%s/%s", g->config.state_dir, name), 1 << 20, &text, &err)
               ? parsed(g, arena_string(&g->arena, text))
               : NULL;
}

static bool is_hash(const struct json *v, const char *name)
{
    struct bytes text = json_text(json_get(v, name), BYTES_NONE);

    return text.len == 64;
}

static int64_t number(const struct json *v, const char *name)
{
    int64_t n;

    return json_as_integer(json_get(v, name), &n) ? n : -1;
}

/* guest-agent.md 12: what each file holds. */
TEST(the_state_folder_tells_key_machine_progress_and_token)
{
    static const char *const files[] = { "ak.json", "identity.json", "state.json" };
    struct bytes token CLEANUP(file_free) = BYTES_NONE;
    const struct json *v;
    struct stat st = { 0 };
    struct err err = ERR_INIT;
    int64_t ms;

    WITH_SESSION(g, session);
    REQUIRE_DONE(session_cycle_unsaved(&session, &answer, &why), why);
    session_save(&session, NULL, 123456, INT64_C(1790000000000));
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        CHECK_INT(number(state_file(&g, files[i]), "schema"), 1);

    v = state_file(&g, "ak.json");
    CHECK(json_is_string(json_get(v, "profile"), "selfhosted") && json_is_string(json_get(v, "templateId"), "ak-rsa2048-e-1"));
    CHECK(json_is_string(json_get(v, "name"), session.ak_name));
    CHECK_INT(number(v, "rotation"), 0);
    CHECK_INT(number(v, "handle"), 0x81000003);
    CHECK_INT(number(v, "nvIndex"), 0x01c101d0);
    CHECK(clock_parse(json_text(json_get(v, "createdTime"), BYTES_NONE), &ms) && clock_now_ms() - ms < 3600000);

    v = state_file(&g, "identity.json");
    CHECK(json_is_string(json_get(v, "vmUuid"), VTPM_UUID));
    CHECK(is_hash(v, "ekPublicSha256") && is_hash(v, "ekCertSha256"));
    CHECK(vtpm_run(&g.vtpm,
                   arena_printf(&g.arena,
                                "tpm2_readpublic -c 0x81010001 -n ek.name && od -An -v -tx1 ek.name | tr -d ' \\n' | grep -qx 000b%s",
                                session.state.ek_public_sha256))); /* the digest in the key's Name */
    CHECK(json_text(json_get(v, "ekCertSerial"), BYTES_NONE).len > 0);
    CHECK(json_is_string(json_get(v, "ekCertSubject"), "CN=web1:" VTPM_UUID));
    CHECK(is_hash(v, "machineIdSha256") || !file_exists("/etc/machine-id") || !session.host.machine_id_sha256[0]);
    CHECK(clock_parse(json_text(json_get(v, "firstSeen"), BYTES_NONE), &ms));

    v = state_file(&g, "state.json");
    CHECK(json_is_string(json_get(v, "bootId"), session.host.boot_id) && json_is_string(json_get(v, "lastVerdict"), "accepted"));
    CHECK(clock_parse(json_text(json_get(v, "lastVerdictTime"), BYTES_NONE), &ms));
    CHECK(number(v, "clockMs") > 0 && number(v, "resetCount") >= 0 && number(v, "restartCount") >= 0 && json_get(v, "safe"));
    CHECK_INT(number(v, "sequence"), 1);
    CHECK(json_get(v, "backoff") && json_get(v, "backoff")->type == JSON_NULL);
    CHECK_INT(number(v, "nextDueMonotonicMs"), 123456);
    CHECK(clock_parse(json_text(json_get(v, "nextDueTime"), BYTES_NONE), &ms) && ms == INT64_C(1790000000000));
    CHECK(clock_parse(json_text(json_get(v, "tokenExpiryTime"), BYTES_NONE), &ms) && ms > clock_now_ms());
    CHECK(json_is_string(json_get(v, "tokenId"), session.state.token_id) && is_hash(v, "tokenSha256"));

    REQUIRE_OK(file_read(arena_printf(&g.arena, "%s/token.jwt", g.config.state_dir), 1 << 20, &token, &err), err);
    CHECK(stat(arena_printf(&g.arena, "%s/token.jwt", g.config.state_dir), &st) == 0 && (st.st_mode & 07777) == 0600);
    CHECK_BYTES(token, json_text(json_get(parsed(&g, g.stub.last_report), "token"), BYTES_NONE));

    g.stub.fail_requests = 1;
    CHECK(!session_cycle(&session, &answer, &why));
    CHECK(json_is_string(json_get(state_file(&g, "state.json"), "backoff"), "IN_CYCLE"));
    CHECK_STRING(g.stub.problem, "");
}

/* guest-agent.md 3.1: other clients are given the address of the call itself, and settings were written for them. */
TEST(an_address_that_goes_on_to_the_call_is_that_of_the_server)
{
    static const struct {
        const char *address, *base;
    } cases[] = {
        { "https://h", "https://h" },
        { "https://h:8443/", "https://h:8443" },
        { "https://h/a/b//", "https://h/a/b" },
        { "https://h/attest/AzureGuest", "https://h" },
        { "https://h/attest/AzureGuest?api-version=2020-10-01", "https://h" },
        { "https://h/a/attest/Tpm?api-version=2022-08-01", "https://h/a" },
        { "https://h/attest/Other", "https://h/attest/Other" },
        { "https://h/attest/Tpm/x", "https://h/attest/Tpm/x" },
        { "https://h/report?api-version=1", "https://h/report?api-version=1" }, /* a foreign relying party's own */
        { "https://h/?next=/attest/Tpm", "https://h/?next=/attest/Tpm" },
    };
    struct session session CLEANUP(session_done) = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STRING(server_base(&g.arena, cases[i].address), cases[i].base);
    g.config.endpoint = arena_printf(&g.arena, "%s/attest/Tpm?api-version=2022-08-01", g.stub.endpoint);
    session_init(&session, &g.config);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_STRING(g.stub.problem, "");
}

TEST(requests_are_signed_as_the_server_says_it_takes_them_and_with_ps256_when_it_says_nothing)
{
    WITH_SESSION(g, session);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK(session.request_keys.p256 && !session.request_keys.rsa); /* an RSA key is not made for nothing */
    g.stub.only_ps256 = true;
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK(session.request_keys.rsa);
    CHECK_STRING(g.stub.problem, "");
}

TEST(the_certificate_is_found_again_in_the_state_folder_and_in_the_tpm)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    char path[120];

    WITH_GUEST(g);
    for (int boot = 0; boot < 3; boot++) {
        struct session session CLEANUP(session_done) = { 0 };

        if (boot == 2) /* a RAM disk: the folder is gone, NV is not */
            g.config.state_dir = "";
        session_init(&session, &g.config);
        REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
        CHECK_INT(g.stub.begins, 1);
        CHECK_STRING(session.state.vm_id, VTPM_UUID);
        vtpm_power_cycle(&g.vtpm);
    }
    snprintf(path, sizeof path, "%s/ak.crt", g.state_dir);
    CHECK(file_exists(path));
}

TEST(a_cleared_tpm_gets_its_certificate_back_from_the_folder)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    for (int round = 0; round < 3; round++) {
        struct session session CLEANUP(session_done) = { 0 };

        session_init(&session, &g.config);
        REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
        CHECK(vtpm_run(&g.vtpm,
                       "tpm2_readpublic -c 0x81000003 && tpm2_nvread -C o 0x01c101d0 | cmp - agent/ak.crt")); /* the TPM has both again */
        if (round < 2)
            REQUIRE(vtpm_run(&g.vtpm, "tpm2_clear -c p || tpm2_clear -c l"));
    }
    CHECK_INT(g.stub.begins, 1);
    CHECK_STRING(g.stub.problem, "");
}

TEST(a_server_that_forgot_the_key_gets_a_new_enrolment)
{
    WITH_SESSION(g, session);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    g.stub.forget_identity = true;
    CHECK(!session_heartbeat(&session, "idle", NULL, &answer, &why));
    CHECK_STRING(failure_name(why.id), "IDENTITY_UNKNOWN");
    CHECK_INT(failure_retry(why.id), RETRY_AGAIN);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(g.stub.begins, 2);
    CHECK_STRING(g.stub.problem, "");
}

TEST(refused_evidence_is_reported_with_its_appraisal)
{
    struct session session CLEANUP(session_done) = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    const struct json *report;

    WITH_GUEST(g);
    g.stub.refuse_evidence = true;
    session_init(&session, &g.config);
    CHECK(!session_cycle(&session, &answer, &why));
    CHECK_STRING(failure_name(why.id), "REFUSED");
    CHECK(strstr(why.text, "A Deny claim was issued"));
    CHECK_INT(g.stub.reports, 1);
    CHECK_INT(answer.next_report_seconds, 3600);
    report = parsed(&g, g.stub.last_report);
    CHECK(json_get(report, "token") && json_get(report, "token")->type == JSON_NULL);
    CHECK(json_is_string(json_get(report, "appraisal"), "appraisal-7"));
    CHECK(json_is_string(json_at(report, "failure", "code", NULL), "REFUSED"));
    CHECK_STRING(session.state.last_verdict, "refused");
    CHECK_STRING(g.stub.problem, "");
}

TEST(an_expired_nonce_makes_the_next_cycle_take_another)
{
    struct session session CLEANUP(session_done) = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    g.stub.refuse_nonces = 1;
    session_init(&session, &g.config);
    CHECK(!session_cycle(&session, &answer, &why));
    CHECK_STRING(failure_name(why.id), "NONCE");
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(g.stub.attestations, 2);
    CHECK_INT(g.stub.nonces, 2);
    CHECK_STRING(g.stub.problem, "");
}

TEST(a_token_that_could_not_be_delivered_is_sent_again_and_not_acquired_again)
{
    WITH_SESSION(g, session);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    g.config.report_endpoint = "https://127.0.0.1:9/";
    session_done(&session);
    session_init(&session, &g.config);
    session.nonce_len = 32;
    memcpy(session.nonce, g.stub.nonce, 32);
    CHECK(!session_cycle(&session, &answer, &why));
    CHECK_STRING(failure_name(why.id), "CONNECT_REFUSED");
    CHECK_INT(g.stub.attestations, 2);
    CHECK(!session_cycle(&session, &answer, &why));
    CHECK_INT(g.stub.attestations, 2);
}

TEST(what_could_not_be_delivered_survives_a_restart_and_is_told_with_the_next_report)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    const struct json *missed;

    WITH_GUEST(g);
    for (unsigned run = 0; run < 2; run++) {
        struct session session CLEANUP(session_done) = { 0 };

        session_init(&session, &g.config);
        if (run == 0) {
            REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
            g.config.report_endpoint = "https://127.0.0.1:9/";
            server_close(session.report == session.attest ? NULL : session.report);
            session.report = NULL;
            CHECK(!session_cycle(&session, &answer, &why));
            session_give_up(&session, &why);
            session_give_up(&session, &why);
            CHECK_INT(session.missed.count, 2);
            g.config.report_endpoint = NULL;
        } else { /* the token of before is sent; nothing is attested again */
            CHECK(session.pending.token != NULL);
            CHECK_INT(session.missed.count, 2);
            REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
            CHECK_INT(session.missed.count, 0);
        }
    }
    CHECK_INT(g.stub.attestations, 2);
    CHECK_INT(g.stub.reports, 2);
    missed = json_get(parsed(&g, g.stub.last_report), "missed");
    CHECK(json_is_string(json_get(missed, "firstCode"), "CONNECT_REFUSED"));
    CHECK(json_is_string(json_get(parsed(&g, g.stub.last_report), "appraisal"), "appraisal-7") || json_get(missed, "count"));
    {
        struct session session CLEANUP(session_done) = { 0 };

        session_init(&session, &g.config);
        CHECK(!session.pending.token && !session.missed.count);
    }
}

TEST(a_token_that_the_monitor_refuses_is_not_sent_again)
{
    struct session session CLEANUP(session_done) = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    g.stub.refuse_tokens = true;
    session_init(&session, &g.config);
    CHECK(!session_cycle(&session, &answer, &why));
    CHECK_STRING(failure_name(why.id), "REPORT_REFUSED");
    g.stub.refuse_tokens = false;
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(g.stub.attestations, 2);
    CHECK_STRING(g.stub.problem, "");
}

TEST(a_server_in_trouble_is_told_from_one_that_refuses)
{
    WITH_SESSION(g, session);
    for (unsigned step = 0; step < 3; step++) { /* at begin, at activate, at the nonce */
        g.stub.fail_requests = 1;
        CHECK(!session_cycle(&session, &answer, &why));
        CHECK_STRING(failure_name(why.id), "SERVER_TROUBLE");
        CHECK_INT(failure_retry(why.id), RETRY_IN_CYCLE);
    }
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_STRING(g.stub.problem, "");
}

TEST(an_enrolment_that_awaits_approval_comes_back_with_its_id)
{
    struct session session CLEANUP(session_done) = { 0 };
    struct failure why = FAILURE_INIT;

    WITH_GUEST(g);
    g.stub.begin_answer = "202";
    session_init(&session, &g.config);
    CHECK(!session_enrol(&session, false, &why));
    CHECK_STRING(failure_name(why.id), "AWAITS_APPROVAL");
    CHECK_INT(why.retry_after_seconds, 17);
    CHECK_STRING(session.enroll_id, "waiting-1");
    g.stub.begin_answer = "UnknownVm";
    CHECK(!session_enrol(&session, false, &why));
    CHECK_STRING(failure_name(why.id), "NOT_ENROLLED");
    g.stub.begin_answer = "EnrolmentRefused";
    CHECK(!session_enrol(&session, false, &why));
    CHECK_STRING(failure_name(why.id), "ENROLL_REFUSED");
    g.stub.begin_answer = "IdentityDuplicated";
    CHECK(!session_enrol(&session, false, &why));
    CHECK_STRING(failure_name(why.id), "CLONE");
    g.stub.begin_answer = NULL;
    REQUIRE_DONE(session_enrol(&session, false, &why), why);
}

TEST(a_one_time_token_that_others_may_read_is_used_and_said)
{
    static const struct {
        mode_t mode;
        bool open;
    } rows[] = { { 0600, false }, { 0640, false }, { 0644, true }, { 0660, true }, { 0602, true } };
    char path[120];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        WITH_SESSION(g, session);
        struct err err = ERR_INIT;

        snprintf(path, sizeof path, "%s/token", g.vtpm.dir);
        REQUIRE_OK(file_write(path, BYTES_LIT("tbe_abc\n"), rows[i].mode, &err) && chmod(path, rows[i].mode) == 0, err);
        g.config.token_file = path;
        REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
        CHECK_INT(strstr(g.stub.last_report, "enroll.token_file") != NULL, rows[i].open);
        CHECK(!file_exists(path));
    }
}

static bool dumped(const struct guest *g, struct bytes *ret)
{
    char path[200];
    struct err err;

    snprintf(path, sizeof path, "%s/evidence.json", g->config.state_dir);
    return file_read(path, 16 << 20, ret, &err);
}

/* What was sent, and for its owner only: for somebody who looks for a mistake. */
TEST(evidence_is_kept_where_that_is_asked_for_and_nowhere_else)
{
    static const char *const protocols[] = { "tpm", "azureguest" };
    static const char *const members[] = { "\"data\"", "\"AttestationInfo\"" };
    struct err err = ERR_INIT;
    struct stat st = { 0 };
    char path[200], elsewhere[200];

    WITH_SESSION(g, session);
    struct bytes none = BYTES_NONE, untouched CLEANUP(file_free) = BYTES_NONE;

    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK(!dumped(&g, &none));
    snprintf(path, sizeof path, "%s/evidence.json", g.config.state_dir);
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", g.vtpm.dir);
    REQUIRE_OK(file_write(elsewhere, BYTES_LIT("untouched"), 0600, &err), err);
    CHECK_INT(symlink(elsewhere, path), 0); /* by whoever got in there: it is taken away, not followed */
    g.config.dump_evidence = true;
    g.stub.any_nonce = true;
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        struct session s CLEANUP(session_done) = { 0 };
        struct bytes text CLEANUP(file_free) = BYTES_NONE;

        g.config.protocol = protocols[i];
        session_init(&s, &g.config);
        REQUIRE_DONE(session_cycle(&s, &answer, &why), why);
        REQUIRE(dumped(&g, &text));
        CHECK(parsed(&g, arena_string(&g.arena, text)) != NULL);
        CHECK(bytes_find(text, bytes_of_string(members[i])) != SIZE_MAX); /* the newest */
        CHECK(lstat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0600);
    }
    REQUIRE_OK(file_read(elsewhere, 100, &untouched, &err), err);
    CHECK_BYTES(untouched, BYTES_LIT("untouched"));
    REQUIRE_OK(state_erase(g.config.state_dir, &err), err);
    CHECK(!dumped(&g, &none));
}

TEST(an_evidence_file_needs_no_server)
{
    struct session session CLEANUP(session_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct failure why = FAILURE_INIT;
    const struct json *file;
    struct err err = ERR_INIT;

    WITH_GUEST(g);
    g.config.endpoint = NULL;
    session_init(&session, &g.config);
    REQUIRE_DONE(session_evidence(&session, BYTES_LIT("0123456789abcdef"), &w, &why), why);
    REQUIRE_OK(json_parse(&a, writer_bytes(&w), NULL, &file, &err), err);
    CHECK(json_is_string(json_get(file, "nonce"), "MDEyMzQ1Njc4OWFiY2RlZg"));
    CHECK(json_at(file, "current_attestation", "aik_pub", "n", NULL));
    CHECK(json_at(file, "current_attestation", "quote", NULL));
    CHECK(json_get(file, "ek_cert"));
    CHECK_INT(g.stub.begins, 0);
}

TEST(the_daemon_survives_an_outage_and_writes_its_status)
{
    const struct run_options options = { .no_start_delay = true, .cycles = 1 };
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *status;
    struct bytes text;
    struct err err = ERR_INIT;
    char path[120];

    WITH_GUEST(g);
    CHECK_INT(run_daemon(&g.config, &options), RUN_EXIT_OK);
    snprintf(path, sizeof path, "%s/out/status.json", g.run_dir);
    REQUIRE_OK(file_read_in(&a, path, 65536, &text, &err), err);
    REQUIRE_OK(json_parse(&a, text, NULL, &status, &err), err);
    CHECK(json_is_string(json_get(status, "state"), "idle"));
    CHECK(json_is_string(json_get(status, "vmId"), VTPM_UUID));
    CHECK(json_is_string(json_get(status, "lastVerdict"), "accepted"));
    CHECK_STRING(g.stub.problem, "");

    g.config.tcti = "swtpm:path=/nonexistent/socket";
    CHECK_INT(run_daemon(&g.config, &options), RUN_EXIT_OK);
    REQUIRE_OK(file_read_in(&a, path, 65536, &text, &err), err);
    REQUIRE_OK(json_parse(&a, text, NULL, &status, &err), err);
    CHECK(json_is_string(json_get(status, "state"), "degraded"));
    CHECK(json_is_string(json_at(status, "failure", "code", NULL), "TPM_UNUSABLE"));
}

/* guest-agent.md 3.8. The next request is answered with `status`, the one after it, which tells of that, is not. */
static enum failure_id refused_with(struct guest *g, struct session *s, unsigned status)
{
    struct report_answer answer;
    struct failure why = FAILURE_INIT;

    g->stub.fail_requests = status != 200;
    g->stub.fail_status = status;
    return session_cycle(s, &answer, &why) ? FAILURE_NONE : why.id;
}

static const struct json *told_failure(struct guest *g)
{
    const struct json *v = NULL;
    struct err err = ERR_INIT;

    return json_parse(&g->arena, bytes_of_string(g->stub.last_report), NULL, &v, &err) ? json_get(v, "failure") : NULL;
}

TEST(the_third_answer_of_401_or_403_in_a_row_is_a_matter_of_the_settings)
{
    WITH_SESSION(g, session);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(refused_with(&g, &session, 403), FAILURE_NOT_AUTHORISED);
    CHECK_INT(refused_with(&g, &session, 401), FAILURE_NOT_AUTHORISED);
    CHECK(json_is_string(json_get(told_failure(&g), "code"), "NOT_AUTHORISED"));
    CHECK_INT(refused_with(&g, &session, 403), FAILURE_SETTINGS_REFUSED);
    CHECK(json_is_string(json_get(told_failure(&g), "code"), "SETTINGS_REFUSED")); /* the monitor is told the same */
    CHECK(json_is_string(json_get(told_failure(&g), "reason"), "AGT.Settings"));
    CHECK(strstr(g.stub.last_report, "refused 3 times in a row"));
    CHECK_INT(refused_with(&g, &session, 401), FAILURE_SETTINGS_REFUSED);
    CHECK(strstr(g.stub.last_report, "refused 4 times in a row"));
    CHECK_INT(refused_with(&g, &session, 200), FAILURE_NONE); /* success ends it */
    CHECK_INT(refused_with(&g, &session, 403), FAILURE_NOT_AUTHORISED);
    CHECK_STRING(g.stub.problem, "");
}

TEST(what_never_reached_the_server_neither_counts_as_a_refused_entry_nor_ends_the_row)
{
    WITH_SESSION(g, session);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    CHECK_INT(refused_with(&g, &session, 403), FAILURE_NOT_AUTHORISED);
    CHECK_INT(refused_with(&g, &session, 503), FAILURE_SERVER_TROUBLE);
    g.config.endpoint = "https://127.0.0.1:1";
    session_hang_up(&session);
    CHECK_INT(refused_with(&g, &session, 200), FAILURE_CONNECT_REFUSED);
    g.config.endpoint = g.stub.endpoint;
    session_hang_up(&session);
    CHECK_INT(refused_with(&g, &session, 403), FAILURE_NOT_AUTHORISED);
    CHECK_INT(refused_with(&g, &session, 403), FAILURE_SETTINGS_REFUSED);
}

TEST(another_answer_or_a_restart_begins_the_row_of_refused_entries_anew)
{
    WITH_SESSION(g, session);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    for (int i = 0; i < 2; i++)
        CHECK_INT(refused_with(&g, &session, 403), FAILURE_NOT_AUTHORISED);
    g.stub.refuse_evidence = true; /* a verdict: who gives one has let us in */
    CHECK_INT(refused_with(&g, &session, 200), FAILURE_REFUSED);
    g.stub.refuse_evidence = false;
    for (int i = 0; i < 2; i++)
        CHECK_INT(refused_with(&g, &session, 403), FAILURE_NOT_AUTHORISED);
    session_done(&session); /* as after new settings: with them it is tried at once */
    session_init(&session, &g.config);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    for (int i = 0; i < 2; i++)
        CHECK_INT(refused_with(&g, &session, 403), FAILURE_NOT_AUTHORISED);
    session_done(&session);
    session_init(&session, &g.config);
    CHECK_INT(refused_with(&g, &session, 403), FAILURE_NOT_AUTHORISED);
}
