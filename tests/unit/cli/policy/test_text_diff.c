/* Differences of texts, as patch prints them. */
#include "cli/policy/text_diff.h"
#include "support/test.h"

static const char *diff(struct arena *a, const char *before, const char *after)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    bool equal;

    if (!text_diff_unified(a, bytes_of_string(before), bytes_of_string(after), "a", "b", &w, &equal))
        return "no memory";
    CHECK(equal == (writer_bytes(&w).len == 0));
    return arena_string(a, writer_bytes(&w));
}

TEST(differences_are_shown_with_three_lines_around_them)
{
    static const struct {
        const char *before, *after, *want;
    } rows[] = {
        { "", "", "" },
        { "x\n", "x\n", "" },
        { "", "x\n", "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n" },
        { "x\n", "", "--- a\n+++ b\n@@ -1,1 +0,0 @@\n-x\n" },
        { "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
          "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n" },
        { "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n",
          "--- a\n+++ b\n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -7,3 +8,4 @@\n 7\n 8\n 9\n+10\n" },
        { "1\n2\n3\n4\n5\n6\n7\n8\n", "0\n2\n3\n4\n5\n6\n7\n9\n",
          "--- a\n+++ b\n@@ -1,8 +1,8 @@\n-1\n+0\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+9\n" },
        { "x", "x\n", "--- a\n+++ b\n@@ -1,1 +1,1 @@\n-x\n\\ No newline at end of file\n+x\n" },
        { "a\nb\nc\n", "c\na\nb\n", "--- a\n+++ b\n@@ -1,3 +1,3 @@\n+c\n a\n b\n-c\n" },
        { "a\r\n", "a\n", "--- a\n+++ b\n@@ -1,1 +1,1 @@\n-a\r\n+a\n" },
    };
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_STRING(diff(&a, rows[i].before, rows[i].after), rows[i].want);
}

TEST(texts_too_long_to_compare_line_by_line_are_shown_as_a_replacement)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer x CLEANUP(writer_done) = { 0 }, y CLEANUP(writer_done) = { 0 };
    const char *shown;

    for (int i = 0; i < 3000; i++) {
        write_printf(&x, "%d\n", i);
        write_printf(&y, "%d\n", i + 10000);
    }
    shown = diff(&a, arena_string(&a, writer_bytes(&x)), arena_string(&a, writer_bytes(&y)));
    CHECK(strstr(shown, "@@ -1,3000 +1,3000 @@\n-0\n-1\n") != NULL);
    CHECK(strstr(shown, "\n-2999\n+10000\n") != NULL);
}
