#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "base/writer.h"
#include "extension/attestation_config.h"
#include "json/parse.h"
#include "support/test.h"

static bool read_config(struct arena *a, const char *text, struct attestation_config *ret, struct err *err)
{
    const struct json *v;

    return json_parse(a, bytes_of_string(text), NULL, &v, err) && attestation_config_read(a, v, ret, err);
}

static bool warns(const struct attestation_config *c, const char *what)
{
    for (size_t i = 0; i < c->n_warnings; i++)
        if (strstr(c->warnings[i], what))
            return true;
    return false;
}

TEST(no_settings_mean_all_defaults)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct attestation_config c;

    REQUIRE_OK(attestation_config_read(&a, NULL, &c, &err), err);
    CHECK_INT(c.frequency_seconds, 28800);
    CHECK(bytes_equal_string(c.tenant, "GuestAttestation"));
    CHECK(!c.attest_endpoint.len && !c.report_endpoint.len && !c.n_warnings);
    REQUIRE_OK(read_config(&a, "{\"AttestationConfig\":null}", &c, &err), err);
    CHECK_INT(c.n_warnings, 0);
}

TEST(the_published_shape_is_read)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct attestation_config c;

    REQUIRE_OK(
        read_config(
            &a,
            "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\" https://a.example:8443/ \",\"maaTenantName\":\"T\"},"
            "\"AscSettings\":{\"ascReportingEndpoint\":\"https://r.example/region/igvm//\",\"ascReportingFrequency\":\"4H\"},"
            "\"AzureStackSettings\":{\"clusterId\":\"/subscriptions/x\",\"clusterAadTenantId\":\"00000000-0000-0000-0000-000000000001\"},"
            "\"useCustomToken\":\"TRUE\",\"disableAlerts\":\"false\",\"isAzureStack\":true}}",
            &c, &err),
        err);
    CHECK(bytes_equal_string(c.attest_endpoint, "https://a.example:8443"));
    CHECK(bytes_equal_string(c.report_endpoint, "https://r.example/region/igvm"));
    CHECK(bytes_equal_string(c.tenant, "T") && bytes_equal_string(c.cluster_id, "/subscriptions/x"));
    CHECK_INT(c.frequency_seconds, 14400);
    CHECK(c.use_custom_token == CHOICE_YES && c.disable_alerts == CHOICE_NO && c.is_azure_stack == CHOICE_YES);
    CHECK_INT(c.n_warnings, 0);
}

TEST(the_older_shape_is_read_and_loses_against_the_newer_one)
{
    static const char older[] = "\"AttestationEndpointCfg\":{\"maaEndpoint\":\"https://old\",\"maaTenantName\":\"O\","
                                "\"ascReportingEndpoint\":\"https://oldr\",\"useAlternateToken\":\"true\",\"disableAlerts\":true}";
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct attestation_config c;
    char text[1024];

    snprintf(text, sizeof text, "{%s}", older);
    REQUIRE_OK(read_config(&a, text, &c, &err), err);
    CHECK(bytes_equal_string(c.attest_endpoint, "https://old") && bytes_equal_string(c.report_endpoint, "https://oldr"));
    CHECK(c.use_custom_token == CHOICE_YES && c.disable_alerts == CHOICE_YES && !c.n_warnings);

    snprintf(text, sizeof text, "{%s,\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"https://new\"}}}", older);
    REQUIRE_OK(read_config(&a, text, &c, &err), err);
    CHECK(bytes_equal_string(c.attest_endpoint, "https://new") && !c.report_endpoint.len);
    CHECK(warns(&c, "both given; AttestationConfig holds"));
}

TEST(our_own_keys_are_read)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct attestation_config c;

    REQUIRE_OK(
        read_config(&a,
                    "{\"AttestationConfig\":{\"Trueboot\":{\"protocol\":\"AzureGuest\",\"challenge\":false,\"imaReporting\":\"True\","
                    "\"profile\":\"selfhosted\",\"proxy\":\"http://proxy:3128\",\"purgeOnUninstall\":true,\"strictEnable\":\"true\","
                    "\"pinnedSpkiSha256\":[\"00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\","
                    "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\",\"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]}}}",
                    &c, &err),
        err);
    CHECK(bytes_equal_string(c.protocol, "azureguest") && bytes_equal_string(c.profile, "selfhosted"));
    CHECK(bytes_equal_string(c.proxy, "http://proxy:3128"));
    CHECK(c.challenge == CHOICE_NO && c.ima_reporting == CHOICE_YES && c.purge_on_uninstall == CHOICE_YES && c.strict_enable == CHOICE_YES);
    CHECK_INT(c.n_pins, 3);
    CHECK(bytes_equal(c.pins[1], c.pins[2])); /* as curl and `diagnose` write it */
    CHECK(bytes_equal_string(c.pins[0], "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"));
    CHECK(bytes_equal_string(c.pins[1], "0000000000000000000000000000000000000000000000000000000000000000"));
}

TEST(a_mistyped_key_warns_and_names_the_nearest_one)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "{\"AttestationConfig\":{\"UseCustomToken\":true}}",
          "AttestationConfig.UseCustomToken is unknown and ignored; did you mean useCustomToken?" },
        { "{\"AttestationConfig\":{\"disablealerts\":true}}", "did you mean disableAlerts?" },
        { "{\"AttestationConfig\":{\"maasettings\":{}}}", "did you mean MaaSettings?" },
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"MaaTenantName\":\"x\"}}}",
          "AttestationConfig.MaaSettings.MaaTenantName is unknown and ignored; did you mean maaTenantName?" },
        { "{\"AttestationConfig\":{\"AscSettings\":{\"ascReportingFrequncy\":\"4H\"}}}", "did you mean ascReportingFrequency?" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"strictenable\":true}}}", "did you mean strictEnable?" },
        { "{\"attestationConfig\":{}}", "attestationConfig is unknown and ignored; did you mean AttestationConfig?" },
        { "{\"AttestationConfig\":{\"whatever\":1}}", "AttestationConfig.whatever is unknown and ignored" },
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"maaAttestationPolicyContent\":\"version= 1.0;\"}}}",
          "maaAttestationPolicyContent is ignored" },
        { "{\"AttestationConfig\":{\"AscSettings\":{\"ascReportingFrequency\":\"soon\"}}}", "\"soon\" is no frequency" },
        { "{\"AttestationConfig\":{\"AscSettings\":{\"ascReportingFrequency\":4}}}", "ascReportingFrequency: 4 is no frequency" },
        { "{\"AttestationConfig\":{\"AscSettings\":{\"ascReportingFrequency\":[\"4H\"]}}}", "a list is no frequency" },
        { "{\"AttestationConfig\":{\"AscSettings\":{\"ascReportingFrequency\":\"1M\"}}}", "below 15 minutes" },
        { "{\"AttestationConfig\":{\"AscSettings\":{\"ascReportingFrequency\":\"2D\"}}}", "above 24 hours" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct attestation_config c;

        test_note("%s", cases[i].text);
        REQUIRE_OK(read_config(&a, cases[i].text, &c, &err), err);
        CHECK_INT(c.n_warnings, 1);
        CHECK(warns(&c, cases[i].says));
        if (c.n_warnings && !warns(&c, cases[i].says))
            test_note("says: %s", c.warnings[0]);
    }
}

TEST(what_could_send_evidence_elsewhere_is_refused_and_named)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"MaaEndpoint\":\"https://a\"}}}",
          "AttestationConfig.MaaSettings.MaaEndpoint is no key here; did you mean maaEndpoint?" },
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndPoint\":\"\"}}}", "did you mean maaEndpoint?" },
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpiont\":\"https://a\"}}}", "did you mean maaEndpoint?" },
        { "{\"AttestationConfig\":{\"AscSettings\":{\"ascreportingendpoint\":\"https://a\"}}}", "did you mean ascReportingEndpoint?" },
        { "{\"AttestationConfig\":{\"maaSettings\":{\"maaEndpoint\":\"https://a\"}}}",
          "did you mean MaaSettings, and there is an endpoint in it" },
        { "{\"attestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"https://a\"}}}",
          "did you mean AttestationConfig, and there is an endpoint in it" },
        { "{\"AttestationConfig\":[]}", "AttestationConfig: an object is expected" },
        { "{\"AttestationConfig\":{\"MaaSettings\":\"\"}}", "AttestationConfig.MaaSettings: an object is expected" },
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":7}}}",
          "AttestationConfig.MaaSettings.maaEndpoint: a text is expected" },
        { "{\"AttestationConfig\":{\"useCustomToken\":\"yes\"}}", "AttestationConfig.useCustomToken: true or false is expected" },
        { "{\"AttestationConfig\":{\"useCustomToken\":1}}", "AttestationConfig.useCustomToken: true or false is expected" },
        { "{\"AttestationConfig\":{\"isAzureStack\":\"true\"}}", "AzureStackSettings.clusterId is required" },
        { "{\"AttestationConfig\":{\"isAzureStack\":\"true\",\"AzureStackSettings\":{\"clusterId\":\"x\"}}}",
          "clusterAadTenantId is required" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"protocol\":\"tpm2\"}}}", "AttestationConfig.Trueboot.protocol" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"profile\":\"gcp\"}}}", "AttestationConfig.Trueboot.profile" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"proxy\":\"http://user:secret@proxy\"}}}", "AttestationConfig.Trueboot.proxy" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"caBundlePem\":\"none\"}}}", "AttestationConfig.Trueboot.caBundlePem" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"pinnedSpkiSha256\":[\"abcd\"]}}}",
          "AttestationConfig.Trueboot.pinnedSpkiSha256: [0]: a SHA-256 hash" },
        { "{\"AttestationConfig\":{\"maaEndpoint\":\"https://a\"}}",
          "AttestationConfig.maaEndpoint has no meaning here: it belongs into AttestationConfig.MaaSettings" },
        { "{\"ascReportingEndpoint\":\"https://a\"}",
          "ascReportingEndpoint has no meaning here: it belongs into AttestationConfig.AscSettings" },
        { "{\"AttestationConfig\":{\"AscSettings\":{\"maaEndpoint\":\"https://a\"}}}", "belongs into AttestationConfig.MaaSettings" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"caBundlePem\":\"-----BEGIN CERTIFICATE-----\\nMAMCAQE=\\n-----END CERTIFICATE-----\"}}}",
          "caBundlePem: certificate 1" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"caBundlePem\":\"-----BEGIN CERTIFICATE-----\\nMAMC\"}}}", "caBundlePem: certificate 1" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"caBundlePem\":\"-----BEGIN EC PRIVATE KEY-----\\nMAMCAQE=\\n-----END EC PRIVATE "
          "KEY-----\"}}}",
          "caBundlePem: a private key" },
        { "{\"AttestationConfig\":{\"Trueboot\":{\"pinnedSpkiSha256\":\"abcd\"}}}", "pinnedSpkiSha256: an array" },
        { "{\"AttestationConfig\":{\"MaaSettings\":{\"maaTenantName\":\"a\\nattest.endpoint = https://evil\"}}}",
          "control characters are refused" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct attestation_config c;

        test_note("%s", cases[i].text);
        CHECK(!read_config(&a, cases[i].text, &c, &err));
        CHECK(strstr(err.text, cases[i].says) != NULL);
        CHECK(strstr(err.text, "secret") == NULL);
        if (!strstr(err.text, cases[i].says))
            test_note("says: %s", err.text);
    }
}

TEST(addresses_are_https_without_user_or_fragment)
{
    static const char *const bad[] = { "http://a",       "ftp://a",          "a.example",         "https://",
                                       "https:///p",     "https://:443",     "https://u@a",       "https://u:p@a",
                                       "https://a#f",    "https://a b",      "https://a\\u0009b", "https://a\\\"b",
                                       "https://a\\\\b", "https://\xc3\xa4", "https://a%b/",      "javascript:alert(1)" };
    static const char *const good[] = {
        "https://a", "https://a:8443", "https://10.0.2.2:8443", "https://[::1]:8443/x", "https://a/p?q=1", "https://a/p@q", "HTTPS://a"
    };

    for (size_t i = 0; i < ARRAY_LEN(bad) + ARRAY_LEN(good); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        bool is_good = i >= ARRAY_LEN(bad);
        const char *url = is_good ? good[i - ARRAY_LEN(bad)] : bad[i];
        struct err err = ERR_INIT;
        struct attestation_config c;
        char text[256];

        test_note("%s", url);
        snprintf(text, sizeof text, "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"%s\"}}}", url);
        CHECK(read_config(&a, text, &c, &err) == is_good);
        if (!is_good)
            CHECK(strstr(err.text, "AttestationConfig.MaaSettings.maaEndpoint: ") != NULL);
    }
}

TEST(an_address_may_have_2048_characters_and_no_more)
{
    for (size_t n = 2048; n <= 2049; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct writer w CLEANUP(writer_done) = { 0 };
        struct err err = ERR_INIT;
        struct attestation_config c;

        write_string(&w, "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"https://a/");
        for (size_t i = strlen("https://a/"); i < n; i++)
            write_u8(&w, 'x');
        write_printf(&w, "\"}}}%c", 0);
        CHECK(read_config(&a, (const char *)w.data, &c, &err) == (n == 2048));
    }
}

TEST(warnings_are_kept_up_to_a_limit)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct attestation_config c;

    write_string(&w, "{\"AttestationConfig\":{\"x\":0");
    for (unsigned i = 0; i < LIMIT_SETTINGS_WARNINGS + 4; i++)
        write_printf(&w, ",\"unknown%u\":0", i);
    write_printf(&w, "}}%c", 0);
    REQUIRE_OK(read_config(&a, (const char *)w.data, &c, &err), err);
    CHECK_INT(c.n_warnings, LIMIT_SETTINGS_WARNINGS);
}

TEST(the_templates_that_people_have_are_read_without_a_warning)
{
    static const struct {
        const char *file, *report_endpoint;
        uint32_t seconds;
    } samples[] = { { "published-samples/template-fragment-linux.json", "", 28800 },
                    { "published-samples/template-fragment-windows.json", "", 28800 },
                    { "published-samples/machine-extension.json", "https://dp.stackhci.azure.com/eastus/igvmAttestation/validxxxxx",
                      14400 } };

    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        const char *path = shared_data(samples[i].file);
        struct err err = ERR_INIT;
        struct attestation_config c;
        const struct json *v;
        struct bytes text;

        if (!path)
            SKIP("the shared data are not here");
        REQUIRE_OK(file_read_in(&a, path, 65536, &text, &err), err);
        REQUIRE_OK(json_parse(&a, text, NULL, &v, &err), err);
        REQUIRE_OK(attestation_config_read(&a, json_at(v, "properties", "settings", NULL), &c, &err), err);
        CHECK_INT(c.n_warnings, 0);
        CHECK_INT(c.frequency_seconds, samples[i].seconds);
        CHECK(bytes_equal_string(c.report_endpoint, samples[i].report_endpoint));
    }
}
