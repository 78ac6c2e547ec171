#include "extension/frequency.h"

enum { DIGITS_MAX = 4 };

static bool take_number(struct bytes *text, uint32_t *ret)
{
    size_t n = 0;

    *ret = 0;
    while (n < text->len && text->data[n] >= '0' && text->data[n] <= '9' && n <= DIGITS_MAX)
        *ret = *ret * 10 + (uint32_t)(text->data[n++] - '0');
    *text = bytes_slice(*text, n, text->len);
    return n >= 1 && n <= DIGITS_MAX && *ret > 0;
}

/* Seconds of one unit; 0: this form has no such unit. */
static uint32_t unit_seconds(struct bytes unit, const char *units)
{
    char c = unit.len == 1 ? (char)unit.data[0] : 0;

    if (!c || !strchr(units, c))
        return 0;
    c |= 0x20;
    return c == 'd' ? 86400 : c == 'h' ? 3600 : 60;
}

static uint64_t seconds_of(struct bytes text)
{
    const char *units = "HhDdMm";
    uint32_t number;

    if (bytes_starts_with(text, BYTES_LIT("PT"))) {
        units = "HM";
        text = bytes_slice(text, 2, text.len);
    } else if (bytes_starts_with(text, BYTES_LIT("P"))) {
        units = "D";
        text = bytes_slice(text, 1, text.len);
    }
    return take_number(&text, &number) ? (uint64_t)number * unit_seconds(text, units) : 0;
}

enum frequency_note frequency_parse(struct bytes text, uint32_t *ret_seconds)
{
    uint64_t seconds;

    *ret_seconds = FREQUENCY_DEFAULT_SECONDS;
    text = bytes_trim(text);
    if (!text.len)
        return FREQUENCY_NOT_GIVEN;
    seconds = seconds_of(text);
    if (!seconds)
        return FREQUENCY_UNREADABLE;
    if (seconds < FREQUENCY_LEAST_SECONDS) {
        *ret_seconds = FREQUENCY_LEAST_SECONDS;
        return FREQUENCY_RAISED;
    }
    if (seconds > FREQUENCY_MOST_SECONDS) {
        *ret_seconds = FREQUENCY_MOST_SECONDS;
        return FREQUENCY_LOWERED;
    }
    *ret_seconds = (uint32_t)seconds;
    return FREQUENCY_AS_ASKED;
}
