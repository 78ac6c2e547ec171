#include <stdlib.h>
#include "extension/event.h"
#include "json/parse.h"
#include "support/test.h"

static const struct handler_event sample = { .level = "Warning",
                                             .task = "Attest",
                                             .message = "the server does not answer",
                                             .version = "0.1.0",
                                             .operation = "boot-1",
                                             .time_ms = 1764000123000,
                                             .pid = 42 };

TEST(an_event_has_all_eight_keys_as_texts)
{
    static const char *const names[] = {
        "Version", "Timestamp", "TaskName", "EventLevel", "Message", "EventPid", "EventTid", "OperationId"
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    const struct json *v;

    event_write(&w, &sample);
    REQUIRE_OK(json_parse(&a, writer_bytes(&w), NULL, &v, &err), err);
    CHECK_INT(v->object.n, 8);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK(json_get(v, names[i]) && json_get(v, names[i])->type == JSON_STRING);
}

TEST(what_is_written_is_read_back)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    struct handler_event e;

    event_write(&w, &sample);
    REQUIRE_OK(event_parse(&a, writer_bytes(&w), &e, &err), err);
    CHECK_STRING(e.message, sample.message);
    CHECK_STRING(e.level, sample.level);
    CHECK_STRING(e.operation, sample.operation);
    CHECK_INT(e.time_ms, sample.time_ms);
    CHECK_INT(e.pid, 42);
}

TEST(an_event_cut_anywhere_is_refused)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    event_write(&w, &sample);
    for (size_t n = 0; n + 2 < w.len; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));
        struct err err = ERR_INIT;
        struct handler_event e;

        CHECK(!event_parse(&a, cut, &e, &err));
        free((void *)cut.data);
    }
}

TEST(an_event_keeps_within_its_limits_whatever_goes_in)
{
    static const char *const fillers[] = { "\"", "\\", "\n", "\xf0\x9f\x98\x80", "\x01", "" };

    for (size_t f = 0; f < ARRAY_LEN(fillers); f++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct writer w CLEANUP(writer_done) = { 0 }, filler CLEANUP(writer_done) = { 0 };
        struct handler_event e = sample, back;
        struct err err = ERR_INIT;

        for (unsigned i = 0; i < 4000; i++)
            write_string(&filler, fillers[f]);
        write_u8(&filler, 0);
        e.message = e.task = e.version = e.operation = (const char *)filler.data;
        event_write(&w, &e);
        CHECK(w.len <= LIMIT_EVENT_BYTES);
        REQUIRE_OK(event_parse(&a, writer_bytes(&w), &back, &err), err);
        CHECK(strlen(back.message) >= 1 && strlen(back.message) <= LIMIT_EVENT_MESSAGE_BYTES);
    }
}

TEST(names_are_digits_and_differ_within_a_millisecond)
{
    char one[EVENT_NAME_LEN], two[EVENT_NAME_LEN];

    event_name(1764000123000, 0, one);
    event_name(1764000123000, 1, two);
    CHECK(strcmp(one, two) != 0);
    CHECK(event_name_is_valid(one) && event_name_is_valid(two));
    CHECK(!event_name_is_valid("a.json") && !event_name_is_valid(".json") && !event_name_is_valid("1.json.tmp"));
    CHECK(!event_name_is_valid("1.jso") && !event_name_is_valid("-1.json") && !event_name_is_valid("../1.json"));
}
