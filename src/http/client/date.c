#include "http/client/date.h"
#include <stdio.h>
#include "base/clock.h"

struct date {
    unsigned day, year, hour, minute, second;
    char month[4], zone[4];
};

/* The form of now, and the two that a recipient has to understand, too. */
static bool take_apart(const char *text, struct date *d)
{
    const char *comma = strchr(text, ',');
    int end = 0;

    snprintf(d->zone, sizeof d->zone, "GMT");
    if (comma && sscanf(comma, ", %2u %3[A-Za-z] %4u %2u:%2u:%2u %3[A-Z]%n", &d->day, d->month, &d->year, &d->hour, &d->minute, &d->second,
                        d->zone, &end) == 7)
        return comma[end] == 0;
    if (comma && sscanf(comma, ", %2u-%3[A-Za-z]-%2u %2u:%2u:%2u %3[A-Z]%n", &d->day, d->month, &d->year, &d->hour, &d->minute, &d->second,
                        d->zone, &end) == 7) {
        d->year += d->year < 70 ? 2000 : 1900;
        return comma[end] == 0;
    }
    return !comma &&
           sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2u %2u:%2u:%2u %4u%n", d->month, &d->day, &d->hour, &d->minute, &d->second, &d->year,
                  &end) == 6 &&
           text[end] == 0;
}

bool http_date_parse(struct bytes text, int64_t *ret_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char copy[40];
    struct date d;
    const char *m;

    if (!text.len || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    if (strlen(copy) != text.len || !take_apart(copy, &d) || strcmp(d.zone, "GMT") != 0 || strlen(d.month) != 3)
        return false;
    m = strstr(months, d.month);
    if (!m || (m - months) % 3 || d.day < 1 || d.day > 31 || d.year < 1970 || d.hour > 23 || d.minute > 59 || d.second > 60)
        return false;
    *ret_ms = ((clock_days_from_date((int)d.year, (int)(m - months) / 3 + 1, (int)d.day) * 24 + d.hour) * 60 + d.minute) * 60000 +
              d.second * 1000;
    return true;
}
