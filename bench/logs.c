/* Event logs: read, replayed and understood, against hashing the same bytes once per bank with SHA-256. */
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "bench.h"
#include "bootchain/chain/chain.h"
#include "eventlog/replay/replay.h"
#include "openssl_figures.h"
#include "support/eventlog_builder.h"

enum { ROUNDS = 60, BIG_ROUNDS = 7, BIG = 1024 * 1024 };

/* clang-format off */
static const char *const real_logs[] = {
    "event-logs/keylime-binary-bios-measurements/eventlog.bin", "event-logs/ubuntu-2404-amd-sevsnp/eventlog.bin",
    "event-logs/windows-server-2022-supermicro/eventlog.bin",   "boot-logs/debian-linuxefi-sb/binary_bios_measurements",
};
/* clang-format on */

struct figures {
    struct series parse, replay, facts, hash;
    size_t n_events, n_banks, n_findings, n_components, arena_used;
};

/* All registers of every bank that the log has and we know, at the values that the log gives: what a TPM would quote. */
static bool registers_of(struct bytes content, struct pcr_set *ret, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct eventlog log;

    if (!eventlog_parse(&a, content, &log, err))
        return false;
    replay_compute(&log, ret);
    for (size_t i = 0; i < ret->n_banks; i++)
        ret->banks[i].present = (1u << LIMIT_PCRS) - 1;
    return ret->n_banks > 0 || err_set(err, ERR_MALFORMED, "a log without a bank that we know");
}

static bool understand(struct arena *a, struct bytes content, const struct pcr_set *quoted, struct figures *f, struct err *err)
{
    struct findings findings = { .arena = a };
    struct bootchain *chain = ARENA_NEW(a, struct bootchain);
    const struct replayed_log *replayed;
    struct eventlog log;
    double last = cpu_us();

    if (!chain)
        return err_set(err, ERR_NO_MEMORY, "no memory for a boot chain");
    if (!eventlog_parse(a, content, &log, err))
        return false;
    series_lap(&f->parse, &last);
    if (!replay_verify(a, &log, quoted, NULL, &findings, &replayed, err))
        return false;
    series_lap(&f->replay, &last);
    if (!bootchain_read(a, replayed, NULL, &findings, chain, err))
        return false;
    series_lap(&f->facts, &last);
    f->n_events = log.n_events;
    f->n_findings = findings.n;
    f->n_components = chain->components.n;
    f->arena_used = a->used;
    return true;
}

static bool measure(struct openssl_figures *openssl, struct bytes content, struct figures *f, struct err *err)
{
    struct pcr_set *quoted = calloc(1, sizeof *quoted);
    bool fine = quoted ? registers_of(content, quoted, err) : err_set(err, ERR_NO_MEMORY, "no memory for registers");

    for (int i = 0; fine && i < (content.len >= BIG ? BIG_ROUNDS : ROUNDS); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        double last;
        fine = understand(&a, content, quoted, f, err);
        last = cpu_us();
        for (size_t bank = 0; fine && bank < quoted->n_banks; bank++)
            fine = openssl_sha256(openssl, content.len) || err_set(err, ERR_INTERNAL, "libcrypto failed");
        series_lap(&f->hash, &last);
    }
    f->n_banks = quoted ? quoted->n_banks : 0;
    free(quoted);
    return fine;
}

static void print_figures(const char *name, struct bytes content, const struct figures *f)
{
    double parse = series_median(&f->parse), replay = series_median(&f->replay), facts = series_median(&f->facts),
           hash = series_median(&f->hash), all = parse + replay + facts;

    printf("  %-34.34s %8zu %6zu %5zu %9.0f %9.0f %9.0f %9.0f %6.1f x %6.2f us %6.1f x\n", name, content.len, f->n_events, f->n_banks,
           parse, replay, facts, hash, all / hash, all / (double)f->n_events, (double)f->arena_used / (double)content.len);
}

static bool bench_one(struct openssl_figures *openssl, const char *name, struct bytes content, struct err *err)
{
    struct figures *f = calloc(1, sizeof *f);
    bool fine = f ? measure(openssl, content, f, err) : err_set(err, ERR_NO_MEMORY, "no memory for samples");

    if (fine)
        print_figures(name, content, f);
    free(f);
    return fine || err_within(err, "%s", name);
}

/* A sound boot, then as many GRUB commands and files as fit. Commands of `command` characters: real logs have some 400 bytes an event;
 * LIMIT_COMPONENTS keeps logs of small events below 1 MiB. */
static void make_log(struct log_builder *b, size_t len, size_t command)
{
    char text[1024], file[64];

    log_builder_sound_boot(b, (enum digest_algorithm[]){ DIGEST_SHA256 }, 1);
    for (unsigned i = 0; log_builder_bytes(b).len + command + 256 < len; i++) {
        int n = snprintf(text, sizeof text, "grub_cmd: menuentry Debian GNU/Linux %u --class debian ", i);
        memset(text + n, 'x', command - (size_t)n);
        text[command] = '\0';
        log_add_hashing(b, 8, EVENT_TYPE(EV_IPL), bytes_slice(bytes_of_string(text), 10, sizeof text),
                        (struct bytes){ (const uint8_t *)text, command + 1 });
        snprintf(file, sizeof file, "/boot/grub/x86_64-efi/module-%u.mod", i);
        log_add_hashing(b, 9, EVENT_TYPE(EV_IPL), BYTES_LIT("the content of a file"),
                        (struct bytes){ (const uint8_t *)file, strlen(file) + 1 });
    }
}

static bool bench_made(struct openssl_figures *openssl, size_t len, size_t command, struct err *err)
{
    struct log_builder *b = calloc(1, sizeof *b);
    char name[64];
    bool fine;

    if (!b)
        return err_set(err, ERR_NO_MEMORY, "no memory for a log");
    make_log(b, len, command);
    snprintf(name, sizeof name, "made, %zu KiB, %s events", len / 1024, command < 100 ? "tiny" : "usual");
    fine = bench_one(openssl, name, log_builder_bytes(b), err);
    log_builder_done(b);
    free(b);
    return fine;
}

static bool bench_file(struct openssl_figures *openssl, const char *name, const char *path, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes content;

    return file_read_in(&a, path, LIMIT_LOG_BYTES, &content, err) && bench_one(openssl, name, content, err);
}

bool bench_logs(struct openssl_figures *openssl, struct err *err)
{
    static const struct {
        size_t kib, command;
    } made[] = { { 40, 1000 }, { 160, 1000 }, { 640, 1000 }, { 2560, 1000 }, { 4096, 1000 }, { 40, 70 }, { 160, 70 }, { 640, 70 } };
    const char *path = source_file("tests/data/boots/clean.log");
    unsigned n_missing = 0;

    print_heading("2. Event logs: read + replay + facts, against SHA-256 over the same bytes once per bank (microseconds)");
    printf("  %-34s %8s %6s %5s %9s %9s %9s %9s %8s %9s %8s\n", "log", "bytes", "events", "banks", "read", "replay", "facts", "SHA-256",
           "ratio", "an event", "memory");
    if (path && !bench_file(openssl, "tests/data/boots/clean.log", path, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(real_logs); i++) {
        path = shared_file(real_logs[i]);
        n_missing += path == NULL;
        if (path && !bench_file(openssl, strchr(real_logs[i], '/') + 1, path, err))
            return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        if (!bench_made(openssl, made[i].kib * 1024, made[i].command, err))
            return false;
    if (n_missing)
        printf("  left out: %u real logs of the shared data, which is not here\n", n_missing);
    return true;
}
