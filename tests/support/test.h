/* tests/support/test.h: a test is TEST(a_sentence_in_words) { … CHECK(…); }. It registers itself.
 *
 * A program of tests prints TAP; arguments select tests by substring; it exits 1 if any failed. SKIP says why; the summary
 * of `make test` counts and names skipped tests. A test that makes no check fails. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

struct test {
    const char *name;
    const char *file;
    void (*run)(void);
    struct test *next;
};

void test_register(struct test *t);
void test_check(bool passed, const char *file, int line, const char *what);
void test_check_int(long long got, long long want, const char *file, int line, const char *what);
void test_check_string(const char *got, const char *want, const char *file, int line, const char *what);
void test_check_bytes(struct bytes got, struct bytes want, const char *file, int line, const char *what);
void test_note(const char *fmt, ...) PRINTF_LIKE(1, 2); /* a TAP comment line */
void test_skip(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Wine stands in for Windows; where it falls short of it, a test says so and is skipped. Always false elsewhere. */
bool test_is_on_wine(void);
bool test_failed(void);      /* the running test has failed already */
const char *test_name(void); /* of the running test, without "test_" */

#define TEST(name_)                                                                       \
    static void test_##name_(void);                                                       \
    __attribute__((constructor)) static void register_##name_(void)                       \
    {                                                                                     \
        static struct test t = { .name = #name_, .file = __FILE__, .run = test_##name_ }; \
        test_register(&t);                                                                \
    }                                                                                     \
    static void test_##name_(void)

/* CHECK goes on after a failure; REQUIRE leaves the test function. */
#define CHECK(condition)        test_check((condition), __FILE__, __LINE__, #condition)
#define CHECK_INT(got, want)    test_check_int((long long)(got), (long long)(want), __FILE__, __LINE__, #got)
#define CHECK_STRING(got, want) test_check_string((got), (want), __FILE__, __LINE__, #got)
#define CHECK_BYTES(got, want)  test_check_bytes((got), (want), __FILE__, __LINE__, #got)
#define REQUIRE(condition)                                 \
    do {                                                   \
        bool held_ = (condition);                          \
        test_check(held_, __FILE__, __LINE__, #condition); \
        if (!held_)                                        \
            return;                                        \
    } while (0)
/* REQUIRE_OK(f(…, &err), err) prints the error's sentence. */
#define REQUIRE_OK(call, err_)                        \
    do {                                              \
        bool held_ = (call);                          \
        test_check(held_, __FILE__, __LINE__, #call); \
        if (!held_) {                                 \
            test_note("error: %s", (err_).text);      \
            return;                                   \
        }                                             \
    } while (0)
#define SKIP(...)               \
    do {                        \
        test_skip(__VA_ARGS__); \
        return;                 \
    } while (0)

/* exact_copy gives `b` a malloc'ed block of exactly its length, so that AddressSanitizer sees any overrun.
 * Free ret.data; a zero-length copy has a valid pointer to no byte. */
struct bytes exact_copy(struct bytes b);

/* shared_data names a file below $TRUEBOOT_SHARED_DATA (default ../shared/data beside the source root), in static storage;
 * NULL when the folder is absent: SKIP then. test_data names a file below tests/data, test_case one below tests/cases. */
const char *shared_data(const char *path);
const char *test_data(const char *path);
const char *test_case(const char *path);
