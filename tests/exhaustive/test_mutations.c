/* Every change to a sound log with its quote: never a better verdict than the original's, no new proved fact, and strictly worse wherever
 * a quoted digest covers what changed.
 *
 * `make test` takes a sample: every 97th byte, and the fields and borders of every event. With TRUEBOOT_TEST_EXHAUSTIVE in
 * the environment (`make test-exhaustive`) it is every byte: in all its 255 other values for the sound log made here, in nine (each
 * single bit, and all of them) for the larger ones of real machines and for those with something to hide; every truncation; every event
 * removed, doubled, swapped with the next one. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "base/file.h"
#include "mutation.h"
#include "support/test.h"
#include "unit/bootchain/log_builder.h"

enum { WORKERS = 2, SAMPLE_STEP = 97, SHOWN_FAILURES = 12, SAMPLED_DATA = 5, LONGEST_FALSE_DATA = 256 };

static bool everything(void) { return getenv("TRUEBOOT_TEST_EXHAUSTIVE") != NULL; }

/* ---- the work, for several threads ---------------------------------------------------------------------------------- */

struct job {
    const struct subject *s;
    const char *what;
    bool (*step)(struct job *j, struct arena *a, uint8_t *buffer, size_t i); /* false: no memory */
    size_t n;
    bool all_values;
    atomic_size_t next, tried, failed, worse;
    atomic_bool broken;
    pthread_mutex_t lock; /* for notes */
};

static void judge_change(struct job *j, struct arena *a, struct bytes log, enum byte_role role, size_t at, unsigned detail)
{
    struct outcome now;
    const char *better;
    bool worse;

    if (!subject_try(j->s, a, log, &now)) {
        j->broken = true;
        return;
    }
    better = outcome_better(j->s, &now, role == BYTE_LABEL);
    worse = outcome_worse(j->s, &now);
    j->tried++;
    j->worse += worse;
    if (better || (role == BYTE_COVERED && !worse)) {
        pthread_mutex_lock(&j->lock);
        if (j->failed++ < SHOWN_FAILURES)
            test_note("%s, %s at %zu (%u): %s", j->s->name, j->what, at, detail,
                      better ? better : "is no worse, and a quoted digest covers it");
        pthread_mutex_unlock(&j->lock);
    }
}

static void *work(void *context)
{
    struct job *j = context;
    struct arena a CLEANUP(arena_done) = { 0 };
    uint8_t *buffer = malloc(2 * j->s->log.len + LONGEST_FALSE_DATA);
    size_t i;

    while (buffer && !j->broken && (i = j->next++) < j->n) {
        if (!j->step(j, &a, buffer, i))
            j->broken = true;
        if (everything() && j->n >= 20 && i % (j->n / 20) == 0) {
            pthread_mutex_lock(&j->lock);
            test_note("%s: %s: %zu of %zu", j->s->name, j->what, i, j->n);
            pthread_mutex_unlock(&j->lock);
        }
    }
    free(buffer);
    return NULL;
}

static void run(struct job *j)
{
    pthread_t threads[WORKERS];
    size_t n = 0;

    pthread_mutex_init(&j->lock, NULL);
    while (n < WORKERS && pthread_create(&threads[n], NULL, work, j) == 0)
        n++;
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&j->lock);
    CHECK(n > 0 && !j->broken);
    CHECK_INT(j->failed, 0);
    test_note("%s: %s: %zu tried, %zu worse, %zu failed", j->s->name, j->what, (size_t)j->tried, (size_t)j->worse, (size_t)j->failed);
}

/* ---- single bytes ----------------------------------------------------------------------------------------------------- */

static bool change_byte(struct job *j, struct arena *a, uint8_t *buffer, size_t at)
{
    const struct subject *s = j->s;
    unsigned n = !everything() ? 2 : j->all_values ? 255 : 9;

    memcpy(buffer, s->log.data, s->log.len);
    for (unsigned k = 0; k < n; k++) {
        static const uint8_t few[] = { 0x01, 0x80, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0xff };
        uint8_t flip = j->all_values && everything() ? (uint8_t)(k + 1) : few[k];
        arena_reset(a);
        buffer[at] = s->log.data[at] ^ flip;
        judge_change(j, a, (struct bytes){ buffer, s->log.len }, s->roles[at], at, flip);
    }
    return true;
}

/* ---- truncations ------------------------------------------------------------------------------------------------------ */

static bool has_judged_event_after(const struct subject *s, size_t offset)
{
    for (size_t i = s->n_events; i-- > 0 && s->events[i].to > offset;)
        if (s->read->events[i].type != EVENT_TYPE(EV_NO_ACTION) && subject_judges(s, s->read->events[i].pcr))
            return true;
    return false;
}

static bool cut(struct job *j, struct arena *a, uint8_t *buffer UNUSED, size_t len)
{
    arena_reset(a);
    judge_change(j, a, bytes_slice(j->s->log, 0, len), has_judged_event_after(j->s, len) ? BYTE_COVERED : BYTE_FORM, len, 0);
    return true;
}

/* ---- whole events ------------------------------------------------------------------------------------------------------ */

static size_t put(uint8_t *buffer, size_t at, struct bytes part)
{
    if (part.len)
        memcpy(buffer + at, part.data, part.len);
    return at + part.len;
}

static struct bytes event_bytes(const struct subject *s, size_t i)
{
    return bytes_slice(s->log, s->events[i].from, s->events[i].to - s->events[i].from);
}

static bool is_judged(const struct subject *s, size_t i)
{
    return s->read->events[i].type != EVENT_TYPE(EV_NO_ACTION) && subject_judges(s, s->read->events[i].pcr);
}

/* Events of one register, in another order: another value, unless they are the same. */
static bool swap_is_judged(const struct subject *s, size_t i)
{
    const struct event *e = &s->read->events[i], *next = &s->read->events[i + 1];

    return is_judged(s, i) && is_judged(s, i + 1) && e->pcr == next->pcr && !bytes_equal(e->digests, next->digests);
}

static void change_event(struct job *j, struct arena *a, uint8_t *buffer, size_t i, unsigned how)
{
    const struct subject *s = j->s;
    size_t end = s->events[s->n_events - 1].to, len = put(buffer, 0, bytes_slice(s->log, 0, s->events[i].from));
    bool must_be_worse = how == 2 ? swap_is_judged(s, i) : is_judged(s, i);

    if (how == 1)
        len = put(buffer, len, event_bytes(s, i));
    if (how == 2)
        len = put(buffer, len, event_bytes(s, i + 1));
    if (how != 0)
        len = put(buffer, len, event_bytes(s, i));
    for (size_t k = i + (how == 2 ? 2 : 1); k < s->n_events; k++)
        len = put(buffer, len, event_bytes(s, k));
    len = put(buffer, len, bytes_slice(s->log, end, s->log.len - end));
    arena_reset(a);
    judge_change(j, a, (struct bytes){ buffer, len }, must_be_worse ? BYTE_COVERED : BYTE_FORM, i, how);
}

static bool change_events(struct job *j, struct arena *a, uint8_t *buffer, size_t i)
{
    for (unsigned how = 0; how < 3; how++)
        if (how < 2 || i + 1 < j->s->n_events)
            change_event(j, a, buffer, i, how);
    return true;
}

/* ---- types and data -------------------------------------------------------------------------------------------------- */

static const uint32_t all_types[] = {
#define X(number, name, content, covers, pcrs, after, section) number,
    EVENT_TYPES(X)
#undef X
        0x0000abcd,
    0x800000ff,
};

#define WITH_NUL(literal)                           \
    {                                               \
        (const uint8_t *)(literal), sizeof(literal) \
    }

/* What somebody writes into an event's data who hopes to be taken at his word: each is what some decoder looks for. */
static const struct bytes false_data[] = {
    BYTES_LIT(""),
    BYTES_LIT("\0\0\0\0"),
    WITH_NUL("grub_cmd: initrd /initrd.img"),
    WITH_NUL("kernel_cmdline: /vmlinuz quiet"),
    WITH_NUL("(hd0,gpt2)/boot/grub/grubenv"),
    WITH_NUL("MokListTrusted"),
    BYTES_LIT("{\"pcr\":11,\"digests\":[],\"content_type\":\"systemd\",\"content\":{\"string\":\"ready\"}}"),
    WITH_NUL(".\0i\0n\0i\0t\0r\0d\0\0"),
    WITH_NUL("\xec\x22\x3b\x8f\x0d\0\0\0Linux initrd"),
    BYTES_LIT("\x03\0\x05\0\x01\0\0\0\0"),
    WITH_NUL("r\0o\0o\0t\0=\0x\0\0"),
};

/* Type and data of an event are whatever the log's writer likes, as long as no digest covers them: register and digests stay. */
static bool retype_event(struct job *j, struct arena *a, uint8_t *buffer, size_t i)
{
    const struct subject *s = j->s;
    struct bytes whole = event_bytes(s, i), own = s->read->events[i].data;
    size_t before = s->events[i].from, head = whole.len - own.len - 4;

    for (size_t t = 0; t < ARRAY_LEN(all_types); t++)
        for (size_t d = everything() ? 0 : (t + i) % SAMPLED_DATA; d <= ARRAY_LEN(false_data); d += everything() ? 1 : SAMPLED_DATA) {
            struct bytes data = d < ARRAY_LEN(false_data) ? false_data[d] : own;
            const uint8_t type[4] = { (uint8_t)all_types[t], (uint8_t)(all_types[t] >> 8), (uint8_t)(all_types[t] >> 16),
                                      (uint8_t)(all_types[t] >> 24) };
            const uint8_t len[4] = { (uint8_t)data.len, (uint8_t)(data.len >> 8), (uint8_t)(data.len >> 16), 0 };
            size_t n = put(buffer, 0, bytes_slice(s->log, 0, before + head));
            memcpy(buffer + before + 4, type, sizeof type);
            n = put(buffer, n, BYTES_OF(len));
            n = put(buffer, n, data);
            n = put(buffer, n, bytes_slice(s->log, s->events[i].to, s->log.len));
            arena_reset(a);
            judge_change(j, a, (struct bytes){ buffer, n }, BYTE_FORM, i, (unsigned)(t * 100 + d));
        }
    return true;
}

/* ---- sample or all ------------------------------------------------------------------------------------------------------- */

static bool in_sample(const struct subject *s, size_t at)
{
    if (everything() || at % SAMPLE_STEP == 0)
        return true;
    for (size_t i = 0; i < s->n_events; i++) {
        size_t data = s->events[i].to - s->read->events[i].data.len;
        if (at == s->events[i].from || at == s->events[i].from + 4 || at == s->events[i].from + 8 || at == data - 4 || at == data ||
            at + 1 == s->events[i].to)
            return true;
    }
    return false;
}

static bool change_sampled_byte(struct job *j, struct arena *a, uint8_t *buffer, size_t at)
{
    return !in_sample(j->s, at) || change_byte(j, a, buffer, at);
}

static bool cut_sampled(struct job *j, struct arena *a, uint8_t *buffer, size_t at)
{
    return !in_sample(j->s, at) || cut(j, a, buffer, at);
}

static void change_all(const struct subject *s, bool all_values)
{
    struct job bytes = { .s = s, .what = "byte", .step = change_sampled_byte, .n = s->log.len, .all_values = all_values };
    struct job types = { .s = s, .what = "event of type (/100) with data (%100)", .step = retype_event, .n = s->n_events };
    struct job cuts = { .s = s, .what = "cut", .step = cut_sampled, .n = s->log.len };
    struct job events = { .s = s, .what = "event removed (0), doubled (1), swapped (2)", .step = change_events, .n = s->n_events };

    test_note("%s: %zu bytes, %zu events, %zu facts, %s", s->name, s->log.len, s->n_events, s->original.facts.n,
              verdict_name(s->original.alone));
    run(&events);
    run(&types);
    run(&cuts);
    run(&bytes);
}

/* ---- the logs -------------------------------------------------------------------------------------------------------------- */

static void change_built(const char *name, struct built_log *log, bool sound)
{
    struct subject s CLEANUP(subject_done) = { 0 };
    struct boot_sample sample;

    REQUIRE(built_read(log, NULL, &sample));
    REQUIRE(subject_begin(&s, name, built_bytes(log), &sample.quoted));
    CHECK(sound == (s.original.alone == VERDICT_HEALTHY) && (!sound || s.original.decision == DECISION_PERMITTED));
    change_all(&s, sound);
}

static void change_real(const char *folder)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct subject s CLEANUP(subject_done) = { 0 };
    struct boot_sample sample;
    struct bytes log;
    struct err err = ERR_INIT;
    const char *root = shared_data(folder);

    if (!root)
        SKIP("shared data is absent");
    REQUIRE(sample_read(&a, root, SAMPLE_ALL_BANKS, NULL, &sample));
    REQUIRE_OK(file_read_in(&a, arena_printf(&a, "%s/binary_bios_measurements", root), LIMIT_LOG_BYTES, &log, &err), err);
    REQUIRE(subject_begin(&s, folder, log, &sample.quoted));
    CHECK_INT(s.original.alone, VERDICT_HEALTHY);
    change_all(&s, false);
}

TEST(no_change_to_a_stock_boot_makes_it_better_and_each_covered_one_makes_it_worse)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct built_log log;
    struct stock at;

    built_stock(&a, &log, &at);
    change_built("stock boot", &log, true);
}

/* Boots with one reason each to be Unhealthy, which a change could try to hide. */
#define GLOBAL   "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define SECURITY "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f"
#define SHIM     "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23"
#define CONFIG   EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG)

/* The last event goes into the place of the one at `at`, or before it. */
static void put_in_place(struct built_log *log, size_t at) { log->events[at] = log->events[--log->n]; }

static void put_before(struct built_log *log, size_t at)
{
    struct built_event last = log->events[log->n - 1];

    memmove(&log->events[at + 1], &log->events[at], (log->n - 1 - at) * sizeof last);
    log->events[at] = last;
}

static void dangerous_option(struct built_log *log, const struct stock *at)
{
    built_grub(log, "kernel_cmdline: ", "/vmlinuz-6.1 root=/dev/vda1 init=/bin/sh");
    put_in_place(log, at->cmdline);
}

static void secure_boot_off(struct built_log *log, const struct stock *at)
{
    built_variable(log, 7, CONFIG, GLOBAL, "SecureBoot", BYTES_LIT("\0"));
    put_in_place(log, at->secure_boot);
}

static void no_platform_key(struct built_log *log, const struct stock *at)
{
    built_variable(log, 7, CONFIG, GLOBAL, "PK", BYTES_NONE);
    put_in_place(log, at->pk);
}

static void audit_mode(struct built_log *log, const struct stock *at)
{
    built_variable(log, 7, CONFIG, GLOBAL, "AuditMode", BYTES_LIT("\1"));
    put_before(log, at->separator7);
}

static void debugger(struct built_log *log, const struct stock *at)
{
    built_text(log, 7, EVENT_TYPE(EV_EFI_ACTION), "UEFI Debug Mode");
    put_before(log, at->separator7);
}

static void shim_without_validation(struct built_log *log, const struct stock *at UNUSED)
{
    built_variable(log, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), SHIM, "MokSBState", BYTES_LIT("\1"));
    built_add(log, 14, EVENT_TYPE(EV_IPL), BYTES_LIT("MokSBState\0"), BYTES_LIT("\1"));
}

static void revoked_loader(struct built_log *log, const struct stock *at)
{
    struct digest d;
    uint8_t hashes[1][32];

    digest_compute(DIGEST_SHA256, BYTES_LIT("grub"), &d);
    memcpy(hashes[0], d.value, 32);
    built_variable(log, 7, CONFIG, SECURITY, "dbx", built_hash_list(log->a, hashes, 1));
    put_in_place(log, at->dbx);
}

/* A driver of a card that the machine's own list forbids: registers 0 and 2 are the firmware's, and so is what runs there. */
static void revoked_driver(struct built_log *log, const struct stock *at)
{
    revoked_loader(log, at);
    built_add(log, 2, EVENT_TYPE(EV_EFI_BOOT_SERVICES_DRIVER), BYTES_LIT("driver"), BYTES_LIT("grub"));
    log->events[at->grub].hashed = BYTES_LIT("another loader");
}

static void grub_gone(struct built_log *log, const struct stock *at)
{
    for (size_t i = at->grub; i <= at->initrd_file; i++)
        log->events[i].gone = true;
}

static void line_of_systemd_boot(struct built_log *log, const struct stock *at)
{
    struct bytes line = built_utf16(log->a, "root=/dev/vda1 init=/bin/sh", true);

    grub_gone(log, at);
    built_image(log, "\\vmlinuz.efi", "kernel");
    built_add(log, 12, EVENT_TYPE(EV_IPL), line, line);
    built_tag(log, 9, 0x8f3b22ed, "LOADED_IMAGE::LoadOptions", line);
    built_tag(log, 9, 0x8f3b22ec, "Linux initrd", BYTES_LIT("initramfs"));
}

static void initrd_of_a_stub(struct built_log *log, const struct stock *at)
{
    struct bytes line = built_utf16(log->a, "root=/dev/vda1 initrd=\\initrd", true);

    grub_gone(log, at);
    built_image(log, "\\vmlinuz.efi", "kernel");
    built_add(log, 12, EVENT_TYPE(EV_IPL), line, line);
    built_tag(log, 9, 0x8f3b22ed, "LOADED_IMAGE::LoadOptions", line);
}

static void windows_test_signing(struct built_log *log, const struct stock *at)
{
    static const struct bytes records = { (const uint8_t *)"\x03\0\x05\0\x01\0\0\0\x01", 9 },
                              path = { (const uint8_t *)"\x01\0\x07\0\x04\0\0\0a\0b\0", 12 };

    grub_gone(log, at);
    built_add(log, 13, EVENT_TYPE(EV_EVENT_TAG), path, path);
    built_add(log, 12, EVENT_TYPE(EV_EVENT_TAG), records, records);
}

TEST(no_change_to_a_boot_hides_the_one_reason_to_refuse_it)
{
    static const struct {
        const char *what;
        void (*spoil)(struct built_log *log, const struct stock *at);
    } cases[] = {
        { "boot with init=/bin/sh", dangerous_option },
        { "boot without Secure Boot", secure_boot_off },
        { "boot in setup mode", no_platform_key },
        { "boot in audit mode", audit_mode },
        { "boot with a debugger", debugger },
        { "boot with a shim that validates nothing", shim_without_validation },
        { "boot of a revoked loader", revoked_loader },
        { "boot with a revoked driver", revoked_driver },
        { "boot with init=/bin/sh through systemd-boot", line_of_systemd_boot },
        { "boot with an initrd that nothing measures", initrd_of_a_stub },
        { "boot of Windows with test signing", windows_test_signing },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct built_log log;
        struct stock at;
        built_stock(&a, &log, &at);
        cases[i].spoil(&log, &at);
        change_built(cases[i].what, &log, false);
    }
}

TEST(no_change_to_a_real_boot_through_shim_and_grub_makes_it_better) { change_real("boot-logs/debian-sb-boot1"); }

TEST(no_change_to_a_real_boot_of_a_unified_kernel_image_makes_it_better) { change_real("boot-logs/uki-sb-boot1"); }
