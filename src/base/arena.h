/* base/arena.h: memory for everything made for one request or one evaluation; it goes away at once.
 *
 * Zeroed storage is an empty arena without a budget. Allocation returns NULL when memory or the budget runs
 * out; what it returns is zeroed and aligned for any type. Nothing is freed singly. */
#pragma once
#include "base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used;   /* bytes handed out so far; tests compare it with the input's size */
    size_t budget; /* 0 means none */
};

void arena_init(struct arena *a, size_t budget);
void arena_done(struct arena *a);
void arena_done_secret(struct arena *a); /* wipes first */
/* arena_reset forgets everything but keeps one block, for loops that must not go to malloc. */
void arena_reset(struct arena *a);

MUST_CHECK void *arena_alloc(struct arena *a, size_t size);
/* arena_array allocates n elements; the product is checked. arena_grow gives `p` (n elements) room for more. */
MUST_CHECK void *arena_array(struct arena *a, size_t n, size_t element_size);
MUST_CHECK void *arena_grow(struct arena *a, const void *p, size_t n, size_t new_n, size_t element_size);
/* Copies; the string forms end with a NUL. */
MUST_CHECK char *arena_string(struct arena *a, struct bytes text);
MUST_CHECK char *arena_lower(struct arena *a, struct bytes text); /* ASCII letters in lower case */
MUST_CHECK char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* arena_join puts texts one after the other, where arena_printf's format would be "%s%s…" and the time counts. */
MUST_CHECK char *arena_join(struct arena *a, const char *const *parts, size_t n);
#define ARENA_JOIN(a, ...) \
    arena_join((a), (const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))
MUST_CHECK bool arena_copy(struct arena *a, struct bytes b, struct bytes *ret);

#define ARENA_NEW(a, type)      ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, n, type) ((type *)arena_array((a), (n), sizeof(type)))
