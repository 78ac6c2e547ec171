/* systemd's measurement log: a JSON sequence, and the events that the agent makes of it. */
#include <stdlib.h>
#include "base/hex.h"
#include "base/writer.h"
#include "eventlog/replay/replay.h"
#include "eventlog/software/systemd_log.h"
#include "support/test.h"

static const char record_format[] =
    "\x1e{\"pcr\":%s,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"%s\"},{\"hashAlg\":\"sha256\",\"digest\":\"%s\"}],"
    "\"content_type\":\"systemd\",\"content\":{\"string\":\"%s\",\"bootId\":\"b\",\"timestamp\":1,"
    "\"eventType\":\"%s\"}}\n";

static char *record(struct arena *a, const char *pcr, const char *string, const char *type)
{
    struct digest sha1, sha256;

    digest_compute(DIGEST_SHA1, bytes_of_string(string), &sha1);
    digest_compute(DIGEST_SHA256, bytes_of_string(string), &sha256);
    return arena_printf(a, record_format, pcr, hex_in(a, digest_bytes(&sha1)), hex_in(a, digest_bytes(&sha256)), string, type);
}

static struct bytes sample(struct arena *a)
{
    return bytes_of_string(arena_printf(a, "%s%s%s", record(a, "11", "enter-initrd", "phase"),
                                        record(a, "15", "machine-id:0123", "machine-id"), record(a, "11", "ready", "phase")));
}

TEST(records_are_read_with_their_digests_and_content)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct systemd_log log;
    struct err err = ERR_INIT;

    REQUIRE_OK(systemd_log_parse(&a, sample(&a), &log, &err), err);
    REQUIRE(log.n == 3);
    CHECK(log.records[0].pcr == 11 && log.records[0].event == SYSTEMD_EVENT_PHASE && log.records[0].n_digests == 2);
    CHECK_BYTES(log.records[0].string, BYTES_LIT("enter-initrd"));
    CHECK(log.records[1].pcr == 15 && log.records[1].event == SYSTEMD_EVENT_MACHINE_ID);
    CHECK(log.records[0].json.data[0] == '{' && log.records[0].json.data[log.records[0].json.len - 1] == '}');
    CHECK(systemd_log_parse(&a, BYTES_NONE, &log, &err) && log.n == 0);
}

TEST(a_sequence_cut_anywhere_but_between_records_is_refused)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes whole = sample(&a);

    for (size_t n = 1; n < whole.len; n++) {
        struct arena b CLEANUP(arena_done) = { 0 };
        struct systemd_log log;
        struct err err = ERR_INIT;
        struct bytes cut = exact_copy(bytes_slice(whole, 0, n));
        bool boundary = whole.data[n - 1] == '\n' || whole.data[n - 1] == '}';
        bool read = systemd_log_parse(&b, cut, &log, &err);
        CHECK(!read || boundary);
        CHECK(read || err.code != ERR_NONE);
        free((void *)cut.data);
    }
}

static const struct {
    const char *what, *json;
} bad_records[] = {
    { "no object", "[]" },
    { "no pcr", "{\"digests\":[],\"content_type\":\"systemd\"}" },
    { "register 24", "{\"pcr\":24,\"digests\":[],\"content_type\":\"systemd\"}" },
    { "a negative register", "{\"pcr\":-1,\"digests\":[],\"content_type\":\"systemd\"}" },
    { "a register with a fraction", "{\"pcr\":1.5,\"digests\":[],\"content_type\":\"systemd\"}" },
    { "another content type", "{\"pcr\":1,\"digests\":[],\"content_type\":\"cel\"}" },
    { "no digests", "{\"pcr\":1,\"content_type\":\"systemd\"}" },
    { "a short digest", "{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"00\"}],\"content_type\":\"systemd\"}" },
    { "a digest that is no hex", "{\"pcr\":1,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":\"zz\"}],\"content_type\":\"systemd\"}" },
    { "pcr twice", "{\"pcr\":1,\"pcr\":2,\"digests\":[],\"content_type\":\"systemd\"}" },
};

TEST(bad_records_are_refused_by_number_and_offset)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_records); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct systemd_log log;
        struct err err = ERR_INIT;
        char *good = record(&a, "11", "x", "phase");
        bool read = systemd_log_parse(&a, bytes_of_string(arena_printf(&a, "%s\x1e%s\n", good, bad_records[i].json)), &log, &err);
        if (read)
            test_note("not refused: %s", bad_records[i].what);
        CHECK(!read && strncmp(err.text, "record 1 at offset ", 19) == 0);
    }
}

TEST(records_become_events_that_replay_to_the_same_registers)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct systemd_log records;
    struct eventlog log;
    struct event_mark *marks;
    struct err err = ERR_INIT;
    struct pcr_set *computed = ARENA_NEW(&a, struct pcr_set);
    struct digest expected;

    REQUIRE_OK(systemd_log_parse(&a, sample(&a), &records, &err), err);
    REQUIRE_OK(systemd_log_as_events(&records, &w, &err), err);
    REQUIRE_OK(eventlog_parse(&a, writer_bytes(&w), &log, &err), err);
    REQUIRE(log.state == EVENTLOG_COMPLETE && log.n_events == 4);
    pcr_reset_value(DIGEST_SHA256, 11, &expected);
    digest_extend(&expected, records.records[0].digests[1].value);
    digest_extend(&expected, records.records[2].digests[1].value);
    replay_compute(&log, computed);
    CHECK(digest_equal(pcr_find(computed, DIGEST_SHA256, 11), &expected));
    REQUIRE_OK(replay_marks(&a, &log, &marks, &err), err);
    for (size_t i = 1; i < 4; i++) {
        CHECK(event_is_systemd_record(&log.events[i]) && marks[i].rule == PROOF_RULE_SYSTEMD_STRING);
        CHECK_BYTES(marks[i].proved, records.records[i - 1].string);
    }
}

TEST(the_limit_on_records_holds)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct systemd_log log;
    struct err err = ERR_INIT;
    char *one = record(&a, "11", "x", "phase");

    for (size_t i = 0; i < LIMIT_SYSTEMD_RECORDS; i++)
        write_string(&w, one);
    CHECK(systemd_log_parse(&a, writer_bytes(&w), &log, &err) && log.n == LIMIT_SYSTEMD_RECORDS);
    write_string(&w, one);
    CHECK(!systemd_log_parse(&a, writer_bytes(&w), &log, &err) && err.code == ERR_LIMIT);
}
