#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/settings/config.h"
#include "base/file.h"
#include "support/test.h"

static bool parse(struct agent_config *c, struct arena *a, const char *text, struct err *err)
{
    config_defaults(c);
    return config_parse(c, a, "agent.conf", bytes_of_string(text), err);
}

TEST(the_defaults_are_those_of_the_documents)
{
    struct agent_config c;

    config_defaults(&c);
    CHECK_INT(c.frequency_seconds, 8 * 3600);
    CHECK_INT(c.heartbeat_seconds, 15 * 60);
    CHECK(c.publish_nv && !c.ima && !c.endpoint);
    CHECK_STRING(c.state_dir, "/var/lib/trueboot-agent");
}

TEST(keys_are_read_with_and_without_sections)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct agent_config c;

    REQUIRE_OK(parse(&c, &a,
                     "# a comment\n"
                     "attest.endpoint = https://server:8443\r\n"
                     "  ak.handle=0x81000010  \n"
                     "\n"
                     "[attest]\n"
                     "frequency = 30m\n"
                     "[ima]\n"
                     "; another\n"
                     "enable = yes\n"
                     "[ak]\n"
                     "publish_nv = no",
                     &err),
               err);
    CHECK_STRING(c.endpoint, "https://server:8443");
    CHECK_INT(c.ak_handle, 0x81000010);
    CHECK_INT(c.frequency_seconds, 1800);
    CHECK(c.ima && !c.publish_nv);
}

TEST(what_is_wrong_in_a_file_is_named_with_its_line)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "attest.endpont = x", "agent.conf:1: there is no key \"attest.endpont\"; did you mean attest.endpoint?" },
        { "Attest.Endpoint = x", "agent.conf:1: there is no key \"Attest.Endpoint\"; did you mean attest.endpoint?" },
        { "\n\n[atest]\nendpoint = x", "agent.conf:4: there is no key \"atest.endpoint\"; did you mean attest.endpoint?" },
        { "completely.different = x", "agent.conf:1: there is no key \"completely.different\"" },
        { "nonsense", "agent.conf:1: a line is \"key = value\"" },
        { "[attest\n", "agent.conf:1: a section is [name]" },
        { "[]\n", "agent.conf:1: a section is [name]" },
        { "attest.frequency = often", "agent.conf:1: attest.frequency is a time (45s, 30m, 8h) from 1 to 2592000" },
        { "attest.frequency = 0", "agent.conf:1: attest.frequency is a time (45s, 30m, 8h) from 1 to 2592000" },
        { "attest.frequency = 31d", "agent.conf:1: attest.frequency is a time (45s, 30m, 8h) from 1 to 2592000" },
        { "attest.frequency = 99999999999h", "agent.conf:1: attest.frequency is a time (45s, 30m, 8h) from 1 to 2592000" },
        { "ak.handle = 0x80000001", "agent.conf:1: ak.handle is a number from 2164260864 to 2181038079" },
        { "ak.handle = 0x81000003z", "agent.conf:1: ak.handle is a number from 2164260864 to 2181038079" },
        { "ima.enable = maybe", "agent.conf:1: ima.enable is yes or no" },
        { "ima.enable = yes\nima.enable = no", "agent.conf:2: ima.enable is set a second time" },
        { "= x", "agent.conf:1: there is no key \"\"" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct agent_config c;

        CHECK(!parse(&c, &a, cases[i].text, &err));
        CHECK_STRING(err.text, cases[i].says);
    }
}

TEST(durations_take_units_and_stop_at_their_limits)
{
    static const struct {
        const char *text;
        unsigned seconds; /* 0: refused */
    } cases[] = { { "1", 1 },        { "45s", 45 },      { "30m", 1800 },  { "8h", 28800 },      { "4H", 14400 },
                  { "2 d", 172800 }, { "30d", 2592000 }, { "2592001", 0 }, { "4294967295h", 0 }, { "", 0 },
                  { "h", 0 },        { "1w", 0 },        { "-1", 0 },      { "1h30m", 0 } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct agent_config c;
        bool fine;

        config_defaults(&c);
        fine = config_set(&c, &a, "--set", BYTES_LIT("attest.frequency"), bytes_of_string(cases[i].text), &err);
        CHECK_INT(fine, cases[i].seconds != 0);
        if (fine)
            CHECK_INT(c.frequency_seconds, cases[i].seconds);
    }
}

TEST(a_file_cut_anywhere_or_full_of_noise_is_read_or_refused_and_never_overrun)
{
    static const char sample[] = "[attest]\nendpoint = https://server:8443\nfrequency = 8h\n[ak]\nhandle = 0x81000003\n";

    for (size_t n = 0; n < sizeof sample; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes cut = exact_copy((struct bytes){ (const uint8_t *)sample, n });
        struct err err = ERR_INIT;
        struct agent_config c;

        config_defaults(&c);
        CHECK(config_parse(&c, &a, "agent.conf", cut, &err) || err.code != ERR_NONE);
        free((void *)cut.data);
        cut = exact_copy((struct bytes){ (const uint8_t *)sample + n, sizeof sample - n });
        CHECK(!config_parse(&c, &a, "agent.conf", cut, &err)); /* the NUL at the end: no text */
        free((void *)cut.data);
    }
}

TEST(the_hypervisors_item_gives_endpoint_and_ca)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct agent_config c;

    config_defaults(&c);
    REQUIRE_OK(config_parse_fw_cfg(&c, &a, BYTES_LIT("{\"endpoint\":\"https://10.0.2.2:8443\",\"ca_pem\":\"-----BEGIN\\n\"}\0"), &err),
               err);
    CHECK_STRING(c.endpoint, "https://10.0.2.2:8443");
    CHECK_BYTES(c.ca_pem, BYTES_LIT("-----BEGIN\n"));
    CHECK(c.has_fw_cfg);
    CHECK(!config_parse_fw_cfg(&c, &a, BYTES_LIT("{\"ca_pem\":\"x\"}"), &err));
    CHECK(strstr(err.text, "endpoint"));
    CHECK(!config_parse_fw_cfg(&c, &a, BYTES_LIT("not json"), &err));
}

TEST(addresses_words_and_switches_are_looked_at_where_they_stand)
{
    static const struct {
        const char *text, *problem; /* NULL: fine */
    } cases[] = {
        { "attest.endpoint = https://h:8443/below/", NULL },
        { "attest.endpoint = HTTPS://h", NULL },
        { "attest.endpoint = https://[2001:db8::1]:8443", NULL },
        { "attest.endpoint = http://127.0.0.1:1", NULL }, /* whether that is allowed is asked where it is used */
        { "attest.endpoint =", NULL },
        { "report.endpoint = https://h/#x", "fragment" },
        { "enroll.endpoint = https://u:p@h", "user or password" },
        { "attest.endpoint = ftp://h", "expected: \"ftp://h\"" },
        { "attest.endpoint = https://u:hunter2@h", "refused: \"https://***@h\"" },
        { "net.proxy = http://proxy:3128", NULL },
        { "net.proxy = proxy:3128", NULL },
        { "net.proxy = [fd00::1]:3128", NULL },
        { "net.proxy =", NULL },
        { "net.proxy = socks5://proxy:1", "expected: \"socks5://proxy:1\"" },
        { "net.proxy = http://proxy:port", "host: \"http://proxy:port\"" },
        { "net.proxy = http://u:hunter2@proxy:port", "host: \"http://***@proxy:port\"" },
        { "attest.endpoint = https://", "no host" },
        { "attest.endpoint = https://h:0", "port" },
        { "attest.endpoint = https://h h", "character" },
        { "attest.protocol = AzureGuest", NULL },
        { "attest.protocol = smtp", "none of auto, tpm, azureguest" },
        { "report.auth = custom", NULL },
        { "report.auth = basic", "none of key, custom" },
        { "ima.enable = Yes", NULL },
        { "debug.dump_evidence = TRUE", NULL },
        { "ima.enable = perhaps", "yes or no" },
        { "\xef\xbb\xbf[attest]\nendpoint = https://h", NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct agent_config c;
        bool before = test_failed();

        config_defaults(&c);
        if (config_parse(&c, &a, "agent.conf", bytes_of_string(cases[i].text), &err))
            CHECK(!cases[i].problem);
        else
            CHECK(cases[i].problem && strstr(err.text, cases[i].problem) && strstr(err.text, "agent.conf:1"));
        if (!before && test_failed())
            test_note("%s: %s", cases[i].text, err.text);
    }
}

TEST(a_word_in_any_case_is_kept_as_we_write_it)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct agent_config c;

    config_defaults(&c);
    REQUIRE_OK(config_set(&c, &a, "--set", BYTES_LIT("attest.protocol"), BYTES_LIT("AzureGuest"), &err), err);
    CHECK_STRING(c.protocol, "azureguest");
}

static bool put(const char *dir, const char *name, const char *text)
{
    char path[512];
    struct err err;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return file_write(path, bytes_of_string(text), 0600, &err);
}

TEST(later_words_are_stronger_fw_cfg_file_drop_ins_environment_command_line)
{
    char dir[] = P_tmpdir "/trueboot-config.XXXXXX", file[200], item[200], dropped[200], remove[240];
    struct arena a CLEANUP(arena_done) = { 0 };
    struct config_places places = { .file = file, .fw_cfg = item };
    struct err err = ERR_INIT;
    struct agent_config c;

    REQUIRE(mkdtemp(dir) != NULL);
    snprintf(file, sizeof file, "%s/agent.conf", dir);
    snprintf(item, sizeof item, "%s/raw", dir);
    snprintf(dropped, sizeof dropped, "%s/agent.conf.d", dir);
    REQUIRE(file_make_dirs(dropped, 0700, &err));
    REQUIRE(put(dir, "raw", "{\"endpoint\":\"https://fw\",\"ca_pem\":\"c\"}") &&
            put(dir, "agent.conf", "net.timeout_total = 20\nattest.frequency = 1h\n"));
    REQUIRE(put(dropped, "20-b.conf", "attest.frequency = 3h\n") &&
            put(dropped, "10-a.conf", "attest.frequency = 2h\nreport.heartbeat = 5m\n"));
    REQUIRE(put(dropped, "30-ignored.bak", "nonsense\n"));
    REQUIRE_OK(config_load(&c, &a, &places, &err), err);
    CHECK_STRING(c.endpoint, "https://fw");
    CHECK_INT(c.frequency_seconds, 3 * 3600);
    CHECK_INT(c.heartbeat_seconds, 300);
    CHECK_INT(c.timeout_total_seconds, 20);

    setenv("TRUEBOOT_AGENT_ATTEST_ENDPOINT", "https://env", 1);
    setenv("TRUEBOOT_AGENT_NET_TIMEOUT_TOTAL", "25", 1);
    CHECK(config_load(&c, &a, &places, &err));
    CHECK_STRING(c.endpoint, "https://env");
    CHECK_INT(c.timeout_total_seconds, 25);
    CHECK(config_set(&c, &a, "--set", BYTES_LIT("attest.endpoint"), BYTES_LIT("https://word"), &err));
    CHECK_STRING(c.endpoint, "https://word");
    setenv("TRUEBOOT_AGENT_NET_TIMEOUT_TOTAL", "soon", 1);
    CHECK(!config_load(&c, &a, &places, &err));
    CHECK(strstr(err.text, "TRUEBOOT_AGENT_NET_TIMEOUT_TOTAL"));
    unsetenv("TRUEBOOT_AGENT_ATTEST_ENDPOINT");
    unsetenv("TRUEBOOT_AGENT_NET_TIMEOUT_TOTAL");

    REQUIRE(put(dropped, "40-bad.conf", "attest.frequncy = 1h\n"));
    CHECK(!config_load(&c, &a, &places, &err));
    CHECK(strstr(err.text, "40-bad.conf:1") && strstr(err.text, "attest.frequency?"));
    places.file = "/nonexistent/agent.conf";
    CHECK(!config_load(&c, &a, &places, &err)); /* named, so it has to be there */
    snprintf(remove, sizeof remove, "rm -rf '%s'", dir);
    CHECK_INT(system(remove), 0);
}
