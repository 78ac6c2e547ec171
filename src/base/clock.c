#include "base/clock.h"
#include <stdio.h>

/* Civil calendar arithmetic on eras of 400 years that begin in March, so that leap days come last. */
int64_t clock_days_from_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;

    *ret_day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *ret_month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

void clock_format(int64_t time_ms, char out[static CLOCK_TEXT_LEN])
{
    const int64_t first = -62135596800000, last = 253402300799999; /* years 1 to 9999 */
    int64_t t = time_ms < first ? first : time_ms > last ? last : time_ms;
    int64_t days = t / 86400000 - (t % 86400000 < 0);
    int64_t in_day = t - days * 86400000;
    int year, month, day, n;

    date_from_days(days, &year, &month, &day);
    n = snprintf(out, CLOCK_TEXT_LEN, "%04d-%02d-%02dT%02d:%02d:%02d", year % 10000, month % 100, day % 100, (int)(in_day / 3600000),
                 (int)(in_day / 60000 % 60), (int)(in_day / 1000 % 60));
    if (in_day % 1000)
        snprintf(out + n, (size_t)(CLOCK_TEXT_LEN - n), ".%03dZ", (int)(in_day % 1000));
    else
        snprintf(out + n, (size_t)(CLOCK_TEXT_LEN - n), "Z");
}

static bool digits(struct bytes *text, size_t n, int *ret)
{
    int value = 0;

    if (text->len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        value = value * 10 + (text->data[i] - '0');
    }
    *text = bytes_slice(*text, n, text->len);
    *ret = value;
    return true;
}

static bool one_of(struct bytes *text, const char *allowed, char *ret)
{
    if (text->len == 0 || text->data[0] == 0 || !strchr(allowed, text->data[0]))
        return false;
    *ret = (char)text->data[0];
    *text = bytes_slice(*text, 1, text->len);
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static bool parse_fraction(struct bytes *text, int *ret_ms)
{
    int ms = 0, digit, n = 0;

    while (digits(text, 1, &digit)) {
        if (n < 3)
            ms = ms * 10 + digit;
        n++;
    }
    if (n == 0)
        return false;
    for (; n < 3; n++)
        ms *= 10;
    *ret_ms = ms;
    return true;
}

static bool parse_offset(struct bytes *text, int *ret_minutes)
{
    int hours, minutes;
    char c;

    if (!one_of(text, "Zz+-", &c))
        return false;
    if (c == 'Z' || c == 'z') {
        *ret_minutes = 0;
        return true;
    }
    char colon;
    if (!digits(text, 2, &hours) || !one_of(text, ":", &colon) || !digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_minutes = (c == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool clock_parse(struct bytes text, int64_t *ret_time_ms)
{
    int year, month, day, hour, minute, second, ms = 0, offset;
    char c;

    if (!digits(&text, 4, &year) || !one_of(&text, "-", &c) || !digits(&text, 2, &month) || !one_of(&text, "-", &c) ||
        !digits(&text, 2, &day) || !one_of(&text, "Tt ", &c) || !digits(&text, 2, &hour) || !one_of(&text, ":", &c) ||
        !digits(&text, 2, &minute) || !one_of(&text, ":", &c) || !digits(&text, 2, &second))
        return false;
    if (text.len && text.data[0] == '.') {
        text = bytes_slice(text, 1, text.len);
        if (!parse_fraction(&text, &ms))
            return false;
    }
    if (!parse_offset(&text, &offset) || text.len)
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 || minute > 59 || second > 60)
        return false;
    *ret_time_ms = ((clock_days_from_date(year, month, day) * 24 + hour) * 60 + minute - offset) * 60000 + second * 1000 + ms;
    return true;
}
