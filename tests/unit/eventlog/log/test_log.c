/* Reading logs: both formats, joined logs, what stands behind the last event, and every way to be cut off or broken. */
#include <stdlib.h>
#include "base/file.h"
#include "eventlog/log/no_action.h"
#include "eventlog/log/spec_id.h"
#include "eventlog/replay/replay.h"
#include "support/eventlog_builder.h"
#include "support/test.h"

static const enum digest_algorithm one_bank[] = { DIGEST_SHA256 };
static const enum digest_algorithm three_banks[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384 };

/* A crypto-agile log written out by hand: header, one separator. */
static const uint8_t by_hand[] = {
    0,    0,    0,    0,    3,    0,    0,    0, /* register 0, EV_NO_ACTION */
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0, /* SHA-1 of nothing */
    37,   0,    0,    0,                                                                                                 /* size */
    'S',  'p',  'e',  'c',  ' ',  'I',  'D',  ' ',  'E',  'v',  'e',  'n',  't',  '0',  '3',  0,                         /* signature */
    0,    0,    0,    0,    0,    2,    0,    2,                         /* client, 2.0 errata 0, 64 bits */
    2,    0,    0,    0,    0x0b, 0,    32,   0,    0xfe, 0xca, 3,    0, /* sha256, and 0xcafe of 3 bytes */
    0,                                                                   /* no vendor information */
    7,    0,    0,    0,    4,    0,    0,    0,                         /* register 7, EV_SEPARATOR */
    2,    0,    0,    0,    0xfe, 0xca, 'x',  'y',  'z',  0x0b, 0,       /* two digests */
    0xdf, 0x3f, 0x61, 0x98, 0x04, 0xa9, 0x2f, 0xdb, 0x40, 0x57, 0x19, 0x2d, 0xc4, 0x3d, 0xd7, 0x48, 0xea, 0x77, 0x8a, 0xdc, 0x52,
    0xbc, 0x49, 0x8c, 0xe8, 0x05, 0x24, 0xc0, 0x14, 0xb8, 0x11, 0x19, 4,    0,    0,    0,    0,    0,    0,    0, /* data */
};

TEST(a_log_is_read_field_by_field_and_unknown_algorithms_by_their_declared_length)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct eventlog log;
    struct event_mark *marks;

    REQUIRE_OK(eventlog_parse(&a, BYTES_OF(by_hand), &log, &err), err);
    REQUIRE(log.state == EVENTLOG_COMPLETE && log.n_events == 2 && log.n_parts == 1);
    CHECK(log.parts[0].format == EVENTLOG_CRYPTO_AGILE && log.parts[0].n_banks == 2);
    CHECK(log.parts[0].banks[1].algorithm == DIGEST_NONE && log.parts[0].banks[1].len == 3);
    CHECK(event_is_spec_id(&log.events[0]) && !event_is_spec_id(&log.events[1]));
    CHECK(log.events[1].pcr == 7 && log.events[1].type == EVENT_TYPE(EV_SEPARATOR) && log.events[1].offset == 69);
    CHECK_BYTES(log.events[1].data, BYTES_LIT("\0\0\0\0"));
    CHECK_BYTES(event_digest(&log, &log.events[1], DIGEST_SHA256), bytes_slice(BYTES_OF(by_hand), 88, 32));
    CHECK_INT(event_digest(&log, &log.events[1], DIGEST_SHA1).len, 0);
    REQUIRE_OK(replay_marks(&a, &log, &marks, &err), err);
    CHECK(marks[0].proof == PROOF_LABEL && marks[1].proof == PROOF_PROVED);
}

TEST(a_log_cut_at_any_byte_is_never_complete_with_all_events)
{
    for (size_t n = 0; n < sizeof by_hand; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct eventlog log;
        struct bytes cut = exact_copy((struct bytes){ by_hand, n });
        CHECK(eventlog_parse(&a, cut, &log, &err));
        CHECK(log.n_events < 2);
        if (n == 0 || n == 69 || n == 70 || n == 71) /* nothing; header alone; with two bytes */
            CHECK(log.state == EVENTLOG_MISSING || log.state == EVENTLOG_TRUNCATED);
        else if (n > 71)
            CHECK(log.state == EVENTLOG_TRUNCATED && log.parts[0].err.code == ERR_TRUNCATED);
        else
            CHECK(log.state != EVENTLOG_COMPLETE);
        free((void *)cut.data);
    }
}

TEST(the_events_up_to_a_cut_are_kept_and_the_error_names_event_and_offset)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct eventlog log;

    REQUIRE_OK(eventlog_parse(&a, (struct bytes){ by_hand, 90 }, &log, &err), err);
    CHECK(log.state == EVENTLOG_TRUNCATED && log.n_events == 1);
    CHECK_STRING(log.parts[0].err.text, "event 1: digest at offset 88");
}

static const struct {
    const char *what;
    size_t offset;
    uint8_t value;
    enum eventlog_state state;
    const char *text;
} broken[] = {
    { "register 24", 69, 24, EVENTLOG_MALFORMED, "event 1: register 24 at offset 69, there are 24" },
    { "register 2^24 and more", 72, 1, EVENTLOG_MALFORMED, "event 1: register 16777223 at offset 69, there are 24" },
    { "three digests", 77, 3, EVENTLOG_MALFORMED, "event 1: 3 digests at offset 77, the log declares 2 algorithms" },
    { "digests near 2^32", 80, 0xff, EVENTLOG_MALFORMED, "event 1: 4278190082 digests at offset 77, the log declares 2 algorithms" },
    { "an algorithm that is not declared", 81, 0xfd, EVENTLOG_MALFORMED, "event 1: digest algorithm 0xcafd at offset 81 is not declared" },
    { "the same algorithm twice", 86, 0xfe, EVENTLOG_MALFORMED, "event 1: digest algorithm 0x00fe at offset 86 is not declared" },
    { "data near 2^32", 123, 0xff, EVENTLOG_TRUNCATED, "event 1: event data at offset 120" },
    { "no algorithm at all", 56, 0, EVENTLOG_MALFORMED, "event 0: the Spec ID event declares no digest algorithm" },
    { "algorithms near 2^32", 59, 0xff, EVENTLOG_MALFORMED,
      "event 0: the Spec ID event declares 4278190082 digest algorithms, at most 8 are read" },
    { "a wrong length for sha256", 62, 31, EVENTLOG_MALFORMED, "event 0: the log declares 31 bytes for a sha256 digest" },
    { "vendor information that does not fit", 68, 1, EVENTLOG_MALFORMED, "event 0: vendor information at offset 37" },
    { "a header near 2^32", 31, 0xff, EVENTLOG_TRUNCATED, "event 0: event data at offset 28" },
};

TEST(what_breaks_the_format_is_named_with_its_place)
{
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct eventlog log;
        uint8_t bytes[sizeof by_hand];
        memcpy(bytes, by_hand, sizeof bytes);
        bytes[broken[i].offset] = broken[i].value;
        REQUIRE_OK(eventlog_parse(&a, BYTES_OF(bytes), &log, &err), err);
        CHECK(log.state == broken[i].state);
        CHECK_STRING(log.parts[0].err.text, broken[i].text);
        CHECK(a.used < 64 * 1024);
    }
}

TEST(fill_behind_the_last_event_ends_the_log_cleanly)
{
    static const uint8_t fills[] = { 0x00, 0xff };

    for (size_t i = 0; i < ARRAY_LEN(fills); i++)
        for (size_t n = 1; n < 64; n += i + 1) {
            struct arena a CLEANUP(arena_done) = { 0 };
            struct err err = ERR_INIT;
            struct eventlog log;
            uint8_t bytes[sizeof by_hand + 64];
            memcpy(bytes, by_hand, sizeof by_hand);
            memset(bytes + sizeof by_hand, fills[i], n);
            REQUIRE_OK(eventlog_parse(&a, (struct bytes){ bytes, sizeof by_hand + n }, &log, &err), err);
            CHECK(log.state == EVENTLOG_COMPLETE && log.n_events == 2);
            CHECK(log.parts[0].trailing == (i ? TRAILING_ONES : TRAILING_ZEROS) && log.parts[0].trailing_bytes.len == n);
            bytes[sizeof by_hand + n - 1] = 0x55;
            REQUIRE_OK(eventlog_parse(&a, (struct bytes){ bytes, sizeof by_hand + n }, &log, &err), err);
            CHECK(log.state != EVENTLOG_COMPLETE && log.n_events == 2);
        }
}

TEST(windows_records_without_a_register_are_events_that_extend_nothing)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct err err = ERR_INIT;
    struct eventlog log;

    log_builder_begin(&b, one_bank, 1);
    log_add(&b, 7, EVENT_TYPE(EV_SEPARATOR), BYTES_LIT("\0\0\0\0"));
    log_add(&b, EVENT_PCR_NONE, EVENT_TYPE(EV_NO_ACTION), BYTES_LIT("anything"));
    REQUIRE_OK(eventlog_parse(&a, log_builder_bytes(&b), &log, &err), err);
    CHECK(log.state == EVENTLOG_COMPLETE && log.n_events == 3 && log.events[2].pcr == EVENT_PCR_NONE);
}

TEST(a_log_of_tcg_1_2_has_sha1_digests_and_no_header)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct err err = ERR_INIT;
    struct eventlog log;
    struct pcr_set *computed = ARENA_NEW(&a, struct pcr_set);

    log_builder_begin_sha1(&b);
    log_add_separators(&b);
    REQUIRE_OK(eventlog_parse(&a, log_builder_bytes(&b), &log, &err), err);
    CHECK(log.state == EVENTLOG_COMPLETE && log.n_events == 8 && log.parts[0].format == EVENTLOG_SHA1);
    CHECK(eventlog_has_bank(&log, DIGEST_SHA1) && !eventlog_has_bank(&log, DIGEST_SHA256));
    replay_compute(&log, computed);
    CHECK(digest_equal(&computed->banks[0].value[3], &b.pcrs.banks[0].value[3]));
}

TEST(logs_are_joined_with_and_without_a_header_of_their_own)
{
    for (int headless = 0; headless < 2; headless++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct log_builder first CLEANUP(log_builder_done) = { 0 }, second CLEANUP(log_builder_done) = { 0 };
        struct err err = ERR_INIT;
        struct eventlog log;
        struct bytes more;
        log_builder_begin(&first, three_banks, 3);
        log_add_separators(&first);
        log_builder_begin(&second, three_banks, 3);
        size_t header = second.w.len;
        log_add(&second, 11, EVENT_TYPE(EV_IPL), BYTES_LIT("more"));
        more = log_builder_bytes(&second);
        REQUIRE_OK(eventlog_parse(&a, log_builder_bytes(&first), &log, &err), err);
        REQUIRE_OK(eventlog_append(&a, &log, headless ? bytes_slice(more, header, more.len) : more, &err), err);
        CHECK_INT(log.n_parts, 2);
        CHECK_INT(log.n_events, headless ? 10 : 11);
        CHECK(log.parts[1].continued == headless && log.parts[1].first_event == 9);
        const struct event *last = &log.events[log.n_events - 1];
        CHECK(last->number == log.n_events - 1 && last->part == 1 && last->pcr == 11);
        CHECK_INT(event_digest(&log, last, DIGEST_SHA384).len, 48);
    }
}

/* `cat first second`: the second header is an event without digests, and what follows it is read as written. */
TEST(a_log_behind_another_in_one_file_is_its_continuation)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const enum digest_algorithm two[] = { DIGEST_SHA1, DIGEST_SHA256 }, other[] = { DIGEST_SHA256 };
    struct log_builder first CLEANUP(log_builder_done) = { 0 }, second CLEANUP(log_builder_done) = { 0 },
                             third CLEANUP(log_builder_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 }, w2 CLEANUP(writer_done) = { 0 };
    struct eventlog log;
    struct err err = ERR_INIT;

    log_builder_begin(&first, two, 2);
    log_add(&first, 0, EV_SEPARATOR, BYTES_LIT("\0\0\0\0"));
    log_builder_begin(&second, two, 2);
    log_add(&second, 5, EV_EFI_ACTION, BYTES_LIT("later"));
    log_builder_begin(&third, other, 1);
    log_add(&third, 5, EV_EFI_ACTION, BYTES_LIT("later"));
    write_bytes(&w, log_builder_bytes(&first));
    write_bytes(&w, log_builder_bytes(&second));
    REQUIRE_OK(eventlog_parse(&a, writer_bytes(&w), &log, &err), err);
    CHECK_INT(log.state, EVENTLOG_COMPLETE);
    CHECK_INT(log.n_events, 4);
    CHECK(event_is_spec_id(&log.events[2]) && !event_digest(&log, &log.events[2], DIGEST_SHA1).len);
    CHECK(log.events[3].pcr == 5 && bytes_equal_string(log.events[3].data, "later"));
    CHECK_INT(event_digest(&log, &log.events[3], DIGEST_SHA256).len, 32);
    write_bytes(&w2, log_builder_bytes(&first));
    write_bytes(&w2, log_builder_bytes(&third));
    REQUIRE_OK(eventlog_parse(&a, writer_bytes(&w2), &log, &err), err);
    CHECK_INT(log.state, EVENTLOG_MALFORMED);
    CHECK_INT(log.n_events, 2);
    CHECK(strstr(log.parts[0].err.text, "other banks") != NULL);
}

TEST(the_limits_on_bytes_events_and_logs_hold)
{
    enum { EVENT = 32 }; /* bytes of a SHA-1 event without data */
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct eventlog log;
    size_t n = LIMIT_LOG_EVENTS + 1;
    uint8_t *many = calloc(n, EVENT);

    for (size_t i = 0; i < n; i++)
        many[i * EVENT + 4] = 1; /* EV_POST_CODE */
    CHECK(eventlog_parse(&a, (struct bytes){ many, (n - 1) * EVENT }, &log, &err) && log.n_events == LIMIT_LOG_EVENTS);
    CHECK(!eventlog_append(&a, &log, (struct bytes){ many, EVENT }, &err) && err.code == ERR_LIMIT);
    CHECK(!eventlog_parse(&a, (struct bytes){ many, n * EVENT }, &log, &err) && err.code == ERR_LIMIT);
    free(many);
    uint8_t *big = calloc(1, LIMIT_LOG_BYTES + 1);
    CHECK(eventlog_parse(&a, (struct bytes){ big, LIMIT_LOG_BYTES }, &log, &err) && log.state == EVENTLOG_MISSING);
    CHECK(!eventlog_parse(&a, (struct bytes){ big, LIMIT_LOG_BYTES + 1 }, &log, &err) && err.code == ERR_LIMIT);
    CHECK(!eventlog_append(&a, &log, (struct bytes){ big, 1 }, &err) && err.code == ERR_LIMIT);
    free(big);
    REQUIRE_OK(eventlog_parse(&a, BYTES_OF(by_hand), &log, &err), err);
    for (size_t i = 1; i < LIMIT_LOGS; i++)
        CHECK(eventlog_append(&a, &log, BYTES_OF(by_hand), &err));
    CHECK(!eventlog_append(&a, &log, BYTES_OF(by_hand), &err) && err.code == ERR_LIMIT);
    CHECK_INT(log.n_events, 2 * LIMIT_LOGS);
}

TEST(a_log_of_a_confidential_vm_is_recognised_by_where_secure_boot_stands)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct err err = ERR_INIT;
    struct eventlog log;

    log_builder_begin(&b, (const enum digest_algorithm[]){ DIGEST_SHA384 }, 1);
    log_add_variable(&b, 1, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    REQUIRE_OK(eventlog_parse(&a, log_builder_bytes(&b), &log, &err), err);
    CHECK(eventlog_looks_confidential(&log));
    log_add(&b, 7, EVENT_TYPE(EV_SEPARATOR), BYTES_LIT("\0\0\0\0"));
    REQUIRE_OK(eventlog_parse(&a, log_builder_bytes(&b), &log, &err), err);
    CHECK(!eventlog_looks_confidential(&log));
}

TEST(a_real_log_cut_around_each_event_boundary_keeps_exactly_the_whole_events)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct bytes input;
    struct eventlog whole, log;
    const char *path = shared_data("boot-logs/debian-sb-boot1/binary_bios_measurements");

    if (!path)
        SKIP("shared data is not there");
    REQUIRE_OK(file_read_in(&a, path, LIMIT_LOG_BYTES, &input, &err), err);
    REQUIRE_OK(eventlog_parse(&a, input, &whole, &err), err);
    for (size_t i = 2; i < whole.n_events; i++)
        for (int d = -1; d <= 1; d++) {
            struct bytes cut = exact_copy(bytes_slice(input, 0, whole.events[i].offset + (size_t)d));
            REQUIRE_OK(eventlog_parse(&a, cut, &log, &err), err);
            CHECK_INT(log.n_events, d < 0 ? i - 1 : i);
            CHECK(d == 0 ? log.state == EVENTLOG_COMPLETE : (log.state == EVENTLOG_TRUNCATED || log.parts[0].trailing_bytes.len == 1));
            free((void *)cut.data);
        }
}

TEST(text_instead_of_a_log_is_refused)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct eventlog log;

    REQUIRE_OK(eventlog_parse(&a, BYTES_LIT("AAAAAAMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACEAAABTcGVjIElEIEV2ZW50MDMAAAAAAAACAAIBAAAACwAgAAAA"),
                              &log, &err),
               err);
    CHECK(log.state == EVENTLOG_MALFORMED && log.n_events == 0);
}

TEST(a_log_declares_at_most_as_many_algorithms_as_are_read)
{
    for (uint32_t n = LIMIT_LOG_BANKS; n <= LIMIT_LOG_BANKS + 1; n++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct writer w CLEANUP(writer_done) = { 0 };
        struct err err = ERR_INIT;
        struct eventlog log;
        write_bytes(&w, bytes_slice(BYTES_OF(by_hand), 0, 28));
        write_u32le(&w, 29 + 4 * n);
        write_bytes(&w, bytes_slice(BYTES_OF(by_hand), 32, 24));
        write_u32le(&w, n);
        for (uint32_t i = 0; i < n; i++) {
            write_u16le(&w, (uint16_t)(0x7000 + i));
            write_u16le(&w, 1);
        }
        write_u8(&w, 0);
        REQUIRE_OK(eventlog_parse(&a, writer_bytes(&w), &log, &err), err);
        CHECK(log.state == (n <= LIMIT_LOG_BANKS ? EVENTLOG_MISSING : EVENTLOG_MALFORMED));
        CHECK(log.parts[0].err.code == (n <= LIMIT_LOG_BANKS ? ERR_NONE : ERR_LIMIT));
    }
}

TEST(statements_that_extend_nothing_are_recognised)
{
    struct no_action action;
    struct err err = ERR_INIT;
    struct spec_id spec;

    CHECK(no_action_parse(BYTES_LIT("StartupLocality\0\3"), &action, &err) && action.kind == NO_ACTION_STARTUP_LOCALITY &&
          action.locality == 3);
    CHECK(!no_action_parse(BYTES_LIT("StartupLocality\0"), &action, &err) &&
          !no_action_parse(BYTES_LIT("StartupLocality\0\3\3"), &action, &err));
    CHECK(no_action_parse(BYTES_LIT("SP800-155 Event2\x39\x05\0\0"
                                    "0123456789abcdef"),
                          &action, &err) &&
          action.kind == NO_ACTION_SP800_155 && action.vendor_id == 1337 && action.manifest_guid.len == 16);
    CHECK(!no_action_parse(BYTES_LIT("SP800-155 Event\0\x39\x05"), &action, &err));
    CHECK(no_action_parse(BYTES_LIT("anything"), &action, &err) && action.kind == NO_ACTION_OTHER);
    CHECK(no_action_parse(BYTES_NONE, &action, &err) && action.kind == NO_ACTION_OTHER);
    CHECK(spec_id_parse(BYTES_LIT("Spec ID Event02\0\0\0\0\0\2\1\0\2\0"), &spec, &err) && spec.major == 1 && spec.minor == 2 &&
          spec.n_algorithms == 0);
    CHECK(!spec_id_parse(BYTES_LIT("Spec ID Event04\0"), &spec, &err));
}
