#include "base/utf8.h"

bool utf8_next(struct bytes *text, uint32_t *ret_codepoint)
{
    static const uint32_t smallest[] = { 0, 0x80, 0x800, 0x10000 };
    uint8_t first;
    size_t more;
    uint32_t c;

    if (text->len == 0)
        return false;
    first = text->data[0];
    more = first < 0x80 ? 0 : (first & 0xe0) == 0xc0 ? 1 : (first & 0xf0) == 0xe0 ? 2 : (first & 0xf8) == 0xf0 ? 3 : SIZE_MAX;
    if (more == SIZE_MAX || more >= text->len)
        return false;
    c = more == 0 ? first : first & (0x3fu >> more);
    for (size_t i = 1; i <= more; i++) {
        if ((text->data[i] & 0xc0) != 0x80)
            return false;
        c = c << 6 | (text->data[i] & 0x3fu);
    }
    if (c < smallest[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return false;
    *ret_codepoint = c;
    text->data += more + 1;
    text->len -= more + 1;
    return true;
}

struct bytes utf8_without_mark(struct bytes text)
{
    return bytes_starts_with(text, BYTES_LIT("\xef\xbb\xbf")) ? bytes_slice(text, 3, text.len) : text;
}

bool utf8_is_valid(struct bytes text)
{
    uint32_t c;

    while (text.len) {
        if (text.data[0] < 0x80) {
            text.data++;
            text.len--;
        } else if (!utf8_next(&text, &c)) {
            return false;
        }
    }
    return true;
}

size_t utf8_encode(uint32_t c, char out[static 4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

void utf8_write(struct writer *w, uint32_t codepoint)
{
    char out[4];
    size_t n = utf8_encode(codepoint, out);
    write_bytes(w, (struct bytes){ (const uint8_t *)out, n });
}

char *utf8_from_utf16le(struct arena *a, struct bytes utf16, bool *ret_clean)
{
    size_t n_units = utf16.len / 2, len = 0;
    char *out = arena_array(a, n_units + 2, 3); /* a unit needs at most three bytes, a pair four */
    bool clean = utf16.len % 2 == 0;

    if (!out)
        return NULL;
    for (size_t i = 0; i < n_units; i++) {
        uint32_t c = utf16.data[2 * i] | (uint32_t)utf16.data[2 * i + 1] << 8;
        if (c == 0)
            break;
        if (c >= 0xd800 && c < 0xdc00 && i + 1 < n_units) {
            uint32_t low = utf16.data[2 * i + 2] | (uint32_t)utf16.data[2 * i + 3] << 8;
            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                i++;
            }
        }
        if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
            clean = false;
        }
        len += utf8_encode(c, out + len);
    }
    out[len] = '\0';
    *ret_clean = clean;
    return out;
}

bool utf8_is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x2028 ||
           c == 0x2029 || c == 0xfeff || (c >= 0x200b && c <= 0x200f);
}

static bool is_plain_ascii(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    return true;
}

char *text_for_people(struct arena *a, struct bytes text)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    uint32_t c;

    if (is_plain_ascii(text)) /* nearly always */
        return arena_string(a, text);
    while (text.len) {
        struct bytes before = text;
        if (!utf8_next(&text, &c)) {
            write_printf(&w, "\\x%02x", text.data[0]);
            text = bytes_slice(text, 1, text.len - 1);
        } else if (!utf8_is_unsafe(c)) {
            write_bytes(&w, bytes_slice(before, 0, before.len - text.len));
        } else if (c < 0x80) {
            write_printf(&w, "\\x%02x", c);
        } else {
            write_printf(&w, "\\u{%x}", c);
        }
    }
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}
