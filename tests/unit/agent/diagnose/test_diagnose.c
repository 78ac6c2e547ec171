/* `diagnose` of a machine with a TPM emulator and a server: what passes, what it names, and that it changes nothing. */
#include "agent/diagnose/diagnose.h"
#include "diagnose/net.h"
#include "support/test.h"
#include "unit/agent/guest.h"

static bool needs(const struct diagnosis *d, enum check check, enum result want)
{
    const struct checked *c = diagnosis_find(d, check, NULL);

    if (c && c->result == want)
        return true;
    test_note("%s: %s: %s", check_row(check)->id, c ? result_name(c->result) : "not run", c ? c->measured : "");
    return false;
}

static void look(struct guest *g, struct diagnosis *d, struct diagnose_findings *found)
{
    struct agent_state state;

    state_look(&state, g->config.state_dir);
    diagnose_tpm(d, &g->config, &state, true, found);
    state_done(&state);
}

TEST(an_enrolled_machine_passes_every_check_of_tpm_and_keys)
{
    struct session session CLEANUP(session_done) = { 0 };
    struct diagnose_findings found = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    struct diagnosis d;

    WITH_GUEST(g);
    session_init(&session, &g.config);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    diagnosis_init(&d, &g.arena, "test", 60);
    look(&g, &d, &found);
    for (enum check c = CHECK_TPM_NODE; c <= CHECK_TRIAL_KEY; c++)
        CHECK(needs(&d, c, RESULT_PASS));
    CHECK(found.has_pcrs && found.n_ek_certs && found.ak_public.len);
    g.stub.any_nonce = true;
    diagnose_attest(&d, &g.config);
    CHECK(needs(&d, CHECK_ATTEST, RESULT_PASS));
    CHECK(d.claims.len > 2);
    CHECK_INT(g.stub.reports, 2); /* the session's own, and a dry one */
    CHECK(strstr(g.stub.last_report, "\"dryRun\":true"));
    CHECK_STRING(g.stub.problem, "");
}

TEST(a_machine_that_was_never_enrolled_is_told_so_and_left_as_it_was)
{
    struct diagnose_findings found = { 0 };
    struct diagnosis d;
    char path[120];

    WITH_GUEST(g);
    diagnosis_init(&d, &g.arena, "test", 60);
    look(&g, &d, &found);
    CHECK(needs(&d, CHECK_AK, RESULT_PASS));
    CHECK(needs(&d, CHECK_AK_CERT, RESULT_WARN));
    CHECK(needs(&d, CHECK_TRIAL_QUOTE, RESULT_PASS));
    diagnose_attest(&d, &g.config);
    CHECK(needs(&d, CHECK_ATTEST, RESULT_SKIP));
    CHECK_INT(g.stub.begins, 0);
    CHECK(vtpm_run(&g.vtpm, "! tpm2_getcap handles-persistent | grep -qi 81000003"));
    snprintf(path, sizeof path, "%s", g.state_dir);
    CHECK(!file_exists(path));
}

TEST(a_key_that_somebody_put_there_is_the_cause_that_is_named)
{
    struct session session CLEANUP(session_done) = { 0 };
    struct diagnose_findings found = { 0 };
    struct report_answer answer;
    struct failure why = FAILURE_INIT;
    struct diagnosis d;
    const char *cause;

    WITH_GUEST(g);
    session_init(&session, &g.config);
    REQUIRE_DONE(session_cycle(&session, &answer, &why), why);
    REQUIRE(vtpm_run(&g.vtpm, "tpm2_evictcontrol -C o -c 0x81000003 && tpm2_createprimary -C e -G rsa2048:rsassa-sha256:null -a "
                              "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign' -c p.ctx && "
                              "tpm2_evictcontrol -C o -c p.ctx 0x81000003"));
    diagnosis_init(&d, &g.arena, "test", 60);
    look(&g, &d, &found);
    CHECK(needs(&d, CHECK_AK, RESULT_FAIL));
    cause = diagnosis_cause(&d, &g.arena);
    CHECK(cause && strncmp(cause, "Most probable cause: the attestation key", 40) == 0);
}

TEST(a_missing_tpm_is_named_before_everything_else)
{
    struct agent_config config = { .tcti = "swtpm:path=/nonexistent/socket", .endpoint = "https://127.0.0.1:9" };
    struct diagnose_findings found = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct agent_state state;
    struct diagnosis d;
    const char *cause;

    state_look(&state, "");
    diagnosis_init(&d, &a, "test", 60);
    diagnose_tpm(&d, &config, &state, true, &found);
    diagnosis_add(&d, CHECK_CONNECT, RESULT_FAIL, "no answer");
    CHECK(needs(&d, CHECK_TPM_NODE, RESULT_FAIL));
    CHECK(needs(&d, CHECK_AK, RESULT_SKIP));
    cause = diagnosis_cause(&d, &a);
    CHECK(cause && strncmp(cause, "Most probable cause: no TPM", 27) == 0);
    state_done(&state);
}

static void check_network(struct guest *g, const char *url, struct diagnosis *d)
{
    struct server_config config = server_config_of(&g->config, url);
    const struct net_endpoint endpoint = { "attest.endpoint", url, true };
    struct http_client *client = NULL;
    struct net_plan plan = { .endpoints = &endpoint, .n = 1, .root = "" };
    struct failure why = FAILURE_INIT;

    REQUIRE_DONE(server_http_client(&config, &client, &why), why);
    plan.client = client;
    diagnosis_init(d, &g->arena, "test", 60);
    net_check(d, &plan);
    http_client_free(client);
}

TEST(each_class_of_network_failure_comes_with_what_to_do)
{
    const struct net_target target = { .host = BYTES_LIT("a.example"), .port = 443 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct diagnosis d;

    diagnosis_init(&d, &a, "test", 60);
    for (enum http_failure f = HTTP_FAILURE_NONE + 1; f <= HTTP_FAILURE_LOCAL; f++) {
        struct checked *c = diagnosis_add(&d, CHECK_HTTP, RESULT_FAIL, "x");

        net_classify(&d, c, f, &target);
        CHECK(c->remedy && c->class && strcmp(c->class, http_failure_slug(f)) == 0);
        if (!c->remedy)
            test_note("%s has none", http_failure_slug(f));
    }
}

TEST(the_way_to_a_server_is_checked_stage_by_stage)
{
    struct diagnosis d;

    WITH_GUEST(g);
    check_network(&g, g.stub.endpoint, &d);
    for (enum check c = CHECK_PROXY_CHOICE; c <= CHECK_CONNECT; c++)
        CHECK(needs(&d, c, RESULT_PASS));
    CHECK(needs(&d, CHECK_TLS, RESULT_WARN)); /* the stub's certificate lives for a day */
    CHECK(strstr(diagnosis_find(&d, CHECK_TLS, NULL)->measured, "TLSv1.3") &&
          strstr(diagnosis_find(&d, CHECK_TLS, NULL)->measured, "sha256//"));
    CHECK(needs(&d, CHECK_HTTP, RESULT_FAIL)); /* the stub has no OpenID document: wrong path */
    CHECK(needs(&d, CHECK_TIME, RESULT_PASS));
    CHECK(needs(&d, CHECK_UPLOAD, RESULT_PASS));

    check_network(&g, "https://127.0.0.1:9", &d);
    CHECK(needs(&d, CHECK_CONNECT, RESULT_FAIL));
    CHECK_STRING(diagnosis_find(&d, CHECK_CONNECT, NULL)->class, "connect_refused");
    CHECK(needs(&d, CHECK_TLS, RESULT_SKIP));
    check_network(&g, "ftp://127.0.0.1", &d);
    CHECK(needs(&d, CHECK_HTTP, RESULT_FAIL));
}
