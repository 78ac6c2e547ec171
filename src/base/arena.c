#include "base/arena.h"
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
/* Under AddressSanitizer each allocation ends in poison, as malloc's do: without it, running over the end of one lands in the next. */
enum { RED_ZONE = 16 };
#else
enum { RED_ZONE = 0 };
#define ASAN_POISON_MEMORY_REGION(p, size)   ((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#endif

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    alignas(max_align_t) uint8_t data[];
};

enum { BLOCK_SIZE = 16 * 1024, LARGE = BLOCK_SIZE / 4 };

void arena_init(struct arena *a, size_t budget) { *a = (struct arena){ .budget = budget }; }

void arena_done(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        ASAN_UNPOISON_MEMORY_REGION(a->blocks->data, a->blocks->size);
        free(a->blocks);
        a->blocks = next;
    }
    a->used = 0;
}

void arena_done_secret(struct arena *a)
{
    for (struct arena_block *block = a->blocks; block; block = block->next) {
        ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
        wipe(block->data, block->used);
    }
    arena_done(a);
}

void arena_reset(struct arena *a)
{
    struct arena_block *kept = a->blocks;

    if (kept) {
        a->blocks = kept->next;
        arena_done(a);
        ASAN_POISON_MEMORY_REGION(kept->data, kept->size);
        kept->used = 0;
        kept->next = NULL;
        a->blocks = kept;
    }
    a->used = 0;
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block = malloc(sizeof *block + size);

    if (block) {
        block->next = NULL;
        block->used = 0;
        block->size = size;
        ASAN_POISON_MEMORY_REGION(block->data, size);
    }
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct arena_block *block = a->blocks;
    size_t asked = size, taken;
    void *p;

    if (size > SIZE_MAX / 2 || (a->budget && (a->used > a->budget || size > a->budget - a->used)))
        return NULL;
    size = (size + align - 1) / align * align;
    if (size == 0)
        size = align;
    taken = size + RED_ZONE;
    if (!block || taken > block->size - block->used) {
        block = block_new(taken > LARGE ? taken : BLOCK_SIZE);
        if (!block)
            return NULL;
        /* What was left over of the first block goes on being filled: a large piece gets a block of its own behind it. */
        if (a->blocks && taken > LARGE) {
            block->next = a->blocks->next;
            a->blocks->next = block;
        } else {
            block->next = a->blocks;
            a->blocks = block;
        }
    }
    p = block->data + block->used;
    block->used += taken;
    a->used += size;
    ASAN_UNPOISON_MEMORY_REGION(p, asked);
    memset(p, 0, asked); /* here and not for a whole block, of which little is wanted as a rule */
    return p;
}

void *arena_array(struct arena *a, size_t n, size_t element_size)
{
    if (element_size && n > SIZE_MAX / 2 / element_size)
        return NULL;
    return arena_alloc(a, n * element_size);
}

void *arena_grow(struct arena *a, const void *p, size_t n, size_t new_n, size_t element_size)
{
    void *grown = arena_array(a, new_n, element_size);

    if (grown && n)
        memcpy(grown, p, n * element_size);
    return grown;
}

char *arena_string(struct arena *a, struct bytes text)
{
    char *copy = text.len < SIZE_MAX / 2 ? arena_alloc(a, text.len + 1) : NULL;

    if (copy && text.len)
        memcpy(copy, text.data, text.len);
    return copy;
}

char *arena_lower(struct arena *a, struct bytes text)
{
    char *copy = arena_string(a, text);

    for (char *c = copy; c && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    char short_text[256], *text = NULL; /* nearly every text fits, and is formatted once */
    int needed;

    va_start(args, fmt);
    va_copy(again, args);
    needed = vsnprintf(short_text, sizeof short_text, fmt, args);
    va_end(args);
    if (needed >= 0)
        text = arena_alloc(a, (size_t)needed + 1);
    if (text && (size_t)needed < sizeof short_text)
        memcpy(text, short_text, (size_t)needed + 1);
    else if (text)
        vsnprintf(text, (size_t)needed + 1, fmt, again);
    va_end(again);
    return text;
}

char *arena_join(struct arena *a, const char *const *parts, size_t n)
{
    size_t len = 0, at = 0;
    char *text;

    for (size_t i = 0; i < n; i++)
        len += strlen(parts[i]);
    text = arena_alloc(a, len + 1);
    for (size_t i = 0; text && i < n; i++) {
        size_t part = strlen(parts[i]);
        memcpy(text + at, parts[i], part);
        at += part;
    }
    return text;
}

bool arena_copy(struct arena *a, struct bytes b, struct bytes *ret)
{
    uint8_t *copy = arena_alloc(a, b.len);

    if (!copy)
        return false;
    if (b.len)
        memcpy(copy, b.data, b.len);
    *ret = (struct bytes){ copy, b.len };
    return true;
}
