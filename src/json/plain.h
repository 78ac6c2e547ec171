/* json/plain.h: how far a text consists of characters that stand for themselves in a JSON string. Private to src/json. */
#pragma once
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The first of [p, end) that is a control character, a quote, a backslash, or not ASCII; with `del`, DEL, too. Sixteen at a time where the
 * processor can, which every x86-64 can. */
static inline const uint8_t *json_skip_plain(const uint8_t *p, const uint8_t *end, bool del)
{
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), low = _mm_set1_epi8(0x1f), last = _mm_set1_epi8(0x7f);

    while (end - p >= 16) {
        __m128i chars = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed comparison: everything from 0x80 on is negative, hence not greater than 0x1f either. */
        __m128i plain = _mm_cmpgt_epi8(chars, low), bad = _mm_or_si128(_mm_cmpeq_epi8(chars, quote), _mm_cmpeq_epi8(chars, slash));
        unsigned hits;

        if (del)
            bad = _mm_or_si128(bad, _mm_cmpeq_epi8(chars, last));
        hits = (unsigned)_mm_movemask_epi8(_mm_andnot_si128(bad, plain)) ^ 0xffff;
        if (hits)
            return p + __builtin_ctz(hits);
        p += 16;
    }
#endif
    while (p < end && *p >= 0x20 && *p < (del ? 0x7f : 0x80) && *p != '"' && *p != '\\')
        p++;
    return p;
}
