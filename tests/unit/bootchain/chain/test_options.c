/* tests/cases/kernel-options.txt: what a kernel's command line is said to endanger, and what it is not. */
#include "base/file.h"
#include "bootchain/chain/cmdline.h"
#include "support/test.h"

static const char *said(struct arena *a, struct bytes words)
{
    struct findings findings = { .arena = a };

    cmdline_judge(words, 8, 1, &findings);
    return findings.n ? severity_name(findings_worst(&findings)) : "none";
}

TEST(each_option_weighs_what_its_line_says_and_hardening_weighs_nothing)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct bytes text, line;
    size_t n = 0;

    REQUIRE_OK(file_read_in(&a, test_case("kernel-options.txt"), 1 << 16, &text, &err), err);
    while (text.len) {
        size_t end = bytes_find(text, BYTES_LIT("\n")), cut;
        line = bytes_trim(bytes_slice(text, 0, end == SIZE_MAX ? text.len : end));
        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.len);
        if (!line.len || line.data[0] == '#')
            continue;
        cut = bytes_find(line, BYTES_LIT(" "));
        REQUIRE(cut != SIZE_MAX);
        if (!bytes_equal_string(bytes_slice(line, 0, cut), said(&a, bytes_trim(bytes_slice(line, cut, line.len)))))
            test_note("%.*s", BYTES_FMT(line));
        CHECK(bytes_equal_string(bytes_slice(line, 0, cut), said(&a, bytes_trim(bytes_slice(line, cut, line.len)))));
        n++;
    }
    CHECK(n > 100);
}
