#include "base/base64.h"
#include <endian.h>
#include <pthread.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

static const char standard_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_encoded_len(enum base64_alphabet alphabet, size_t len)
{
    if (alphabet == BASE64_STANDARD)
        return (len + 2) / 3 * 4;
    return len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);
}

/* The two characters of each twelve bits, as they stand in memory: half the look-ups of a long text. */
static uint8_t pairs[2][4096][2];
static pthread_once_t pairs_once = PTHREAD_ONCE_INIT;

static void make_pairs(void)
{
    for (unsigned i = 0; i < 4096; i++) {
        pairs[BASE64_STANDARD][i][0] = (uint8_t)standard_digits[i >> 6];
        pairs[BASE64_STANDARD][i][1] = (uint8_t)standard_digits[i & 63];
        pairs[BASE64_URL][i][0] = (uint8_t)url_digits[i >> 6];
        pairs[BASE64_URL][i][1] = (uint8_t)url_digits[i & 63];
    }
}

static const uint8_t (*pairs_of(enum base64_alphabet alphabet))[2]
{
    pthread_once(&pairs_once, make_pairs);
    return pairs[alphabet];
}

static void encode(enum base64_alphabet alphabet, struct bytes b, char *out)
{
    const char *digits = alphabet == BASE64_STANDARD ? standard_digits : url_digits;
    const uint8_t *p = b.data;
    const uint8_t(*pair)[2] = pairs_of(alphabet);
    size_t left = b.len;

    for (; left >= 3; left -= 3, p += 3, out += 4) {
        uint32_t group = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        memcpy(out, pair[group >> 12], 2);
        memcpy(out + 2, pair[group & 4095], 2);
    }
    if (left == 0)
        return;
    *out++ = digits[p[0] >> 2];
    *out++ = digits[(p[0] << 4 | (left > 1 ? p[1] >> 4 : 0)) & 63];
    if (left > 1)
        *out++ = digits[p[1] << 2 & 63];
    for (size_t k = left; k < 3 && alphabet == BASE64_STANDARD; k++)
        *out++ = '=';
}

char *base64_in(struct arena *a, enum base64_alphabet alphabet, struct bytes b)
{
    char *text = b.len < SIZE_MAX / 4 ? arena_alloc(a, base64_encoded_len(alphabet, b.len) + 1) : NULL;

    if (text)
        encode(alphabet, b, text);
    return text;
}

void base64_write(struct writer *w, enum base64_alphabet alphabet, struct bytes b)
{
    size_t len = base64_encoded_len(alphabet, b.len);
    uint8_t *space = len && b.len < SIZE_MAX / 4 ? write_space(w, len) : NULL;

    if (space)
        encode(alphabet, b, (char *)space);
    else
        w->bad |= len > 0;
}

/* What each character stands for, with IS_DIGIT set; 0 for what is no digit of the alphabet. */
enum { IS_DIGIT = 64, VALUE = 63, LONG_TEXT = 2048 };
/* clang-format off */
#define LETTERS_AND_FIGURES                                                                                                     \
    ['A'] = 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89,             \
    ['a'] = 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, \
    ['0'] = 116, 117, 118, 119, 120, 121, 122, 123, 124, 125
/* clang-format on */
static const uint8_t standard_values[256] = { LETTERS_AND_FIGURES, ['+'] = 126, ['/'] = 127 };
static const uint8_t url_values[256] = { LETTERS_AND_FIGURES, ['-'] = 126, ['_'] = 127 };
static const uint8_t any_values[256] = { LETTERS_AND_FIGURES, ['+'] = 126, ['/'] = 127, ['-'] = 126, ['_'] = 127 };

static bool refuse_first_stranger(struct bytes text, const uint8_t *values, struct err *err)
{
    size_t i = 0;

    while (i + 1 < text.len && values[text.data[i]])
        i++;
    return err_set(err, ERR_MALFORMED, "Unknown base64 character: %u ('%c')", text.data[i], /* the original service's words */
                   text.data[i] >= 0x20 && text.data[i] < 0x7f ? text.data[i] : '?');
}

/* Four characters at a time; IS_DIGIT is in the result if every one of them is a digit. */
static uint8_t decode_groups(struct bytes text, const uint8_t *values, uint8_t *out)
{
    const uint8_t *p = text.data;
    uint8_t all = IS_DIGIT;

    for (size_t n = text.len / 4; n > 0; n--, p += 4, out += 3) {
        uint32_t a = values[p[0]], b = values[p[1]], c = values[p[2]], d = values[p[3]];
        uint32_t group = a << 18 | (b & VALUE) << 12 | (c & VALUE) << 6 | (d & VALUE);
        all &= (uint8_t)(a & b & c & d);
        out[0] = (uint8_t)(group >> 16);
        out[1] = (uint8_t)(group >> 8);
        out[2] = (uint8_t)group;
    }
    return all;
}

/* The same for long texts, in a third of the time. A table for each place in the group says what a character adds to the group's three
 * bytes, the first one lowest, or no_digit. Making the tables pays from about a thousand characters on. Writes one byte too many. */
static uint8_t decode_long(struct bytes text, const uint8_t *values, uint8_t *out)
{
    const uint32_t no_digit = UINT32_C(1) << 31;
    uint32_t place[4][256], seen = 0;
    const uint8_t *p = text.data;

    for (unsigned c = 0; c < 256; c++)
        for (unsigned k = 0; k < 4; k++) {
            uint32_t group = (uint32_t)(values[c] & VALUE) << (18 - 6 * k);
            place[k][c] = values[c] ? group >> 16 | (group & 0xff00) | (group & 0xff) << 16 : no_digit;
        }
    for (size_t n = text.len / 4; n > 0; n--, p += 4, out += 3) {
        uint32_t group = place[0][p[0]] | place[1][p[1]] | place[2][p[2]] | place[3][p[3]], bytes = htole32(group);
        seen |= group;
        memcpy(out, &bytes, sizeof bytes);
    }
    return seen & no_digit ? 0 : IS_DIGIT;
}

#if defined(__x86_64__) && defined(__GNUC__)
/* Thirty-two characters at a time, as long as all of them are digits and forty are left: a store writes four bytes too many. Returns how many
 * were read. Each character's range says what to add to it to get its six bits; two multiplications put four times six together. */
__attribute__((target("avx2"))) static size_t decode_wide(struct bytes text, const uint8_t *values, uint8_t *out)
{
    const __m256i to_bytes =
        _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const char plus = values['+'] ? '+' : '-', minus = values['-'] ? '-' : '+', slash = values['/'] ? '/' : '_',
               line = values['_'] ? '_' : '/';
    size_t done = 0;

    for (; text.len - done >= 40; done += 32, out += 24) {
        __m256i c = _mm256_loadu_si256((const __m256i *)(const void *)(text.data + done));
        __m256i upper = _mm256_and_si256(_mm256_cmpgt_epi8(c, _mm256_set1_epi8('A' - 1)), _mm256_cmpgt_epi8(_mm256_set1_epi8('Z' + 1), c));
        __m256i lower = _mm256_and_si256(_mm256_cmpgt_epi8(c, _mm256_set1_epi8('a' - 1)), _mm256_cmpgt_epi8(_mm256_set1_epi8('z' + 1), c));
        __m256i figure = _mm256_and_si256(_mm256_cmpgt_epi8(c, _mm256_set1_epi8('0' - 1)), _mm256_cmpgt_epi8(_mm256_set1_epi8('9' + 1), c));
        __m256i is62 = _mm256_or_si256(_mm256_cmpeq_epi8(c, _mm256_set1_epi8(plus)), _mm256_cmpeq_epi8(c, _mm256_set1_epi8(minus)));
        __m256i is63 = _mm256_or_si256(_mm256_cmpeq_epi8(c, _mm256_set1_epi8(slash)), _mm256_cmpeq_epi8(c, _mm256_set1_epi8(line)));
        __m256i ranges = _mm256_or_si256(_mm256_or_si256(upper, lower), figure), special = _mm256_or_si256(is62, is63);
        __m256i offset =
            _mm256_or_si256(_mm256_or_si256(_mm256_and_si256(upper, _mm256_set1_epi8(-65)), _mm256_and_si256(lower, _mm256_set1_epi8(-71))),
                            _mm256_and_si256(figure, _mm256_set1_epi8(4)));
        __m256i six =
            _mm256_or_si256(_mm256_and_si256(ranges, _mm256_add_epi8(c, offset)),
                            _mm256_or_si256(_mm256_and_si256(is62, _mm256_set1_epi8(62)), _mm256_and_si256(is63, _mm256_set1_epi8(63))));

        if (_mm256_movemask_epi8(_mm256_or_si256(ranges, special)) != -1)
            break;
        six = _mm256_maddubs_epi16(six, _mm256_set1_epi32(0x01400140));
        six = _mm256_madd_epi16(six, _mm256_set1_epi32(0x00011000));
        six = _mm256_shuffle_epi8(six, to_bytes);
        _mm_storeu_si128((__m128i *)(void *)out, _mm256_castsi256_si128(six));
        _mm_storeu_si128((__m128i *)(void *)(out + 12), _mm256_extracti128_si256(six, 1));
    }
    return done;
}

static size_t decode_start(struct bytes text, const uint8_t *values, uint8_t *out)
{
    return text.len >= 64 && __builtin_cpu_supports("avx2") ? decode_wide(text, values, out) : 0;
}
#else
static size_t decode_start(struct bytes text UNUSED, const uint8_t *values UNUSED, uint8_t *out UNUSED) { return 0; }
#endif

static bool decode(struct arena *a, struct bytes text, const uint8_t *values, struct bytes *ret, struct err *err)
{
    size_t padding = 0, whole, rest, done;
    struct bytes behind;
    uint8_t *out, all;
    uint32_t bits = 0;

    while (padding < 2 && text.len > padding && text.data[text.len - 1 - padding] == '=')
        padding++;
    if (padding && text.len % 4)
        return err_set(err, ERR_MALFORMED, "base64 text with wrong padding");
    text.len -= padding;
    whole = text.len / 4;
    rest = text.len % 4;
    if (rest == 1)
        return err_set(err, ERR_MALFORMED, "base64 text of impossible length %zu", text.len);
    out = arena_alloc(a, whole * 3 + 3);
    if (!out)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu base64 characters", text.len);
    done = decode_start(text, values, out);
    behind = bytes_slice(text, done, text.len);
    all = behind.len >= LONG_TEXT ? decode_long(behind, values, out + done / 4 * 3) : decode_groups(behind, values, out + done / 4 * 3);
    for (size_t i = 4 * whole; i < text.len; i++) {
        all &= values[text.data[i]];
        bits = bits << 6 | (values[text.data[i]] & VALUE);
    }
    if (!all)
        return refuse_first_stranger(text, values, err);
    if (bits & (rest == 2 ? 15 : 3))
        return err_set(err, ERR_MALFORMED, "base64 text whose unused bits are not zero");
    if (rest)
        out[3 * whole] = (uint8_t)(bits >> (rest == 2 ? 4 : 10));
    if (rest == 3)
        out[3 * whole + 1] = (uint8_t)(bits >> 2);
    *ret = (struct bytes){ out, 3 * whole + (rest ? rest - 1 : 0) };
    return true;
}

bool base64_decode(struct arena *a, enum base64_alphabet alphabet, struct bytes text, struct bytes *ret, struct err *err)
{
    return decode(a, text, alphabet == BASE64_STANDARD ? standard_values : url_values, ret, err);
}

bool base64_decode_any(struct arena *a, struct bytes text, struct bytes *ret, struct err *err)
{
    return decode(a, text, any_values, ret, err);
}

bool base64_decode_most(struct arena *a, struct bytes text, const char *what, size_t most, struct bytes *ret, struct err *err)
{
    struct bytes decoded;

    if (text.len / 4 > most / 3 + 1) /* before any work; exactly below */
        return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", what, most);
    if (!base64_decode_any(a, text, &decoded, err))
        return err_within(err, "%s", what);
    if (decoded.len > most)
        return err_set(err, ERR_LIMIT, "%s is larger than %zu bytes", what, most);
    *ret = decoded;
    return true;
}
