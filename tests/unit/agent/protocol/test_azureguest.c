/* The compatibility protocol: the specification's vectors, and whole exchanges with a verifier that is strict. */
#include <stdio.h>
#include <stdlib.h>
#include "agent/machine/os_release.h"
#include "agent/protocol/azureguest.h"
#include "agent/protocol/report_compat.h"
#include "agent/protocol/sealed_token.h"
#include "agent/tpm/sealed_key.h"
#include "base/base64.h"
#include "base/hex.h"
#include "eventlog/replay/replay.h"
#include "eventlog/log/trim.h"
#include "json/parse.h"
#include "support/eventlog_builder.h"
#include "support/test.h"
#include "tpm/policy_digest.h"
#include "unit/agent/faulty_guest.h"

/* guest-agent.md 13. */

static void fill(struct pcr_set *set, uint32_t mask, bool zero)
{
    *set = (struct pcr_set){ .n_banks = 1, .banks = { { .algorithm = DIGEST_SHA256, .present = mask } } };
    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++) {
        uint8_t number = (uint8_t)pcr;

        if (zero)
            digest_fill(&set->banks[0].value[pcr], DIGEST_SHA256, 0);
        else
            digest_compute(DIGEST_SHA256, (struct bytes){ &number, 1 }, &set->banks[0].value[pcr]);
    }
}

TEST(policies_of_the_specifications_vectors_come_out)
{
    static const struct {
        uint32_t mask;
        bool zero;
        const char *digest, *policy;
    } cases[] = {
        { 0xff, true, "5341e6b2646979a70e57653007a1f310169421ec9bdd9f1a5648f75ade005af1",
          "9a72c2e06a93c453a86efb47532e9c7a91dcab018e675919910c58d6a1a5aa78" },
        { 0xff, false, "2b3e6d92bfa1c8f41c60e107bc352d83e51e1a4414298a2e3ed2bac1a2427a53",
          "7dedc584f25d93c8e7d0975faab561489a6e09c37d0600171116f87b14727b63" },
        { 0x8ff, true, "2d5565fb483d8ea4525a7a9229677d1038ad34b6e22c8d5152e1d7f7b9817597",
          "9bd5f0e4ad8519361a2c186e975f843a9ac7051251cae2ab18c9d4ea82e28822" },
        { 0x8ff, false, "ab1e34001d79aca7d37863f9329d4c610a46b41317e77dc5f1b2a847c76e5f5e",
          "22c8d8478876af44e604b6468d2f8e500946eb713f7f8209fe9a007c2ec40507" },
        { 0x78ff, true, "a1a4f5721c1c4610af7f71078f3a68c330536d679803b0e0507ee8dc10c5dfca",
          "2750db6f2a53768b685a218c203731b3b97c69c02380c0216671c174b12ee438" },
        { 0x78ff, false, "0a29a55cb1e640b7ce889f4e29329c0953e7e525fa2960769fe11de8b55f94fe",
          "b1c211400fbdeadeee89d7fdfb61359cb04a2f96705ce7c58125f94e38e32d48" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pcr_set set;
        struct digest digest;
        struct err err = ERR_INIT;
        char hex[65];

        fill(&set, cases[i].mask, cases[i].zero);
        REQUIRE_OK(pcr_set_digest(&set, DIGEST_SHA256, &digest, &err), err);
        hex_encode(digest_bytes(&digest), hex);
        CHECK_STRING(hex, cases[i].digest);
        REQUIRE_OK(policy_pcr_digest(DIGEST_SHA256, &set, &digest, &err), err);
        hex_encode(digest_bytes(&digest), hex);
        CHECK_STRING(hex, cases[i].policy);
    }
}

static const char sealed_fields[] =
    "\"EncryptedInnerKey\":\"%s\",\"EncryptionParams\":{%s\"Iv\":\"%s\"},\"AuthenticationData\":\"%s\",\"Jwt\":\"%s\"";

#define VECTOR_IV  "oKGio6Slpqeoqaqr"
#define VECTOR_TAG "HVtwzECHwv2mtshnzN07rQ=="
#define VECTOR_JWT "g2E2RSeMYdYtDM2mZUj1sjnCaT73zggc/z1r7zDCPzGILgnP5kxjEw=="

/* Wraps the JSON of an answer as the service does. */
static const struct json *answer_of(struct arena *a, const char *key, const char *params, const char *iv, const char *tag, const char *jwt,
                                    bool bare)
{
    char *inner = arena_printf(a, "{\"Hash\":\"older\","), *fields = arena_printf(a, sealed_fields, key, params, iv, tag, jwt);
    const char *token = base64_in(a, BASE64_URL, bytes_of_string(arena_printf(a, "%s%s}", inner, fields)));
    const struct json *v = NULL;
    struct err err;

    return json_parse(a, bytes_of_string(arena_printf(a, bare ? "\"%s\"" : "{\"token\":\"%s\"}", token)), NULL, &v, &err) ? v : NULL;
}

TEST(the_specifications_token_opens_with_its_key_and_with_no_other)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    uint8_t key[32];
    struct bytes jwt;

    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    for (int bare = 0; bare < 2; bare++) {
        struct sealed_token token;
        struct err err = ERR_INIT;

        REQUIRE_OK(
            sealed_token_read(
                &a,
                answer_of(&a, "AKqq",
                          bare ? ""
                               : "\"Cipher\":\"AES\",\"BlockMode\":\"ChainingModeGCM\",\"BlockPadding\":\"PKCS7\",\"KeySizeInBits\":256,",
                          VECTOR_IV, VECTOR_TAG, VECTOR_JWT, bare),
                &token, &err),
            err);
        CHECK_BYTES(token.inner_key, BYTES_LIT("\xaa\xaa")); /* 00 AA AA: the zero in front goes */
        REQUIRE_OK(sealed_token_open(&a, &token, BYTES_OF(key), &jwt, &err), err);
        CHECK_BYTES(jwt, BYTES_LIT("eyJhbGciOiJub25lIn0.eyJpc3MiOiJ0ZXN0In0."));
        CHECK(!sealed_token_open(&a, &token, (struct bytes){ key, 16 }, &jwt, &err)); /* another size than it says, or another key */
        key[3] ^= 1;
        CHECK(!sealed_token_open(&a, &token, BYTES_OF(key), &jwt, &err) && err.code == ERR_UNTRUSTED);
        key[3] ^= 1;
        CHECK(!sealed_token_open(&a, &token, (struct bytes){ key, 31 }, &jwt, &err));
    }
}

TEST(answers_that_break_the_shape_are_refused)
{
    static const struct {
        const char *key, *params, *iv, *tag, *jwt, *says;
    } cases[] = {
        { "QUE=", "\"KeySizeInBits\":512,", VECTOR_IV, VECTOR_TAG, VECTOR_JWT, "KeySizeInBits" },
        { "QUE=", "\"Cipher\":\"DES\",", VECTOR_IV, VECTOR_TAG, VECTOR_JWT, "Cipher" },
        { "QUE=", "\"BlockMode\":\"ChainingModeCBC\",", VECTOR_IV, VECTOR_TAG, VECTOR_JWT, "BlockMode" },
        { "QUE=", "", "QUE=", VECTOR_TAG, VECTOR_JWT, "Iv of 2 bytes" },
        { "QUE=", "", VECTOR_IV, "QUE=", VECTOR_JWT, "AuthenticationData of 2" },
        { "", "", VECTOR_IV, VECTOR_TAG, VECTOR_JWT, "EncryptedInnerKey" },
        { "*", "", VECTOR_IV, VECTOR_TAG, VECTOR_JWT, "EncryptedInnerKey" },
        { "QUE=", "", VECTOR_IV, VECTOR_TAG, "*", "Jwt" },
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct sealed_token token;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;

        CHECK(!sealed_token_read(&a, answer_of(&a, cases[i].key, cases[i].params, cases[i].iv, cases[i].tag, cases[i].jwt, false), &token,
                                 &err));
        CHECK(strstr(err.text, cases[i].says) != NULL);
    }
    for (size_t len = 512; len <= 513; len++) { /* the edge, and past it */
        struct err err = ERR_INIT;
        uint8_t ones[513];

        memset(ones, 1, sizeof ones);
        CHECK_INT(sealed_token_read(&a,
                                    answer_of(&a, base64_in(&a, BASE64_STANDARD, (struct bytes){ ones, len }), "", VECTOR_IV, VECTOR_TAG,
                                              VECTOR_JWT, false),
                                    &token, &err),
                  len == 512);
    }
    for (int past = 0; past < 2; past++) {
        struct json text = { .type = JSON_STRING };
        struct err err = ERR_INIT;
        char *much = malloc(LIMIT_SEALED_TOKEN_BYTES + 1);

        REQUIRE(much);
        memset(much, 'A', LIMIT_SEALED_TOKEN_BYTES + 1);
        text.string = (struct bytes){ (const uint8_t *)much, (size_t)LIMIT_SEALED_TOKEN_BYTES + (size_t)past };
        CHECK(!sealed_token_read(&a, &text, &token, &err));
        CHECK_INT(err.code == ERR_LIMIT, past);
        free(much);
    }
}

TEST(addresses_keep_what_they_already_say)
{
    static const char *const cases[][2] = {
        { "https://h:8443", "/attest/AzureGuest?api-version=2020-10-01" },
        { "https://h/prefix", "/attest/AzureGuest?api-version=2020-10-01" },
        { "https://h/attest/AzureGuest", "?api-version=2020-10-01" },
        { "https://h/attest/AzureGuest?api-version=2018-09-01", "" },
        { "https://h/attest/AzureGuest?x=y", "&api-version=2020-10-01" },
    };
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK_STRING(azureguest_path(&a, cases[i][0]), cases[i][1]);
}

TEST(the_system_names_itself_or_is_named)
{
    static const struct {
        const char *text, *name;
        unsigned major, minor;
    } cases[] = {
        { "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n", "Debian GNU/Linux", 12, 0 },
        { "PRETTY_NAME=x\nNAME='Ubuntu'\nVERSION_ID=24.04", "Ubuntu", 24, 4 },
        { "NAME=Arch\n", "Arch", 1, 0 },
        { "VERSION_ID=\"rolling\"\n", "Linux", 1, 0 },
        { "", "Linux", 1, 0 },
        { "NAME=\"\x1b[2J\"\nVERSION_ID=99999999999999.1", "", 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct os_release os;

        os_release_parse(bytes_of_string(cases[i].text), &os);
        CHECK(!strchr(os.name, 0x1b) && os.major > 0);
        if (!cases[i].major)
            continue;
        CHECK_STRING(os.name, cases[i].name);
        CHECK_INT(os.major, cases[i].major);
        CHECK_INT(os.minor, cases[i].minor);
    }
}

/* Whole exchanges. */

TEST(the_ephemeral_key_has_the_published_shape_and_dies_with_the_reset)
{
    struct tpm_name first = { 0 };

    WITH_GUEST(g);
    for (int boot = 0; boot < 2; boot++) {
        struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
        struct sealed_key key = { 0 };
        struct pcr_set pcrs;
        struct failure why = FAILURE_INIT;

        REQUIRE_DONE(tpm_device_open(g.vtpm.tcti, &tpm, &why), why);
        REQUIRE_DONE(quote_read_pcrs(tpm, DIGEST_SHA256, 0xff, &pcrs, &why), why);
        REQUIRE_DONE(sealed_key_make(tpm, &pcrs, &key, &why), why);
        CHECK_INT(sealed_key_public_2b(&key).len, 312);
        CHECK_BYTES(bytes_slice(sealed_key_public_2b(&key), 0, 12), BYTES_LIT("\x01\x36\x00\x01\x00\x0b\x00\x02\x04\x32\x00\x20"));
        if (boot == 0)
            first = key.known.name;
        else
            CHECK(!bytes_equal(tpm_name_bytes(&first), tpm_name_bytes(&key.known.name)));
        sealed_key_flush(&key);
        CHECK_INT(tpm_device_usage(tpm).objects, 0);
        tpm_device_close(tpm);
        tpm = NULL;
        vtpm_power_cycle(&g.vtpm);
    }
}

static bool attest_azure(struct guest *g, struct session *s, struct arena *a, struct attest_result *ret, struct failure *why)
{
    struct failure first = FAILURE_INIT;

    g->config.protocol = "tpm"; /* enrols */
    if (!session_enrol(s, false, &first)) {
        *why = first;
        return false;
    }
    g->config.protocol = "azureguest";
    return session_attest(s, a, ret, why);
}

TEST(a_strict_verifier_takes_the_request_and_its_answer_opens)
{
    WITH_ATTESTING_SESSION(g, s);
    REQUIRE_DONE(attest_azure(&g, &s, &a, &result, &why), why);
    CHECK_STRING(g.stub.problem, "");
    CHECK_INT(g.stub.azure_attestations, 1);
    CHECK_INT(g.stub.azure_bound, 0);
    CHECK_INT(result.quoted.attest.len, 113);
    CHECK(bytes_find(result.token, BYTES_LIT(".")) != SIZE_MAX);

    /* With a relying party's nonce, quote and certification carry bind. */
    memcpy(s.nonce, "0123456789abcdef", 16);
    s.nonce_len = 16;
    REQUIRE_DONE(session_attest(&s, &a, &result, &why), why);
    CHECK_STRING(g.stub.problem, "");
    CHECK_INT(g.stub.azure_bound, 1);
    CHECK_INT(result.quoted.attest.len, 113 + 32);
}

TEST(a_register_that_moves_before_the_answer_is_open_costs_one_retry_and_nobody_notices)
{
    WITH_ATTESTING_SESSION(g, s);
    REQUIRE_DONE(attest_azure(&g, &s, &a, &result, &why), why);
    faulty_add(&g.plan, (struct fault){ .kind = FAULT_EXTEND, .command = TPM_CC_RSA_Decrypt, .pcr = 7, .times = 1 });
    g.stub.azure_attestations = 0;
    REQUIRE_DONE(session_attest(&s, &a, &result, &why), why);
    CHECK_INT(g.stub.azure_attestations, 2);
    CHECK_STRING(g.stub.problem, "");

    g.plan.n_faults = 0; /* and while the request is on its way: seen by reading the registers again */
    faulty_add(&g.plan, (struct fault){ .kind = FAULT_EXTEND, .command = TPM_CC_PCR_Read, .skip = 1, .pcr = 7, .times = 1 });
    g.stub.azure_attestations = 0;
    REQUIRE_DONE(session_attest(&s, &a, &result, &why), why);
    CHECK_INT(g.stub.azure_attestations, 2);

    g.plan.n_faults = 0;
    faulty_add(&g.plan, (struct fault){ .kind = FAULT_EXTEND, .command = TPM_CC_RSA_Decrypt, .pcr = 7 });
    g.stub.azure_attestations = 0;
    CHECK(!session_attest(&s, &a, &result, &why));
    CHECK_STRING(failure_name(why.id), "PCR_CHANGED");
    CHECK_INT(g.stub.azure_attestations, AZUREGUEST_ATTEMPTS);
    CHECK_INT(result.token.len, 0);
}

TEST(what_a_tpm_would_not_unload_is_unloaded_before_more_is_loaded)
{
    for (unsigned refusals = 1; refusals <= 3; refusals++) {
        WITH_ATTESTING_SESSION(g, s);
        REQUIRE_DONE(attest_azure(&g, &s, &a, &result, &why), why);
        faulty_add(&g.plan, (struct fault){ .kind = FAULT_EXTEND, .command = TPM_CC_RSA_Decrypt, .pcr = 7, .times = 1 });
        faulty_add(&g.plan, (struct fault){ .kind = FAULT_RC, .command = TPM_CC_FlushContext, .rc = 0x1c4, .times = refusals });
        g.stub.azure_attestations = 0;
        REQUIRE_DONE(session_attest(&s, &a, &result, &why), why);
        CHECK_INT(g.stub.azure_attestations, 2);
        CHECK(g.most.most_objects <= 2);
        CHECK_INT(g.most.most_sessions, 1);
    }
}

TEST(an_answer_for_another_key_is_no_answer)
{
    WITH_ATTESTING_SESSION(g, s);
    g.stub.azure_seal_wrong = true;
    CHECK(!attest_azure(&g, &s, &a, &result, &why));
    CHECK_STRING(failure_name(why.id), "TOKEN_DECRYPT");
    test_note("%s", why.text);
    CHECK_INT(g.stub.azure_attestations, 1); /* the registers stood still: another request would end the same */
}

TEST(auto_falls_back_where_the_native_endpoint_is_not_there)
{
    WITH_ATTESTING_SESSION(g, s);
    REQUIRE_DONE(session_enrol(&s, false, &why), why);
    g.stub.no_tpm_endpoint = true;
    g.config.protocol = "tpm";
    CHECK(!session_attest(&s, &a, &result, &why));
    CHECK_STRING(failure_name(why.id), "WRONG_ENDPOINT");
    CHECK_INT(g.stub.azure_attestations, 0);
    g.config.protocol = "auto";
    REQUIRE_DONE(session_attest(&s, &a, &result, &why), why);
    CHECK_INT(g.stub.azure_attestations, 1);
    CHECK_STRING(g.stub.problem, "");
}

/* guest-agent.md 3.7. What a policy that is set says of a boot is no reason to ask another way. */
TEST(auto_falls_back_where_no_tpm_policy_is_set_and_on_no_other_refusal)
{
    static const char published[] = "A VBS attestation policy has not been set on the attestation provider.";
    static const struct {
        bool second; /* the call that is refused */
        const char *code, *words;
        bool falls_back;
    } cases[] = {
        { false, "InvalidOperation", published, true },
        { false, "InvalidOperation", "ask an operator", true },
        { false, "", published, true },
        { false, "SomethingElse", "VBS policy not set", true },
        { false, "InvalidParameter", "Attestation Policy has not been set", true },
        { false, "InvalidParameter", "the request is not well formed", false },
        { false, "PolicyEvaluationError", "the policy says: secureBoot is not set", false },
        { false, "SomethingElse", "your policy was set", false },
        { false, "", "", false },
        { true, "InvalidOperation", published, true }, /* taken away meanwhile */
        { true, "InvalidOperation", "Malformed JWT: Could not find first period in the token.", false },
        { true, "PolicyEvaluationError", "A Deny claim was issued, authorization failed. The policy is not set to take this.", false },
    };

    WITH_ATTESTING_SESSION(g, s);
    REQUIRE_DONE(session_enrol(&s, false, &why), why);
    g.config.protocol = "auto";
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        g.stub.azure_attestations = 0;
        g.stub.refuse_challenge = cases[i].second ? NULL : cases[i].code;
        g.stub.refuse_request = cases[i].second ? cases[i].code : NULL;
        g.stub.refuse_words = cases[i].words;
        why = FAILURE_INIT;
        if (session_attest(&s, &a, &result, &why) != cases[i].falls_back)
            test_note("%s: %s (%s)", cases[i].code, cases[i].words, why.text);
        CHECK_INT(g.stub.azure_attestations, cases[i].falls_back);
        CHECK(cases[i].falls_back || why.id == FAILURE_REFUSED);
    }
    g.config.protocol = "tpm"; /* said, and meant */
    g.stub.azure_attestations = 0;
    g.stub.refuse_challenge = "InvalidOperation";
    g.stub.refuse_words = published;
    CHECK(!session_attest(&s, &a, &result, &why) && why.id == FAILURE_REFUSED);
    CHECK_INT(g.stub.azure_attestations, 0);
}

/* Logs. */

/* A log in two banks with events of registers 0 to 9, of which the largest has `len` bytes of data. */
static void build_log(struct log_builder *b, size_t len)
{
    uint8_t *data = calloc(1, len);

    log_builder_begin(b, (enum digest_algorithm[]){ DIGEST_SHA1, DIGEST_SHA256 }, 2);
    for (unsigned pcr = 0; pcr < 10; pcr++)
        log_add(b, pcr, EVENT_TYPE(EV_IPL), BYTES_LIT("event"));
    if (data)
        log_add(b, 9, EVENT_TYPE(EV_IPL), (struct bytes){ data, len });
    log_add_separators(b);
    free(data);
}

TEST(a_trimmed_log_replays_to_the_same_values_and_is_smaller)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct eventlog whole, trimmed;
    struct pcr_set values;
    struct err err = ERR_INIT;

    build_log(&b, 3000);
    REQUIRE_OK(eventlog_parse(&a, log_builder_bytes(&b), &whole, &err), err);
    REQUIRE_OK(eventlog_trim(&whole, 0xff, &w, &err), err);
    CHECK(w.len + 3000 < log_builder_bytes(&b).len);
    REQUIRE_OK(eventlog_parse(&a, writer_bytes(&w), &trimmed, &err), err);
    CHECK_INT(trimmed.state, EVENTLOG_COMPLETE);
    CHECK_INT(trimmed.parts[0].n_banks, 1);
    replay_compute(&trimmed, &values);
    for (unsigned pcr = 0; pcr < 8; pcr++)
        CHECK(digest_equal(pcr_find(&values, DIGEST_SHA256, pcr), pcr_find(&b.pcrs, DIGEST_SHA256, pcr)));
    for (size_t i = 0; i < trimmed.n_events; i++)
        CHECK(trimmed.events[i].pcr < 8);
}

TEST(only_what_is_too_large_is_trimmed_and_what_stays_too_large_is_said)
{
    static uint8_t large[1050 * 1024];
    struct log_builder fits CLEANUP(log_builder_done) = { 0 }, trims CLEANUP(log_builder_done) = { 0 };
    struct bytes log;

    WITH_ATTESTING_SESSION(g, s);
    build_log(&fits, 1000);
    log = log_builder_bytes(&fits);
    REQUIRE(guest_log(&g, &log));
    REQUIRE_DONE(attest_azure(&g, &s, &a, &result, &why), why);
    CHECK_INT(g.stub.azure_logs_len, log.len);

    build_log(&trims, 1100 * 1024);
    log = log_builder_bytes(&trims);
    REQUIRE(guest_log(&g, &log));
    REQUIRE_DONE(session_attest(&s, &a, &result, &why), why);
    CHECK(g.stub.azure_logs_len > 100 && g.stub.azure_logs_len < 5000);

    memset(large, 1, sizeof large);
    log_add(&trims, 3, EVENT_TYPE(EV_IPL), BYTES_OF(large)); /* an event of register 3 stays */
    log = log_builder_bytes(&trims);
    REQUIRE(guest_log(&g, &log));
    CHECK(!session_attest(&s, &a, &result, &why));
    CHECK_STRING(failure_name(why.id), "LOG_TOO_LARGE");
    CHECK_STRING(g.stub.problem, "");
}

TEST(reports_for_other_relying_parties_have_the_products_names)
{
    static const struct {
        enum failure_id id;
        unsigned failed;
        enum compat_health health;
    } cases[] = {
        { FAILURE_NONE, 0, COMPAT_HEALTHY },
        { FAILURE_REFUSED, 1, COMPAT_UNHEALTHY },
        { FAILURE_NO_TPM, 1, COMPAT_PLATFORM_ERROR },
        { FAILURE_AK_REPLACED, 1, COMPAT_PLATFORM_ERROR },
        { FAILURE_DNS, 1, COMPAT_NOTHING_NEW },
        { FAILURE_DNS, 2, COMPAT_PLATFORM_ERROR },
        { FAILURE_CVM_FOUND, 1, COMPAT_PLATFORM_ERROR },
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct notes notes = { 0 };

    notes_add(&notes, FAILURE_TPM_CLEARED, "cleared");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct json_out out = json_out_to(&w, JSON_COMPACT);
        struct failure why = { .id = cases[i].id, .text = "why" };
        const struct json *v;
        struct err err = ERR_INIT;
        struct compat_report report = { .resource_id = "arm-id",
                                        .attest_uri = "https://v",
                                        .failure = cases[i].id ? &why : NULL,
                                        .token = cases[i].id ? BYTES_NONE : BYTES_LIT("a.b.c"),
                                        .facts = { .boot_id = "b", .kernel_version = "k", .has_counters = true, .reset_count = 7 },
                                        .vm_uuid = VTPM_UUID,
                                        .ak_name = "000b",
                                        .notes = &notes };

        report.health = report_compat_health(report.failure, cases[i].failed);
        CHECK_INT(report.health, cases[i].health);
        report_compat_write(&report, &out);
        REQUIRE_OK(json_parse(&a, writer_bytes(&w), NULL, &v, &err), err);
        CHECK(json_is_string(json_get(v, "ArmID"), "arm-id"));
        CHECK(json_get(v, "AttestationToken")->type == (cases[i].id ? JSON_NULL : JSON_STRING));
        CHECK(json_is_string(json_get(v, "PlatformErrorMessage"), cases[i].health == COMPAT_PLATFORM_ERROR ? "why" : ""));
        CHECK(json_is_string(json_get(v, "AttestationStatusMessage"), cases[i].health == COMPAT_UNHEALTHY ? "why" : ""));
        CHECK(json_at(v, "Extensions", "TpmCleared", NULL)->boolean);
        CHECK(!json_at(v, "Extensions", "Kexec", NULL)->boolean);
    }
}
