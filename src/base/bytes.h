/* base/bytes.h: a view of somebody else's bytes. It owns nothing and is never freed through. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "base/compiler.h"

struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES_NONE ((struct bytes){ NULL, 0 })
/* A view over a whole array, and over a string literal without its NUL. */
#define BYTES_OF(array)    ((struct bytes){ (const uint8_t *)(array), sizeof(array) })
#define BYTES_LIT(literal) ((struct bytes){ (const uint8_t *)("" literal), sizeof(literal) - 1 })

/* For printf: printf("%.*s", BYTES_FMT(b)). Only for bytes known to be printable text. */
#define BYTES_FMT(b) (int)(b).len, (const char *)(b).data

static inline struct bytes bytes_of_string(const char *s) { return (struct bytes){ (const uint8_t *)s, strlen(s) }; }

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_equal_string(struct bytes a, const char *s) { return bytes_equal(a, bytes_of_string(s)); }
/* ASCII letters in either case; `s` has small ones. */
bool bytes_equal_no_case(struct bytes a, const char *s);

/* bytes_equal_ct takes the same time wherever the two differ; lengths are not secret. */
bool bytes_equal_ct(struct bytes a, struct bytes b);

/* bytes_compare orders like memcmp, a prefix before what it begins. */
int bytes_compare(struct bytes a, struct bytes b);

bool bytes_starts_with(struct bytes b, struct bytes prefix);
bool bytes_ends_with(struct bytes b, struct bytes suffix);
bool bytes_are_all(struct bytes b, uint8_t value);

/* bytes_find returns the offset of the first `needle`, or SIZE_MAX. */
size_t bytes_find(struct bytes haystack, struct bytes needle);

/* bytes_slice clamps to what is there; it never reaches outside `b`. */
struct bytes bytes_slice(struct bytes b, size_t from, size_t len);

/* bytes_trim drops ASCII white space at both ends. */
struct bytes bytes_trim(struct bytes b);

/* wipe overwrites memory in a way that the compiler keeps. */
void wipe(void *p, size_t len);
