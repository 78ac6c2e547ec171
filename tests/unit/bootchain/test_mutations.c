/* A log that was changed after the quote: never a better verdict, never a new fact (the bars of attack-suite.md 4.2, L1 to L9). */
#include <stdlib.h>
#include "log_builder.h"
#include "support/test.h"

struct facts {
    enum severity worst;
    enum secure_boot secure_boot;
    bool revoked, hole;
    char line[256];
    size_t n_authorities;
};

static bool facts_of(struct bytes log, const struct pcr_set *quoted, const struct boot_record *baseline, struct facts *ret)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings findings = { .arena = &a };
    struct eventlog parsed;
    const struct replayed_log *replayed;
    struct bootchain chain;
    struct boot_record record = { .has_log = true };
    struct err err = ERR_INIT;

    if (!eventlog_parse(&a, log, &parsed, &err) || !replay_verify(&a, &parsed, quoted, NULL, &findings, &replayed, &err) ||
        !bootchain_read(&a, replayed, NULL, &findings, &chain, &err))
        return false;
    record.components = chain.components;
    if (baseline && !bootchain_compare(&a, baseline, &record, &chain, NULL, &findings, &err))
        return false;
    *ret = (struct facts){ .worst = findings_worst(&findings), .secure_boot = chain.secure_boot, .n_authorities = chain.n_authorities };
    ret->hole = chain.initrd == INITRD_UNMEASURED;
    if (chain.command_line)
        memcpy(ret->line, chain.command_line, strnlen(chain.command_line, sizeof ret->line - 1));
    return true;
}

static bool is_no_better(const struct facts *was, const struct facts *is)
{
    if (is->worst < was->worst && is->worst < SEVERITY_MEDIUM)
        return false;
    if (is->secure_boot != was->secure_boot && is->secure_boot == SECURE_BOOT_ENABLED)
        return false;
    return !is->line[0] || strcmp(is->line, was->line) == 0;
}

/* One single-byte change of every kind that often matters; `step` keeps the ordinary run short. */
static void change_bytes(struct bytes log, const struct pcr_set *quoted, const struct boot_record *baseline, size_t step)
{
    static const uint8_t flips[] = { 0x01, 0x80, 0x08 };
    uint8_t *copy = malloc(log.len);
    struct facts was, is;

    REQUIRE(copy && facts_of(log, quoted, baseline, &was));
    memcpy(copy, log.data, log.len);
    for (size_t i = 0; i < log.len; i += step)
        for (size_t k = 0; k < ARRAY_LEN(flips); k++) {
            copy[i] ^= flips[k];
            if (facts_of((struct bytes){ copy, log.len }, quoted, baseline, &is) && !is_no_better(&was, &is)) {
                test_note("byte %zu ^ %02x: %s, line \"%s\"", i, flips[k], severity_name(is.worst), is.line);
                CHECK(false);
            }
            copy[i] ^= flips[k];
        }
    free(copy);
    CHECK(true);
}

static void change_events(const struct built_log *sound, const struct pcr_set *quoted, const struct boot_record *baseline)
{
    struct facts was, is;

    REQUIRE(facts_of(built_bytes(sound), quoted, baseline, &was));
    for (size_t i = 0; i < sound->n; i++)
        for (int how = 0; how < 4; how++) {
            struct arena a CLEANUP(arena_done) = { 0 };
            struct built_log log = *sound;
            log.a = &a;
            if (how == 0)
                log.events[i].gone = true;
            else if (how == 1 && log.n < BUILT_EVENTS_MAX)
                log.events[log.n++] = log.events[i];
            else if (how == 2 && i + 1 < log.n) {
                log.events[i] = sound->events[i + 1];
                log.events[i + 1] = sound->events[i];
            } else
                log.events[i].type = EVENT_TYPE(EV_UNUSED);
            REQUIRE(facts_of(built_bytes(&log), quoted, baseline, &is));
            if (!is_no_better(&was, &is)) {
                test_note("event %zu, change %d: %s, line \"%s\"", i, how, severity_name(is.worst), is.line);
                CHECK(false);
            }
        }
}

static void change_all(struct built_log *log, const struct boot_record *baseline)
{
    struct boot_sample sample;
    bool all = getenv("TRUEBOOT_TEST_EXHAUSTIVE") != NULL;

    REQUIRE(built_read(log, NULL, &sample));
    change_bytes(built_bytes(log), &sample.quoted, baseline, all ? 1 : 5);
    change_events(log, &sample.quoted, baseline);
}

TEST(a_dangerous_option_cannot_be_hidden)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct built_log log;
    struct stock at;

    built_stock(&a, &log, &at);
    built_grub(&log, "kernel_cmdline: ", "/vmlinuz-6.1 init=/bin/sh");
    log.events[at.cmdline] = log.events[--log.n];
    change_all(&log, NULL);
}

TEST(an_unmeasured_initrd_cannot_be_hidden)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct built_log log;
    struct stock at;

    built_stock(&a, &log, &at);
    for (size_t i = at.config_command; i <= at.initrd_file; i++)
        log.events[i].gone = true;
    change_all(&log, NULL);
}

TEST(a_stubs_unmeasured_initrd_cannot_be_hidden)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct built_log log;
    struct stock at;
    struct bytes line;

    built_stock(&a, &log, &at);
    for (size_t i = at.grub; i <= at.initrd_file; i++)
        log.events[i].gone = true;
    line = built_utf16(&a, "root=/dev/vda1 initrd=\\initrd", true);
    built_image(&log, "\\vmlinuz.efi", "kernel");
    built_add(&log, 12, EVENT_TYPE(EV_IPL), line, line);
    built_tag(&log, 9, 0x8f3b22ed, "LOADED_IMAGE::LoadOptions", line);
    change_all(&log, NULL);
}

TEST(secure_boot_off_cannot_be_hidden)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct built_log log;
    struct stock at;

    built_stock(&a, &log, &at);
    built_variable(&log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c",
                   "SecureBoot", BYTES_LIT("\0"));
    log.events[at.secure_boot] = log.events[--log.n];
    change_all(&log, NULL);
}

TEST(a_deviation_from_the_baseline_cannot_be_hidden)
{
    static const char *const files[] = { "menu, changed", "initrd, changed" };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct built_log sound, log;
        struct boot_sample baseline;
        struct stock at;
        built_stock(&a, &sound, &at);
        REQUIRE(built_read(&sound, NULL, &baseline));
        log = sound;
        log.events[i ? at.initrd_file : at.config_file].hashed = bytes_of_string(files[i]);
        change_all(&log, &baseline.record);
    }
}
