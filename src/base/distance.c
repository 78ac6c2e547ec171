#include "base/distance.h"
#include <limits.h>

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c; }

unsigned distance_between(struct bytes word, const char *known)
{
    unsigned row[DISTANCE_WORD_MAX + 1];
    size_t n = strlen(known);

    if (word.len > DISTANCE_WORD_MAX || n > DISTANCE_WORD_MAX)
        return UINT_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= word.len; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = diagonal + (lower(word.data[i - 1]) != lower((uint8_t)known[j - 1]));

            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
        }
    }
    return row[n];
}
