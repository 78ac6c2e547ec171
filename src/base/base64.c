#include "base/base64.h"

static const char standard_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_encoded_len(enum base64_alphabet alphabet, size_t len)
{
    if (alphabet == BASE64_STANDARD)
        return (len + 2) / 3 * 4;
    return len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0);
}

static void encode(enum base64_alphabet alphabet, struct bytes b, char *out)
{
    const char *digits = alphabet == BASE64_STANDARD ? standard_digits : url_digits;

    for (size_t i = 0; i < b.len; i += 3) {
        size_t n = b.len - i < 3 ? b.len - i : 3;
        uint32_t group = (uint32_t)b.data[i] << 16;
        if (n > 1)
            group |= (uint32_t)b.data[i + 1] << 8;
        if (n > 2)
            group |= b.data[i + 2];
        for (size_t k = 0; k <= n; k++)
            *out++ = digits[group >> (18 - 6 * k) & 63];
        for (size_t k = n; k < 3 && alphabet == BASE64_STANDARD; k++)
            *out++ = '=';
    }
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
    char group[4];

    for (size_t i = 0; i < b.len; i += 3) {
        struct bytes part = bytes_slice(b, i, 3);
        encode(alphabet, part, group);
        write_bytes(w, (struct bytes){ (const uint8_t *)group, base64_encoded_len(alphabet, part.len) });
    }
}

static int digit(uint8_t c, bool standard, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if ((c == '+' && standard) || (c == '-' && url))
        return 62;
    if ((c == '/' && standard) || (c == '_' && url))
        return 63;
    return -1;
}

static bool decode(struct arena *a, struct bytes text, bool standard, bool url, struct bytes *ret, struct err *err)
{
    size_t padding = 0, len;
    uint32_t bits = 0;
    unsigned n_bits = 0;
    uint8_t *out;

    while (padding < 2 && text.len > padding && text.data[text.len - 1 - padding] == '=')
        padding++;
    if (padding && text.len % 4)
        return err_set(err, ERR_MALFORMED, "base64 text with wrong padding");
    text.len -= padding;
    if (text.len % 4 == 1)
        return err_set(err, ERR_MALFORMED, "base64 text of impossible length %zu", text.len);
    out = arena_alloc(a, text.len / 4 * 3 + 3);
    if (!out)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu base64 characters", text.len);
    len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = digit(text.data[i], standard, url);
        if (value < 0) /* the original service's words, which people search for */
            return err_set(err, ERR_MALFORMED, "Unknown base64 character: %u ('%c')", text.data[i],
                           text.data[i] >= 0x20 && text.data[i] < 0x7f ? text.data[i] : '?');
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            out[len++] = (uint8_t)(bits >> n_bits);
        }
    }
    if (bits & ((1u << n_bits) - 1))
        return err_set(err, ERR_MALFORMED, "base64 text whose unused bits are not zero");
    *ret = (struct bytes){ out, len };
    return true;
}

bool base64_decode(struct arena *a, enum base64_alphabet alphabet, struct bytes text, struct bytes *ret, struct err *err)
{
    return decode(a, text, alphabet == BASE64_STANDARD, alphabet == BASE64_URL, ret, err);
}

bool base64_decode_any(struct arena *a, struct bytes text, struct bytes *ret, struct err *err)
{
    return decode(a, text, true, true, ret, err);
}
