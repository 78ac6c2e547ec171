/* Windows' nested records. */
#include <stdlib.h>
#include "base/file.h"
#include "base/utf8.h"
#include "base/writer.h"
#include "eventlog/log/log.h"
#include "eventlog/software/sipa.h"
#include "support/test.h"

static void put(struct writer *w, uint32_t id, struct bytes payload)
{
    write_u32le(w, id);
    write_u32le(w, (uint32_t)payload.len);
    write_bytes(w, payload);
}

struct seen {
    unsigned enters, leaves, stop_after;
    unsigned deepest;
    bool debugging, hvci;
    uint64_t boot_counter;
};

static bool on_enter(void *context, const struct sipa_record *record)
{
    struct seen *seen = context;
    uint64_t value;
    bool on;

    seen->enters++;
    seen->deepest = record->depth > seen->deepest ? record->depth : seen->deepest;
    if (record->id == 0x00040001 && sipa_boolean(record, &on))
        seen->debugging = on;
    if (record->id == 0x00020002 && sipa_integer(record, &value))
        seen->boot_counter = value;
    if (record->id == 0x000A0007 && sipa_integer(record, &value))
        seen->hvci = value == 1;
    return seen->enters != seen->stop_after;
}

static bool on_leave(void *context, const struct sipa_record *record)
{
    CHECK(record->id & SIPA_AGGREGATE);
    ((struct seen *)context)->leaves++;
    return true;
}

/* An aggregate with a switch, a counter and an empty aggregate. */
static void sample(struct writer *w)
{
    struct writer inner CLEANUP(writer_done) = { 0 };

    put(&inner, 0x00040001, BYTES_LIT("\1"));
    put(&inner, 0x00020002, BYTES_LIT("\x0d\0\0\0\0\0\0\0"));
    put(&inner, 0x40010003, BYTES_NONE);
    put(w, 0x40010001, writer_bytes(&inner));
    put(w, 0x000A0007, BYTES_LIT("\1\0\0\0"));
}

TEST(records_are_visited_in_order_and_aggregates_are_left)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct seen seen = { 0 };
    struct sipa_visitor visitor = { on_enter, on_leave, &seen };
    struct err err = ERR_INIT;

    sample(&w);
    REQUIRE_OK(sipa_walk(writer_bytes(&w), &visitor, &err), err);
    CHECK(seen.enters == 5 && seen.leaves == 2 && seen.deepest == 1);
    CHECK(seen.debugging && seen.boot_counter == 13 && seen.hvci);
    CHECK_STRING(sipa_type_find(0x00040001)->key, "EVENT_BOOTDEBUGGING");
    CHECK_STRING(sipa_value_name(0x000A0007, 1), "HypervisorEnforcedCodeIntegrityEnable");
    CHECK(sipa_type_find(0x12345678) == NULL);
}

TEST(a_visitor_can_stop)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct seen seen = { .stop_after = 2 };
    struct sipa_visitor visitor = { on_enter, on_leave, &seen };
    struct err err = ERR_INIT;

    sample(&w);
    REQUIRE_OK(sipa_walk(writer_bytes(&w), &visitor, &err), err);
    CHECK_INT(seen.enters, 2);
}

TEST(a_malformed_record_yields_no_fact_at_all)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    sample(&w);
    for (size_t n = 0; n < w.len; n++) {
        struct seen seen = { 0 };
        struct sipa_visitor visitor = { on_enter, on_leave, &seen };
        struct err err = ERR_INIT;
        struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));
        bool boundary = n == w.len - 12;
        CHECK(sipa_walk(cut, &visitor, &err) == boundary);
        CHECK(boundary || (seen.enters == 0 && err.code == ERR_MALFORMED));
        free((void *)cut.data);
    }
    w.data[4]++; /* the aggregate now swallows a byte of the next record */
    CHECK(!sipa_is_wellformed(writer_bytes(&w)));
}

/* Attack L12. */
TEST(nesting_is_bounded)
{
    for (unsigned depth = LIMIT_EVENT_NESTING - 1; depth <= LIMIT_EVENT_NESTING + 1; depth++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct err err = ERR_INIT;
        for (unsigned i = 0; i < depth; i++) {
            write_u32le(&w, 0x40010002);
            write_u32le(&w, 8 * (depth - i - 1));
        }
        bool walked = sipa_walk(writer_bytes(&w), NULL, &err);
        CHECK(walked == (depth <= LIMIT_EVENT_NESTING));
        CHECK(walked || err.code == ERR_LIMIT);
    }
}

TEST(a_million_nested_aggregates_need_no_stack)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct err err = ERR_INIT;
    uint32_t n = LIMIT_LOG_BYTES / 8;

    for (uint32_t i = 0; i < n; i++) {
        write_u32le(&w, 0x40010002);
        write_u32le(&w, 8 * (n - i - 1));
    }
    CHECK(!sipa_walk(writer_bytes(&w), NULL, &err) && err.code == ERR_LIMIT);
}

TEST(payloads_that_do_not_fit_their_form_are_refused)
{
    struct sipa_record record = { .payload = BYTES_LIT("\1\2") };
    uint64_t integer;
    bool on;

    CHECK(!sipa_boolean(&record, &on) && sipa_integer(&record, &integer) && integer == 0x0201);
    record.payload = BYTES_NONE;
    CHECK(!sipa_boolean(&record, &on) && !sipa_integer(&record, &integer));
    record.payload = BYTES_LIT("123456789");
    CHECK(!sipa_integer(&record, &integer));
}

TEST(real_windows_logs_are_well_formed_and_carry_facts)
{
    static const char *const logs[] = { "event-logs/windows10-dell-desktop/eventlog.bin",
                                        "event-logs/windows-server-2022-supermicro/eventlog.bin" };

    if (!shared_data(logs[0]))
        SKIP("shared data is not there");
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct bytes input;
        struct eventlog log;
        struct seen seen = { 0 };
        struct sipa_visitor visitor = { on_enter, on_leave, &seen };
        REQUIRE_OK(file_read_in(&a, shared_data(logs[i]), LIMIT_LOG_BYTES, &input, &err), err);
        REQUIRE_OK(eventlog_parse(&a, input, &log, &err), err);
        for (size_t j = 0; j < log.n_events; j++)
            if (log.events[j].type == EVENT_TYPE(EV_EVENT_TAG))
                REQUIRE_OK(sipa_walk(log.events[j].data, &visitor, &err), err);
        test_note("%s: %u records, %u deep, boot counter %llu", logs[i], seen.enters, seen.deepest + 1,
                  (unsigned long long)seen.boot_counter);
        CHECK(seen.enters > 200 && seen.boot_counter > 0 && !seen.debugging);
    }
}
