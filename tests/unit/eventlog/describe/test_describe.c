/* Sentences about events: safe to show, whatever the event holds. */
#include "base/utf8.h"
#include "eventlog/describe/describe.h"
#include "support/test.h"

/* No control character, valid UTF-8. */
static bool is_safe(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((uint8_t)*c < 0x20 || (uint8_t)*c == 0x7f)
            return false;
    return utf8_is_valid(bytes_of_string(text));
}

TEST(every_type_of_event_with_any_data_has_a_safe_sentence)
{
    static const struct bytes samples[] = {
        { (const uint8_t *)"", 0 },
        { (const uint8_t *)"\x1b[31mred\x07\xff\xfe\n<b>\x7f", 16 },
        { (const uint8_t *)"\x00\xd8\x01\x00\x2e\x20\x41\x00\x42\x00", 10 },
        { (const uint8_t *)"grub_cmd: \x1b]0;title\x07", 19 },
        { (const uint8_t *)"a\x00\x1b\x00[\x00", 6 },
    };
    static const uint32_t types[] = {
#define X(number, name, content, covers, pcrs, after, section) number,
        EVENT_TYPES(X)
#undef X
            0x12345678,
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        for (size_t j = 0; j < ARRAY_LEN(samples); j++)
            for (uint32_t pcr = 4; pcr < 16; pcr++) {
                struct arena a CLEANUP(arena_done) = { 0 };
                struct eventlog_part part = { .format = EVENTLOG_SHA1 };
                struct eventlog log = { .n_parts = 1, .parts = &part };
                struct event event = { .pcr = pcr, .type = types[i], .data = samples[j] };
                char *sentence = event_describe(&a, &log, &event, NULL), *title = event_title(&a, &log, &event);
                REQUIRE(sentence && title);
                CHECK(is_safe(sentence) && is_safe(title) && strlen(sentence) > 5);
            }
}
