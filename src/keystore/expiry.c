#include "keystore/expiry.h"
#include <stddef.h>

#define DAY_MS (24 * 60 * 60 * INT64_C(1000))

static int reached(int64_t not_after_ms, int64_t now_ms)
{
    static const int days[] = { 0, 1, 7, 30 };

    for (size_t i = 0; i < sizeof days / sizeof *days; i++)
        if (now_ms >= not_after_ms - days[i] * DAY_MS)
            return days[i];
    return EXPIRY_SILENT;
}

int expiry_alarm(int64_t not_after_ms, int64_t last_ms, int64_t now_ms)
{
    int before = last_ms ? reached(not_after_ms, last_ms) : EXPIRY_SILENT, now = reached(not_after_ms, now_ms);

    return now != before ? now : EXPIRY_SILENT;
}
