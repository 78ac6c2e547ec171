/* Evidence of real boots through the whole core: quote, registers, log, meaning, verdict (shared data, boot-logs). */
#include "appraise/appraise.h"
#include "appraise/baseline.h"
#include "appraise/verdict.h"
#include "base/file.h"
#include "base/hex.h"
#include "eventlog/ima/list.h"
#include "eventlog/ima/replay.h"
#include "json/parse.h"
#include "support/quote_builder.h"
#include "support/test.h"
#include "unit/bootchain/boot_sample.h"

/* One boot as a guest would send it: the RSA quote over bank SHA-256. */
struct sent {
    struct evidence evidence;
    struct pubkey *ak;
    struct bytes nonce;
};

static void sent_done(struct sent *s) { pubkey_free(s->ak); }

static bool read_part(struct arena *a, const char *folder, const char *name, struct bytes *ret, struct err *err)
{
    const char *path = arena_printf(a, "%s/%s", folder, name);
    return path && file_read_in(a, path, LIMIT_LOG_BYTES, ret, err);
}

static bool read_sent(struct arena *a, const char *boot, struct sent *ret)
{
    const char *folder = shared_data(arena_printf(a, "boot-logs/%s", boot));
    struct boot_sample *sample = ARENA_NEW(a, struct boot_sample);
    struct bytes pem, platform;
    const struct json *v;
    struct err err = ERR_INIT;

    folder = folder ? arena_string(a, bytes_of_string(folder)) : NULL;
    if (!folder || !sample || !sample_read(a, folder, SAMPLE_SHA256, NULL, sample) ||
        !read_part(a, folder, "quote_rsa.msg", &ret->evidence.quote, &err) ||
        !read_part(a, folder, "quote_rsa.sig", &ret->evidence.signature, &err) || !read_part(a, folder, "ak_rsa.pem", &pem, &err) ||
        !read_part(a, folder, "platform.json", &platform, &err) || !json_parse(a, platform, NULL, &v, &err) ||
        !hex_decode(a, json_text(json_get(v, "nonce"), BYTES_NONE), &ret->nonce, &err) || !pubkey_from_pem(pem, &ret->ak, &err)) {
        test_note("%s: %s", boot, err.text);
        return false;
    }
    ret->evidence.pcrs = sample->quoted;
    if (sample->has_log && read_part(a, folder, "binary_bios_measurements", &ret->evidence.logs[0].content, &err))
        ret->evidence.n_logs = 1;
    digest_compute(DIGEST_SHA256, ret->evidence.quote, &ret->evidence.digest);
    return true;
}

static struct appraise_request request_of(const struct sent *s)
{
    return (struct appraise_request){
        .evidence = &s->evidence, .ak = s->ak, .ak_trusted = true, .nonce = s->nonce, .no_policy_needed = true, .now_ms = 1
    };
}

static struct appraised *appraised_of(struct arena *a, const struct appraise_request *request)
{
    struct appraised *out = ARENA_NEW(a, struct appraised);
    struct err err = ERR_INIT;

    if (out && appraise(a, request, out, &err))
        return out;
    test_note("%s", err.text);
    return NULL;
}

static const struct json *expectations(struct arena *a)
{
    const char *path = shared_data("boot-logs/expected.json");
    const struct json *v;
    struct bytes text;
    struct err err = ERR_INIT;

    return path && file_read_in(a, path, 1 << 20, &text, &err) && json_parse(a, text, NULL, &v, &err) ? v : NULL;
}

/* The baseline that a first boot leaves: learned silently where that is allowed, approved otherwise. */
static bool learn(struct arena *a, const char *boot, struct baseline *ret)
{
    CLEANUP(sent_done) struct sent s = { 0 };
    struct appraise_request request;
    struct appraised *out;
    struct err err = ERR_INIT;

    if (!read_sent(a, boot, &s))
        return false;
    request = request_of(&s);
    out = appraised_of(a, &request);
    return out && baseline_learn(a, &out->appraisal, false, ret, &err);
}

/* Uses the stack that the appraisal used. */
static unsigned overwrite_stack(void)
{
    volatile uint8_t bytes[32768];
    unsigned sum = 0;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = 0xa5;
    for (size_t i = 0; i < sizeof bytes; i++)
        sum += bytes[i];
    return sum;
}

TEST(the_entries_of_an_ima_list_are_there_as_long_as_the_appraisal)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    CLEANUP(sent_done) struct sent s = { 0 };
    struct appraise_request request;
    struct appraised *out;
    struct err err = ERR_INIT;
    const char *folder = shared_data("boot-logs/debian-sb-boot1");

    if (!folder)
        SKIP("no shared data");
    folder = arena_string(&a, bytes_of_string(folder));
    REQUIRE(folder && read_sent(&a, "debian-sb-boot1", &s));
    s.evidence.logs[s.evidence.n_logs].kind = EVIDENCE_LOG_IMA;
    REQUIRE_OK(read_part(&a, folder, "ima_binary_runtime_measurements", &s.evidence.logs[s.evidence.n_logs++].content, &err), err);
    request = request_of(&s);
    REQUIRE((out = appraised_of(&a, &request)) != NULL);
    CHECK_INT(out->appraisal.verdict, VERDICT_HEALTHY);
    REQUIRE(out->ima && overwrite_stack() && verified_ima_n(out->ima) > 1);
    CHECK_BYTES(verified_ima_entry(out->ima, 0)->name, BYTES_LIT("boot_aggregate"));
    CHECK(verified_ima_proved(out->ima, verified_ima_n(out->ima) - 1));
}

/* Off line the state before a piece is whoever's who wrote the file. */
TEST(a_piece_of_an_ima_list_goes_on_only_from_a_state_of_so_many_entries)
{
    enum { FROM = 3 };
    struct arena a CLEANUP(arena_done) = { 0 };
    CLEANUP(sent_done) struct sent s = { 0 };
    struct appraise_request request;
    struct ima_replay state;
    struct appraised *out;
    struct err err = ERR_INIT;
    const char *folder = shared_data("boot-logs/debian-sb-boot1");

    if (!folder)
        SKIP("no shared data");
    folder = arena_string(&a, bytes_of_string(folder));
    REQUIRE(folder && read_sent(&a, "debian-sb-boot1", &s));
    s.evidence.logs[s.evidence.n_logs].kind = EVIDENCE_LOG_IMA;
    REQUIRE_OK(read_part(&a, folder, "ima_binary_runtime_measurements", &s.evidence.logs[s.evidence.n_logs++].content, &err), err);
    s.evidence.ima_piece = true;
    s.evidence.ima_from = FROM;
    ima_replay_begin(&s.evidence.pcrs, NULL, &state);
    for (uint32_t n = FROM - 2; n <= FROM + 1; n++) { /* the first one stands for none */
        state.n = n;
        request = request_of(&s);
        request.ima_state = n < FROM - 1 ? NULL : &state;
        REQUIRE((out = appraised_of(&a, &request)) != NULL && out->ima_progress);
        CHECK_INT(out->ima_progress->detached, n != FROM);
        CHECK_INT(findings_have(&out->appraisal.findings, FINDING_IMA_INCOMPLETE), n != FROM);
    }
}

TEST(a_piece_of_an_ima_list_is_one_log)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    CLEANUP(sent_done) struct sent s = { 0 };
    struct appraise_request request;
    struct appraised *out;
    struct err err = ERR_INIT;
    const char *folder = shared_data("boot-logs/debian-sb-boot1");
    struct bytes list;

    if (!folder)
        SKIP("no shared data");
    folder = arena_string(&a, bytes_of_string(folder));
    REQUIRE(folder && read_sent(&a, "debian-sb-boot1", &s));
    REQUIRE_OK(read_part(&a, folder, "ima_binary_runtime_measurements", &list, &err), err);
    s.evidence.ima_piece = true;
    for (int twice = 0; twice < 2; twice++) {
        s.evidence.logs[s.evidence.n_logs].kind = EVIDENCE_LOG_IMA;
        s.evidence.logs[s.evidence.n_logs++].content = list;
        request = request_of(&s);
        REQUIRE((out = appraised_of(&a, &request)) != NULL);
        CHECK_INT(findings_have(&out->appraisal.findings, FINDING_IMA_MALFORMED), twice);
    }
}

TEST(every_recorded_boot_gets_the_verdict_that_it_should)
{
    struct arena shared CLEANUP(arena_done) = { 0 };
    const struct json *expected;
    size_t n = 0;

    if (!shared_data("boot-logs"))
        SKIP("no shared data");
    expected = expectations(&shared);
    REQUIRE(expected != NULL);
    for (size_t i = 0; i < expected->object.n; i++) {
        const struct json *row = expected->object.members[i].value;
        struct arena a CLEANUP(arena_done) = { 0 };
        CLEANUP(sent_done) struct sent s = { 0 };
        struct findings judged = { .arena = &a };
        struct baseline *baseline = ARENA_NEW(&a, struct baseline);
        struct appraise_request request;
        struct appraised *out;
        enum verdict verdict, wanted;
        struct err err = ERR_INIT;
        const char *name = arena_string(&a, expected->object.members[i].name);

        if (!verdict_from_text(json_text(json_get(row, "verdict"), BYTES_NONE), &wanted))
            continue; /* no evidence came */
        REQUIRE(name && baseline && read_sent(&a, name, &s) &&
                learn(&a, arena_string(&a, json_text(json_get(row, "baseline"), BYTES_NONE)), baseline));
        request = request_of(&s);
        out = appraised_of(&a, &request);
        REQUIRE(out != NULL);
        if (quote_was_raced(&out->appraisal.findings, 0)) { /* its kernel measured a file between reading and quoting: register 10 moved */
            CHECK_STRING(name, "debian-sb-ima-tcb");
            CHECK_INT(out->appraisal.verdict, VERDICT_UNKNOWN);
            continue;
        }
        REQUIRE(out->appraisal.quote_verified);
        REQUIRE_OK(judge(&a, &out->appraisal, out->chain, baseline, NULL, &judged, &verdict, &err), err);
        if (verdict != wanted)
            test_note("%s: %s", name, verdict_name(verdict));
        CHECK_INT(verdict, wanted);
        n++;
    }
    CHECK(n >= 20);
}

/* ---- one boot, changed ------------------------------------------------------------------------------------------------- */

#define BOOT(a, s)                                 \
    struct arena a CLEANUP(arena_done) = { 0 };    \
    CLEANUP(sent_done) struct sent s = { 0 };      \
    struct appraise_request request;               \
    struct appraised *out;                         \
    if (!shared_data("boot-logs"))                 \
        SKIP("no shared data");                    \
    REQUIRE(read_sent(&a, "debian-sb-boot1", &s)); \
    request = request_of(&s)

TEST(without_a_policy_nothing_is_healthy)
{
    BOOT(a, s);

    request.no_policy_needed = false;
    out = appraised_of(&a, &request);
    REQUIRE(out != NULL);
    CHECK_INT(out->appraisal.verdict, VERDICT_UNHEALTHY);
    CHECK(findings_have(&out->appraisal.findings, FINDING_POLICY_NOT_PERMITTED));
    CHECK_INT(out->appraisal.decision, DECISION_NOT_RUN);
}

TEST(an_empty_policy_permits_nothing)
{
    BOOT(a, s);
    struct policy_error why = { 0 };

    REQUIRE(policy_parse(&a, BYTES_LIT("version= 1.2; authorizationrules{}; issuancerules{};"), &request.policy, &why));
    out = appraised_of(&a, &request);
    REQUIRE(out != NULL);
    CHECK_INT(out->appraisal.verdict, VERDICT_UNHEALTHY);
    CHECK_INT(out->appraisal.decision, DECISION_REFUSED);
}

TEST(a_policy_that_fails_permits_nothing_and_the_strictest_settings_hold)
{
    BOOT(a, s);
    struct policy_error why = { 0 };

    REQUIRE(policy_parse(&a,
                         BYTES_LIT("version= 1.2; configurationrules{ => issueproperty(type=\"required_pcr_mask\", value=\"x\"); };"
                                   "authorizationrules{ => permit(); }; issuancerules{};"),
                         &request.policy, &why));
    request.ak_trusted = false;
    out = appraised_of(&a, &request);
    REQUIRE(out != NULL);
    CHECK_INT(out->appraisal.verdict, VERDICT_UNHEALTHY);
    CHECK(findings_have(&out->appraisal.findings, FINDING_POLICY_ERROR));
    CHECK(findings_have(&out->appraisal.findings, FINDING_AK_UNTRUSTED));
}

TEST(a_raced_quote_is_unknown_and_shows_nothing)
{
    BOOT(a, s);

    s.evidence.pcrs.banks[0].value[10].value[0] ^= 1;
    out = appraised_of(&a, &request);
    REQUIRE(out != NULL);
    CHECK_INT(out->appraisal.verdict, VERDICT_UNKNOWN);
    CHECK(!out->appraisal.quote_verified && !out->quote && !out->chain && out->appraisal.boot.components.n == 0);
    /* with anything else wrong beside it, it is no accident any more */
    request.nonce = BYTES_LIT("another");
    out = appraised_of(&a, &request);
    REQUIRE(out != NULL);
    CHECK_INT(out->appraisal.verdict, VERDICT_UNHEALTHY);
}

TEST(a_missing_or_cut_log_is_unhealthy)
{
    BOOT(a, s);
    struct bytes whole = s.evidence.logs[0].content;

    s.evidence.n_logs = 0;
    out = appraised_of(&a, &request);
    REQUIRE(out != NULL);
    CHECK_INT(out->appraisal.verdict, VERDICT_UNHEALTHY);
    CHECK(!out->appraisal.facts.has_log && findings_have(&out->appraisal.findings, FINDING_LOG_MISSING));
    s.evidence.n_logs = 1;
    for (size_t n = whole.len - 1; n > 0; n = n > 500 ? n - 499 : n - 1) {
        struct arena b CLEANUP(arena_done) = { 0 };
        s.evidence.logs[0].content = bytes_slice(whole, 0, n);
        out = appraised_of(&b, &request);
        REQUIRE(out != NULL);
        CHECK_INT(out->appraisal.verdict, VERDICT_UNHEALTHY);
    }
}

TEST(every_altered_byte_of_quote_and_signature_is_refused)
{
    BOOT(a, s);
    struct bytes *const parts[] = { &s.evidence.quote, &s.evidence.signature };

    for (size_t p = 0; p < ARRAY_LEN(parts); p++)
        for (size_t i = 0; i < parts[p]->len; i++) {
            struct arena b CLEANUP(arena_done) = { 0 };
            uint8_t *byte = (uint8_t *)parts[p]->data + i;
            *byte ^= 0x40;
            out = appraised_of(&b, &request);
            REQUIRE(out != NULL);
            CHECK(out->appraisal.verdict == VERDICT_UNHEALTHY && !out->appraisal.quote_verified);
            *byte ^= 0x40;
        }
    out = appraised_of(&a, &request);
    REQUIRE(out != NULL);
    CHECK_INT(out->appraisal.verdict, VERDICT_HEALTHY);
}

TEST(a_key_that_nobody_vouches_for_is_unhealthy)
{
    BOOT(a, s);

    request.ak_trusted = false;
    out = appraised_of(&a, &request);
    REQUIRE(out != NULL);
    CHECK_INT(out->appraisal.verdict, VERDICT_UNHEALTHY);
    CHECK(findings_have(&out->appraisal.findings, FINDING_AK_UNTRUSTED));
    CHECK(!baseline_may_learn(&out->appraisal));
}
