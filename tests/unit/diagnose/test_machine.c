#include "fake_root.h"

#define EFI          "/sys/firmware/efi/efivars/"
#define SECURE_BOOT  EFI "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SETUP_MODE   EFI "SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define SHIM_SETTING EFI "MokSBStateRT-605dab50-e046-4300-abb6-3dd810dd8b23"
#define HANDLER      "/var/lib/waagent/X.Guest-1.0"

static void check_result(const struct fake_root *f, enum check check, enum result want)
{
    const struct checked *c = diagnosis_find(&f->d, check, NULL);

    REQUIRE(c);
    CHECK_INT(c->result, want);
    CHECK(c->result == RESULT_PASS || c->result == RESULT_SKIP || c->remedy); /* what is wrong comes with what to do */
    if (test_failed())
        test_note("%s: %s", check_row(check)->id, c->measured);
}

TEST(secure_boot_is_read_from_the_variables)
{
    static const struct {
        const char *secure_boot, *setup_mode, *shim; /* the value byte as text; NULL: no such variable */
        enum result secure, mok;
    } cases[] = {
        { "\x06\x01\x01\x01\x01", "\x06\x01\x01\x01", NULL, RESULT_PASS, RESULT_PASS },
        { "\x06\x01\x01\x01\x01", "\x06\x01\x01\x01\x01", NULL, RESULT_FAIL, RESULT_PASS },
        { "\x06\x01\x01\x01\x01", NULL, "\x06\x01\x01\x01\x01", RESULT_PASS, RESULT_FAIL },
        { NULL, NULL, NULL, RESULT_WARN, RESULT_PASS },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FAKE_ROOT(f);

        REQUIRE(fake_put_text(&f, EFI "x", "x"));
        CHECK(!cases[i].secure_boot || fake_put_text(&f, SECURE_BOOT, cases[i].secure_boot));
        CHECK(!cases[i].setup_mode || fake_put_text(&f, SETUP_MODE, cases[i].setup_mode));
        CHECK(!cases[i].shim || fake_put_text(&f, SHIM_SETTING, cases[i].shim));
        machine_check_system(&f.d, &f.places);
        check_result(&f, CHECK_UEFI, RESULT_PASS);
        check_result(&f, CHECK_SECURE_BOOT, cases[i].secure);
        check_result(&f, CHECK_MOK, cases[i].mok);
    }
}

TEST(secure_boot_that_is_off_is_a_failure)
{
    FAKE_ROOT(f);

    REQUIRE(fake_put(&f, SECURE_BOOT, BYTES_OF("\x06\0\0\0")));
    machine_check_system(&f.d, &f.places);
    check_result(&f, CHECK_SECURE_BOOT, RESULT_FAIL);
}

TEST(a_machine_without_uefi_and_a_container_are_told)
{
    FAKE_ROOT(f);

    REQUIRE(fake_put_text(&f, "/run/systemd/container", "lxc"));
    machine_check_system(&f.d, &f.places);
    check_result(&f, CHECK_UEFI, RESULT_FAIL);
    check_result(&f, CHECK_SECURE_BOOT, RESULT_SKIP);
    check_result(&f, CHECK_VIRTUAL, RESULT_WARN);
}

TEST(lockdown_is_the_word_in_brackets)
{
    FAKE_ROOT(f);

    REQUIRE(fake_put_text(&f, "/sys/kernel/security/lockdown", "none [integrity] confidentiality\n"));
    machine_check_system(&f.d, &f.places);
    check_result(&f, CHECK_LOCKDOWN, RESULT_PASS);
    CHECK_STRING(diagnosis_find(&f.d, CHECK_LOCKDOWN, NULL)->measured, "integrity");
}

TEST(a_machine_without_a_handler_skips_its_checks)
{
    FAKE_ROOT(f);

    machine_check_handler(&f.d, &f.places);
    check_result(&f, CHECK_MODE, RESULT_PASS);
    for (enum check c = CHECK_HANDLER_ENV; c <= CHECK_HANDLER_EVENTS; c++)
        check_result(&f, c, RESULT_SKIP);
}

static bool put_handler(const struct fake_root *f, const char *settings)
{
    return fake_put_text(f, "/etc/trueboot-agent/handler.json",
                         "{\"schema\":1,\"sequence\":7,\"statusFile\":\"" HANDLER "/status/7.status\",\"heartbeatFile\":\"" HANDLER
                         "/status/HeartBeat.Json\",\"eventsFolder\":\"" HANDLER "/events\"}") &&
           fake_put_text(f, HANDLER "/HandlerEnvironment.json",
                         "\xef\xbb\xbf[{\"version\":1.0,\"handlerEnvironment\":{\"logFolder\":\"/x\"}}]") &&
           fake_put_text(f, HANDLER "/config/7.settings", settings) && fake_put_text(f, HANDLER "/status/7.status", "[]") &&
           fake_put_text(f, HANDLER "/status/HeartBeat.Json", "[]") && fake_put_text(f, HANDLER "/events/1.json", "{}");
}

TEST(a_handler_in_order_passes)
{
    FAKE_ROOT(f);

    REQUIRE(put_handler(&f, "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":{},\"protectedSettings\":\"MII\","
                            "\"protectedSettingsCertThumbprint\":\"AB12\"}}]}"));
    REQUIRE(fake_put_text(&f, "/var/lib/waagent/AB12.prv", "x"));
    machine_check_handler(&f.d, &f.places);
    for (enum check c = CHECK_MODE; c <= CHECK_HANDLER_EVENTS; c++)
        check_result(&f, c, RESULT_PASS);
}

TEST(what_is_broken_about_a_handler_is_named)
{
    FAKE_ROOT(f);

    REQUIRE(put_handler(&f, "{\"runtimeSettings\":[{\"handlerSettings\":{\"protectedSettings\":\"MII\","
                            "\"protectedSettingsCertThumbprint\":\"../../etc/passwd\"}}]}"));
    REQUIRE(fake_put_text(&f, HANDLER "/HandlerEnvironment.json", "{"));
    for (int i = 0; i < 120; i++) {
        char path[100];

        snprintf(path, sizeof path, HANDLER "/events/%d.json", i);
        REQUIRE(fake_put_text(&f, path, "{}"));
    }
    machine_check_handler(&f.d, &f.places);
    check_result(&f, CHECK_HANDLER_ENV, RESULT_FAIL);
    check_result(&f, CHECK_HANDLER_SECRET, RESULT_FAIL);
    check_result(&f, CHECK_HANDLER_EVENTS, RESULT_WARN);
}

TEST(settings_that_do_not_parse_are_a_failure)
{
    FAKE_ROOT(f);

    REQUIRE(put_handler(&f, "{\"runtimeSettings\":"));
    machine_check_handler(&f.d, &f.places);
    check_result(&f, CHECK_HANDLER_SET, RESULT_FAIL);
    CHECK(strstr(diagnosis_find(&f.d, CHECK_HANDLER_SET, NULL)->measured, "7.settings"));
}

TEST(the_agents_own_status_is_read)
{
    static const struct {
        const char *status;
        enum result agent, version;
    } cases[] = {
        { NULL, RESULT_WARN, RESULT_SKIP },
        { "not json", RESULT_WARN, RESULT_SKIP },
        { "{\"state\":\"idle\",\"agentVersion\":\"" TRUEBOOT_VERSION "\",\"failure\":null}", RESULT_PASS, RESULT_PASS },
        { "{\"state\":\"backoff\",\"agentVersion\":\"0.0.1\",\"failure\":{\"code\":\"DNS\",\"message\":\"x\"}}", RESULT_FAIL, RESULT_WARN },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        FAKE_ROOT(f);

        CHECK(!cases[i].status || fake_put_text(&f, "/run/trueboot-agent/status.json", cases[i].status));
        machine_check_service(&f.d, &f.places);
        check_result(&f, CHECK_AGENT_STATUS, cases[i].agent);
        check_result(&f, CHECK_UNIT_VERSION, cases[i].version);
        check_result(&f, CHECK_UNIT, RESULT_SKIP);
    }
}

TEST(a_program_that_hangs_or_floods_is_cut_off)
{
    const char *const hangs[] = { "sleep", "30", NULL }, *const floods[] = { "yes", NULL }, *const none[] = { "no-such-program", NULL },
                      *const says[] = { "echo", "hello", NULL };
    FAKE_ROOT(f);

    CHECK_INT(machine_run(&f.d, hangs, 100, 1).len, 0);
    CHECK(machine_run(&f.d, floods, 5000, 20).len <= 5000);
    CHECK_INT(machine_run(&f.d, none, 100, 5).len, 0);
    CHECK_BYTES(machine_run(&f.d, says, 100, 5), BYTES_LIT("hello\n"));
}
