/* Real logs, changed in every way: a byte, an end cut off, an event removed, doubled or swapped. Never a new proved fact; and worse findings
 * wherever a quoted digest covers what changed. A sample of the places; all of them with TRUEBOOT_TEST_EXHAUSTIVE. */
#include <stdlib.h>
#include "base/file.h"
#include "replay_trial.h"
#include "support/eventlog_builder.h"
#include "support/test.h"

static const char *const logs[] = {
    "boot-logs/debian-sb-sha256-only/binary_bios_measurements",
    "boot-logs/uki-sb-boot1/binary_bios_measurements",
    "event-logs/windows10-dell-desktop/eventlog.bin",
};

enum { SAMPLE_STRIDE = 97 };

/* The sound log and a quote of what it replays to. */
struct original {
    struct trial t;
    struct bytes input;
    struct pcr_set quoted;
};

static bool open_original(struct original *o, const char *path)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct eventlog log;

    if (!file_read(path, LIMIT_LOG_BYTES, &o->input, &err) || !eventlog_parse(&a, o->input, &log, &err))
        return false;
    replay_compute(&log, &o->quoted);
    for (size_t i = 0; i < o->quoted.n_banks; i++)
        o->quoted.banks[i].present = 0xfbff; /* 0–15 but IMA's */
    return run(&o->t, o->input, &o->quoted);
}

static void close_original(struct original *o)
{
    done(&o->t);
    file_free(&o->input);
}

static bool was_proved(const struct original *o, const struct trial *t, size_t i)
{
    for (size_t j = 0; j < o->t.log.n_events; j++)
        if (replayed_mark(o->t.replayed, j)->proof == PROOF_PROVED && o->t.log.events[j].pcr == t->log.events[i].pcr &&
            bytes_equal(replayed_proved(o->t.replayed, j), replayed_proved(t->replayed, i)))
            return true;
    return false;
}

static void check_not_better(const struct original *o, const struct trial *t)
{
    for (size_t i = 0; i < t->log.n_events; i++)
        if (replayed_mark(t->replayed, i)->proof == PROOF_PROVED && !was_proved(o, t, i))
            CHECK(false && "a new proved fact");
    CHECK(findings_worst(&t->findings) >= findings_worst(&o->t.findings));
}

enum covered { NOT_COVERED, DATA_COVERED, DIGEST_COVERED };

static size_t offset_in(const struct original *o, struct bytes view) { return (size_t)(view.data - o->input.data); }

static bool contains(const struct original *o, struct bytes view, size_t offset)
{
    return view.len && view.data >= o->input.data && offset >= offset_in(o, view) && offset < offset_in(o, view) + view.len;
}

/* What covers the byte: an event's digest as quoted, or data whose type says so. */
static enum covered covered_by(const struct original *o, size_t offset)
{
    for (size_t i = 1; i < o->t.log.n_events; i++) {
        const struct event *event = &o->t.log.events[i];
        const struct event_type *type = event_type_find(event->type);
        uint16_t tpm_id;
        struct bytes digest;
        if (event->type == EVENT_TYPE(EV_NO_ACTION) || replayed_register(o->t.replayed, event->pcr) != REGISTER_EXPLAINED)
            continue;
        for (size_t j = 0; event_digest_at(&o->t.log, event, j, &tpm_id, &digest); j++)
            if (contains(o, digest, offset))
                return DIGEST_COVERED;
        if (!contains(o, replayed_proved(o->t.replayed, i), offset))
            continue;
        if (type->covers == COVERS_DATA || event->pcr == 8 || (event->pcr >= 12 && offset >= offset_in(o, event->data) + 4))
            return DATA_COVERED;
    }
    return NOT_COVERED;
}

static void change_bytes(struct original *o, size_t stride, unsigned *n)
{
    static const uint8_t flips[] = { 0x01, 0x20, 0xff };

    for (size_t offset = stride / 2; offset < o->input.len; offset += stride)
        for (size_t j = 0; j < ARRAY_LEN(flips); j++) {
            struct trial t CLEANUP(done) = { 0 };
            enum covered covered = covered_by(o, offset);
            uint8_t *byte = (uint8_t *)o->input.data + offset, kept = *byte;
            struct bytes copy;
            *byte ^= flips[j];
            copy = exact_copy(o->input);
            *byte = kept;
            REQUIRE(run(&t, copy, &o->quoted));
            check_not_better(o, &t);
            if (covered == DIGEST_COVERED)
                CHECK(findings_worst(&t.findings) == SEVERITY_CRITICAL);
            if (covered == DATA_COVERED && (findings_worst(&t.findings) < SEVERITY_MEDIUM || t.findings.n <= o->t.findings.n)) {
                test_note("offset %zu, 0x%02x", offset, flips[j]);
                CHECK(false && "covered data was changed unseen");
            }
            free((void *)copy.data);
            ++*n;
        }
}

static void cut_ends(const struct original *o, size_t stride, unsigned *n)
{
    for (size_t len = 0; len < o->input.len; len += stride) {
        struct trial t CLEANUP(done) = { 0 };
        struct bytes cut = exact_copy(bytes_slice(o->input, 0, len));
        REQUIRE(run(&t, cut, &o->quoted));
        check_not_better(o, &t);
        CHECK(findings_worst(&t.findings) >= SEVERITY_HIGH || t.log.n_events == o->t.log.n_events);
        free((void *)cut.data);
        ++*n;
    }
}

static size_t end_of(const struct original *o, size_t i)
{
    return i + 1 < o->t.log.n_events ? o->t.log.events[i + 1].offset : o->input.len;
}

static void try_log(const struct original *o, const struct writer *w, bool matters)
{
    struct trial t CLEANUP(done) = { 0 };

    REQUIRE(run(&t, writer_bytes(w), &o->quoted));
    check_not_better(o, &t);
    if (matters)
        CHECK(findings_worst(&t.findings) == SEVERITY_CRITICAL);
}

/* Events that extend an explained register cannot go, come twice, or change places with another one of the same register. */
static void move_events(const struct original *o, unsigned *n)
{
    for (size_t i = 1; i + 1 < o->t.log.n_events; i++) {
        const struct event *event = &o->t.log.events[i], *next = event + 1;
        bool extends = event->type != EVENT_TYPE(EV_NO_ACTION);
        bool twins = bytes_equal(event->digests, next->digests);
        size_t from = event->offset, middle = end_of(o, i), to = end_of(o, i + 1);
        struct writer w CLEANUP(writer_done) = { 0 };
        write_bytes(&w, bytes_slice(o->input, 0, from));
        write_bytes(&w, bytes_slice(o->input, middle, o->input.len));
        try_log(o, &w, extends);
        writer_reset(&w);
        write_bytes(&w, bytes_slice(o->input, 0, middle));
        write_bytes(&w, bytes_slice(o->input, from, o->input.len));
        try_log(o, &w, extends);
        writer_reset(&w);
        write_bytes(&w, bytes_slice(o->input, 0, from));
        write_bytes(&w, bytes_slice(o->input, middle, to - middle));
        write_bytes(&w, bytes_slice(o->input, from, middle - from));
        write_bytes(&w, bytes_slice(o->input, to, o->input.len));
        try_log(o, &w, extends && event->pcr == next->pcr && !twins);
        *n += 3;
    }
}

TEST(no_change_of_a_real_log_makes_it_look_better_or_goes_unseen_where_a_digest_covers_it)
{
    size_t stride = getenv("TRUEBOOT_TEST_EXHAUSTIVE") ? 1 : SAMPLE_STRIDE;

    if (!shared_data(logs[0]))
        SKIP("shared data is not there");
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        struct original o CLEANUP(close_original) = { 0 };
        unsigned n = 0;
        REQUIRE(open_original(&o, shared_data(logs[i])));
        CHECK(findings_worst(&o.t.findings) <= SEVERITY_INFO);
        change_bytes(&o, stride, &n);
        cut_ends(&o, stride, &n);
        move_events(&o, &n);
        test_note("%s: %u changed logs", logs[i], n);
    }
}
