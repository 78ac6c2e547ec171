/* Replay against a quote: a sound boot has nothing to say against it, and each attack on the log is found (attack-suite.md 4.2). */
#include <stdio.h>
#include <stdlib.h>
#include "base/hex.h"
#include "eventlog/software/systemd_log.h"
#include "replay_trial.h"
#include "support/eventlog_builder.h"
#include "support/test.h"

static const enum digest_algorithm one_bank[] = { DIGEST_SHA256 };
static const enum digest_algorithm two_banks[] = { DIGEST_SHA1, DIGEST_SHA256 };

static void note(const struct trial *t)
{
    for (size_t i = 0; i < t->findings.n; i++)
        test_note("  %s %d: %s", finding_kind(t->findings.items[i].id)->id, t->findings.items[i].pcr, t->findings.items[i].text);
}

TEST(a_sound_boot_is_explained_and_proved_without_a_finding)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };

    log_builder_sound_boot(&b, two_banks, 2);
    REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
    note(&t);
    CHECK_INT(t.findings.n, 0);
    for (unsigned pcr = 0; pcr <= 8; pcr++)
        CHECK(replayed_register(t.replayed, pcr) == REGISTER_EXPLAINED);
    CHECK(replayed_register(t.replayed, 9) == REGISTER_RESET && replayed_register(t.replayed, 10) == REGISTER_UNCHECKED);
    CHECK(replayed_register(t.replayed, 16) == REGISTER_UNCHECKED && replayed_register(t.replayed, 17) == REGISTER_RESET);
    CHECK(replayed_bank(t.replayed) == DIGEST_SHA256 && replayed_exit_boot_services(t.replayed));
    CHECK(replayed_mark(t.replayed, 0)->proof == PROOF_LABEL);    /* Spec ID */
    CHECK(replayed_mark(t.replayed, 2)->proof == PROOF_MEASURED); /* firmware */
    CHECK(replayed_before_separator(t.replayed, 3) && !replayed_before_separator(t.replayed, t.log.n_events - 1));
    for (size_t i = 3; i < t.log.n_events; i++) {
        enum digest_algorithm bank = DIGEST_NONE;
        if (t.log.events[i].type != EVENT_TYPE(EV_EFI_BOOT_SERVICES_APPLICATION))
            CHECK(replayed_mark(t.replayed, i)->proof == PROOF_PROVED);
        CHECK(replayed_digest(t.replayed, i, &bank).len == 32 && bank == DIGEST_SHA256);
        if (t.log.events[i].pcr == 8)
            CHECK_BYTES(replayed_proved(t.replayed, i), BYTES_LIT("/vmlinuz quiet"));
    }
}

TEST(one_bank_alone_comes_to_what_it_comes_to_among_others)
{
    static const enum digest_algorithm asked[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_NONE };
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    static struct pcr_set all, one;
    struct err err = ERR_INIT;
    struct eventlog log;

    log_builder_sound_boot(&b, two_banks, 2);
    REQUIRE_OK(eventlog_parse(&a, log_builder_bytes(&b), &log, &err), err);
    replay_compute(&log, &all);
    CHECK_INT(all.n_banks, 2);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        const struct pcr_bank *among = pcr_bank_find(&all, asked[i]);

        memset(&one, 0xff, sizeof one);
        replay_compute_bank(&log, asked[i], &one);
        CHECK_INT(one.n_banks, i < 2);
        REQUIRE((one.n_banks == 1) == (among != NULL));
        if (among)
            CHECK(one.banks[0].algorithm == asked[i] && one.banks[0].present == among->present && one.banks[0].present != 0);
        for (unsigned pcr = 0; among && pcr < LIMIT_PCRS; pcr++)
            CHECK(digest_equal(&one.banks[0].value[pcr], &among->value[pcr]));
    }
}

TEST(only_quoted_registers_are_spoken_about)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };

    log_builder_begin(&b, one_bank, 1);
    log_add_separators(&b);
    log_add(&b, 7, 0x1234, BYTES_LIT("unknown"));
    log_add(&b, 0, EVENT_TYPE(EV_SEPARATOR), BYTES_LIT("\0\0\0\0"));
    b.pcrs.banks[0].present = 1u << 4;
    REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
    CHECK_INT(t.findings.n, 0);
    CHECK(replayed_register(t.replayed, 4) == REGISTER_EXPLAINED && replayed_register(t.replayed, 7) == REGISTER_UNQUOTED);
    CHECK(replayed_mark(t.replayed, 1)->proof == PROOF_LABEL);
}

/* The attacks: each changes a sound boot, in the log, in the registers, or in both as somebody who owns the guest can. */
static void add_secure_boot(struct log_builder *b, uint32_t type, const char *value)
{
    log_add_variable(b, 7, type, GUID_EFI_GLOBAL, "SecureBoot", (struct bytes){ (const uint8_t *)value, 1 });
}

static void first_part(struct log_builder *b)
{
    log_builder_begin(b, one_bank, 1);
    log_add(b, 0, EVENT_TYPE(EV_S_CRTM_VERSION), BYTES_LIT("1\0\0\0"));
}

static void sound(struct log_builder *b) { log_builder_sound_boot(b, one_bank, 1); }

static void retyped_secure_boot(struct log_builder *b)
{
    first_part(b);
    add_secure_boot(b, EVENT_TYPE(EV_UNUSED), "\0");
    add_secure_boot(b, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), "\1");
    log_add_separators(b);
}

static void secure_boot_as_unknown(struct log_builder *b)
{
    first_part(b);
    add_secure_boot(b, 0x80009999, "\0");
    log_add_separators(b);
}

static void secure_boot_as_action(struct log_builder *b)
{
    first_part(b);
    add_secure_boot(b, EVENT_TYPE(EV_EFI_ACTION), "\0");
    add_secure_boot(b, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), "\1");
    log_add_separators(b);
}

static void secure_boot_as_authority(struct log_builder *b)
{
    first_part(b);
    add_secure_boot(b, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), "\0");
    add_secure_boot(b, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), "\1");
    log_add_separators(b);
}

static void image_as_blob(struct log_builder *b)
{
    sound(b);
    log_add_hashing(b, 4, EVENT_TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB), BYTES_LIT("bad image"), BYTES_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
}

static void image_as_text(struct log_builder *b)
{
    sound(b);
    log_add_hashing(b, 4, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("bad image"), BYTES_LIT("Calling EFI Application from Boot Option"));
}

static void image_as_compact_hash(struct log_builder *b)
{
    sound(b);
    log_add_hashing(b, 4, EVENT_TYPE(EV_COMPACT_HASH), BYTES_LIT("bad image"), BYTES_LIT("\0\0\0\0"));
}

static void stripped_register(struct log_builder *b)
{
    sound(b);
    digest_extend(&b->pcrs.banks[0].value[12], digest_bytes(&b->pcrs.banks[0].value[0]));
}

static void software_extended(struct log_builder *b)
{
    sound(b);
    digest_extend(&b->pcrs.banks[0].value[4], digest_bytes(&b->pcrs.banks[0].value[0]));
}

static void no_separator(struct log_builder *b)
{
    first_part(b);
    for (uint32_t pcr = 0; pcr < 7; pcr++)
        log_add(b, pcr, EVENT_TYPE(EV_SEPARATOR), BYTES_LIT("\0\0\0\0"));
}

static void two_separators(struct log_builder *b)
{
    sound(b);
    log_add(b, 7, EVENT_TYPE(EV_SEPARATOR), BYTES_LIT("\0\0\0\0"));
}

static void separator_of_another_value(struct log_builder *b)
{
    first_part(b);
    log_add_separators(b);
    log_builder_begin(b, one_bank, 1);
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        log_add(b, pcr, EVENT_TYPE(EV_SEPARATOR), pcr == 3 ? BYTES_LIT("\2\0\0\0") : BYTES_LIT("\xff\xff\xff\xff"));
}

static void separator_that_does_not_hash(struct log_builder *b)
{
    log_builder_begin(b, one_bank, 1);
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        log_add_hashing(b, pcr, EVENT_TYPE(EV_SEPARATOR), pcr == 7 ? BYTES_LIT("other") : BYTES_LIT("\0\0\0\0"), BYTES_LIT("\0\0\0\0"));
}

static void error_separator(struct log_builder *b)
{
    log_builder_begin(b, one_bank, 1);
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        log_add_hashing(b, pcr, EVENT_TYPE(EV_SEPARATOR), pcr == 2 ? BYTES_LIT("\1\0\0\0") : BYTES_LIT("\0\0\0\0"),
                        pcr == 2 ? BYTES_LIT("out of memory") : BYTES_LIT("\0\0\0\0"));
}

static void variable_after_separator(struct log_builder *b)
{
    first_part(b);
    log_add_separators(b);
    add_secure_boot(b, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), "\1");
}

static void firmware_after_separator(struct log_builder *b)
{
    sound(b);
    log_add_hashing(b, 0, EVENT_TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB), BYTES_LIT("late"), BYTES_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"));
}

static void doubled_variable(struct log_builder *b)
{
    first_part(b);
    add_secure_boot(b, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), "\0");
    add_secure_boot(b, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), "\1");
    log_add_separators(b);
}

static void variable_shown_with_other_data(struct log_builder *b)
{
    struct writer real CLEANUP(writer_done) = { 0 }, shown CLEANUP(writer_done) = { 0 };

    log_variable(&real, GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\0"));
    log_variable(&shown, GUID_EFI_GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    first_part(b);
    log_add_hashing(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), writer_bytes(&real), writer_bytes(&shown));
    log_add_separators(b);
}

static void event_forged_digest_and_all(struct log_builder *b)
{
    first_part(b);
    log_add_forged(b, 7, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("real"), BYTES_LIT("shown"));
    log_add_separators(b);
}

static void malformed_variable(struct log_builder *b)
{
    first_part(b);
    log_add(b, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), BYTES_LIT("no variable"));
    log_add_separators(b);
}

static void no_exit_boot_services(struct log_builder *b)
{
    first_part(b);
    log_add_separators(b);
    log_add_image(b, "shim");
}

static void late_locality(struct log_builder *b)
{
    first_part(b);
    log_add(b, 0, EVENT_TYPE(EV_NO_ACTION), BYTES_LIT("StartupLocality\0\0"));
    log_add_separators(b);
}

static void locality_of_two(struct log_builder *b)
{
    log_builder_begin(b, one_bank, 1);
    log_add(b, 0, EVENT_TYPE(EV_NO_ACTION), BYTES_LIT("StartupLocality\0\2"));
    b->pcrs.banks[0].value[0].value[31] = 2;
    log_add_separators(b);
}

static void two_localities(struct log_builder *b)
{
    log_builder_begin(b, one_bank, 1);
    log_add(b, 0, EVENT_TYPE(EV_NO_ACTION), BYTES_LIT("StartupLocality\0\3"));
    log_add(b, 0, EVENT_TYPE(EV_NO_ACTION), BYTES_LIT("StartupLocality\0\3"));
    b->pcrs.banks[0].value[0].value[31] = 3;
    log_add_separators(b);
}

static void locality_of_a_wrong_length(struct log_builder *b)
{
    log_builder_begin(b, one_bank, 1);
    log_add(b, 0, EVENT_TYPE(EV_NO_ACTION), BYTES_LIT("StartupLocality\0\0\0"));
    log_add_separators(b);
}

static void everything_reset(struct log_builder *b)
{
    sound(b);
    for (unsigned pcr = 0; pcr < 8; pcr++)
        pcr_reset_value(DIGEST_SHA256, pcr, &b->pcrs.banks[0].value[pcr]);
}

static void dynamic_launch(struct log_builder *b)
{
    sound(b);
    digest_extend(&b->pcrs.banks[0].value[17], digest_bytes(&b->pcrs.banks[0].value[0]));
}

static void events_of_a_dynamic_launch_that_was_not(struct log_builder *b)
{
    sound(b);
    log_add(b, 19, EVENT_TYPE(EV_ACTION), BYTES_LIT("measured launch"));
    pcr_reset_value(DIGEST_SHA256, 19, &b->pcrs.banks[0].value[19]);
}

static void sha1_alone_replays(struct log_builder *b)
{
    log_builder_sound_boot(b, two_banks, 2);
    digest_extend(&b->pcrs.banks[1].value[4], digest_bytes(&b->pcrs.banks[1].value[0]));
}

static void bank_never_extended(struct log_builder *b)
{
    log_builder_sound_boot(b, one_bank, 1);
    b->pcrs.n_banks = 2;
    b->pcrs.banks[1] = (struct pcr_bank){ .algorithm = DIGEST_SHA384, .present = 0xff };
    for (unsigned pcr = 0; pcr < 8; pcr++)
        pcr_reset_value(DIGEST_SHA384, pcr, &b->pcrs.banks[1].value[pcr]);
}

static void bank_without_digests(struct log_builder *b)
{
    log_builder_sound_boot(b, one_bank, 1);
    b->pcrs.n_banks = 2;
    b->pcrs.banks[1] = (struct pcr_bank){ .algorithm = DIGEST_SHA384, .present = 0xff };
    for (unsigned pcr = 0; pcr < 8; pcr++)
        digest_fill(&b->pcrs.banks[1].value[pcr], DIGEST_SHA384, 0x5a);
}

static void empty_log(struct log_builder *b)
{
    sound(b);
    struct pcr_set pcrs = b->pcrs;
    log_builder_begin(b, one_bank, 1);
    b->pcrs = pcrs;
}

static void cut_log(struct log_builder *b)
{
    sound(b);
    b->w.len -= 3;
}

static void command_line_with_other_text(struct log_builder *b)
{
    sound(b);
    log_add_hashing(b, 8, EVENT_TYPE(EV_IPL), BYTES_LIT("/vmlinuz init=/bin/sh"), BYTES_LIT("kernel_cmdline: /vmlinuz quiet\0"));
}

static const struct {
    const char *what;
    void (*build)(struct log_builder *b);
    enum finding_id finding;
    int pcr;
} attacks[] = {
    { "L1 retyped to EV_UNUSED", retyped_secure_boot, FINDING_LOG_UNKNOWN_EVENT, 7 },
    { "L1 retyped to an unknown type", secure_boot_as_unknown, FINDING_LOG_UNKNOWN_EVENT, 7 },
    { "L1 retyped to an action", secure_boot_as_action, FINDING_LOG_UNKNOWN_EVENT, 7 },
    { "L1 retyped to an authority", secure_boot_as_authority, FINDING_LOG_UNKNOWN_EVENT, 7 },
    { "L2 image as firmware", image_as_blob, FINDING_LOG_UNKNOWN_EVENT, 4 },
    { "L2 image as action", image_as_text, FINDING_LOG_UNPROVED, 4 },
    { "L2 image as a bare digest", image_as_compact_hash, FINDING_LOG_UNKNOWN_EVENT, 4 },
    { "L3 no event for a register", stripped_register, FINDING_LOG_PCR_UNEXPLAINED, 12 },
    { "extended by software", software_extended, FINDING_LOG_REPLAY_MISMATCH, 4 },
    { "L4 only SHA-1 replays", sha1_alone_replays, FINDING_LOG_REPLAY_MISMATCH, 4 },
    { "L5 a bank at its reset values", bank_never_extended, FINDING_LOG_BANK_UNEXTENDED, FINDING_NO_PCR },
    { "L5 a bank that the log does not have", bank_without_digests, FINDING_LOG_BANK_UNEXTENDED, FINDING_NO_PCR },
    { "L6 no separator", no_separator, FINDING_LOG_SEPARATOR, 7 },
    { "L6 two separators", two_separators, FINDING_LOG_SEPARATOR, 7 },
    { "L6 a separator of another value", separator_of_another_value, FINDING_LOG_SEPARATOR, 3 },
    { "L6 a separator that does not hash", separator_that_does_not_hash, FINDING_LOG_SEPARATOR, 7 },
    { "L6 an error separator", error_separator, FINDING_LOG_SEPARATOR_ERROR, 2 },
    { "L6 firmware after the separator", firmware_after_separator, FINDING_LOG_AFTER_SEPARATOR, 0 },
    { "L7 a variable after the separator", variable_after_separator, FINDING_LOG_AFTER_SEPARATOR, 7 },
    { "L7 a variable twice", doubled_variable, FINDING_LOG_DUPLICATE_VARIABLE, 7 },
    { "L7 something that is no variable", malformed_variable, FINDING_LOG_UNKNOWN_EVENT, 7 },
    { "L8 other data than measured", variable_shown_with_other_data, FINDING_LOG_UNPROVED, 7 },
    { "L8 another command line than measured", command_line_with_other_text, FINDING_LOG_UNPROVED, 8 },
    { "a forged event", event_forged_digest_and_all, FINDING_LOG_REPLAY_MISMATCH, 7 },
    { "L10 no ExitBootServices", no_exit_boot_services, FINDING_LOG_EXIT_BOOT_SERVICES, 5 },
    { "L15 locality after an extend", late_locality, FINDING_LOG_LOCALITY, 0 },
    { "L15 locality 2", locality_of_two, FINDING_LOG_LOCALITY, 0 },
    { "L15 locality twice", two_localities, FINDING_LOG_LOCALITY, 0 },
    { "L15 locality of two bytes", locality_of_a_wrong_length, FINDING_LOG_LOCALITY, 0 },
    { "B8 registers at reset", everything_reset, FINDING_PCR_RESET, FINDING_NO_PCR },
    { "a dynamic launch", dynamic_launch, FINDING_DRTM_UNEXPECTED, 17 },
    { "events of a dynamic launch that was not", events_of_a_dynamic_launch_that_was_not, FINDING_LOG_REPLAY_MISMATCH, 19 },
    { "no log", empty_log, FINDING_LOG_MISSING, FINDING_NO_PCR },
    { "a cut log", cut_log, FINDING_LOG_TRUNCATED, FINDING_NO_PCR },
};

TEST(each_attack_on_the_log_is_a_finding_about_its_register)
{
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        struct log_builder b CLEANUP(log_builder_done) = { 0 };
        struct trial t CLEANUP(done) = { 0 };
        bool found = false;
        attacks[i].build(&b);
        REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
        for (size_t j = 0; j < t.findings.n; j++)
            found = found || (t.findings.items[j].id == attacks[i].finding && t.findings.items[j].pcr == attacks[i].pcr);
        if (!found)
            test_note("%s:", attacks[i].what), note(&t);
        CHECK(found);
        CHECK(findings_worst(&t.findings) >= SEVERITY_MEDIUM);
    }
}

TEST(registers_of_a_dynamic_launch_begin_with_zeros_or_with_ones)
{
    for (int zeros = 0; zeros < 2; zeros++) {
        struct log_builder b CLEANUP(log_builder_done) = { 0 };
        struct trial t CLEANUP(done) = { 0 };

        log_builder_sound_boot(&b, one_bank, 1);
        if (zeros)
            digest_fill(&b.pcrs.banks[0].value[20], DIGEST_SHA256, 0);
        log_add(&b, 20, EVENT_TYPE(EV_ACTION), BYTES_LIT("measured launch"));
        REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
        CHECK(replayed_register(t.replayed, 20) == REGISTER_EXPLAINED);
        CHECK(replayed_proved(t.replayed, replayed_events(t.replayed)->n_events - 1).len > 0);
        CHECK(digest_equal(pcr_find(replayed_computed(t.replayed), DIGEST_SHA256, 20), pcr_find(&b.pcrs, DIGEST_SHA256, 20)));
    }
}

TEST(what_comes_after_the_separator_by_right_is_no_finding)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };

    log_builder_sound_boot(&b, one_bank, 1);
    log_add_image(&b, "kernel");
    log_add_variable(&b, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), GUID_SHIM_LOCK, "SbatLevel", BYTES_LIT("sbat,1,2024010900\n"));
    log_add(&b, 4, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("Returning from EFI Application from Boot Option"));
    log_add_hashing(&b, 14, EVENT_TYPE(EV_IPL), BYTES_LIT("\1"), BYTES_LIT("MokListTrusted\0"));
    REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
    note(&t);
    CHECK_INT(t.findings.n, 0);
    CHECK(replayed_mark(t.replayed, t.log.n_events - 1)->rule == PROOF_RULE_KNOWN_FLAG);
    CHECK_BYTES(replayed_proved(t.replayed, t.log.n_events - 1), BYTES_LIT("\1"));
}

TEST(register_0_starts_from_the_locality_of_startup_or_of_an_h_crtm)
{
    static const uint8_t localities[] = { 0, 3, 4 };

    for (size_t i = 0; i < 4; i++) {
        struct log_builder b CLEANUP(log_builder_done) = { 0 };
        struct trial t CLEANUP(done) = { 0 };
        uint8_t said[17] = "StartupLocality";
        log_builder_begin(&b, two_banks, 2);
        said[16] = i < 3 ? localities[i] : 0;
        for (size_t bank = 0; bank < 2; bank++)
            b.pcrs.banks[bank].value[0].value[digest_len(two_banks[bank]) - 1] = i < 3 ? localities[i] : 4;
        if (i < 3)
            log_add(&b, 0, EVENT_TYPE(EV_NO_ACTION), BYTES_OF(said));
        else
            log_add_hashing(&b, 0, EVENT_TYPE(EV_EFI_HCRTM_EVENT), BYTES_LIT("firmware"), BYTES_LIT("HCRTM"));
        log_add_separators(&b);
        REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
        note(&t);
        CHECK_INT(t.findings.n, 0);
        CHECK_INT(replay_startup_locality(&t.log), i < 3 ? localities[i] : 4);
    }
}

/* Firmware that starts the TPM in locality 3 or 4, and does not write that into its log; a log that says otherwise is no such thing. */
TEST(register_0_tells_a_locality_that_the_log_does_not)
{
    static const struct {
        uint8_t locality;
        const char *said; /* in the log; NULL: nothing */
        bool explained;
    } rows[] = { { 3, NULL, true }, { 4, NULL, true }, { 2, NULL, false }, { 1, NULL, false }, { 3, "0", false }, { 4, "3", false } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct log_builder b CLEANUP(log_builder_done) = { 0 };
        struct trial t CLEANUP(done) = { 0 };
        uint8_t said[17] = "StartupLocality";
        log_builder_begin(&b, two_banks, 2);
        for (size_t bank = 0; bank < 2; bank++)
            b.pcrs.banks[bank].value[0].value[digest_len(two_banks[bank]) - 1] = rows[i].locality;
        if (rows[i].said) {
            said[16] = (uint8_t)(rows[i].said[0] - '0');
            log_add(&b, 0, EVENT_TYPE(EV_NO_ACTION), BYTES_OF(said));
        }
        log_add_separators(&b);
        REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
        note(&t);
        CHECK(findings_have(&t.findings, FINDING_LOG_REPLAY_MISMATCH) == !rows[i].explained);
        CHECK((replayed_register(t.replayed, 0) == REGISTER_EXPLAINED) == rows[i].explained);
        CHECK(findings_have(&t.findings, FINDING_LOG_LOCALITY) == rows[i].explained);
        CHECK(!rows[i].explained || findings_worst(&t.findings) == SEVERITY_INFO);
    }
}

TEST(grub_labels_can_be_swapped_without_gaining_anything)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };

    log_builder_sound_boot(&b, one_bank, 1);
    log_add_hashing(&b, 8, EVENT_TYPE(EV_IPL), BYTES_LIT("set default=0"), BYTES_LIT("kernel_cmdline: set default=0\0"));
    REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
    CHECK_INT(t.findings.n, 0);
    CHECK_BYTES(replayed_proved(t.replayed, t.log.n_events - 1), BYTES_LIT("set default=0"));
}

TEST(systemd_records_explain_the_registers_of_user_space)
{
    static const char phase[] = "{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"%s\"}],\"content_type\":\"systemd\","
                                "\"content\":{\"string\":\"enter-initrd\",\"bootId\":\"0\",\"eventType\":\"phase\"}}";
    struct log_builder b CLEANUP(log_builder_done) = { 0 }, user CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };
    struct err err = ERR_INIT;
    struct digest digest;

    log_builder_sound_boot(&b, one_bank, 1);
    log_builder_begin(&user, one_bank, 1);
    digest_compute(DIGEST_SHA256, BYTES_LIT("enter-initrd"), &digest);
    log_add_hashing(&user, 11, EVENT_TYPE(EV_IPL), BYTES_LIT("enter-initrd"),
                    bytes_of_string(arena_printf(&t.a, phase, hex_in(&t.a, digest_bytes(&digest)))));
    digest_extend(&b.pcrs.banks[0].value[11], digest_bytes(&digest));
    t.findings.arena = &t.a;
    REQUIRE_OK(eventlog_parse(&t.a, log_builder_bytes(&b), &t.log, &err), err);
    REQUIRE_OK(eventlog_append(&t.a, &t.log, log_builder_bytes(&user), &err), err);
    REQUIRE_OK(replay_verify(&t.a, &t.log, &b.pcrs, NULL, &t.findings, &t.replayed, &err), err);
    note(&t);
    CHECK_INT(t.findings.n, 0);
    CHECK(replayed_register(t.replayed, 11) == REGISTER_EXPLAINED);
    CHECK(replayed_mark(t.replayed, t.log.n_events - 1)->rule == PROOF_RULE_SYSTEMD_STRING);
    CHECK_BYTES(replayed_proved(t.replayed, t.log.n_events - 1), BYTES_LIT("enter-initrd"));
}

static void add_record(struct log_builder *b, unsigned pcr, const char *word)
{
    char json[200];

    snprintf(json, sizeof json, "{\"pcr\":%u,\"digests\":[],\"content_type\":\"systemd\",\"content\":{\"string\":\"%s\"}}", pcr, word);
    log_add_hashing(b, pcr, EVENT_TYPE(EV_IPL), bytes_of_string(word), bytes_of_string(json));
}

/* systemd goes on measuring while evidence is collected. What came after the quote is not covered by it, and no fault. */
TEST(records_that_came_after_the_quote_say_nothing)
{
    static const char *const words[] = { "enter-initrd", "leave-initrd", "ready" };
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct pcr_set quoted[4];
    size_t first = 0;

    log_builder_sound_boot(&b, two_banks, 2);
    quoted[0] = b.pcrs;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        add_record(&b, 11, words[i]);
        quoted[i + 1] = b.pcrs;
    }
    for (size_t n = 0; n < ARRAY_LEN(quoted); n++) {
        struct trial t CLEANUP(done) = { 0 };
        REQUIRE(run(&t, log_builder_bytes(&b), &quoted[n]));
        note(&t);
        CHECK_INT(t.findings.n, 0);
        CHECK_INT(replayed_register(t.replayed, 11), n ? REGISTER_EXPLAINED : REGISTER_RESET);
        first = t.log.n_events - ARRAY_LEN(words);
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            CHECK_INT(replayed_mark(t.replayed, first + i)->proof, i < n ? PROOF_PROVED : PROOF_LABEL);
    }
}

/* Only the records at the end may be missing from the quote; something else behind them, or in only one of the banks, is another matter. */
TEST(a_log_that_says_more_than_the_quote_is_no_explanation_otherwise)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 }, c CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 }, more CLEANUP(done) = { 0 }, one CLEANUP(done) = { 0 }, between CLEANUP(done) = { 0 };
    struct pcr_set before, ready, half;

    log_builder_sound_boot(&b, two_banks, 2);
    before = b.pcrs;
    add_record(&b, 11, "ready");
    ready = half = b.pcrs;
    half.banks[0].value[11] = before.banks[0].value[11];
    REQUIRE(run(&one, log_builder_bytes(&b), &half));
    CHECK_INT(replayed_register(one.replayed, 11), REGISTER_MISMATCH);
    log_add_hashing(&b, 11, EVENT_TYPE(EV_IPL), BYTES_LIT("x"), BYTES_LIT("something"));
    REQUIRE(run(&t, log_builder_bytes(&b), &before));
    CHECK_INT(replayed_register(t.replayed, 11), REGISTER_MISMATCH);
    add_record(&b, 11, "later"); /* does not excuse what stands in front of it */
    REQUIRE(run(&between, log_builder_bytes(&b), &ready));
    CHECK_INT(replayed_register(between.replayed, 11), REGISTER_MISMATCH);
    log_builder_sound_boot(&c, two_banks, 2);
    add_record(&c, 11, "ready");
    REQUIRE(run(&more, log_builder_bytes(&c), &b.pcrs)); /* the TPM has more than the log */
    CHECK_INT(replayed_register(more.replayed, 11), REGISTER_MISMATCH);
}

/* The register after a boot through a unified kernel image whose systemd (252 to 254) said these words and kept no log. */
struct said_case {
    const char *words[9];
    bool explained;
};

TEST(systemds_phases_explain_register_11_where_no_log_of_them_came)
{
    static const struct said_case cases[] = {
        { { "enter-initrd" }, true },
        { { "enter-initrd", "leave-initrd" }, true },
        { { "enter-initrd", "leave-initrd", "sysinit" }, true },
        { { "enter-initrd", "leave-initrd", "sysinit", "ready" }, true },
        { { "enter-initrd", "leave-initrd", "sysinit", "ready", "shutdown", "final", "sysinit", "ready" }, true },
        { { "sysinit" }, true },
        { { "sysinit", "ready" }, true },
        { { "sysinit", "ready", "shutdown", "final", "sysinit", "ready", "shutdown" }, true },
        { { "ready" }, false },
        { { "leave-initrd" }, false },
        { { "enter-initrd", "ready" }, false },
        { { "enter-initrd", "leave-initrd", "evil" }, false },
        { { "sysinit", "sysinit" }, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (int with_image = 0; with_image < 2; with_image++)
            for (int one_bank_only = 0; one_bank_only < 2; one_bank_only++) {
                struct log_builder b CLEANUP(log_builder_done) = { 0 };
                struct trial t CLEANUP(done) = { 0 };
                struct pcr_set quoted;
                bool explained = cases[i].explained && !one_bank_only;
                log_builder_sound_boot(&b, two_banks, 2);
                if (with_image)
                    log_add_hashing(&b, 11, EVENT_TYPE(EV_IPL), BYTES_LIT(".linux\0"), BYTES_LIT(".\0l\0i\0n\0u\0x\0\0\0"));
                quoted = b.pcrs;
                for (size_t k = 0; cases[i].words[k]; k++)
                    for (size_t bank = 0; bank < 2 - (size_t)one_bank_only; bank++) {
                        struct digest digest;
                        digest_compute(quoted.banks[bank].algorithm, bytes_of_string(cases[i].words[k]), &digest);
                        digest_extend(&quoted.banks[bank].value[11], digest_bytes(&digest));
                    }
                REQUIRE(run(&t, log_builder_bytes(&b), &quoted));
                if ((replayed_register(t.replayed, 11) == REGISTER_EXPLAINED) != explained)
                    test_note("case %zu, %d, %d", i, with_image, one_bank_only);
                CHECK_INT(replayed_register(t.replayed, 11) == REGISTER_EXPLAINED, explained);
                CHECK_INT(findings_worst(&t.findings), explained ? SEVERITY_INFO : SEVERITY_CRITICAL);
                CHECK(!explained ||
                      digest_equal(pcr_find(replayed_computed(t.replayed), DIGEST_SHA256, 11), pcr_find(&quoted, DIGEST_SHA256, 11)));
            }
}

TEST(user_space_records_alone_are_no_boot_log)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 }, user CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };

    log_builder_sound_boot(&b, one_bank, 1);
    log_builder_begin(&user, one_bank, 1);
    log_add(&user, 11, EVENT_TYPE(EV_IPL), BYTES_LIT("{}"));
    REQUIRE(run(&t, log_builder_bytes(&user), &b.pcrs));
    CHECK(findings_have(&t.findings, FINDING_LOG_MISSING) && !findings_have(&t.findings, FINDING_LOG_PCR_UNEXPLAINED));
    CHECK(replayed_register(t.replayed, 7) == REGISTER_UNEXPLAINED);
}

TEST(a_log_of_measurement_registers_explains_no_pcr)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };
    struct err err = ERR_INIT;

    log_builder_sound_boot(&b, one_bank, 1);
    t.findings.arena = &t.a;
    REQUIRE_OK(eventlog_parse(&t.a, log_builder_bytes(&b), &t.log, &err), err);
    t.log.registers = REGISTERS_CONFIDENTIAL;
    REQUIRE_OK(replay_verify(&t.a, &t.log, &b.pcrs, NULL, &t.findings, &t.replayed, &err), err);
    CHECK(findings_have(&t.findings, FINDING_LOG_CONFIDENTIAL) && findings_worst(&t.findings) >= SEVERITY_HIGH);
    CHECK_INT(replayed_register(t.replayed, 7), REGISTER_UNEXPLAINED);
    for (size_t i = 0; i < t.log.n_events; i++)
        CHECK_INT(replayed_mark(t.replayed, i)->proof, PROOF_LABEL);
}

/* In one bank the event has its digest, in the other none: there the bytes prove nothing, whatever the register. */
TEST(an_event_that_one_quoted_bank_lacks_is_never_proved)
{
    static const uint32_t registers[] = { 4, 7, 8, 14, 16, 23 };

    for (size_t r = 0; r < ARRAY_LEN(registers); r++)
        for (size_t bank = 0; bank < 2; bank++) {
            struct log_builder b CLEANUP(log_builder_done) = { 0 };
            struct trial t CLEANUP(done) = { 0 };
            struct digest digest;
            size_t last;

            log_builder_sound_boot(&b, two_banks, 2);
            digest_compute(two_banks[bank], BYTES_LIT("Exit"), &digest);
            digest_extend(&b.pcrs.banks[bank].value[registers[r]], digest_bytes(&digest));
            write_u32le(&b.w, registers[r]);
            write_u32le(&b.w, EVENT_TYPE(EV_EFI_ACTION));
            write_u32le(&b.w, 1);
            write_u16le(&b.w, digest_tpm_id(two_banks[bank]));
            write_bytes(&b.w, digest_bytes(&digest));
            write_u32le(&b.w, 4);
            write_bytes(&b.w, BYTES_LIT("Exit"));
            REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
            last = t.log.n_events - 1;
            CHECK_INT(t.log.events[last].pcr, registers[r]);
            CHECK(registers[r] > 15 || replayed_register(t.replayed, registers[r]) == REGISTER_EXPLAINED); /* 16 and 23 are anybody's */
            CHECK(replayed_mark(t.replayed, last)->proof != PROOF_PROVED);
            CHECK(replayed_proved(t.replayed, last).len == 0);
        }
}

/* A register is explained in every quoted bank or in none; unexplained, nothing of it counts, not even what came first in it. */
TEST(what_a_quoted_bank_holds_and_the_log_does_not_explains_nothing)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };

    bank_without_digests(&b); /* of registers 0 to 7 */
    REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
    for (unsigned pcr = 0; pcr < 8; pcr++)
        CHECK_INT(replayed_register(t.replayed, pcr), REGISTER_MISMATCH);
    CHECK_INT(replayed_register(t.replayed, 8), REGISTER_EXPLAINED);
    for (size_t i = 0; i < t.log.n_events; i++) {
        if (t.log.events[i].pcr >= 8)
            continue;
        CHECK_INT(replayed_mark(t.replayed, i)->proof, PROOF_LABEL);
        CHECK(!replayed_before_separator(t.replayed, i));
    }
}

TEST(a_quote_of_nothing_is_refused)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };

    log_builder_sound_boot(&b, one_bank, 1);
    b.pcrs.banks[0].present = 0;
    CHECK(!run(&t, log_builder_bytes(&b), &b.pcrs));
}

static unsigned count_proved(const struct trial *t)
{
    unsigned n = 0;

    for (size_t i = 0; i < t->log.n_events; i++)
        n += replayed_mark(t->replayed, i)->proof == PROOF_PROVED;
    return n;
}

/* Whether something that the original proved, by the same bytes in the same register. */
static bool was_proved(const struct trial *original, const struct trial *t, size_t i)
{
    for (size_t j = 0; j < original->log.n_events; j++)
        if (replayed_mark(original->replayed, j)->proof == PROOF_PROVED && original->log.events[j].pcr == t->log.events[i].pcr &&
            bytes_equal(replayed_proved(original->replayed, j), replayed_proved(t->replayed, i)))
            return true;
    return false;
}

static void check_not_better(const struct trial *original, const struct trial *t)
{
    CHECK(count_proved(t) <= count_proved(original));
    for (size_t i = 0; i < t->log.n_events; i++)
        if (replayed_mark(t->replayed, i)->proof == PROOF_PROVED)
            CHECK(was_proved(original, t, i));
}

/* Setup entries of the firmware are changed by the dozen before the one event that matters. */
TEST(a_flood_of_unproved_events_does_not_drown_one_where_facts_come_from)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial t CLEANUP(done) = { 0 };
    enum severity worst = SEVERITY_INFO;

    log_builder_begin(&b, one_bank, 1);
    for (int i = 0; i < 40; i++)
        log_add_hashing(&b, 1, EVENT_TYPE(EV_EFI_ACTION), BYTES_LIT("measured"), BYTES_LIT("shown"));
    log_add_separators(&b);
    REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
    for (size_t i = 0; i < t.findings.n; i++)
        if (t.findings.items[i].id == FINDING_LOG_UNPROVED && t.findings.items[i].severity > worst)
            worst = t.findings.items[i].severity;
    CHECK_INT(worst, SEVERITY_MEDIUM);
    log_add_hashing(&b, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), BYTES_LIT("measured"), BYTES_LIT("shown"));
    done(&t);
    REQUIRE(run(&t, log_builder_bytes(&b), &b.pcrs));
    worst = SEVERITY_INFO;
    for (size_t i = 0; i < t.findings.n; i++)
        if (t.findings.items[i].id == FINDING_LOG_UNPROVED && t.findings.items[i].pcr == 7)
            worst = t.findings.items[i].severity;
    CHECK_INT(worst, SEVERITY_HIGH);
}

/* Where a byte lies in its event. */
static bool is_digest_byte(const struct trial *t, const struct bytes input, size_t offset)
{
    for (size_t i = 1; i < t->log.n_events; i++) {
        size_t from = (size_t)(t->log.events[i].digests.data - input.data) + 2;
        if (offset >= from && offset < from + 32)
            return true;
    }
    return false;
}

TEST(no_changed_byte_of_a_sound_log_makes_a_new_fact_and_a_changed_digest_is_found)
{
    static const uint8_t flips[] = { 0x01, 0x80, 0xff };
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial original CLEANUP(done) = { 0 };

    log_builder_sound_boot(&b, one_bank, 1);
    REQUIRE(run(&original, log_builder_bytes(&b), &b.pcrs));
    for (size_t offset = 0; offset < b.w.len; offset++)
        for (size_t j = 0; j < ARRAY_LEN(flips); j++) {
            struct trial t CLEANUP(done) = { 0 };
            struct bytes copy = exact_copy(log_builder_bytes(&b));
            ((uint8_t *)copy.data)[offset] ^= flips[j];
            REQUIRE(run(&t, copy, &b.pcrs));
            check_not_better(&original, &t);
            if (is_digest_byte(&original, log_builder_bytes(&b), offset))
                CHECK(findings_worst(&t.findings) == SEVERITY_CRITICAL);
            free((void *)copy.data);
        }
}

static size_t end_of(const struct trial *t, size_t i, size_t len) { return i + 1 < t->log.n_events ? t->log.events[i + 1].offset : len; }

TEST(no_event_can_be_removed_doubled_or_swapped_unseen)
{
    struct log_builder b CLEANUP(log_builder_done) = { 0 };
    struct trial original CLEANUP(done) = { 0 };
    struct bytes all;

    log_builder_sound_boot(&b, one_bank, 1);
    all = log_builder_bytes(&b);
    REQUIRE(run(&original, all, &b.pcrs));
    for (size_t i = 1; i < original.log.n_events; i++) {
        size_t from = original.log.events[i].offset, to = end_of(&original, i, all.len);
        struct trial t CLEANUP(done) = { 0 };
        struct writer w CLEANUP(writer_done) = { 0 };
        write_bytes(&w, bytes_slice(all, 0, from));
        write_bytes(&w, bytes_slice(all, to, all.len));
        REQUIRE(run(&t, writer_bytes(&w), &b.pcrs));
        CHECK(findings_worst(&t.findings) == SEVERITY_CRITICAL);
        check_not_better(&original, &t);
        done(&t);
        writer_reset(&w);
        write_bytes(&w, bytes_slice(all, 0, to));
        write_bytes(&w, bytes_slice(all, from, all.len));
        REQUIRE(run(&t, writer_bytes(&w), &b.pcrs));
        CHECK(findings_worst(&t.findings) == SEVERITY_CRITICAL);
    }
}
