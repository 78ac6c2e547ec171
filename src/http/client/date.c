#include "http/client/date.h"
#include <stdio.h>
#include "base/clock.h"

bool http_date_parse(struct bytes text, int64_t *ret_ms)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    unsigned day, year, hour, minute, second;
    char copy[32], month[4];
    const char *m;

    if (text.len != 29)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    if (sscanf(copy + 5, "%2u %3s %4u %2u:%2u:%2u", &day, month, &year, &hour, &minute, &second) != 6 || strlen(month) != 3)
        return false;
    m = strstr(months, month);
    if (!m || (m - months) % 3 || day < 1 || day > 31 || year < 1970 || hour > 23 || minute > 59 || second > 60)
        return false;
    *ret_ms = ((clock_days_from_date((int)year, (int)(m - months) / 3 + 1, (int)day) * 24 + hour) * 60 + minute) * 60000 + second * 1000;
    return true;
}
