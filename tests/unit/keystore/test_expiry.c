/* When the end of a certificate is worth a word (attack-suite.md S13). */
#include "keystore/expiry.h"
#include "support/test.h"

#define DAY (24 * 3600 * INT64_C(1000))
#define END (1000 * DAY)

TEST(each_alarm_rings_once_when_its_time_comes_and_the_shortest_of_several)
{
    static const struct {
        int64_t last, now;
        int alarm;
    } rows[] = {
        { 0, END - 31 * DAY, EXPIRY_SILENT },
        { END - 31 * DAY, END - 30 * DAY - 1, EXPIRY_SILENT },
        { END - 30 * DAY - 1, END - 30 * DAY, 30 },
        { END - 30 * DAY, END - 29 * DAY, EXPIRY_SILENT },
        { END - 8 * DAY, END - 7 * DAY, 7 },
        { END - 7 * DAY, END - 2 * DAY, EXPIRY_SILENT },
        { END - 2 * DAY, END - DAY, 1 },
        { END - 40 * DAY, END - DAY / 2, 1 },
        { END - 1, END, 0 },
        { END, END + 100 * DAY, EXPIRY_SILENT },
        { 0, END - 20 * DAY, 30 }, /* after a restart */
        { 0, END - 3 * DAY, 7 },
        { 0, END + 1, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_INT(expiry_alarm(END, rows[i].last, rows[i].now), rows[i].alarm);
}
