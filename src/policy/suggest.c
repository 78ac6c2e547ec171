#include "policy/suggest.h"

enum { WORD_MAX = 64 };

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c; }

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

/* Optimal string alignment; both words have at most WORD_MAX bytes. */
static unsigned distance(struct bytes a, struct bytes b)
{
    unsigned rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2], *spare;

    for (unsigned j = 0; j <= b.len; j++)
        before[j] = last[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        now[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            uint8_t x = lower(a.data[i - 1]), y = lower(b.data[j - 1]);
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == lower(b.data[j - 2]) && y == lower(a.data[i - 2]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.len];
}

const char *suggest_nearest(struct bytes word, const char *const *candidates, size_t n)
{
    const char *nearest = NULL;
    unsigned best = WORD_MAX;

    for (size_t i = 0; word.len && word.len <= WORD_MAX && i < n; i++) {
        struct bytes candidate = bytes_of_string(candidates[i]);
        unsigned d = candidate.len <= WORD_MAX ? distance(word, candidate) : WORD_MAX;
        if (d < best && d <= candidate.len / 3 + (candidate.len < 6)) {
            best = d;
            nearest = candidates[i];
        }
    }
    return nearest;
}
