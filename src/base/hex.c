#include "base/hex.h"

void hex_encode(struct bytes b, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < b.len; i++) {
        *out++ = digits[b.data[i] >> 4];
        *out++ = digits[b.data[i] & 15];
    }
    *out = '\0';
}

char *hex_in(struct arena *a, struct bytes b)
{
    char *text = b.len < SIZE_MAX / 4 ? arena_alloc(a, 2 * b.len + 1) : NULL;

    if (text)
        hex_encode(b, text);
    return text;
}

int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode_into(struct bytes text, uint8_t *out, size_t len)
{
    if (text.len % 2 || text.len / 2 != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool hex_decode(struct arena *a, struct bytes text, struct bytes *ret, struct err *err)
{
    uint8_t *out = arena_alloc(a, text.len / 2);

    if (!out)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu hexadecimal digits", text.len);
    if (!hex_decode_into(text, out, text.len / 2))
        return err_set(err, ERR_MALFORMED, "not an even number of hexadecimal digits");
    *ret = (struct bytes){ out, text.len / 2 };
    return true;
}
