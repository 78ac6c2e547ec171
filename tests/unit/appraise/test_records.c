/* Appraisals and baselines, written and read back: nothing is lost, and nothing else is believed. */
#include <stdlib.h>
#include "appraise/baseline.h"
#include "appraise/verdict.h"
#include "json/parse.h"
#include "support/test.h"
#include "unit/bootchain/log_builder.h"

/* An appraisal of a stock boot with something in every member. */
static bool full_appraisal(struct arena *a, struct appraisal *ret)
{
    struct built_log *log = ARENA_NEW(a, struct built_log);
    struct boot_sample *sample = ARENA_NEW(a, struct boot_sample);
    struct findings *list = &ret->findings;
    struct finding *f;
    struct stock at;

    built_stock(a, log, &at);
    if (!built_read(log, NULL, sample))
        return false;
    *ret = (struct appraisal){ .id = "0123456789abcdef0123456789abcdef",
                               .vm = "aaaaaaaa-bbbb-4ccc-8ddd-000000000001",
                               .provider = "https://localhost:8443",
                               .time_ms = INT64_C(1795262400123),
                               .verdict = VERDICT_UNHEALTHY,
                               .decision = DECISION_PERMITTED,
                               .policy_hash = "hash",
                               .quote_verified = true,
                               .ak_trusted = true,
                               .clock_ms = 5,
                               .reset_count = UINT32_MAX,
                               .restart_count = 3,
                               .clock_safe = true,
                               .firmware_version = UINT64_MAX,
                               .reference = "references, 2026-11-21",
                               .boot = sample->record };
    digest_compute(DIGEST_SHA256, BYTES_LIT("evidence"), &ret->evidence_digest);
    ret->facts = (struct appraisal_facts){ .secure_boot = SECURE_BOOT_ENABLED,
                                           .setup_mode = FACT_NO,
                                           .kernel_label = "vmlinuz",
                                           .command_line = "quiet \"\\\u2028",
                                           .os_release = "Debian",
                                           .boot_summary = "Linux",
                                           .phase_summary = { "a", "b", "c", "d", "e" },
                                           .has_log = true,
                                           .running = { .lockdown = { "integrity", true }, .taint = { "none", false } } };
    list->arena = a;
    f = findings_add(list, FINDING_BOOT_CMDLINE_CHANGED, 8, UINT32_MAX, "changed");
    finding_was_is(list, f, "old", "new");
    findings_add(list, FINDING_QUOTE_DIGEST, FINDING_NO_PCR, FINDING_NO_EVENT, "raced")->unsettled = true;
    findings_add(list, FINDING_BOOT_ORDER_CHANGED, 0, 0, "order")->severity = SEVERITY_INFO;
    return true;
}

static const char *written(struct arena *a, const struct appraisal *appraisal)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    appraisal_write(&out, appraisal);
    json_end(&out);
    return arena_string(a, writer_bytes(&w));
}

static bool read_text(struct arena *a, const char *text, struct appraisal *ret, struct err *err)
{
    const struct json *v;

    return json_parse(a, bytes_of_string(text), NULL, &v, err) && appraisal_read(a, v, ret, err);
}

static bool same_text(const char *a, const char *b) { return (!a && !b) || (a && b && strcmp(a, b) == 0); }

static bool same_component(const struct component *x, const struct component *y)
{
    bool same = x->kind == y->kind && x->phase == y->phase && x->accepts == y->accepts && x->pcr == y->pcr && x->event == y->event &&
                same_text(x->key, y->key) && same_text(x->name, y->name) && same_text(x->text, y->text) &&
                same_text(x->signer, y->signer) && bytes_equal(x->members, y->members) && x->revision == y->revision &&
                x->n_digests == y->n_digests;

    for (size_t i = 0; same && i < x->n_digests; i++)
        same = digest_equal(&x->digests[i], &y->digests[i]);
    return same;
}

/* What a baseline is made of: a text that reads back to itself may still lack what was never written. */
TEST(a_boot_reads_back_component_by_component_and_register_by_register)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct appraisal full = { 0 }, back;
    struct component *first;
    struct err err = ERR_INIT;

    REQUIRE(full_appraisal(&a, &full) && full.boot.components.n > 10);
    first = (struct component *)&full.boot.components.items[0]; /* the arena's, ours to change */
    first->text = "a text";
    first->signer = "CN=who signed";
    first->revision = 7;
    first->accepts = COMPONENT_ALTERNATIVE;
    first->members = (struct bytes){ (const uint8_t *)"0123456789abcdef0123456789abcdefABCDEFGHIJKLMNOPABCDEFGHIJKLMNOP", 64 };
    full.boot.registers.banks[0].present &= ~(1u << 3); /* one that was not quoted */
    REQUIRE_OK(read_text(&a, written(&a, &full), &back, &err), err);
    REQUIRE(back.boot.components.n == full.boot.components.n && back.boot.registers.n_banks == full.boot.registers.n_banks);
    for (size_t i = 0; i < full.boot.components.n; i++)
        CHECK(same_component(&back.boot.components.items[i], &full.boot.components.items[i]));
    for (size_t b = 0; b < full.boot.registers.n_banks; b++) {
        const struct pcr_bank *was = &full.boot.registers.banks[b], *is = &back.boot.registers.banks[b];

        CHECK(is->algorithm == was->algorithm && is->present == was->present);
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            CHECK(!(was->present >> pcr & 1) || digest_equal(&is->value[pcr], &was->value[pcr]));
    }
}

TEST(an_appraisal_reads_back_to_the_same_text)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct appraisal full = { 0 }, empty = { 0 }, back;
    const char *text;
    struct err err = ERR_INIT;

    REQUIRE(full_appraisal(&a, &full));
    text = written(&a, &full);
    REQUIRE_OK(read_text(&a, text, &back, &err), err);
    CHECK_STRING(written(&a, &back), text);
    CHECK_INT(back.findings.n, 3);
    CHECK(back.findings.items[1].unsettled && back.findings.items[2].severity == SEVERITY_INFO);
    CHECK_INT(back.boot.components.n, full.boot.components.n);
    empty.evidence_digest.algorithm = DIGEST_SHA256;
    empty.findings.arena = &a;
    text = written(&a, &empty);
    REQUIRE_OK(read_text(&a, text, &back, &err), err);
    CHECK_STRING(written(&a, &back), text);
}

/* A list that was too short for what was found would otherwise read as if it were complete. */
TEST(an_appraisal_with_more_findings_than_fit_stays_unhealthy_when_read_back)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct appraisal full = { 0 }, back;
    struct findings judged = { .arena = &a };
    enum verdict verdict;
    struct err err = ERR_INIT;

    REQUIRE(full_appraisal(&a, &full));
    full.findings = (struct findings){ .arena = &a };
    for (size_t i = 0; i <= LIMIT_FINDINGS; i++)
        findings_add(&full.findings, FINDING_BOOT_ORDER_CHANGED, 1, FINDING_NO_EVENT, "low");
    CHECK(full.findings.overflow);
    REQUIRE_OK(read_text(&a, written(&a, &full), &back, &err), err);
    CHECK(back.findings.overflow);
    REQUIRE_OK(judge(&a, &back, NULL, NULL, NULL, &judged, &verdict, &err), err);
    CHECK_INT(verdict, VERDICT_UNHEALTHY);
}

TEST(an_appraisal_cut_anywhere_is_refused)
{
    struct arena a CLEANUP(arena_done) = { 0 }, b CLEANUP(arena_done) = { 0 };
    struct appraisal full = { 0 }, back;
    struct bytes text;

    REQUIRE(full_appraisal(&a, &full));
    text = bytes_of_string(written(&a, &full));
    for (size_t n = 0; n < text.len; n += 3) {
        struct bytes cut = exact_copy(bytes_slice(text, 0, n));
        const struct json *v;
        struct err err = ERR_INIT;
        CHECK(!(json_parse(&b, cut, NULL, &v, &err) && appraisal_read(&b, v, &back, &err)));
        free((void *)cut.data);
        arena_reset(&b);
    }
}

/* Each member of the written text replaced, in turn, by another type: refused, or a label that may be absent. */
static const char *replaced(struct arena *a, const char *text, const char *name, const char *value)
{
    const char *key = arena_printf(a, "\"%s\":", name), *at = strstr(text, key), *end;
    const struct json *old;
    size_t used;
    struct err err = ERR_INIT;

    if (!at)
        return NULL;
    end = at + strlen(key);
    if (!json_parse_prefix(a, bytes_of_string(end), NULL, &old, &used, &err))
        return NULL;
    return arena_printf(a, "%.*s%s%s", (int)(end - text), text, value, end + used);
}

TEST(appraisals_with_a_member_wrong_are_refused_and_named)
{
    static const struct {
        const char *name, *value;
    } rows[] = {
        { "version", "2" },
        { "version", "\"1\"" },
        { "time", "7" },
        { "time", "\"today\"" },
        { "verdict", "\"healthy\"" },
        { "verdict", "null" },
        { "quoteVerified", "1" },
        { "quoteVerified", "null" },
        { "akTrusted", "\"true\"" },
        { "evidence", "\"00\"" },
        { "evidence", "null" },
        { "id", "\"0123456789abcdef0123456789abcdef0\"" },
        { "vm", "\"web1\"" },
        { "provider", "7" },
        { "tpm", "[]" },
        { "clock", "-1" },
        { "resetCount", "4294967296" },
        { "restartCount", "1.5" },
        { "safe", "0" },
        { "firmwareVersion", "\"1\"" },
        { "facts", "null" },
        { "kernel", "[]" },
        { "phases", "[]" },
        { "eventLog", "null" },
        { "findings", "{}" },
        { "findings", "[{}]" },
        { "severity", "\"fatal\"" },
        { "pcr", "24" },
        { "pcr", "\"8\"" },
        { "event", "4294967296" },
        { "text", "null" },
        { "was", "7" },
        { "unsettled", "1" },
        { "boot", "[]" },
        { "hasLog", "\"yes\"" },
        { "components", "{}" },
        { "kind", "\"thing\"" },
        { "key", "7" },
        { "name", "null" },
        { "digests", "[]" },
        { "digests", "{\"md5\":\"00\"}" },
        { "digests", "{\"sha256\":\"00\"}" },
        { "registers", "[]" },
        { "registers", "{\"sha256\":[]}" },
        { "registers", "{\"md5\":{}}" },
        { "registers", "{\"sha256\":{\"24\":\"00\"}}" },
        { "registers", "{\"sha256\":{\"x\":\"00\"}}" },
        { "members", "\"AAAA\"" },
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct appraisal full = { 0 }, back;
    const char *text;

    REQUIRE(full_appraisal(&a, &full));
    text = written(&a, &full);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *wrong = replaced(&a, text, rows[i].name, rows[i].value);
        struct err err = ERR_INIT;
        bool read = wrong && read_text(&a, wrong, &back, &err);
        if (!wrong || read || err.code == ERR_NONE)
            test_note("%s: %s", rows[i].name, rows[i].value);
        CHECK(wrong && !read && err.code != ERR_NONE && bytes_starts_with(bytes_of_string(err.text), BYTES_LIT("appraisal")));
    }
}

TEST(a_baseline_reads_back_to_the_same_text_and_refuses_what_it_does_not_know)
{
    static const struct {
        const char *name, *value;
    } rows[] = { { "version", "2" },           { "learned", "null" }, { "accepts", "{}" },
                 { "accepts", "[\"thing\"]" }, { "accepts", "[7]" },  { "boot", "null" } };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct appraisal full = { 0 };
    struct baseline learned, back;
    struct err err = ERR_INIT;
    const struct json *v;
    const char *text[2];

    REQUIRE(full_appraisal(&a, &full));
    REQUIRE_OK(baseline_learn(&a, &full, true, &learned, &err), err);
    for (int i = 0; i < 2; i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct json_out out = json_out_to(&w, JSON_COMPACT);
        json_begin_object(&out, NULL);
        baseline_write(&out, i ? &back : &learned);
        json_end(&out);
        text[i] = arena_string(&a, writer_bytes(&w));
        REQUIRE_OK(json_parse(&a, bytes_of_string(text[i]), NULL, &v, &err) && baseline_read(&a, v, &back, &err), err);
    }
    CHECK_STRING(text[1], text[0]);
    CHECK_INT(back.n_accepts, 1); /* the command line: medium; neither the raced quote nor the low one */
    CHECK_INT(back.accepts[0], FINDING_BOOT_CMDLINE_CHANGED);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *wrong = replaced(&a, text[0], rows[i].name, rows[i].value);
        REQUIRE(wrong && json_parse(&a, bytes_of_string(wrong), NULL, &v, &err));
        CHECK(!baseline_read(&a, v, &back, &err));
    }
}
