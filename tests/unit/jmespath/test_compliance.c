/* The public compliance suite, whole: every result and every kind of error. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "jmespath/jmespath.h"
#include "json/parse.h"
#include "json/write.h"
#include "support/test.h"

struct tally {
    unsigned cases, passed;
};

static bool run(struct arena *a, struct bytes text, const struct json *given, const struct json **ret, struct jmespath_error *error)
{
    const struct jmespath_expr *expr;

    return jmespath_parse(a, text, &expr, error) && jmespath_search(a, expr, given, NULL, ret, error);
}

static bool case_passes(struct arena *a, const struct json *given, const struct json *c)
{
    struct bytes text = json_text(json_get(c, "expression"), BYTES_NONE), copy = exact_copy(text);
    const struct json *want = json_get(c, "result"), *want_error = json_get(c, "error"), *got = NULL;
    struct jmespath_error error = { 0 };
    bool ok = run(a, copy, given, &got, &error), passes;

    if (want_error)
        passes = !ok && json_is_string(want_error, jmespath_error_slug(error.kind)) && error.text[0] && error.offset <= text.len;
    else
        passes = ok && (!want || json_equal(got, want)); /* benchmarks state no result */
    if (!passes) {
        test_note("%.*s: %s", BYTES_FMT(text), ok ? json_to_string(a, got, JSON_COMPACT) : error.text);
        test_note("  wanted %s", json_to_string(a, want_error ? want_error : want, JSON_COMPACT));
    }
    free((void *)copy.data);
    return passes;
}

static void run_file(const char *path, struct tally *tally)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct bytes text;
    const struct json *suites;

    REQUIRE_OK(file_read_in(&a, path, SIZE_MAX / 4, &text, &err), err);
    REQUIRE_OK(json_parse(&a, text, NULL, &suites, &err), err);
    for (size_t i = 0; i < suites->array.n; i++) {
        const struct json *given = json_get(suites->array.items[i], "given"), *cases = json_get(suites->array.items[i], "cases");

        REQUIRE(given && cases);
        for (size_t j = 0; j < cases->array.n; j++) {
            bool passes = case_passes(&a, given, cases->array.items[j]);

            CHECK(passes);
            tally->cases++;
            tally->passed += passes;
        }
    }
}

TEST(the_compliance_suite_is_met)
{
    const char *folder_name = shared_data("jmespath-compliance");
    DIR *folder = folder_name ? opendir(folder_name) : NULL;
    struct tally tally = { 0 };
    struct dirent *entry;

    if (!folder)
        SKIP("jmespath-compliance is not in the shared data");
    while ((entry = readdir(folder)) != NULL) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", folder_name, entry->d_name);
        if (bytes_ends_with(bytes_of_string(path), BYTES_LIT(".json")))
            run_file(path, &tally);
    }
    closedir(folder);
    test_note("%u of %u cases", tally.passed, tally.cases);
    CHECK(tally.cases > 900);
}
