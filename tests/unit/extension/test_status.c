#include <stdlib.h>
#include "extension/status.h"
#include "json/parse.h"
#include "support/test.h"

static const struct json *written(struct arena *a, struct writer *w)
{
    struct err err = ERR_INIT;
    const struct json *v = NULL;

    CHECK(writer_ok(w) && json_parse(a, writer_bytes(w), NULL, &v, &err));
    return v && v->type == JSON_ARRAY && v->array.n == 1 ? v->array.items[0] : NULL;
}

TEST(a_status_has_the_members_that_the_vm_agent_reads)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct handler_status s = { .operation = "Enable", .applied_ms = 1000 };
    const struct json *v, *status, *sub;

    handler_status_set(&s, STATUS_WARNING, 6403, "proxy answered %d", 407);
    handler_status_sub(&s, SUBSTATUS_REPORT_ACCEPTED, STATUS_ERROR, 5, "no\nline");
    handler_status_write(&w, &s, 5000);
    v = written(&a, &w);
    REQUIRE(v != NULL);
    CHECK(json_is_string(json_get(v, "timestampUTC"), "1970-01-01T00:00:05Z"));
    CHECK(bytes_equal_string(json_get(v, "version")->raw, "1.0"));
    status = json_get(v, "status");
    CHECK(json_is_string(json_get(status, "name"), "GuestAttestation"));
    CHECK(json_is_string(json_get(status, "operation"), "Enable"));
    CHECK(json_is_string(json_get(status, "configurationAppliedTime"), "1970-01-01T00:00:01Z"));
    CHECK(json_is_string(json_get(status, "status"), "warning"));
    CHECK_INT(json_get(status, "code")->number.integer, 6403);
    CHECK(json_is_string(json_at(status, "formattedMessage", "lang", NULL), "en-US"));
    CHECK(json_is_string(json_at(status, "formattedMessage", "message", NULL), "proxy answered 407"));
    sub = json_get(status, "substatus");
    REQUIRE(sub && sub->array.n == 1);
    CHECK(json_is_string(json_get(sub->array.items[0], "name"), "ReportAccepted"));
    CHECK(json_is_string(json_get(sub->array.items[0], "status"), "error"));
    CHECK(json_is_string(json_at(sub->array.items[0], "formattedMessage", "message", NULL), "no line"));
}

TEST(a_status_stays_below_32_kib_whatever_goes_in)
{
    static const char *const fillers[] = { "\"", "\\", "\xe2\x80\xa8", "\xf0\x9f\x98\x80", "\xff" };

    for (size_t f = 0; f < ARRAY_LEN(fillers); f++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct writer w CLEANUP(writer_done) = { 0 };
        struct writer filler CLEANUP(writer_done) = { 0 };
        struct handler_status s = { .operation = "Enable" };

        for (unsigned i = 0; i < 3000; i++)
            write_string(&filler, fillers[f]);
        write_u8(&filler, 0);
        handler_status_set(&s, STATUS_ERROR, 1, "%s", (const char *)filler.data);
        for (size_t i = 0; i < SUBSTATUS_N; i++)
            handler_status_sub(&s, (enum substatus_name)i, STATUS_ERROR, 1, "%s", (const char *)filler.data);
        handler_status_write(&w, &s, 5000);
        CHECK(written(&a, &w) != NULL);
        CHECK(w.len <= LIMIT_HANDLER_STATUS_BYTES);
        test_note("%zu bytes", w.len);
    }
}

TEST(a_message_is_not_cut_within_a_character)
{
    struct handler_status s = { .operation = "Enable" };
    char text[STATUS_MESSAGE_MAX + 8];

    for (size_t lead = 0; lead < 4; lead++) {
        memset(text, 'x', sizeof text);
        for (size_t i = lead; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        text[sizeof text - 1] = 0;
        handler_status_set(&s, STATUS_ERROR, 1, "%s", text);
        CHECK(strlen(s.message) > STATUS_MESSAGE_MAX - 4);
        CHECK_INT((strlen(s.message) - lead) % 4, 0);
    }
}

TEST(a_heartbeat_has_both_spellings_of_its_message)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    const struct json *beat;

    heartbeat_write(&w, true, 0, "monitoring");
    beat = json_get(written(&a, &w), "heartbeat");
    CHECK(json_is_string(json_get(beat, "status"), "Ready"));
    CHECK(json_is_string(json_get(beat, "Message"), "monitoring"));
    CHECK(json_is_string(json_at(beat, "formattedMessage", "message", NULL), "monitoring"));
    CHECK(json_is_string(json_at(beat, "formattedMessage", "lang", NULL), "en-US"));
    writer_reset(&w);
    heartbeat_write(&w, false, 61, "degraded");
    beat = json_get(written(&a, &w), "heartbeat");
    CHECK(json_is_string(json_get(beat, "status"), "NotReady"));
    CHECK_INT(json_get(beat, "code")->number.integer, 61);
}
