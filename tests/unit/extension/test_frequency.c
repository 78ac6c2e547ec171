#include <stdlib.h>
#include "extension/frequency.h"
#include "support/test.h"

TEST(every_form_of_the_grammar_is_read_and_clamped)
{
    static const struct {
        const char *text;
        enum frequency_note note;
        uint32_t seconds;
    } cases[] = {
        { "", FREQUENCY_NOT_GIVEN, 28800 },
        { "  ", FREQUENCY_NOT_GIVEN, 28800 },
        { "4H", FREQUENCY_AS_ASKED, 14400 },
        { "4h", FREQUENCY_AS_ASKED, 14400 },
        { " 4H ", FREQUENCY_AS_ASKED, 14400 },
        { "30M", FREQUENCY_AS_ASKED, 1800 },
        { "30m", FREQUENCY_AS_ASKED, 1800 },
        { "1D", FREQUENCY_AS_ASKED, 86400 },
        { "1d", FREQUENCY_AS_ASKED, 86400 },
        { "PT4H", FREQUENCY_AS_ASKED, 14400 },
        { "PT30M", FREQUENCY_AS_ASKED, 1800 },
        { "P1D", FREQUENCY_AS_ASKED, 86400 },
        { "15M", FREQUENCY_AS_ASKED, 900 },
        { "14M", FREQUENCY_RAISED, 900 },
        { "1M", FREQUENCY_RAISED, 900 },
        { "24H", FREQUENCY_AS_ASKED, 86400 },
        { "25H", FREQUENCY_LOWERED, 86400 },
        { "9999D", FREQUENCY_LOWERED, 86400 },
        { "1440M", FREQUENCY_AS_ASKED, 86400 },
        { "0004H", FREQUENCY_AS_ASKED, 14400 },
        { "00004H", FREQUENCY_UNREADABLE, 28800 },
        { "0H", FREQUENCY_UNREADABLE, 28800 },
        { "0000H", FREQUENCY_UNREADABLE, 28800 },
        { "4", FREQUENCY_UNREADABLE, 28800 },
        { "H", FREQUENCY_UNREADABLE, 28800 },
        { "4 H", FREQUENCY_UNREADABLE, 28800 },
        { "4HH", FREQUENCY_UNREADABLE, 28800 },
        { "-4H", FREQUENCY_UNREADABLE, 28800 },
        { "4S", FREQUENCY_UNREADABLE, 28800 },
        { "4W", FREQUENCY_UNREADABLE, 28800 },
        { "PT4h", FREQUENCY_UNREADABLE, 28800 },
        { "pt4H", FREQUENCY_UNREADABLE, 28800 },
        { "P1H", FREQUENCY_UNREADABLE, 28800 },
        { "PT1D", FREQUENCY_UNREADABLE, 28800 },
        { "PT", FREQUENCY_UNREADABLE, 28800 },
        { "P", FREQUENCY_UNREADABLE, 28800 },
        { "PT4H30M", FREQUENCY_UNREADABLE, 28800 },
        { "99999H", FREQUENCY_UNREADABLE, 28800 },
        { "4.5H", FREQUENCY_UNREADABLE, 28800 },
        { "18446744073709551617H", FREQUENCY_UNREADABLE, 28800 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes text = exact_copy(bytes_of_string(cases[i].text));
        uint32_t seconds = 0;

        test_note("\"%s\"", cases[i].text);
        CHECK_INT(frequency_parse(text, &seconds), cases[i].note);
        CHECK_INT(seconds, cases[i].seconds);
        free((void *)text.data);
    }
}
