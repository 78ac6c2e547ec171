#include "support/test.h"
#include "vmhost/vm_config.h"

#include <stdlib.h>
#include "json/parse.h"

static struct vm_config sample(void)
{
    return (struct vm_config){ .name = "web1",
                               .uuid = "36f677f5-8e50-420a-b53a-1c97c6a6f044",
                               .created_ms = 1795300281794,
                               .security_type = VM_TRUSTED_LAUNCH,
                               .secure_boot = true,
                               .vtpm = true,
                               .integrity_monitoring = true,
                               .memory_mib = 512,
                               .cmdline = "console=ttyS0,115200 loglevel=4",
                               .endpoint = "https://10.0.2.2:8443",
                               .ca_pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
                               .image = "00ff" };
}

TEST(names_follow_the_rule)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {
        { "web1", true },
        { "a", true },
        { "0", true },
        { "9-", true },
        { "web-1-x", true },
        { "", false },
        { "-web", false },
        { "Web", false },
        { "web_1", false },
        { "web.1", false },
        { "web 1", false },
        { "../x", false },
        { "w\303\251", false },
        { ".", false },
        { "123456789012345678901234567890123456789012345678901234567890123", true }, /* 63 */
        { "1234567890123456789012345678901234567890123456789012345678901234", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        test_note("%s", rows[i].name);
        CHECK(vm_name_check(rows[i].name, &err) == rows[i].good);
        CHECK_INT(err.code, rows[i].good ? ERR_NONE : ERR_MALFORMED);
    }
}

TEST(a_command_line_that_grub_would_change_is_refused)
{
    struct err err = ERR_INIT;
    char at_limit[VM_CMDLINE_MAX + 2];

    CHECK(vm_cmdline_check("console=ttyS0,115200 loglevel=4 panic=5 init=/init a.b=c:d", &err));
    CHECK(vm_cmdline_check("", &err));
    for (const char *bad = "\"'\\$;&|<>{}#`\n\t\177\303"; *bad; bad++)
        CHECK(!vm_cmdline_check((const char[]){ 'a', *bad, 0 }, &err) && err.code == ERR_MALFORMED);
    memset(at_limit, 'a', sizeof at_limit);
    at_limit[VM_CMDLINE_MAX] = '\0';
    CHECK(vm_cmdline_check(at_limit, &err));
    at_limit[VM_CMDLINE_MAX] = 'a';
    at_limit[VM_CMDLINE_MAX + 1] = '\0';
    CHECK(!vm_cmdline_check(at_limit, &err) && err.code == ERR_LIMIT);
}

TEST(a_configuration_written_reads_back_the_same)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct vm_config config = sample(), got;
    struct err err = ERR_INIT;
    char *text = vm_config_write(&a, &config);

    REQUIRE(text);
    REQUIRE_OK(vm_config_read(&a, bytes_of_string(text), &got, &err), err);
    CHECK_STRING(got.name, config.name);
    CHECK_STRING(got.uuid, config.uuid);
    CHECK_INT(got.created_ms, config.created_ms);
    CHECK_INT(got.security_type, config.security_type);
    CHECK(got.secure_boot && got.vtpm && got.integrity_monitoring);
    CHECK_INT(got.memory_mib, config.memory_mib);
    CHECK_STRING(got.cmdline, config.cmdline);
    CHECK_STRING(got.endpoint, config.endpoint);
    CHECK_STRING(got.ca_pem, config.ca_pem);
    CHECK_STRING(got.image, config.image);
    CHECK_STRING(vm_config_write(&a, &got), text);
}

/* Replaces the first `from` of the sample's text. */
static char *altered(struct arena *a, const char *from, const char *to)
{
    struct vm_config config = sample();
    char *text = vm_config_write(a, &config);
    size_t at = text ? bytes_find(bytes_of_string(text), bytes_of_string(from)) : SIZE_MAX;

    CHECK(at != SIZE_MAX);
    return at == SIZE_MAX ? NULL : arena_printf(a, "%.*s%s%s", (int)at, text, to, text + at + strlen(from));
}

TEST(a_configuration_with_a_fault_is_refused_and_names_the_member)
{
    static const struct {
        const char *from, *to, *names;
    } rows[] = {
        { "\"version\": 1", "\"version\": 2", "version" },
        { "\"version\": 1", "\"x\": 1", "version" },
        { "\"uuid\": \"36f6", "\"uuid\": \"zzzz", "uuid" },
        { "2026-", "last year", "created" },
        { "TrustedLaunch", "Confidential", "security_type" },
        { "TrustedLaunch", "Standard", "Secure Boot" },
        { "\"secure_boot\": true", "\"secure_boot\": \"yes\"", "secure_boot" },
        { "\"vtpm\"", "\"tpm\"", "vtpm" },
        { "512", "100", "memory" },
        { "512", "-1", "memory" },
        { "512", "\"512\"", "memory_mib" },
        { "loglevel", "\\u0000", "cmdline" },
        { "loglevel", "$x", "command line" },
        { "\"image\"", "\"picture\"", "image" },
        { "\"name\": \"web1\"", "\"name\": \"Web1\"", "VM name" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(arena_done) struct arena a = { 0 };
        struct err err = ERR_INIT;
        struct vm_config got;
        char *text = altered(&a, rows[i].from, rows[i].to);
        REQUIRE(text);
        CHECK(!vm_config_read(&a, bytes_of_string(text), &got, &err));
        test_note("%s: %s", rows[i].to, err.text);
        CHECK(strstr(err.text, rows[i].names));
    }
}

TEST(a_configuration_cut_anywhere_is_refused)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct vm_config config = sample(), got;
    char *text = vm_config_write(&a, &config);

    REQUIRE(text);
    for (size_t n = 0; n + 2 < strlen(text) && !test_failed(); n++) { /* the last two are } and a line's end */
        struct bytes cut = exact_copy((struct bytes){ (const uint8_t *)text, n });
        struct err err = ERR_INIT;
        CHECK(!vm_config_read(&a, cut, &got, &err) && err.code != ERR_NONE);
        free((void *)(uintptr_t)cut.data);
    }
}

TEST(the_agent_is_told_the_way_to_the_server)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct vm_config config = sample();
    struct err err = ERR_INIT;
    const struct json *v;
    char *text = vm_config_agent_item(&a, &config);

    REQUIRE(text);
    REQUIRE_OK(json_parse(&a, bytes_of_string(text), NULL, &v, &err), err);
    CHECK(json_is_string(json_get(v, "endpoint"), config.endpoint));
    CHECK(json_is_string(json_get(v, "ca_pem"), config.ca_pem));
    CHECK(json_is_string(json_get(v, "vm"), config.uuid));
    /* guest/init looks for exactly this text. */
    config.integrity_monitoring = false;
    CHECK(strstr(vm_config_agent_item(&a, &config), "\"integrity_monitoring\":false"));
}
