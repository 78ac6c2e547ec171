#include "handler_ground.h"

TEST(the_sequence_number_is_the_environments_else_that_of_the_newest_file)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    struct handler h;

    REQUIRE(ground_make(&g));
    settings(&g, 9, "{}");
    settings(&g, 3, "{}");
    put(below(&g, "lib/E.T-1.0/config/other.12.settings"), "");
    system_make_old(below(&g, "lib/E.T-1.0/config/9.settings"));
    REQUIRE_OK(handler_find(&g.in.arena, &h, &err), err);
    CHECK_INT(h.sequence, 3); /* newer, though lower */
    setenv("ConfigSequenceNumber", "9", 1);
    REQUIRE_OK(handler_find(&g.in.arena, &h, &err), err);
    CHECK_INT(h.sequence, 9);
    CHECK(strstr(h.status_file, "/status/9.status") != NULL);
    setenv("ConfigSequenceNumber", "nonsense", 1);
    REQUIRE_OK(handler_find(&g.in.arena, &h, &err), err);
    CHECK_INT(h.sequence, 3);
    unsetenv("ConfigSequenceNumber");
    setenv("ConfigExtensionName", "other", 1);
    REQUIRE_OK(handler_find(&g.in.arena, &h, &err), err);
    CHECK_INT(h.sequence, 12);
    CHECK(strstr(h.status_file, "/status/other.12.status") != NULL && strstr(h.settings_file, "/config/other.12.settings") != NULL);
    setenv("ConfigExtensionName", "../x", 1);
    CHECK(!handler_find(&g.in.arena, &h, &err));
}

TEST(the_version_is_the_environments_else_the_folders)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    struct handler h;

    REQUIRE(ground_make(&g));
    locate(&g, "2.0.1.30");
    REQUIRE_OK(handler_locate(&g.in.arena, &h, &err), err);
    CHECK_STRING(h.version, "2.0.1.30");
    locate(&g, "../../etc");
    REQUIRE_OK(handler_locate(&g.in.arena, &h, &err), err);
    CHECK_STRING(h.version, "1.0");
}

TEST(without_a_vm_agent_enabling_says_so)
{
    struct ground g CLEANUP(ground_done);

    REQUIRE(ground_make(&g));
    unlink(below(&g, "lib/E.T-1.0/HandlerEnvironment.json"));
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_MISSING);
}

TEST(installing_and_uninstalling_may_be_repeated)
{
    struct ground g CLEANUP(ground_done);

    REQUIRE(ground_make(&g));
    for (unsigned i = 0; i < 2; i++) {
        CHECK_INT(verb_install(&g.in), VERB_EXIT_OK);
        CHECK(file_exists(in(&g, g.in.places_of.program_dir, system_program)));
        CHECK(says_in(&g, g.in.places_of.state_dir, "owner", "1.0\n"));
    }
    for (unsigned i = 0; i < 2; i++) {
        CHECK_INT(verb_uninstall(&g.in), VERB_EXIT_OK);
        CHECK(!file_exists(in(&g, g.in.places_of.program_dir, system_program)));
    }
}

TEST(enabling_turns_settings_into_one_configuration)
{
    struct ground g CLEANUP(ground_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct agent_config c;
    struct handler h;
    uint32_t applied;

    REQUIRE(ground_make(&g));
    CHECK_INT(verb_install(&g.in), VERB_EXIT_OK);
    setenv("https_proxy", "http://user:pass@proxy:3128", 1);
    settings(&g, 4,
             "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"https://a.example/\",\"maaTenantName\":\"T\"},\"AscSettings\":"
             "{\"ascReportingEndpoint\":\"https://r.example\",\"ascReportingFrequency\":\"30M\"},\"Trueboot\":{\"imaReporting\":true,"
             "\"purgeOnUninstall\":\"true\",\"strictEnable\":true},\"disablealerts\":\"false\"}}");
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_OK);
    REQUIRE_OK(config_load(&c, &a, &(struct config_places){ .root = g.in.places.root, .fw_cfg = "" }, &err), err);
    CHECK_STRING(c.endpoint, "https://a.example");
    CHECK_STRING(c.report_endpoint, "https://r.example");
    CHECK_STRING(c.tenant, "T");
    CHECK_INT(c.frequency_seconds, 1800);
    CHECK(c.ima);
    CHECK_STRING(c.proxy, "http://proxy:3128");
    CHECK(!says_in(&g, g.in.places_of.etc_dir, "handler.conf", "pass"));
    CHECK(says_in(&g, g.in.places_of.run_dir, "secrets/proxy-credentials", "user:pass"));
    CHECK(says_in(&g, g.in.places_of.etc_dir, "handler.json", "\"strict\": true"));
    CHECK(says_in(&g, g.in.places_of.etc_dir, "handler.json", "\"purge\": true"));
    CHECK(says(&g, "lib/E.T-1.0/status/4.status", "\"status\":\"transitioning\""));
    CHECK(says(&g, "lib/E.T-1.0/status/4.status", "did you mean disableAlerts?"));
    CHECK(says(&g, "lib/E.T-1.0/heartbeat.log", "\"Ready\""));
    REQUIRE_OK(handler_find(&g.in.arena, &h, &err), err);
    CHECK(handler_applied_sequence(&h, &applied) && applied == 4);
}

/* Below /run they are gone after a reboot, and the VM agent's enable with the same number is the occasion to bring them back. */
TEST(secrets_that_a_reboot_took_away_are_missed)
{
    struct ground g CLEANUP(ground_done);
    struct protected_settings secrets = { .proxy_credential = BYTES_LIT("user:pass"), .enrollment_token = BYTES_LIT("once") };
    const struct attestation_config config = { .is_given = true };
    const struct places *p = &g.in.places_of;
    struct err err = ERR_INIT;

    REQUIRE(ground_make(&g));
    REQUIRE_OK(file_make_dirs(p->etc_dir, 0755, &err) && file_make_dirs(p->state_dir, 0700, &err), err);
    CHECK(!normalise_files_are_there(&secrets, p));
    REQUIRE_OK(normalise_put_files(&config, &secrets, p, geteuid(), getegid(), &err), err);
    CHECK(normalise_files_are_there(&secrets, p));
    unlink(in(&g, p->run_dir, "secrets/enrollment-token"));
    CHECK(!normalise_files_are_there(&secrets, p));
    put(in(&g, p->state_dir, "ak.crt"), ""); /* the token was used */
    CHECK(normalise_files_are_there(&secrets, p));
    system_remove(in(&g, p->run_dir, "secrets"));
    CHECK(!normalise_files_are_there(&secrets, p));
    secrets = (struct protected_settings){ .proxy_credential = BYTES_NONE };
    CHECK(normalise_files_are_there(&secrets, p));
}

TEST(the_people_s_configuration_stays_below_the_handlers)
{
    struct ground g CLEANUP(ground_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct agent_config c;

    REQUIRE(ground_make(&g));
    CHECK(file_make_dirs(in(&g, g.in.places_of.etc_dir, "agent.conf.d"), 0755, &err));
    put(in(&g, g.in.places_of.etc_dir, "agent.conf"), "attest.endpoint = https://file.example\nima.enable = yes\n");
    put(in(&g, g.in.places_of.etc_dir, "agent.conf.d/50.conf"), "report.endpoint = https://drop-in.example\n");
    settings(&g, 0, "{\"AttestationConfig\":{\"AscSettings\":{\"ascReportingEndpoint\":\"https://settings.example\"}}}");
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_OK);
    REQUIRE_OK(config_load(&c, &a, &(struct config_places){ .root = g.in.places.root, .fw_cfg = "" }, &err), err);
    CHECK_STRING(c.endpoint, "https://file.example"); /* maaEndpoint is empty */
    CHECK_STRING(c.report_endpoint, "https://settings.example");
    CHECK(c.ima);
}

TEST(settings_that_are_refused_leave_everything_as_it_was)
{
    static const struct {
        const char *settings, *says;
    } cases[] = {
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"maaendpoint\":\"https://b.example\"}}}", "did you mean maaEndpoint?" },
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"http://b.example\"}}}", "AttestationConfig.MaaSettings.maaEndpoint" },
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"\"}}}", "names no attest.endpoint" },
        { "{\"AttestationConfig\":{\"useCustomToken\":\"maybe\"}}", "AttestationConfig.useCustomToken" },
        { "\"text\"", "publicSettings" },
        { "{\"a\":1,\"a\":2}", "a" },
    };
    struct ground g CLEANUP(ground_done);
    struct handler h;
    struct err err = ERR_INIT;
    uint32_t applied = 0;

    REQUIRE(ground_make(&g));
    settings(&g, 1, ENDPOINT);
    setenv("ConfigSequenceNumber", "1", 1);
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_OK);
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        char number[8], status[64];

        snprintf(number, sizeof number, "%u", i + 2);
        snprintf(status, sizeof status, "lib/E.T-1.0/status/%s.status", number);
        setenv("ConfigSequenceNumber", number, 1);
        settings(&g, i + 2, cases[i].settings);
        test_note("%s", cases[i].settings);
        CHECK_INT(verb_enable(&g.in), VERB_EXIT_BAD_SETTINGS);
        CHECK(says(&g, status, "\"status\":\"error\",\"code\":53"));
        CHECK(says(&g, status, cases[i].says));
        CHECK(says_in(&g, g.in.places_of.etc_dir, "handler.conf", "attest.endpoint = https://a.example\n"));
    }
    REQUIRE_OK(handler_find(&g.in.arena, &h, &err), err);
    CHECK(handler_applied_sequence(&h, &applied) && applied == 1);
}

TEST(no_settings_and_no_endpoint_is_a_warning)
{
    struct ground g CLEANUP(ground_done);

    REQUIRE(ground_make(&g));
    put(below(&g, "lib/E.T-1.0/config/0.settings"), "");
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_OK);
    CHECK(says(&g, "lib/E.T-1.0/status/0.status", "no attestation service is configured"));
}

TEST(who_is_not_the_owner_uninstalls_nothing)
{
    struct ground g CLEANUP(ground_done);
    char owner[OWNER_MAX];

    REQUIRE(ground_make(&g));
    CHECK_INT(verb_install(&g.in), VERB_EXIT_OK);
    settings(&g, 0, ENDPOINT);
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_OK);

    /* Upgrade: old disable, new update, old uninstall. */
    CHECK_INT(verb_disable(&g.in), VERB_EXIT_OK);
    CHECK(says(&g, "lib/E.T-1.0/heartbeat.log", "\"NotReady\""));
    setenv("VERSION", "2.0", 1);
    locate(&g, "2.0");
    CHECK_INT(verb_update(&g.in), VERB_EXIT_OK);
    unsetenv("VERSION");
    locate(&g, "1.0");
    CHECK_INT(verb_uninstall(&g.in), VERB_EXIT_OK);
    CHECK(file_exists(in(&g, g.in.places_of.program_dir, system_program)));
    CHECK(file_exists(in(&g, g.in.places_of.etc_dir, "handler.conf")));
    CHECK(says_in(&g, g.in.places_of.etc_dir, "handler.json", "\"upgraded\": true"));

    /* Downgrade: the higher version's update is called, and names the lower one. */
    locate(&g, "2.0");
    setenv("VERSION", "1.0", 1);
    CHECK_INT(verb_update(&g.in), VERB_EXIT_OK);
    unsetenv("VERSION");
    CHECK(owner_read(&g.in.places_of, owner));
    CHECK_STRING(owner, "1.0");
    CHECK_INT(verb_uninstall(&g.in), VERB_EXIT_OK);
    CHECK(file_exists(in(&g, g.in.places_of.program_dir, system_program)));
    locate(&g, "1.0");
    CHECK_INT(verb_uninstall(&g.in), VERB_EXIT_OK);
    CHECK(!file_exists(in(&g, g.in.places_of.program_dir, system_program)));
}

/* The publisher, and a daemon that has been taken over. */

static void daemon_wrote(struct ground *g, const char *name, const char *text)
{
    put(arena_printf(&g->in.arena, "%s/%s", g->in.places_of.out_dir, name), text);
}

static bool publishing(struct ground *g, struct handler_record *record)
{
    struct err err = ERR_INIT;

    if (!ground_make(g))
        return false;
    settings(g, 0, ENDPOINT);
    return verb_enable(&g->in) == VERB_EXIT_OK && record_read(&g->in.arena, g->in.places_of.handler_record, record, &err);
}

TEST(the_publisher_writes_anew_what_the_daemon_left)
{
    struct ground g CLEANUP(ground_done);
    struct handler_record r;
    struct err err = ERR_INIT;

    REQUIRE(publishing(&g, &r));
    daemon_wrote(&g, "heartbeat.json", "{}");
    daemon_wrote(&g, "status.json",
                 "{\"state\":\"idle\",\"lastVerdict\":\"accepted\",\"lastVerdictTime\":\"2026-01-10T09:12:43Z\",\"akName\":\"000b97aa\","
                 "\"smuggled\":\"x\"}");
    daemon_wrote(&g, "events/17640001230000000.json",
                 "{\"Version\":\"9\",\"Timestamp\":\"2026-01-10T09:12:44Z\",\"TaskName\":\"A\",\"EventLevel\":\"Warning\","
                 "\"Message\":\"hello\",\"EventPid\":\"1\",\"EventTid\":\"1\",\"OperationId\":\"o\",\"smuggled\":\"x\"}");
    daemon_wrote(&g, "events/evil.json", "{}");
    daemon_wrote(&g, "events/1.json", "no event");
    REQUIRE_OK(publish_once(&g.in.places_of, &r, clock_now_ms(), &err), err);
    CHECK(says(&g, "lib/E.T-1.0/status/0.status", "\"status\":\"success\"") &&
          says(&g, "lib/E.T-1.0/status/0.status", "Healthy, verified 2026-01-10T09:12:43Z"));
    CHECK(!says(&g, "lib/E.T-1.0/status/0.status", "smuggled"));
    CHECK(says(&g, "log/events/17640001230000000.json", "hello") && !says(&g, "log/events/17640001230000000.json", "smuggled"));
    CHECK(!file_exists(below(&g, "log/events/evil.json")) && !file_exists(below(&g, "log/events/1.json")));

    unlink(below(&g, "log/events/17640001230000000.json")); /* the VM agent took it */
    REQUIRE_OK(publish_once(&g.in.places_of, &r, clock_now_ms(), &err), err);
    CHECK(!file_exists(below(&g, "log/events/17640001230000000.json")));
}

TEST(the_publisher_follows_no_link_and_reads_nothing_huge)
{
    struct ground g CLEANUP(ground_done);
    struct handler_record r;
    struct err err = ERR_INIT;
    char *big = malloc(LIMIT_SMALL_BODY_BYTES + 2);

    REQUIRE(big && publishing(&g, &r));
    put(below(&g, "secret"), "{\"state\":\"idle\",\"failure\":{\"code\":\"X\",\"message\":\"the secret\"}}");
    daemon_wrote(&g, "heartbeat.json", "{}");
    if (!system_link(below(&g, "secret"), in(&g, g.in.places_of.out_dir, "status.json")))
        SKIP("no links here");
    REQUIRE_OK(publish_once(&g.in.places_of, &r, clock_now_ms(), &err), err);
    CHECK(!says(&g, "lib/E.T-1.0/status/0.status", "secret") && says(&g, "lib/E.T-1.0/status/0.status", "transitioning"));

    memset(big, ' ', LIMIT_SMALL_BODY_BYTES + 1);
    big[LIMIT_SMALL_BODY_BYTES + 1] = 0;
    memcpy(big, "{\"state\":\"idle\"}", 16);
    daemon_wrote(&g, "status.json", big);
    REQUIRE_OK(publish_once(&g.in.places_of, &r, clock_now_ms(), &err), err);
    CHECK(says(&g, "lib/E.T-1.0/status/0.status", "transitioning"));
    big[LIMIT_SMALL_BODY_BYTES] = 0;
    daemon_wrote(&g, "status.json", big);
    REQUIRE_OK(publish_once(&g.in.places_of, &r, clock_now_ms(), &err), err);
    CHECK(says(&g, "lib/E.T-1.0/status/0.status", "success"));
    free(big);
}

TEST(events_are_published_up_to_their_budget)
{
    struct ground g CLEANUP(ground_done);
    struct handler_record r;
    struct err err = ERR_INIT;
    unsigned published = 0;

    REQUIRE(publishing(&g, &r));
    for (unsigned i = 0; i < LIMIT_EVENTS_PER_HOUR + 5; i++) {
        char name[64];

        snprintf(name, sizeof name, "events/176400012300000%02u.json", i);
        daemon_wrote(
            &g, name,
            "{\"Version\":\"9\",\"Timestamp\":\"2026-01-10T09:12:44Z\",\"TaskName\":\"A\",\"EventLevel\":\"Warning\",\"Message\":\"m\","
            "\"EventPid\":\"1\",\"EventTid\":\"1\",\"OperationId\":\"o\"}");
    }
    REQUIRE_OK(publish_once(&g.in.places_of, &r, 1764000123000, &err), err);
    REQUIRE_OK(publish_once(&g.in.places_of, &r, 1764000124000, &err), err);
    for (unsigned i = 0; i < LIMIT_EVENTS_PER_HOUR + 5; i++)
        published += file_exists(arena_printf(&g.in.arena, "%s/log/events/176400012300000%02u.json", g.dir, i));
    CHECK_INT(published, LIMIT_EVENTS_PER_HOUR);
    REQUIRE_OK(publish_once(&g.in.places_of, &r, 1764000124000 + 3600 * 1000, &err), err);
    CHECK(file_exists(arena_printf(&g.in.arena, "%s/log/events/176400012300000%02u.json", g.dir, LIMIT_EVENTS_PER_HOUR + 4)));
}

TEST(a_handler_that_is_gone_is_nobodys_problem)
{
    struct ground g CLEANUP(ground_done);
    struct handler_record r;
    struct err err = ERR_INIT;

    REQUIRE(publishing(&g, &r));
    system_remove(below(&g, "lib"));
    system_remove(below(&g, "log"));
    CHECK(publish_once(&g.in.places_of, &r, clock_now_ms(), &err));
    CHECK(!file_exists(below(&g, "lib")));
}

TEST(an_on_premises_cluster_s_settings_go_along_as_labels)
{
    struct ground g CLEANUP(ground_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct agent_config c;

    REQUIRE(ground_make(&g));
    settings(&g, 0,
             "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"https://a.example\",\"maaTenantName\":\"My_Tenant_NewConfig\"},"
             "\"AscSettings\":{\"ascReportingEndpoint\":\"https://r.example/x\",\"ascReportingFrequency\":\"4H\"},\"AzureStackSettings\":"
             "{\"clusterId\":\"/subscriptions/s/clusters/"
             "c\",\"clusterAadTenantId\":\"g\"},\"useCustomToken\":\"false\",\"disableAlerts\":\"true\","
             "\"isAzureStack\":\"true\"}}");
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_OK);
    REQUIRE_OK(config_load(&c, &a, &(struct config_places){ .root = g.in.places.root, .fw_cfg = "" }, &err), err);
    CHECK_STRING(c.cluster_id, "/subscriptions/s/clusters/c");
    CHECK_STRING(c.cluster_tenant, "g");
    CHECK(!c.alerts);
    CHECK(!says(&g, "lib/E.T-1.0/status/0.status", "clusters/c")); /* never shown */
}

/* Windows has one variable, however it is written, and it is called as we ask for it first. */
static const char *called(const char *name)
{
#ifdef _WIN32
    return strcmp(name, "HTTPS_PROXY") == 0 ? "https_proxy" : strcmp(name, "NO_PROXY") == 0 ? "no_proxy" : name;
#else
    return name;
#endif
}

/* guest-agent.md 8.5: a service does not inherit what `enable` was started with; what is passed on to it is what it should be. */
TEST(a_proxy_of_the_environment_that_is_no_address_is_a_wrong_setting)
{
    static const struct {
        const char *name, *value, *shown;
    } rows[] = {
        { "https_proxy", "socks5://proxy:1080", "socks5://proxy:1080" },
        { "HTTPS_PROXY", "http://proxy:port", "http://proxy:port" },
        { "https_proxy", "http://ann:hunter2@proxy:port", "http://***@proxy:port" },
        { "https_proxy", "two words", "two words" },
        { "https_proxy", "http://proxy:3128\nnet.ca_file = /evil", NULL },
        { "https_proxy", "http://ann%3Ax:hunter2@proxy:3128", NULL },
        { "HTTPS_PROXY", "http://:hunter2@proxy:3128", NULL },
        { "no_proxy", "a\nnet.proxy = http://evil:1", NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ground g CLEANUP(ground_done);
        bool before = test_failed();

        REQUIRE(ground_make(&g));
        CHECK_INT(verb_install(&g.in), VERB_EXIT_OK);
        setenv(rows[i].name, rows[i].value, 1);
        settings(&g, 4, ENDPOINT);
        CHECK_INT(verb_enable(&g.in), VERB_EXIT_BAD_SETTINGS);
        CHECK(says(&g, "lib/E.T-1.0/status/4.status", "\"status\":\"error\"") && says(&g, "lib/E.T-1.0/status/4.status", "\"code\":53"));
        CHECK(says(&g, "lib/E.T-1.0/status/4.status", called(rows[i].name)));
        CHECK(!rows[i].shown || says(&g, "lib/E.T-1.0/status/4.status", rows[i].shown));
        CHECK(!says(&g, "lib/E.T-1.0/status/4.status", "hunter2"));
        CHECK(!file_exists(in(&g, g.in.places_of.etc_dir, "handler.conf")));
        unsetenv(rows[i].name);
        if (!before && test_failed())
            test_note("%s=%s", rows[i].name, rows[i].value);
    }
}

TEST(a_proxy_of_the_environment_is_passed_on_with_decoded_credentials_and_its_exceptions)
{
    struct ground g CLEANUP(ground_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct agent_config c;

    REQUIRE(ground_make(&g));
    CHECK_INT(verb_install(&g.in), VERB_EXIT_OK);
    setenv("https_proxy", "", 1);
    setenv("HTTPS_PROXY", "http://a%40nn:p%3Ahunter2@[fd00::1]:3128/", 1);
    setenv("NO_PROXY", "localhost, .example.org 10.0.0.0/8, 10.*", 1);
    settings(&g, 4, ENDPOINT);
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_OK);
    REQUIRE_OK(config_load(&c, &a, &(struct config_places){ .root = g.in.places.root, .fw_cfg = "" }, &err), err);
    CHECK_STRING(c.proxy, "http://[fd00::1]:3128");
    CHECK_STRING(c.no_proxy, "localhost, .example.org 10.0.0.0/8, 10.*");
    CHECK(says_in(&g, g.in.places_of.run_dir, "secrets/proxy-credentials", "a@nn:p:hunter2"));
    CHECK(!says_in(&g, g.in.places_of.etc_dir, "handler.conf", "hunter2"));
    CHECK(says(&g, "lib/E.T-1.0/status/4.status", arena_printf(&a, "%s: \\\"10.*\\\" is no name", called("NO_PROXY")))); /* a warning */
    setenv("HTTPS_PROXY", "http://a%40nn:other@[fd00::1]:3128/", 1); /* the same number, other credentials: applied */
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_OK);
    CHECK(says_in(&g, g.in.places_of.run_dir, "secrets/proxy-credentials", "a@nn:other"));
}
