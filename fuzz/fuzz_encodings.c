/* The small encodings below everything: base64, hexadecimal, UUIDs, times, UTF-8 and UTF-16. What decodes has one spelling per form, and
 * encodes back to it. */
#include <ctype.h>
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "fuzz.h"

/* Text for people: \u{nnnnnn} for one byte at worst, in a writer and a copy. */
enum { BYTES_PER_BYTE = 32, FIXED = 2048 };

static struct bytes without_padding(struct bytes text)
{
    while (text.len && text.data[text.len - 1] == '=')
        text.len--;
    return text;
}

static void base64(struct arena *a, struct bytes text)
{
    static const enum base64_alphabet alphabets[] = { BASE64_STANDARD, BASE64_URL };
    struct bytes decoded, any;
    struct err err = ERR_INIT;
    bool tolerant = base64_decode_any(a, text, &any, &err);

    ENSURE(tolerant || err.code == ERR_MALFORMED);
    for (size_t i = 0; i < ARRAY_LEN(alphabets); i++) {
        char *again;
        err = ERR_INIT;
        if (!base64_decode(a, alphabets[i], text, &decoded, &err)) {
            ENSURE(err.code == ERR_MALFORMED && err.text[0]);
            continue;
        }
        again = base64_in(a, alphabets[i], decoded);
        ENSURE(again && bytes_equal(without_padding(bytes_of_string(again)), without_padding(text)));
        ENSURE(strlen(again) == base64_encoded_len(alphabets[i], decoded.len));
        ENSURE(tolerant && bytes_equal(decoded, any));
    }
}

static void hexadecimal(struct arena *a, struct bytes text)
{
    struct bytes decoded;
    struct err err = ERR_INIT;
    char *again;

    if (!hex_decode(a, text, &decoded, &err)) {
        ENSURE(err.code == ERR_MALFORMED && err.text[0]);
        return;
    }
    again = hex_in(a, decoded);
    ENSURE(again && strlen(again) == text.len && 2 * decoded.len == text.len);
    for (size_t i = 0; i < text.len; i++)
        ENSURE(again[i] == tolower(text.data[i]));
}

static void uuids(struct bytes text)
{
    char canonical[UUID_TEXT_LEN], again[UUID_TEXT_LEN];
    uint8_t guid[UUID_LEN];
    bool is_uuid = uuid_canonical(text, canonical);

    ENSURE(guid_parse(text, guid) == is_uuid);
    if (!is_uuid)
        return;
    guid_format(guid, again);
    ENSURE(strcmp(again, canonical) == 0 && strlen(again) == text.len);
}

static void times(struct bytes text)
{
    char written[CLOCK_TEXT_LEN], again[CLOCK_TEXT_LEN];
    int64_t ms, back;

    if (!clock_parse(text, &ms))
        return;
    clock_format(ms, written);
    if (!clock_parse(bytes_of_string(written), &back)) {
        /* an offset may push the first and the last day out of the years that can be written */
        ENSURE(ms < clock_days_from_date(1, 1, 2) * INT64_C(86400000) || ms >= clock_days_from_date(9999, 12, 31) * INT64_C(86400000));
        return;
    }
    clock_format(back, again);
    ENSURE(back == ms && strcmp(written, again) == 0);
}

static void text_forms(struct arena *a, struct bytes text)
{
    char *shown = text_for_people(a, text), *from_utf16;
    struct bytes rest = text;
    uint32_t codepoint;
    bool clean;
    size_t n = 0;

    ENSURE(shown && utf8_is_valid(bytes_of_string(shown)));
    for (const char *c = shown; *c; c++)
        ENSURE((uint8_t)*c >= 0x20 && *c != 0x7f);
    while (utf8_next(&rest, &codepoint)) {
        char one[4];
        size_t len = utf8_encode(codepoint, one);
        ENSURE(lies_within(rest, text.data, text.len) && n + len <= text.len && memcmp(text.data + n, one, len) == 0);
        n += len;
    }
    ENSURE((rest.len == 0) == utf8_is_valid(text));
    from_utf16 = utf8_from_utf16le(a, text, &clean);
    ENSURE(from_utf16 && utf8_is_valid(bytes_of_string(from_utf16)) && (clean || text.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct bytes text = { data, size };

    arena_reset(&a);
    base64(&a, text);
    hexadecimal(&a, text);
    uuids(text);
    times(text);
    text_forms(&a, text);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
