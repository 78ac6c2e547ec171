/* What people read is as wide as their terminal; what programs read is never folded. */
#include "cli/frame/terminal.h"
#include <errno.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli/frame/cli.h"
#include "run.h"
#include "support/test.h"

TEST(a_text_is_folded_at_blanks_else_behind_a_mark_else_anywhere)
{
    static const struct {
        const char *text;
        int columns;
        const char *line, *next;
    } rows[] = {
        { "one two three", 13, "one two three", "" },
        { "one two three", 12, "one two", "three" },
        { "one two three", 7, "one two", "three" },
        { "one two three", 6, "one", "two three" },
        { "one  two", 4, "one ", "two" },
        { "boot.cmdline_changed", 13, "boot.cmdline_", "changed" },
        { "boot.cmdline_changed", 12, "boot.", "cmdline_changed" },
        { "abcdef", 4, "abcd", "ef" },
        { "abcdef", 0, "a", "bcdef" },
        { "äöüß", 3, "äöü", "ß" },
        { "", 5, "", "" },
        { " a", 1, " ", "a" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *next;
        size_t n = text_fold(rows[i].text, rows[i].columns, &next);
        CHECK_BYTES(bytes_slice(bytes_of_string(rows[i].text), 0, n), bytes_of_string(rows[i].line));
        CHECK_STRING(next, rows[i].next);
    }
}

TEST(folding_comes_to_an_end_and_loses_nothing_but_blanks)
{
    static const char text[] = "The  kernel command line changed: added audit=0 apparmor=0 /very/long/path/that-goes-on, ünd so fort.";

    for (int columns = 0; columns < 120; columns++) {
        const char *rest = text;
        size_t kept = 0, lines = 0, all = 0;
        for (const char *c = text; *c; c++)
            all += *c != ' ';
        for (; *rest && lines < 200; lines++) {
            const char *next;
            size_t n = text_fold(rest, columns, &next);
            CHECK(text_columns_of(rest, n) <= (columns > 1 ? columns : 1));
            for (size_t i = 0; i < n; i++)
                kept += rest[i] != ' ';
            rest = next;
        }
        CHECK(!*rest);
        CHECK_INT(kept, all);
    }
}

/* The program on a terminal of so many columns, or, for 0, in a pipe although COLUMNS says 40. */
static struct bytes seen(struct arena *a, const struct command *c, const char *input, unsigned short columns)
{
    struct winsize size = { .ws_row = 24, .ws_col = columns };
    const char *argv[RUN_ARGUMENTS_MAX + 2] = { getenv("TRUEBOOT_PROGRAM") }, *in = temporary_file(a, "input", bytes_of_string(input));
    struct writer text = { .limit = 1024 * 1024 };
    struct bytes copy = BYTES_NONE;
    uint8_t buffer[4096];
    ssize_t n;
    pid_t pid;
    int terminal;

    if (!columns) {
        struct ran r;
        setenv("COLUMNS", "40", 1);
        r = run(a, c, input);
        unsetenv("COLUMNS");
        return r.out;
    }
    memcpy(argv + 1, c->arguments, c->n * sizeof c->arguments[0]);
    fflush(stdout);
    pid = forkpty(&terminal, NULL, NULL, &size);
    if (pid == 0) {
        if (!in || !freopen(in, "r", stdin))
            _exit(126);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    while (pid > 0 && ((n = read(terminal, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR)))
        for (ssize_t i = 0; i < n; i++)
            if (buffer[i] != '\r')
                write_u8(&text, buffer[i]);
    if (pid > 0)
        close(terminal);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    CHECK(pid > 0 && writer_ok(&text) && arena_copy(a, writer_bytes(&text), &copy));
    writer_done(&text);
    return copy;
}

static int widest_line(struct bytes text)
{
    int widest = 0;

    for (size_t from = 0, end; from < text.len; from = end + 1) {
        end = from + bytes_find(bytes_slice(text, from, text.len - from), BYTES_LIT("\n"));
        if (end < from || end > text.len)
            end = text.len;
        int width = text_columns_of((const char *)text.data + from, end - from);
        widest = width > widest ? width : widest;
    }
    return widest;
}

static const char fleet[] =
    "[{\"vm\":\"web1\",\"health\":\"Unhealthy\",\"kernel\":\"6.1.0-56-cloud-amd64\",\"reason\":\"boot.cmdline_changed\",\"text\":\"The "
    "kernel command "
    "line changed: added audit=0 apparmor=0.\"},"
    "{\"vm\":\"web2\",\"health\":\"Healthy\",\"kernel\":\"6.1.0-56-cloud-amd64\",\"reason\":null,\"text\":\"nothing\"}]";

static struct bytes fleet_table(struct arena *a, unsigned short columns)
{
    struct command c = { .n = 0 };

    command_add(&c, "query", "@", "-", "-o", "table", NULL);
    return seen(a, &c, fleet, columns);
}

TEST(a_table_that_is_wider_than_the_terminal_is_folded_in_its_columns)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes whole = fleet_table(&a, 200), narrow = fleet_table(&a, 80), records = fleet_table(&a, 42);

    CHECK(widest_line(whole) > 100);
    CHECK(bytes_find(whole, BYTES_LIT("The kernel command line changed: added audit=0 apparmor=0.\n")) != SIZE_MAX);
    CHECK(widest_line(narrow) <= 80);
    CHECK(bytes_find(narrow, BYTES_LIT("Unhealthy")) != SIZE_MAX && bytes_find(narrow, BYTES_LIT("apparmor=0.")) != SIZE_MAX);
    CHECK(bytes_starts_with(narrow, bytes_slice(whole, 0, 4)));
    CHECK(widest_line(records) <= 42); /* a few lines for each row, with the headings in front */
    CHECK(bytes_find(records, BYTES_LIT("apparmor=0.")) != SIZE_MAX);
}

TEST(what_is_no_terminal_gets_every_line_whole)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes piped = fleet_table(&a, 0), wide = fleet_table(&a, 200);

    CHECK(piped.len > 0);
    CHECK_BYTES(piped, wide);
}

TEST(columns_says_how_wide_a_terminal_is_meant_to_be)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    setenv("COLUMNS", "90", 1);
    CHECK(widest_line(fleet_table(&a, 200)) <= 90);
    setenv("COLUMNS", "wide", 1);
    CHECK(widest_line(fleet_table(&a, 80)) <= 80);
    unsetenv("COLUMNS");
}

TEST(a_finding_is_shown_with_why_it_matters_and_what_to_do_within_the_terminal)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct command c = { .n = 0 };
    struct bytes whole, narrow;

    command_add(&c, "verify", SOURCE_ROOT "/tests/data/boots/secureboot-off.evidence.json", "-o", "table", NULL);
    whole = seen(&a, &c, "", 0);
    narrow = seen(&a, &c, "", 60);
    CHECK(bytes_find(whole, BYTES_LIT("\n   matters    ")) != SIZE_MAX);
    CHECK(bytes_find(whole, BYTES_LIT("\n   to do      ")) != SIZE_MAX);
    CHECK(widest_line(whole) > 60);
    CHECK(widest_line(narrow) <= 60);
    CHECK(bytes_find(narrow, BYTES_LIT("\n   matters    ")) != SIZE_MAX);
}
