#include "support/test.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/hex.h"
#include "base/file.h"

static struct test *tests;
static struct {
    unsigned checks;
    bool failed;
    char skipped[256];
    const char *name;
} current;

const char *test_name(void) { return current.name; }

void test_register(struct test *t)
{
    struct test **end = &tests;

    while (*end)
        end = &(*end)->next;
    *end = t;
}

void test_note(const char *fmt, ...)
{
    va_list args;

    printf("# ");
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    printf("\n");
}

void test_skip(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(current.skipped, sizeof current.skipped, fmt, args);
    va_end(args);
}

#ifdef _WIN32
#include <windows.h>
bool test_is_on_wine(void) { return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL; }
#else
bool test_is_on_wine(void) { return false; }
#endif

bool test_failed(void) { return current.failed; }

void test_check(bool passed, const char *file, int line, const char *what)
{
    current.checks++;
    if (passed)
        return;
    current.failed = true;
    test_note("%s:%d: %s", file, line, what);
}

void test_check_int(long long got, long long want, const char *file, int line, const char *what)
{
    test_check(got == want, file, line, what);
    if (got != want)
        test_note("  got %lld, want %lld", got, want);
}

void test_check_string(const char *got, const char *want, const char *file, int line, const char *what)
{
    bool same = got == want || (got && want && strcmp(got, want) == 0);

    test_check(same, file, line, what);
    if (!same)
        test_note("  got \"%s\"\n#  want \"%s\"", got ? got : "(null)", want ? want : "(null)");
}

void test_check_bytes(struct bytes got, struct bytes want, const char *file, int line, const char *what)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    bool same = bytes_equal(got, want);
    const char *got_hex, *want_hex;

    test_check(same, file, line, what);
    if (same)
        return;
    got_hex = hex_in(&a, bytes_slice(got, 0, 96));
    want_hex = hex_in(&a, bytes_slice(want, 0, 96));
    test_note("  got  %zu bytes %s", got.len, got_hex ? got_hex : "");
    test_note("  want %zu bytes %s", want.len, want_hex ? want_hex : "");
}

struct bytes exact_copy(struct bytes b)
{
    uint8_t *copy = malloc(b.len);

    if (!copy && b.len)
        abort();
    if (b.len)
        memcpy(copy, b.data, b.len);
    return (struct bytes){ copy, b.len };
}

static const char *below(const char *root, const char *path)
{
    static char names[8][4096];
    static unsigned next;
    char *name = names[next++ % ARRAY_LEN(names)];

    snprintf(name, sizeof names[0], "%s/%s", root, path);
    return name;
}

const char *shared_data(const char *path)
{
    const char *root = getenv("TRUEBOOT_SHARED_DATA");

    if (!root || !*root)
        root = SOURCE_ROOT "/../shared/data";
    return file_exists(root) ? below(root, path) : NULL;
}

const char *test_data(const char *path) { return below(SOURCE_ROOT "/tests/data", path); }

const char *test_case(const char *path) { return below(SOURCE_ROOT "/tests/cases", path); }

static bool selected(const struct test *t, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(t->name, argv[i]))
            return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    unsigned n = 0, failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (struct test *t = tests; t; t = t->next) {
        if (!selected(t, argc, argv))
            continue;
        memset(&current, 0, sizeof current);
        current.name = t->name;
        t->run();
        n++;
        if (!current.checks && !current.skipped[0])
            test_check(false, t->file, 0, "a test has to check something");
        failed += current.failed;
        printf("%s %u - %s%s%s\n", current.failed ? "not ok" : "ok", n, t->name, current.skipped[0] ? " # SKIP " : "", current.skipped);
    }
    printf("1..%u\n", n);
    return failed ? 1 : 0;
}
