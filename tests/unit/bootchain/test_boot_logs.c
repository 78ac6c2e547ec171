/* Every boot of boot-logs/expected.json against its baseline: verdict, and a finding where it has to be. */
#include <stdlib.h>
#include "base/file.h"
#include "boot_sample.h"
#include "json/parse.h"
#include "support/test.h"

static bool is_verbose(void) { return getenv("TRUEBOOT_TEST_VERBOSE") != NULL; }

static void show(const char *name, const struct findings *findings)
{
    for (size_t i = 0; is_verbose() && i < findings->n; i++) {
        const struct finding *f = &findings->items[i];
        test_note("%s: %s %s pcr %d event %lld: %s%s%s%s%s", name, severity_name(f->severity), finding_kind(f->id)->id, f->pcr,
                  (long long)f->event, f->text, f->was ? "\n#      was " : "", f->was ? f->was : "", f->is ? "\n#      is  " : "",
                  f->is ? f->is : "");
    }
}

static bool contains_word(const char *text, struct bytes word) { return text && bytes_find(bytes_of_string(text), word) != SIZE_MAX; }

static bool finding_is_at(const struct findings *findings, const struct json *where)
{
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->items[i];
        if (where->type == JSON_NUMBER && f->pcr == where->number.integer)
            return true;
        if (where->type == JSON_STRING && (contains_word(f->text, where->string) || contains_word(finding_kind(f->id)->id, where->string)))
            return true;
    }
    return false;
}

static void judge_one(const char *root, struct bytes name, const struct json *row, enum sample_banks banks)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes baseline = json_text(json_get(row, "baseline"), BYTES_NONE), verdict = json_text(json_get(row, "verdict"), BYTES_NONE);
    const struct json *places = json_get(row, "findings_at");
    struct boot_sample *was = ARENA_NEW(&a, struct boot_sample), *is = ARENA_NEW(&a, struct boot_sample);
    const char *folder = arena_printf(&a, "%s/%.*s", root, BYTES_FMT(name));
    const char *was_folder = arena_printf(&a, "%s/%.*s", root, BYTES_FMT(baseline));
    struct err err = ERR_INIT;
    bool healthy;

    REQUIRE(folder && was_folder && was && is && sample_read(&a, was_folder, banks, NULL, was) && sample_read(&a, folder, banks, NULL, is));
    if (!is->quoted.n_banks || !was->quoted.n_banks)
        return; /* this machine lacks the bank */
    REQUIRE_OK(bootchain_compare(&a, &was->record, &is->record, is->has_log ? &is->chain : NULL, NULL, &is->findings, &err), err);
    show((const char *)arena_string(&a, name), &is->findings);
    healthy = findings_worst(&is->findings) < SEVERITY_MEDIUM;
    if (healthy != bytes_equal_string(verdict, "Healthy"))
        test_note("%.*s: %s, expected %.*s", BYTES_FMT(name), healthy ? "Healthy" : "Unhealthy", BYTES_FMT(verdict));
    CHECK(healthy == bytes_equal_string(verdict, "Healthy"));
    for (size_t i = 0; i < places->array.n; i++) {
        bool there = finding_is_at(&is->findings, places->array.items[i]);
        if (!there)
            test_note("%.*s: no finding at %.*s", BYTES_FMT(name), BYTES_FMT(places->array.items[i]->raw));
        CHECK(there);
    }
    /* A boot that is as accepted says nothing that a person has to read. */
    if (!places->array.n)
        CHECK(findings_worst(&is->findings) < SEVERITY_LOW);
}

static void judge_all(enum sample_banks banks)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *path = shared_data("boot-logs/expected.json");
    const struct json *expected;
    struct bytes text;
    struct err err = ERR_INIT;
    char *root;
    unsigned judged = 0;

    if (!path)
        SKIP("no shared data");
    root = arena_printf(&a, "%.*s", (int)(strrchr(path, '/') - path), path);
    REQUIRE_OK(file_read_in(&a, path, 1 << 20, &text, &err), err);
    REQUIRE_OK(json_parse(&a, text, NULL, &expected, &err), err);
    for (size_t i = 0; i < expected->object.n; i++) {
        const struct json *row = expected->object.members[i].value;
        if (json_get(row, "verdict")->type == JSON_NULL)
            continue; /* no evidence: the monitor's matter */
        judge_one(root, expected->object.members[i].name, row, banks);
        judged++;
    }
    test_note("%u boots judged", judged);
    CHECK(judged >= 25);
}

TEST(every_boot_is_judged_as_expected_in_the_sha256_bank) { judge_all(SAMPLE_SHA256); }

TEST(every_boot_is_judged_as_expected_in_all_banks) { judge_all(SAMPLE_ALL_BANKS); }

TEST(every_boot_is_judged_as_expected_in_the_sha384_bank) { judge_all(SAMPLE_SHA384); }
