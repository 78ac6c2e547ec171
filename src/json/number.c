/* Numbers compared without rounding: a double holds 53 bits, counters and addresses have 64. */
#include "json/value.h"

bool json_is_big_integer(const struct json *number)
{
    struct bytes digits = number->raw;

    if (number->type != JSON_NUMBER || number->number.is_integer || !digits.len)
        return false;
    for (size_t i = digits.data[0] == '-'; i < digits.len; i++)
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
    return true;
}

static int sign(bool greater, bool less) { return (int)greater - (int)less; }

/* No leading zeros: more digits make a larger number. */
static int big_order(struct bytes a, struct bytes b)
{
    bool negative = a.data[0] == '-';
    int order;

    if (negative != (b.data[0] == '-'))
        return negative ? -1 : 1;
    order = a.len != b.len ? sign(a.len > b.len, a.len < b.len) : bytes_compare(a, b);
    return negative ? -order : order;
}

static int integer_and_real(int64_t i, double d)
{
    int64_t whole;

    if (d >= 0x1p63)
        return -1;
    if (d < -0x1p63)
        return 1;
    whole = (int64_t)d;
    if (i != whole)
        return i < whole ? -1 : 1;
    return sign((double)whole > d, (double)whole < d);
}

int json_number_order(const struct json *a, const struct json *b)
{
    bool big_a = json_is_big_integer(a), big_b = json_is_big_integer(b);

    if (a->number.is_integer && b->number.is_integer)
        return sign(a->number.integer > b->number.integer, a->number.integer < b->number.integer);
    if (big_a && big_b)
        return big_order(a->raw, b->raw);
    if (a->number.is_integer)
        return big_b ? (b->raw.data[0] == '-' ? 1 : -1) : integer_and_real(a->number.integer, b->number.value);
    if (b->number.is_integer)
        return -json_number_order(b, a);
    return sign(a->number.value > b->number.value, a->number.value < b->number.value);
}
