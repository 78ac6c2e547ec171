/* Attack suite 4.2, second half: logs made to confuse whoever reads them. */
#include "attack.h"
#include <dirent.h>
#include <stdlib.h>
#include "base/base64.h"
#include "base/file.h"
#include "base/utf8.h"
#include "crypto/random.h"
#include "eventlog/describe/describe.h"
#include "eventlog/replay/replay.h"
#include "eventlog/uefi/signature_list.h"
#include "eventlog/software/sipa.h"
#include "json/parse.h"

#define GLOBAL   "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define SECURITY "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f"

static void put_u32le(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* A db whose list lies about its sizes, really measured. */
static bool measure_db(struct attack *x, struct bytes list)
{
    size_t odd = built_variable(&x->log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), SECURITY, "db", list);

    x->log.events[x->at.db] = x->log.events[odd];
    x->log.n--;
    return attack_measure(x);
}

static void check_that_list_headers_are_skipped(void)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct signature_lists lists;
    struct err err = ERR_INIT;

    write_bytes(&w, BYTES_LIT("\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28"));
    write_u32le(&w, 28 + 48 + 48);
    write_u32le(&w, 48); /* a header that looks like an entry */
    write_u32le(&w, 48);
    for (int i = 0; i < 96; i++)
        write_u8(&w, i < 48 ? 0xee : 0x11);
    REQUIRE_OK(signature_lists_parse(&a, writer_bytes(&w), &lists, &err), err);
    CHECK_INT(lists.n, 1);
    CHECK(lists.n == 1 && bytes_are_all(lists.items[0].data, 0x11) && lists.items[0].data.len == 32);
}

TEST(L11_lists_of_keys_that_lie_about_their_sizes_are_refused)
{
    static const uint32_t sizes[] = { 0, 1, 15, 16, 17, 27, 47, 49, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0 };
    ATTACK(sound);

    check_that_list_headers_are_skipped();
    CHECK_HEALTHY(sound);
    for (size_t field = 0; field < 3; field++) /* size of the list, of its header, of an entry */
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            static const uint8_t hashes[2][32] = { { 1 }, { 2 } };
            ATTACK(x);
            struct bytes list = built_hash_list(&x.a, hashes, 2);
            put_u32le((uint8_t *)list.data + 16 + 4 * field, sizes[i]);
            if (field == 1 && sizes[i] == 0)
                continue; /* as it was */
            REQUIRE_OK(measure_db(&x, list), x.err);
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK(x.verdict != VERDICT_HEALTHY && findings_have(&x.findings, FINDING_SECUREBOOT_LIST_MALFORMED));
            CHECK(x.out.chain && !x.out.chain->db.measured);
            if (test_failed()) {
                test_note("field %zu, value %u", field, sizes[i]);
                attack_show(&x);
                return;
            }
        }
}

/* n aggregates, each inside the one before. */
static struct bytes nested(struct arena *a, size_t n)
{
    uint8_t *data = ARENA_ARRAY(a, 8 * n, uint8_t);

    for (size_t i = 0; data && i < n; i++) {
        put_u32le(data + 8 * i, 0x40010001); /* trust boundary: an aggregate */
        put_u32le(data + 8 * i + 4, (uint32_t)(8 * (n - i - 1)));
    }
    return data ? (struct bytes){ data, 8 * n } : BYTES_NONE;
}

TEST(L12_records_nested_two_million_deep_or_larger_than_their_event_prove_nothing)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes deep = nested(&a, 2000000);
    struct err err = ERR_INIT;

    REQUIRE(deep.len);
    CHECK(!sipa_walk(deep, NULL, &err) && err.code == ERR_LIMIT);
    CHECK(sipa_is_wellformed(bytes_slice(nested(&a, LIMIT_EVENT_NESTING), 0, deep.len)));
    for (size_t n = LIMIT_EVENT_NESTING + 1; n <= 400000; n *= 20) {
        ATTACK(x);
        struct bytes data = nested(&x.a, n);
        built_add(&x.log, 12, EVENT_TYPE(EV_EVENT_TAG), data, data);
        REQUIRE_OK(attack_measure(&x), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.out.chain && x.out.chain->windows.code_integrity == FACT_UNKNOWN && x.out.chain->windows.boot_debugging == FACT_UNKNOWN);
    }
    /* A boot debugging = 0 record whose header claims more than there is. */
    for (uint32_t len = 2; len; len <<= 3) {
        ATTACK(x);
        uint8_t record[9] = { 0 };
        put_u32le(record, 0x00050001);
        put_u32le(record + 4, len);
        built_add(&x.log, 12, EVENT_TYPE(EV_EVENT_TAG), BYTES_OF(record), BYTES_OF(record));
        REQUIRE_OK(attack_measure(&x), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.out.chain && x.out.chain->windows.boot_debugging == FACT_UNKNOWN);
    }
}

/* Offsets of the sizes that a log states. */
enum {
    HEADER_EVENT_SIZE = 28,
    N_ALGORITHMS = 56,
    ALGORITHM_LEN = 62,
    VENDOR_INFO_SIZE = 64,
    FIRST_EVENT = 65,
    N_DIGESTS = FIRST_EVENT + 8,
    FIRST_SIZE = FIRST_EVENT + 12 + 34
};

TEST(L13_sizes_near_two_to_the_32_allocate_nothing)
{
    static const uint32_t sizes[] = { 0xffffffff, 0xfffffffe, 0xfffffff0, 0xffff0000, 0x80000001,
                                      0x80000000, 0x7fffffff, 0x40000000, 0x10000000, 0x00ffffff };
    static const struct {
        const char *what;
        size_t at, len;
    } fields[] = {
        { "header event size", HEADER_EVENT_SIZE, 4 }, { "number of algorithms", N_ALGORITHMS, 4 },
        { "digest length", ALGORITHM_LEN, 2 },         { "vendor information size", VENDOR_INFO_SIZE, 1 },
        { "number of digests", N_DIGESTS, 4 },         { "event size", FIRST_SIZE, 4 },
    };

    for (size_t f = 0; f < ARRAY_LEN(fields); f++)
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            ATTACK(x);
            struct arena a CLEANUP(arena_done) = { 0 };
            struct eventlog log;
            struct bytes sent = attack_log(&x);
            uint8_t value[4];
            put_u32le(value, sizes[i]);
            if (memcmp(sent.data + fields[f].at, value, fields[f].len) == 0)
                continue;
            memcpy((uint8_t *)sent.data + fields[f].at, value, fields[f].len);
            x.raw_log = sent;
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK(attack_refused(&x));
            REQUIRE_OK(eventlog_parse(&a, sent, &log, &x.err), x.err);
            CHECK(a.used <= 16 * sent.len + 4096);
            if (test_failed()) {
                test_note("%s = %08x: %zu bytes for %zu", fields[f].what, sizes[i], a.used, sent.len);
                attack_show(&x);
                return;
            }
        }
    /* Lengths inside a variable: 64 bits each. */
    for (size_t f = 0; f < 2; f++)
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
            for (size_t high = 0; high < 2; high++) {
                ATTACK(x);
                struct built_event *e = &x.log.events[x.at.secure_boot];
                size_t used;
                put_u32le((uint8_t *)e->data.data + 16 + 8 * f + 4 * high, sizes[i]);
                e->hashed = e->data;
                REQUIRE_OK(attack_measure(&x), x.err);
                used = x.a.used;
                REQUIRE_OK(attack_send(&x), x.err);
                CHECK(attack_refused(&x) && x.out.appraisal.facts.secure_boot == SECURE_BOOT_UNKNOWN);
                CHECK(x.a.used - used < 4 << 20);
            }
}

/* Everything that is done with a log: appraised, and each event described. */
static void read_anything(struct bytes content)
{
    ATTACK(x);
    struct eventlog log;
    struct event_mark *marks;
    struct bytes copy = exact_copy(content);

    x.raw_log = copy;
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK(attack_refused(&x));
    REQUIRE(eventlog_parse(&x.a, copy, &log, &x.err) && replay_marks(&x.a, &log, &marks, &x.err));
    for (size_t i = 0; i < log.n_events && i < 2000; i++)
        CHECK(event_describe(&x.a, &log, &log.events[i], &marks[i]) && event_title(&x.a, &log, &log.events[i]));
    free((void *)copy.data);
}

static unsigned read_every_log_of(const char *folder)
{
    DIR *dir = opendir(folder);
    unsigned n = 0;

    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        static const char *const names[] = { "eventlog.bin", "binary_bios_measurements" };
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            struct arena a CLEANUP(arena_done) = { 0 };
            struct err err = ERR_INIT;
            struct bytes content;
            if (!file_read_in(&a, arena_printf(&a, "%s/%s/%s", folder, entry->d_name, names[i]), LIMIT_LOG_BYTES, &content, &err))
                continue;
            read_anything(content);
            n++;
        }
    }
    if (dir)
        closedir(dir);
    return n;
}

static void read_noise(void)
{
    for (size_t i = 0; i < 300; i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        uint8_t noise[2048];
        char *text;
        REQUIRE_OK(random_bytes(noise, sizeof noise, &err), err);
        read_anything((struct bytes){ noise, 1 + 7 * i % sizeof noise });
        text = base64_in(&a, BASE64_STANDARD, BYTES_OF(noise));
        REQUIRE(text);
        read_anything(bytes_of_string(text));
    }
}

TEST(L14_no_public_log_and_no_noise_crashes_the_reader)
{
    read_noise();
    if (!shared_data("event-logs"))
        SKIP("shared data is absent; noise alone was read");
    CHECK(read_every_log_of(shared_data("event-logs")) > 10);
    CHECK(read_every_log_of(shared_data("boot-logs")) > 20);
}

static size_t add_locality(struct attack *x, uint32_t pcr, struct bytes data, size_t to)
{
    size_t at = built_add(&x->log, pcr, EVENT_TYPE(EV_NO_ACTION), data, data);

    attack_move(x, at, to);
    return to;
}

TEST(L15_the_startup_locality_stands_once_and_first_in_register_0_and_is_0_3_or_4)
{
    for (int value = 0; value < 256; value++) {
        ATTACK(x);
        uint8_t data[17] = "StartupLocality";
        data[16] = (uint8_t)value;
        add_locality(&x, 0, BYTES_OF(data), 0);
        REQUIRE_OK(attack_measure(&x), x.err);
        if (value == 0 || value == 3 || value == 4)
            CHECK_HEALTHY(x);
        else
            CHECK_NEVER_HEALTHY(x, LOG_LOCALITY);
    }
    for (int wrong = 0; wrong < 6; wrong++) {
        static const uint8_t three[18] = "StartupLocality\0\3";
        struct bytes right = { three, 17 };
        ATTACK(x);
        /* clang-format off */
        switch (wrong) {
        case 0: add_locality(&x, 0, (struct bytes){ three, 16 }, 0); break;
        case 1: add_locality(&x, 0, (struct bytes){ three, 18 }, 0); break;
        case 2: add_locality(&x, 1, right, 0); break;
        case 3: add_locality(&x, 0, right, 1); break;
        case 4: add_locality(&x, 0, right, x.log.n - 1); break;
        case 5: add_locality(&x, 0, right, 0); add_locality(&x, 0, right, 0); break;
        }
        /* clang-format on */
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_NEVER_HEALTHY(x, LOG_LOCALITY);
    }
    {
        ATTACK(x); /* another locality than the TPM was started from */
        static const uint8_t four[18] = "StartupLocality\0\4";
        add_locality(&x, 0, (struct bytes){ four, 17 }, 0);
        CHECK_NEVER_HEALTHY(x, LOG_REPLAY_MISMATCH);
    }
    {
        ATTACK(x); /* measured before the firmware ran: register 0 starts from 4 */
        size_t at = built_add(&x.log, 0, EVENT_TYPE(EV_EFI_HCRTM_EVENT), BYTES_LIT("HCRTM"), BYTES_LIT("the first firmware"));
        attack_move(&x, at, 0);
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_HEALTHY(x);
    }
}

TEST(L16_events_without_an_action_never_extend_and_unknown_algorithms_are_skipped_by_length)
{
    static const struct bytes kinds[] = { { (const uint8_t *)"SP800-155 Event3\1\2\3\4", 20 },
                                          { (const uint8_t *)"NvIndexInstance\0", 16 },
                                          { (const uint8_t *)"Spec ID Event03\0\0\0\0\0\0\2\0\2\xff\xff\xff\xff", 28 },
                                          { (const uint8_t *)"", 0 },
                                          { (const uint8_t *)"anything", 8 } };
    struct pcr_set sound_registers;
    ATTACK(sound);

    CHECK_HEALTHY(sound);
    sound_registers = sound.quoted;
    for (uint32_t pcr = 0; pcr < LIMIT_PCRS; pcr++)
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            for (size_t to = 0; to < sound.log.n; to += 9) {
                ATTACK(x);
                struct eventlog log;
                struct pcr_set computed;
                add_locality(&x, pcr, kinds[k], to);
                REQUIRE_OK(attack_send(&x), x.err); /* the same registers as before */
                CHECK(!findings_have(&x.findings, FINDING_LOG_REPLAY_MISMATCH));
                REQUIRE_OK(eventlog_parse(&x.a, attack_log(&x), &log, &x.err), x.err);
                replay_compute(&log, &computed);
                CHECK(digest_equal(&computed.banks[0].value[pcr], &sound_registers.banks[0].value[pcr]));
            }
    /* A Spec ID event that counts more or fewer algorithms than it lists. */
    for (uint32_t n = 0; n < 20; n++) {
        ATTACK(x);
        struct bytes sent = attack_log(&x);
        if (n == 1)
            continue;
        put_u32le((uint8_t *)sent.data + N_ALGORITHMS, n);
        x.raw_log = sent;
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(attack_refused(&x));
    }
}

/* The log again, with a second digest of an algorithm that nobody knows. */
static struct bytes with_unknown_algorithm(struct attack *x, size_t len)
{
    struct bytes plain = attack_log(x);
    struct writer w CLEANUP(writer_done) = { 0 };
    struct eventlog log;
    struct bytes copy;
    uint8_t filler[200];

    memset(filler, 0xa5, sizeof filler);
    if (!eventlog_parse(&x->a, plain, &log, &x->err))
        abort();
    write_bytes(&w, bytes_slice(plain, 0, HEADER_EVENT_SIZE));
    write_u32le(&w, 37);
    write_bytes(&w, bytes_slice(plain, HEADER_EVENT_SIZE + 4, 24));
    write_u32le(&w, 2);
    write_bytes(&w, bytes_slice(plain, N_ALGORITHMS + 4, 4));
    write_u16le(&w, 0x7777);
    write_u16le(&w, (uint16_t)len);
    write_u8(&w, 0);
    for (size_t i = 1; i < log.n_events; i++) {
        const struct event *e = &log.events[i];
        write_u32le(&w, e->pcr);
        write_u32le(&w, e->type);
        write_u32le(&w, 2);
        write_bytes(&w, e->digests);
        write_u16le(&w, 0x7777);
        write_bytes(&w, (struct bytes){ filler, len });
        write_u32le(&w, (uint32_t)e->data.len);
        write_bytes(&w, e->data);
    }
    if (!writer_ok(&w) || !arena_copy(&x->a, writer_bytes(&w), &copy))
        abort();
    return copy;
}

TEST(L17_fill_behind_the_last_event_is_no_event)
{
    static const uint8_t fills[] = { 0x00, 0xff };
    static const size_t lengths[] = { 1, 8, 31, 32, 4096, 1 << 20 };

    for (size_t f = 0; f < ARRAY_LEN(fills); f++)
        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
            ATTACK(x);
            struct bytes sent = attack_log(&x);
            uint8_t *padded = ARENA_ARRAY(&x.a, sent.len + lengths[i], uint8_t);
            struct eventlog log;
            REQUIRE(padded);
            memcpy(padded, sent.data, sent.len);
            memset(padded + sent.len, fills[f], lengths[i]);
            x.raw_log = (struct bytes){ padded, sent.len + lengths[i] };
            REQUIRE_OK(eventlog_parse(&x.a, x.raw_log, &log, &x.err), x.err);
            CHECK_INT(log.n_events, x.log.n + 1);
            CHECK_HEALTHY(x);
            CHECK(attack_severity(&x, FINDING_LOG_TRAILING) == SEVERITY_INFO);
        }
    for (size_t len = 0; len < 200; len += 20) {
        ATTACK(x);
        x.raw_log = with_unknown_algorithm(&x, len);
        CHECK_HEALTHY(x);
    }
}

TEST(L18_without_a_policy_and_with_an_empty_one_nothing_is_healthy)
{
    static const char *const empty[] = { "version=1.0;\nauthorizationrules{};\nissuancerules{};\n",
                                         "version=1.2;\nconfigurationrules{};\nauthorizationrules{};\nissuancerules{};\n" };
    static const char *const none[] = { "", " ", "{}", "[]", "null", "accept-all", "version=1.0;", "authorizationrules{ => permit(); };" };

    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        ATTACK(x);
        x.policy = empty[i];
        CHECK_NEVER_HEALTHY(x, POLICY_NOT_PERMITTED);
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        ATTACK(x);
        x.policy = none[i]; /* refused when it is set; a version without rules permits nothing */
        CHECK(!attack_send(&x) || (attack_refused(&x) && findings_have(&x.findings, FINDING_POLICY_NOT_PERMITTED)));
    }
    {
        ATTACK(x);
        x.no_policy = true;
        CHECK_NEVER_HEALTHY(x, POLICY_NOT_PERMITTED);
        CHECK_INT(x.out.appraisal.decision, DECISION_NOT_RUN);
    }
}

TEST(L19_every_attestation_is_judged_anew)
{
    ATTACK(x);
    struct baseline baseline;
    size_t kernel;

    CHECK_HEALTHY(x);
    REQUIRE_OK(attack_learn(&x, &baseline), x.err);
    x.baseline = &baseline;
    CHECK_HEALTHY(x);
    x.policy = "version=1.0;\nauthorizationrules{ => deny(); };\nissuancerules{};\n"; /* the same evidence, another policy */
    CHECK_NEVER_HEALTHY(x, POLICY_DENIED);
    x.policy = NULL;
    CHECK_HEALTHY(x);
    kernel = x.at.kernel; /* the same machine, the next boot */
    x.log.events[kernel].hashed = BYTES_LIT("another kernel");
    REQUIRE_OK(attack_measure(&x), x.err);
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK(x.verdict == VERDICT_UNHEALTHY && findings_have(&x.findings, FINDING_BOOT_KERNEL_CHANGED));
    { /* and the one after it */
        struct attack off;
        REQUIRE_OK(attack_begin(&off), off.err);
        built_variable(&off.log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), GLOBAL, "SecureBoot", BYTES_LIT("\0"));
        off.log.events[off.at.secure_boot] = off.log.events[--off.log.n];
        CHECK(attack_measure(&off));
        CHECK(attack_send(&off) && attack_refused(&off) && findings_have(&off.findings, FINDING_SECUREBOOT_DISABLED));
        attack_done(&off);
    }
}

TEST(L20_no_log_makes_a_quoted_register_go_unjudged)
{
    static const uint32_t types[] = { EVENT_TYPE(EV_NO_ACTION), EVENT_TYPE(EV_UNUSED), 0x7fffffff };

    for (uint32_t pcr = 0; pcr < 16; pcr++)
        for (size_t t = 0; t < ARRAY_LEN(types); t++) {
            ATTACK(x); /* every event of the register under a type that counts for nothing */
            size_t n = 0;
            for (size_t i = 0; i < x.log.n; i++)
                if (x.log.events[i].pcr == pcr) {
                    x.log.events[i].type = types[t];
                    n++;
                }
            if (!n)
                continue;
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK_INT(x.verdict, VERDICT_UNHEALTHY);
            n = 0;
            for (size_t i = 0; i < x.findings.n; i++)
                n += x.findings.items[i].pcr == (int)pcr && x.findings.items[i].severity >= SEVERITY_MEDIUM;
            CHECK(n > 0);
            if (test_failed()) {
                test_note("register %u, type %08x", pcr, types[t]);
                attack_show(&x);
                return;
            }
        }
    for (unsigned pcr = 16; pcr < LIMIT_PCRS; pcr += 7) { /* 16 and 23 belong to programs: shown, and said so */
        ATTACK(x);
        digest_extend(&x.quoted.banks[0].value[pcr], digest_bytes(&x.quoted.banks[0].value[0]));
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_HEALTHY && attack_severity(&x, FINDING_VALUE_PCR_USED) == SEVERITY_INFO);
    }
    for (unsigned pcr = 17; pcr < 23; pcr++) {
        ATTACK(x);
        digest_extend(&x.quoted.banks[0].value[pcr], digest_bytes(&x.quoted.banks[0].value[0]));
        CHECK_NEVER_HEALTHY(x, DRTM_UNEXPECTED);
    }
}

TEST(L21_a_log_that_grew_or_shrank_since_the_quote_is_never_repaired)
{
    ATTACK(sound);
    struct bytes whole = attack_log(&sound);
    struct eventlog log;

    REQUIRE_OK(eventlog_parse(&sound.a, whole, &log, &sound.err), sound.err);
    for (size_t i = 1; i < log.n_events; i++) { /* shrunk: cut before an event */
        ATTACK(x);
        x.raw_log = bytes_slice(whole, 0, log.events[i].offset);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(attack_refused(&x));
        x.raw_log = bytes_slice(whole, 0, log.events[i].offset + 7); /* and inside one */
        CHECK_NEVER_HEALTHY(x, LOG_TRUNCATED);
    }
    for (uint32_t pcr = 0; pcr < 16; pcr++) { /* grown */
        ATTACK(x);
        built_text(&x.log, pcr, EVENT_TYPE(EV_IPL), "came after the quote");
        if (pcr == 10)
            continue; /* the IMA list explains it */
        CHECK_NEVER_HEALTHY(x, LOG_REPLAY_MISMATCH);
    }
}

static bool is_safe(const char *text)
{
    struct bytes rest = bytes_of_string(text ? text : "");

    if (!utf8_is_valid(rest))
        return false;
    for (uint32_t c; rest.len && utf8_next(&rest, &c);)
        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
            return false;
    return true;
}

static void check_that_all_texts_are_safe(struct attack *x)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct json *read;
    const struct component_list *list = &x->out.appraisal.boot.components;
    const struct appraisal_facts *facts = &x->out.appraisal.facts;
    struct appraisal again;

    for (size_t i = 0; i < x->findings.n; i++)
        CHECK(is_safe(x->findings.items[i].text) && is_safe(x->findings.items[i].was) && is_safe(x->findings.items[i].is));
    for (size_t i = 0; i < list->n; i++)
        CHECK(is_safe(list->items[i].key) && is_safe(list->items[i].name) && is_safe(list->items[i].text) &&
              is_safe(list->items[i].signer));
    CHECK(is_safe(facts->boot_summary) && is_safe(facts->kernel_label) && is_safe(facts->command_line) && is_safe(facts->os_release));
    for (enum phase p = PHASE_FIRMWARE; p <= PHASE_OS; p++)
        CHECK(is_safe(facts->phase_summary[p]));
    json_begin_object(&out, NULL);
    appraisal_write(&out, &x->out.appraisal);
    json_end(&out);
    REQUIRE(writer_ok(&w));
    REQUIRE_OK(json_parse(&x->a, writer_bytes(&w), NULL, &read, &x->err), x->err);
    REQUIRE_OK(appraisal_read(&x->a, read, &again, &x->err), x->err);
    CHECK_INT(again.findings.n, x->out.appraisal.findings.n);
    for (size_t i = 0; i < w.len; i++)
        CHECK(w.data[i] >= 0x20 && w.data[i] != 0x7f);
}

TEST(L22_text_of_events_is_safe_to_show_and_the_json_around_it_sound)
{
    static const struct bytes texts[] = {
        { (const uint8_t *)"\x1b[2J\x1b[31mAll is well\x1b[0m", 24 },
        { (const uint8_t *)"one\r\nverdict: Healthy\n", 22 },
        { (const uint8_t *)"<script>alert(1)</script><img src=x onerror=alert(1)>", 53 },
        { (const uint8_t *)"\",\"verdict\":\"Healthy\",\"x\":\"", 27 },
        { (const uint8_t *)"\xff\xfe\x00\xd8\x00\xd8\x41", 7 }, /* unpaired surrogates */
        { (const uint8_t *)"\xc2\x9b"
                           "31m\xe2\x80\xae"
                           "dorevo\xe2\x81\xa6",
          15 },
        { (const uint8_t *)"%s%s%s%n%n%n", 12 },
        { (const uint8_t *)"\0\0\0\0\1\2\3\4\5\6\7\b\t", 13 },
        { (const uint8_t *)"\xc0\x80\xf8\x88\x80\x80\x80\xed\xa0\x80", 10 },
    };
    static const uint32_t types[] = { EVENT_TYPE(EV_IPL),
                                      EVENT_TYPE(EV_EFI_ACTION),
                                      EVENT_TYPE(EV_POST_CODE),
                                      EVENT_TYPE(EV_EVENT_TAG),
                                      EVENT_TYPE(EV_S_CRTM_VERSION),
                                      EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG),
                                      0xdeadbeef };
    char *long_text = malloc(1 << 20);

    REQUIRE(long_text);
    memset(long_text, 0x1b, 1 << 20);
    for (size_t i = 0; i <= ARRAY_LEN(texts); i++)
        for (uint32_t pcr = 0; pcr < 16; pcr++) {
            ATTACK(x);
            struct bytes text = i < ARRAY_LEN(texts) ? texts[i] : (struct bytes){ (const uint8_t *)long_text, 1 << 20 };
            struct writer line CLEANUP(writer_done) = { 0 };
            bool is_long = i == ARRAY_LEN(texts);
            if (is_long && pcr % 4)
                continue; /* a million bytes a time */
            for (size_t t = 0; t < (is_long ? 1 : ARRAY_LEN(types)); t++)
                built_add(&x.log, pcr, types[t], text, text);
            write_string(&line, "kernel_cmdline: /vmlinuz-6.1 ");
            write_bytes(&line, text);
            x.log.events[x.at.cmdline].data = writer_bytes(&line);
            x.log.events[x.at.cmdline].hashed = bytes_slice(writer_bytes(&line), 16, line.len);
            x.log.events[x.at.kernel_file].data = bytes_slice(text, 0, 1 << 16);
            if (!is_long) {
                built_variable(&x.log, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), SECURITY, "db", text);
                built_variable(&x.log, 1, EVENT_TYPE(EV_EFI_VARIABLE_BOOT), GLOBAL, "Boot\x1b[2J", text);
            }
            REQUIRE_OK(attack_measure(&x), x.err);
            REQUIRE_OK(attack_send(&x), x.err);
            check_that_all_texts_are_safe(&x);
            if (test_failed()) {
                test_note("text %zu in register %u", i, pcr);
                break;
            }
        }
    free(long_text);
}
