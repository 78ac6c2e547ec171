#include <stdio.h>
#include <stdlib.h>
#include "base/limits.h"
#include "base/writer.h"
#include "extension/settings.h"
#include "json/write.h"
#include "support/test.h"

static bool parse(struct arena *a, const char *text, struct handler_settings *ret, struct err *err)
{
    return handler_settings_parse(a, bytes_of_string(text), ret, err);
}

TEST(no_settings_at_all_are_settings)
{
    static const char *const texts[] = { "",
                                         " \n",
                                         "{\"runtimeSettings\":[]}",
                                         "{\"runtimeSettings\":[{\"handlerSettings\":{}}]}",
                                         ("{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":null,\"protectedSettings\":null,"
                                          "\"protectedSettingsCertThumbprint\":null}}]}"),
                                         "{\"runtimeSettings\":[{\"handlerSettings\":{\"protectedSettings\":\"\"}}]}" };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct handler_settings s;

        test_note("%s", texts[i]);
        REQUIRE_OK(parse(&a, texts[i], &s, &err), err);
        CHECK(!s.public_settings && !s.protected_cms.len);
    }
}

TEST(public_and_protected_settings_are_found)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct handler_settings s;

    REQUIRE_OK(parse(&a,
                     "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":{\"a\":1},\"protectedSettings\":\"AQ\\nID\","
                     "\"protectedSettingsCertThumbprint\":\"00112233445566778899aabbccddeeff00112233\"}}]}",
                     &s, &err),
               err);
    CHECK(json_get(s.public_settings, "a") != NULL);
    CHECK_BYTES(s.protected_cms, BYTES_LIT("\1\2\3"));
    CHECK_STRING(s.thumbprint, "00112233445566778899AABBCCDDEEFF00112233");
}

TEST(settings_of_another_shape_are_refused_and_name_the_member)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "[]", "runtimeSettings" },
        { "{}", "runtimeSettings" },
        { "{\"runtimeSettings\":{}}", "runtimeSettings" },
        { "{\"runtimeSettings\":[{}]}", "handlerSettings" },
        { "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":\"x\"}}]}", "publicSettings: an object is expected" },
        { "{\"runtimeSettings\":[{\"handlerSettings\":{\"protectedSettings\":7}}]}", "protectedSettings: a text in base64" },
        { "{\"runtimeSettings\":[{\"handlerSettings\":{\"protectedSettings\":\"*\"}}]}", "protectedSettings: this is not base64" },
        { "{\"runtimeSettings\":[{\"handlerSettings\":{\"protectedSettings\":\"AQID\"}}]}", "protectedSettingsCertThumbprint" },
        { "{\"runtimeSettings\":[{\"handlerSettings\":{\"protectedSettings\":\"AQID\",\"protectedSettingsCertThumbprint\":"
          "\"../../../../../../../etc/shadow/../../..x\"}}]}",
          "protectedSettingsCertThumbprint" },
        { "{\"runtimeSettings\":[],\"runtimeSettings\":[]}", "runtimeSettings" },
        { "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":{\"a\":\"b\\u0000c\"}}}]}", "NUL" },
        { "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":{\"a\\u0000\":1}}}]}", "NUL" },
        { "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":{\"a\":\"\xff\"}}}]}", "UTF-8" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct handler_settings s;

        CHECK(!parse(&a, cases[i].text, &s, &err));
        test_note("%s", err.text);
        CHECK(strstr(err.text, cases[i].says) != NULL);
    }
}

/* runtimeSettings, its element, handlerSettings and publicSettings take five levels with the outermost one. */
static char *nested(unsigned levels)
{
    struct writer w = { 0 };

    write_string(&w, "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":{\"a\":");
    for (unsigned i = 0; i < levels; i++)
        write_string(&w, "[");
    for (unsigned i = 0; i < levels; i++)
        write_string(&w, "]");
    write_string(&w, "}}}]}");
    return writer_take_string(&w);
}

TEST(settings_may_be_eight_deep_and_not_nine)
{
    char *edge = nested(LIMIT_SETTINGS_DEPTH - 5), *past = nested(LIMIT_SETTINGS_DEPTH - 4);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct handler_settings s;

    CHECK(parse(&a, edge, &s, &err));
    CHECK(!parse(&a, past, &s, &err) && err.code == ERR_LIMIT);
    free(edge);
    free(past);
}

TEST(settings_may_have_64_kib_and_not_a_byte_more)
{
    static const char frame[] = "{\"runtimeSettings\":[]}";
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct handler_settings s;
    char *text = malloc(LIMIT_SETTINGS_BYTES + 2);

    REQUIRE(text != NULL);
    memset(text, ' ', LIMIT_SETTINGS_BYTES + 1);
    memcpy(text, frame, sizeof frame - 1);
    CHECK(handler_settings_parse(&a, (struct bytes){ (const uint8_t *)text, LIMIT_SETTINGS_BYTES }, &s, &err));
    CHECK(!handler_settings_parse(&a, (struct bytes){ (const uint8_t *)text, LIMIT_SETTINGS_BYTES + 1 }, &s, &err) &&
          err.code == ERR_LIMIT);
    free(text);
}

TEST(settings_cut_anywhere_are_refused)
{
    static const char whole[] = "{\"runtimeSettings\":[{\"handlerSettings\":{\"publicSettings\":{\"a\":true}}}]}";

    for (size_t n = 1; n < sizeof whole - 1; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes cut = exact_copy((struct bytes){ (const uint8_t *)whole, n });
        struct err err = ERR_INIT;
        struct handler_settings s;

        CHECK(!handler_settings_parse(&a, cut, &s, &err) && err.text[0]);
        free((void *)cut.data);
    }
}

TEST(names_of_settings_files_are_taken_apart)
{
    static const struct {
        const char *name;
        bool fine;
        const char *extension;
        uint32_t sequence;
    } cases[] = {
        { "0.settings", true, "", 0 },
        { "12.settings", true, "", 12 },
        { "one.3.settings", true, "one", 3 },
        { "a.b.3.settings", true, "a.b", 3 },
        { "4294967295.settings", true, "", UINT32_MAX },
        { "4294967296.settings", false, "", 0 },
        { "99999999999.settings", false, "", 0 },
        { "settings", false, "", 0 },
        { ".settings", false, "", 0 },
        { "x.settings", false, "", 0 },
        { "x3.settings", false, "", 0 },
        { ".3.settings", false, "", 0 },
        { "3.status", false, "", 0 },
        { "3.settings.tmp", false, "", 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct settings_name name = { .sequence = 0 };

        test_note("%s", cases[i].name);
        CHECK(settings_name_parse(bytes_of_string(cases[i].name), &name) == cases[i].fine);
        if (cases[i].fine) {
            CHECK(bytes_equal_string(name.extension, cases[i].extension));
            CHECK_INT(name.sequence, cases[i].sequence);
        }
    }
}

TEST(protected_settings_are_read_and_never_quoted_in_an_error)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct protected_settings p;

    REQUIRE_OK(
        protected_settings_parse(
            &a, BYTES_LIT("{\"reportingToken\":\"t\\n\",\"enrollmentToken\":\"e\",\"proxyCredential\":null,\"other\":\"o\"}"), &p, &err),
        err);
    CHECK(bytes_equal_string(p.reporting_token, "t") && bytes_equal_string(p.enrollment_token, "e"));
    CHECK(!p.proxy_credential.len && !p.client_key_pem.len);
    CHECK(bytes_equal_string(p.unknown_key, "other") && !p.meant_key);
    REQUIRE_OK(protected_settings_parse(&a, BYTES_LIT("{\"other\":1,\"reportingtoken\":\"t\",\"x\":2}"), &p, &err), err);
    CHECK(!p.reporting_token.len && p.meant_key && strcmp(p.meant_key, "reportingToken") == 0);

    CHECK(!protected_settings_parse(&a, BYTES_LIT("{\"reportingToken\":hunter2}"), &p, &err));
    CHECK(strstr(err.text, "hunter2") == NULL && err.text[0]);
    CHECK(!protected_settings_parse(&a, BYTES_LIT("{\"reportingToken\":[\"hunter2\"]}"), &p, &err));
    CHECK(strstr(err.text, "hunter2") == NULL && strstr(err.text, "protectedSettings.reportingToken") != NULL);
    CHECK(!protected_settings_parse(&a, BYTES_LIT("[]"), &p, &err));
}

/* crypto/cms.h: a message to another key opens into random bytes about once in 256 times, which must say the same as in the other 255. */
TEST(protected_settings_that_open_into_rubbish_are_not_encrypted_to_us_and_nothing_of_them_is_shown)
{
    static const struct {
        struct bytes text;
        bool ours;
    } cases[] = {
        { { (const uint8_t *)"", 0 }, false },
        { BYTES_LIT("\0\0\0\0"), false },
        { BYTES_LIT("\x8f\xff\x10hunter2\x80"), false },
        { BYTES_LIT("hunter2"), false },
        { BYTES_LIT("\"hunter2\""), false },
        { BYTES_LIT("[\"hunter2\"]"), false },
        { BYTES_LIT(" {\"hunter2\":"), true },
        { BYTES_LIT("{\"hunter2\":1,\"hunter2\":2}"), true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct protected_settings p;
        struct err err = ERR_INIT;

        CHECK(!protected_settings_parse(&a, cases[i].text, &p, &err));
        CHECK_INT(err.code, cases[i].ours ? ERR_MALFORMED : ERR_UNTRUSTED);
        CHECK(strstr(err.text, "not encrypted to this certificate") != NULL || cases[i].ours);
        CHECK(strstr(err.text, "protectedSettings: ") && strstr(err.text, "no JSON object") && !strstr(err.text, "hunter2"));
        for (const char *c = err.text; *c; c++)
            CHECK(*c >= ' ' && *c <= '~');
    }
}

/* Who is told at once does not look for it in a firewall later. */
TEST(a_protected_setting_that_no_server_would_take_is_refused_and_not_quoted)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct protected_settings p;
    const struct {
        const char *text, *says;
    } cases[] = {
        { "{\"reportingToken\":\"hunter2\\r\\nX-Evil: 1\"}", "protectedSettings.reportingToken: control characters" },
        { "{\"enrollmentToken\":\"hunter2\\u0007x\"}", "protectedSettings.enrollmentToken: control characters" },
        { "{\"proxyCredential\":\"hunter2\"}", "protectedSettings.proxyCredential: user:password" },
        { "{\"clientCertPem\":\"hunter2\"}", "protectedSettings.clientKeyPem is missing" },
        { "{\"clientKeyPem\":\"hunter2\"}", "protectedSettings.clientCertPem is missing" },
        { "{\"clientCertPem\":\"hunter2\",\"clientKeyPem\":\"hunter2\"}", "protectedSettings.clientCertPem: " },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK(!protected_settings_parse(&a, bytes_of_string(cases[i].text), &p, &err));
        CHECK(strstr(err.text, cases[i].says) != NULL && !strstr(err.text, "hunter2"));
        if (!strstr(err.text, cases[i].says))
            test_note("%s: %s", cases[i].text, err.text);
    }
}
