/* The measured events in the words of policies. */
#include "appraise/claims_events.h"
#include "base/file.h"
#include "eventlog/ima/list.h"
#include "eventlog/replay/replay.h"
#include "json/parse.h"
#include "support/eventlog_builder.h"
#include "support/test.h"
#include "x509/ca.h"

struct scene {
    struct arena a;
    struct log_builder b;
    struct findings findings;
    struct eventlog log;
    const struct replayed_log *replayed;
    struct events_claim claim;
};

static void scene_done(struct scene *s)
{
    log_builder_done(&s->b);
    arena_done(&s->a);
}

static void scene_begin(struct scene *s)
{
    *s = (struct scene){ .findings = { 0 } };
    s->findings.arena = &s->a;
    log_builder_begin(&s->b, (enum digest_algorithm[]){ DIGEST_SHA256 }, 1);
}

/* Replays what was built against the builder's registers (`quoted`: bit i, register i) and makes the claim. */
static bool scene_claim(struct scene *s, uint32_t quoted)
{
    struct pcr_set pcrs = s->b.pcrs;
    struct err err = ERR_INIT;
    struct bytes log;

    pcrs.banks[0].present = quoted;
    s->findings.arena = &s->a;
    if (arena_copy(&s->a, log_builder_bytes(&s->b), &log) && eventlog_parse(&s->a, log, &s->log, &err) &&
        replay_verify(&s->a, &s->log, &pcrs, NULL, &s->findings, &s->replayed, &err) &&
        claims_events(&s->a, s->replayed, NULL, &s->claim, &err))
        return true;
    test_note("error: %s", err.text);
    return false;
}

static const struct json *event(struct scene *s, size_t i)
{
    const struct json *list = json_get(s->claim.json, "Events");

    return list && i < list->array.n ? list->array.items[i] : &json_null;
}

static const char *data(struct scene *s, size_t i)
{
    const struct json *v = json_get(event(s, i), "ProcessedData");
    const char *text = v ? json_to_string(&s->a, v, JSON_COMPACT) : NULL;

    return text ? text : "nothing";
}

static void sipa(struct writer *w, uint32_t id, struct bytes payload)
{
    write_u32le(w, id);
    write_u32le(w, (uint32_t)payload.len);
    write_bytes(w, payload);
}

TEST(a_variable_reads_as_the_published_example)
{
    CLEANUP(scene_done) struct scene s;
    const struct json *text;
    struct err err = ERR_INIT;
    int64_t n = -1;

    scene_begin(&s);
    log_add_variable(&s.b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    log_add_variable(&s.b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_IMAGE_SECURITY, "dbx", BYTES_NONE);
    REQUIRE(scene_claim(&s, 0xff));
    CHECK_STRING(data(&s, 0), "{}"); /* the log's own header */
    CHECK_STRING(data(&s, 1),
                 "{\"VariableGuid\":\"8BE4DF61-93CA-11D2-AA0D-00E098032B8C\",\"UnicodeName\":\"SecureBoot\",\"VariableData\":\"AQ\"}");
    CHECK_STRING(data(&s, 2), "{\"VariableGuid\":\"D719B2CB-3D3A-4596-A3BC-DAD00E67656F\",\"UnicodeName\":\"dbx\",\"VariableData\":\"\"}");
    CHECK(json_as_integer(json_get(event(&s, 1), "EventSeq"), &n) && n == 1);
    CHECK(json_as_integer(json_get(event(&s, 1), "PcrIndex"), &n) && n == 7);
    CHECK(json_is_string(json_get(event(&s, 1), "EventTypeString"), "EV_EFI_VARIABLE_DRIVER_CONFIG"));
    CHECK_INT(json_text(json_at(event(&s, 1), "Digests", "SHA256", NULL), BYTES_NONE).len, 43);
    REQUIRE_OK(json_parse(&s.a, s.claim.text, NULL, &text, &err), err);
    CHECK(json_equal(text, s.claim.json));
}

TEST(what_no_digest_proves_is_not_said)
{
    CLEANUP(scene_done) struct scene s;
    struct writer on CLEANUP(writer_done) = { 0 }, off CLEANUP(writer_done) = { 0 };

    scene_begin(&s);
    log_variable(&on, GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    log_variable(&off, GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\0"));
    log_add_forged(&s.b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), writer_bytes(&off), writer_bytes(&on));
    log_add_variable(&s.b, 1, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_EFI_GLOBAL, "Lang", BYTES_LIT("en"));
    log_add_hashing(&s.b, 4, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("one thing"), BYTES_LIT("another"));
    REQUIRE(scene_claim(&s, 0xfd)); /* register 1 is not quoted */
    for (size_t i = 1; i <= 3; i++)
        CHECK_STRING(data(&s, i), "{}");
    CHECK(json_get(event(&s, 2), "Digests") == NULL);
}

TEST(windows_records_become_objects_and_what_is_repeated_an_array)
{
    CLEANUP(scene_done) struct scene s;
    struct writer module CLEANUP(writer_done) = { 0 }, inner CLEANUP(writer_done) = { 0 }, outer CLEANUP(writer_done) = { 0 };

    scene_begin(&s);
    sipa(&module, 0x00070001, BYTES_LIT("a\0.\0e\0x\0e\0\0\0"));
    sipa(&module, 0x0007000a, BYTES_LIT("\1"));
    sipa(&inner, 0x00040001, BYTES_LIT("\0"));
    sipa(&inner, 0x00020009, BYTES_LIT("\1\0\0\0\0\0\0\0"));
    sipa(&inner, 0x00060002, BYTES_LIT("k1"));
    sipa(&inner, 0x40010003, writer_bytes(&module));
    sipa(&inner, 0x00060002, BYTES_LIT("k2"));
    sipa(&inner, 0x000a0007, BYTES_LIT("\1\0\0\0\0\0\0\0"));
    sipa(&inner, 0x0005000f, BYTES_LIT("policy"));
    sipa(&inner, 0x00050013, BYTES_LIT("list"));
    sipa(&inner, 0x00050005, BYTES_LIT("\1\2"));
    sipa(&inner, 0x12345678, BYTES_LIT("?"));
    sipa(&outer, 0x40010001, writer_bytes(&inner));
    log_add(&s.b, 12, EVENT_TYPE(EV_EVENT_TAG), writer_bytes(&outer));
    REQUIRE(scene_claim(&s, 0x10ff));
    CHECK_STRING(data(&s, 1), "{\"EVENT_TRUSTBOUNDARY\":{\"EVENT_BOOTDEBUGGING\":false,\"EVENT_APPLICATION_SVN\":1,"
                              "\"EVENT_AUTHORITYPUBKEY\":[\"azE\",\"azI\"],"
                              "\"EVENT_LOADEDMODULE_AGGREGATION\":[{\"EVENT_FILEPATH\":\"a.exe\",\"EVENT_IMAGEVALIDATED\":true}],"
                              "\"EVENT_VBS_HVCI_POLICY\":{\"Value\":1,\"String\":\"HypervisorEnforcedCodeIntegrityEnable\"},"
                              "\"EVENT_SI_POLICY\":[{\"RawData\":\"cG9saWN5\"}],\"EVENT_OS_REVOCATION_LIST\":{\"RawData\":\"bGlzdA\"},"
                              "\"EVENT_SAFEMODE\":{\"RawData\":\"AQI\"},\"EVENT_0x12345678\":\"Pw\"}}");
}

TEST(records_that_do_not_fit_are_raw_data_and_many_of_them_take_no_square)
{
    CLEANUP(scene_done) struct scene s;
    struct writer many CLEANUP(writer_done) = { 0 };

    scene_begin(&s);
    log_add(&s.b, 12, EVENT_TYPE(EV_EVENT_TAG), BYTES_LIT("\1\0\1\x40\xff\xff\xff\xff"));
    for (uint32_t i = 0; i < 200000; i++)
        sipa(&many, i, BYTES_NONE);
    log_add(&s.b, 13, EVENT_TYPE(EV_EVENT_TAG), writer_bytes(&many));
    REQUIRE(scene_claim(&s, 0x30ff));
    CHECK_STRING(data(&s, 1), "{\"RawData\":\"AQABQP____8\"}");
    CHECK_INT(json_get(event(&s, 2), "ProcessedData")->object.n, 200000);
}

TEST(texts_are_strings_and_separators_raw_data)
{
    CLEANUP(scene_done) struct scene s;

    scene_begin(&s);
    log_add(&s.b, 4, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("Calling EFI Application from Boot Option"));
    log_add(&s.b, 0, EVENT_TYPE(EV_S_CRTM_VERSION),
            BYTES_LIT("1\0.\0"
                      "2\0\0\0"));
    log_add(&s.b, 4, EVENT_TYPE(EV_SEPARATOR), BYTES_LIT("\0\0\0\0"));
    log_add_hashing(&s.b, 8, EVENT_TYPE(EV_IPL), BYTES_LIT("/vmlinuz quiet"), BYTES_LIT("kernel_cmdline: /vmlinuz quiet\0"));
    log_add_image(&s.b, "shim");
    REQUIRE(scene_claim(&s, 0x1ff));
    CHECK_STRING(data(&s, 1), "{\"String\":\"Calling EFI Application from Boot Option\"}");
    CHECK_STRING(data(&s, 2), "{\"String\":\"1.2\"}");
    CHECK_STRING(data(&s, 3), "{\"RawData\":\"AAAAAA\"}");
    CHECK_STRING(data(&s, 4), "{\"String\":\"/vmlinuz quiet\"}");
    CHECK_STRING(data(&s, 5), "{}");
}

TEST(nothing_gives_an_empty_list)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct events_claim claim;
    struct err err = ERR_INIT;

    REQUIRE_OK(claims_events(&a, NULL, NULL, &claim, &err), err);
    CHECK_BYTES(claim.text, BYTES_LIT("{\"Events\":[]}"));
}

TEST(a_real_log_gives_its_events_in_order)
{
    const char *path = shared_data("azureguest/tcglog-Linux.bin");
    CLEANUP(scene_done) struct scene s = { 0 };
    const struct json *list;
    struct err err = ERR_INIT;
    struct pcr_set pcrs;
    struct bytes file;
    int64_t before = -1, seq = -1;

    if (!path)
        SKIP("the shared data is not here");
    s.findings.arena = &s.a;
    REQUIRE_OK(file_read_in(&s.a, path, 1 << 20, &file, &err) && eventlog_parse(&s.a, file, &s.log, &err), err);
    replay_compute(&s.log, &pcrs);
    REQUIRE_OK(replay_verify(&s.a, &s.log, &pcrs, NULL, &s.findings, &s.replayed, &err), err);
    REQUIRE_OK(claims_events(&s.a, s.replayed, NULL, &s.claim, &err), err);
    list = json_get(s.claim.json, "Events");
    CHECK_INT(list->array.n, 104);
    for (size_t i = 0; i < list->array.n; i++) {
        CHECK(json_as_integer(json_get(list->array.items[i], "EventSeq"), &seq) && seq > before);
        before = seq;
    }
    test_note("%zu characters for %zu bytes of log", s.claim.text.len, file.len);
}

/* The published sample's way of asking whether Secure Boot was on. */
TEST(a_policy_finds_the_secure_boot_variable_among_the_events)
{
    static const char text[] =
        "version=1.2;configurationrules{};authorizationrules{=> permit();};issuancerules{"
        "c:[type==\"events\", issuer==\"AttestationService\"] => add(type=\"efiConfigVariables\", value=JmesPath(c.value, "
        "\"Events[?EventTypeString == 'EV_EFI_VARIABLE_DRIVER_CONFIG' && ProcessedData.VariableGuid == "
        "'8BE4DF61-93CA-11D2-AA0D-00E098032B8C']\"));"
        "c:[type==\"efiConfigVariables\", issuer==\"AttestationPolicy\"] => issue(type=\"secureBootEnabled\", "
        "value=JsonToClaimValue(JmesPath(c.value, \"[?ProcessedData.UnicodeName == 'SecureBoot'] | length(@) == `1` && "
        "@[0].ProcessedData.VariableData == 'AQ'\")));};";
    CLEANUP(scene_done) struct scene s;
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };
    const struct policy *policy;
    struct policy_claim claim;
    struct policy_outcome outcome;

    scene_begin(&s);
    log_add_variable(&s.b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    log_add_variable(&s.b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_EFI_GLOBAL, "PK", BYTES_NONE);
    REQUIRE(scene_claim(&s, 0xff));
    REQUIRE_OK(policy_parse(&s.a, bytes_of_string(text), &policy, &error), error.err);
    claim = policy_claim_string("events", s.claim.text);
    claim.json = s.claim.json;
    REQUIRE_OK(policy_evaluate(&s.a, policy, &claim, 1, NULL, &outcome, &error), error.err);
    REQUIRE(outcome.n_outgoing == 1);
    CHECK(outcome.outgoing[0].value.type == POLICY_BOOLEAN && outcome.outgoing[0].value.boolean);
}

TEST(a_policy_that_cannot_look_at_the_events_is_known_by_its_conditions)
{
    static const struct {
        const char *rule;
        bool may;
    } rows[] = {
        { "=> permit();", false },
        { "[type==\"secureBootEnabled\"] => permit();", false },
        { "[type==\"secureBootEnabled\", value==true] && ![type==\"x\"] => permit();", false },
        { "[type==\"events\"] => permit();", true },
        { "![type==\"events\"] => permit();", true },
        { "[value==true] => permit();", true },
        { "[type!=\"x\"] => permit();", true },
        { "[type==\"x\"] && c:[issuer==\"AttestationService\"] => permit();", true },
    };
    CLEANUP(arena_done) struct arena a = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct policy_error error = { .kind = POLICY_PARSING_ERROR };
        const struct policy *policy;
        const char *text = arena_printf(&a, "version=1.2;authorizationrules{%s};issuancerules{};", rows[i].rule);
        REQUIRE_OK(policy_parse(&a, bytes_of_string(text), &policy, &error), error.err);
        CHECK_INT(policy_may_use(policy, BYTES_LIT("events")), rows[i].may);
    }
}

/* ---- the kernel's list ---- */

static void add_field(struct writer *w, struct bytes value)
{
    write_u32le(w, (uint32_t)value.len);
    write_bytes(w, value);
}

/* One entry of a binary list: file digest, name, one more field; register 10 is extended with it. */
static void add_ima(struct writer *list, struct digest *pcr, const char *template, const char *name, struct bytes last)
{
    struct writer data CLEANUP(writer_done) = { 0 };
    struct digest digest;

    digest_compute(DIGEST_SHA256, strcmp(template, "ima-buf") == 0 ? last : bytes_of_string(name), &digest);
    write_u32le(&data, 8 + 32);
    write_bytes(&data, BYTES_LIT("sha256:\0"));
    write_bytes(&data, digest_bytes(&digest));
    add_field(&data, (struct bytes){ (const uint8_t *)name, strlen(name) + 1 });
    add_field(&data, last);
    digest_compute(DIGEST_SHA1, writer_bytes(&data), &digest);
    write_u32le(list, 10);
    write_bytes(list, digest_bytes(&digest));
    add_field(list, bytes_of_string(template));
    add_field(list, writer_bytes(&data));
    digest_compute(DIGEST_SHA256, writer_bytes(&data), &digest);
    digest_extend(pcr, digest_bytes(&digest));
}

TEST(entries_of_the_kernels_list_follow_the_log_as_far_as_register_10_proves_them)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    CLEANUP(ca_free_at) struct ca *ca = NULL;
    struct writer list CLEANUP(writer_done) = { 0 };
    struct pcr_set pcrs = { .n_banks = 1, .banks = { { .algorithm = DIGEST_SHA256, .present = 1u << 10 } } };
    struct digest later, *pcr = &pcrs.banks[0].value[10];
    struct findings findings = { .arena = &a };
    const struct verified_ima *ima;
    struct events_claim claim;
    struct ima_list parsed;
    struct err err = ERR_INIT;
    const char *events;

    pcr_reset_value(DIGEST_SHA256, 10, pcr);
    REQUIRE_OK(ca_new("Key of the kernel", 0, &ca, &err), err);
    add_ima(&list, pcr, "ima-sig", "/bin/true", BYTES_LIT("sig"));
    add_ima(&list, pcr, "ima-buf", "kernel_version", BYTES_LIT("6.1.0"));
    add_ima(&list, pcr, "ima-buf", ".builtin_trusted_keys", ca_cert(ca, 0)->der);
    later = *pcr;
    add_ima(&list, &later, "ima-sig", "/bin/after-the-quote", BYTES_NONE);
    REQUIRE_OK(ima_parse(&a, writer_bytes(&list), &parsed, &err) && ima_verify(&a, &parsed, &pcrs, NULL, &findings, &ima, &err), err);
    REQUIRE_OK(claims_events(&a, NULL, ima, &claim, &err), err);
    events = arena_string(&a, claim.text);
    CHECK_INT(json_get(claim.json, "Events")->array.n, 3);
    CHECK(strstr(events, "\"EventSeq\":0,\"PcrIndex\":10,\"EventTypeString\":\"IMA_MEASUREMENT_EVENT\",\"ProcessedData\":"
                         "{\"FileName\":\"/bin/true\",\"FileDigest\":\"sha256:") != NULL);
    CHECK(strstr(events, "\"Signature\":\"c2ln\",\"Template\":\"ima-sig\"}") != NULL);
    CHECK(strstr(events, "{\"KernelVersion\":\"6.1.0\",\"Template\":\"ima-buf\"}") != NULL);
    CHECK(strstr(events, "{\"Keyring\":\".builtin_trusted_keys\",\"CertificateSubject\":\"CN=Key of the kernel\",") != NULL);
    CHECK(strstr(events, "after-the-quote") == NULL);
    if (test_failed())
        test_note("%s", events);
}

/* Leaving some out would let a policy believe that something did not happen. */
TEST(a_list_of_the_kernels_that_is_too_long_for_a_policy_fails_instead_of_being_cut)
{
    enum { MOST = LIMIT_POLICY_IMA_ENTRIES };

    for (unsigned extra = 0; extra < 2; extra++) {
        CLEANUP(arena_done) struct arena a = { 0 };
        struct writer list CLEANUP(writer_done) = { 0 };
        struct pcr_set pcrs = { .n_banks = 1, .banks = { { .algorithm = DIGEST_SHA256, .present = 1u << 10 } } };
        struct findings findings = { .arena = &a };
        const struct verified_ima *ima;
        struct events_claim claim;
        struct ima_list parsed;
        struct err err = ERR_INIT;
        bool made;

        pcr_reset_value(DIGEST_SHA256, 10, &pcrs.banks[0].value[10]);
        for (unsigned i = 0; i < MOST + extra; i++)
            add_ima(&list, &pcrs.banks[0].value[10], "ima-sig", "/bin/true", BYTES_NONE);
        REQUIRE_OK(ima_parse(&a, writer_bytes(&list), &parsed, &err) && ima_verify(&a, &parsed, &pcrs, NULL, &findings, &ima, &err), err);
        CHECK_INT(verified_ima_n(ima), MOST + extra);
        made = claims_events(&a, NULL, ima, &claim, &err);
        CHECK_INT(made, !extra);
        if (made)
            CHECK_INT(json_get(claim.json, "Events")->array.n, MOST);
        else
            CHECK(err.code == ERR_LIMIT && strstr(err.text, "50001 entries, more than 50000") != NULL);
    }
}
