/* Attack suite 4.2, variants of L1 to L9 that rewrite how a log is cut, not what it says: events cut into one for each bank, spread over
 * several logs, given in another order across registers, or given every type there is. */
#include "attack.h"

static const enum digest_algorithm two_banks[] = { DIGEST_SHA1, DIGEST_SHA256 };

/* Event `at` becomes two, each with the digest of one bank: both banks replay as before. */
static void cut_in_two(struct attack *x, size_t at)
{
    size_t other = x->log.n++;

    x->log.events[other] = x->log.events[at];
    attack_move(x, other, at + 1);
    x->log.events[at].only = two_banks[0];
    x->log.events[at + 1].only = two_banks[1];
}

TEST(L4_an_event_cut_into_one_for_each_bank_is_never_healthy)
{
    struct baseline baseline;
    ATTACK(sound);
    size_t n = sound.log.n;

    REQUIRE_OK(attack_use_banks(&sound, two_banks, 2), sound.err);
    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (size_t i = 0; i < n && !test_failed(); i++) {
        ATTACK(x);
        x.baseline = &baseline;
        REQUIRE_OK(attack_use_banks(&x, two_banks, 2), x.err);
        cut_in_two(&x, i);
        CHECK_NEVER_HEALTHY(x, LOG_PARTIAL_EVENT);
    }
}

TEST(L4_what_is_cut_in_two_is_still_compared_with_the_baseline)
{
    struct baseline baseline;
    ATTACK(sound);

    REQUIRE_OK(attack_use_banks(&sound, two_banks, 2), sound.err);
    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    {
        ATTACK(x);
        x.baseline = &baseline;
        x.log.events[x.at.initrd_file].hashed = BYTES_LIT("another initial RAM disk");
        REQUIRE_OK(attack_use_banks(&x, two_banks, 2), x.err);
        cut_in_two(&x, x.at.initrd_file);
        CHECK_NEVER_HEALTHY(x, LOG_PARTIAL_EVENT);
        CHECK(findings_have(&x.findings, FINDING_BOOT_CHAIN_CHANGED) || findings_have(&x.findings, FINDING_BOOT_INITRD_CHANGED));
    }
}

/* A log of its own for each bank: the evil image has a digest in each, and no log has both. */
TEST(L4_logs_that_declare_one_bank_each_are_never_healthy)
{
    ATTACK(x);

    REQUIRE_OK(attack_use_banks(&x, two_banks, 2), x.err);
    x.n_banks = 1;
    x.banks[0] = DIGEST_SHA1;
    x.raw_log = attack_log(&x);
    x.banks[0] = DIGEST_SHA256;
    x.more_logs[x.n_more_logs++] = attack_log(&x);
    CHECK_NEVER_HEALTHY(x, LOG_PARTIAL_EVENT);
    CHECK(x.out.appraisal.facts.secure_boot != SECURE_BOOT_ENABLED);
}

/* A program that extends an application's register in one bank is its own business. */
TEST(L4_a_program_may_extend_its_own_register_in_one_bank)
{
    ATTACK(x);
    size_t own = built_add(&x.log, 23, EVENT_TYPE(EV_IPL), BYTES_LIT("mine"), BYTES_LIT("mine"));

    x.log.events[own].only = DIGEST_SHA256;
    REQUIRE_OK(attack_use_banks(&x, two_banks, 2), x.err);
    CHECK_HEALTHY(x);
}

/* In which order events of different registers were recorded no register says. */
static bool stably_by_register(struct attack *x, bool descending)
{
    for (size_t i = 1; i < x->log.n; i++)
        for (size_t k = i; k > 0; k--) {
            uint32_t a = x->log.events[k - 1].pcr, b = x->log.events[k].pcr;
            struct built_event swapped = x->log.events[k];
            if (descending ? a >= b : a <= b)
                break;
            x->log.events[k] = x->log.events[k - 1];
            x->log.events[k - 1] = swapped;
        }
    return true;
}

TEST(L8_no_order_across_registers_makes_an_evil_boot_healthy)
{
    struct baseline baseline;
    ATTACK(sound);

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (int evil = 0; evil < 4; evil++)
        for (int descending = 0; descending < 2; descending++) {
            ATTACK(x);
            const size_t at[] = { x.at.initrd_file, x.at.kernel, x.at.config_file, x.at.cmdline };
            x.baseline = &baseline;
            x.log.events[at[evil]].hashed = evil == 3 ? BYTES_LIT("/vmlinuz-6.1 init=/bin/sh") : BYTES_LIT("evil");
            if (evil == 3)
                x.log.events[at[evil]].data = BYTES_LIT("kernel_cmdline: /vmlinuz-6.1 init=/bin/sh");
            REQUIRE_OK(attack_measure(&x), x.err);
            REQUIRE(stably_by_register(&x, descending));
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK(x.verdict != VERDICT_HEALTHY);
            if (x.verdict == VERDICT_HEALTHY) {
                test_note("evil %d, %s", evil, descending ? "descending" : "ascending");
                attack_show(&x);
            }
        }
}

static const uint32_t all_types[] = {
#define X(number, name, content, covers, pcrs, after, section) number,
    EVENT_TYPES(X)
#undef X
        0x0000abcd,
};

/* What an attacker may write into the data of an event whose type does not say that its digest covers them. */
static const struct bytes false_data[] = {
    BYTES_NONE,
    { (const uint8_t *)"x", 1 },
    { (const uint8_t *)"{\"pcr\":9}", 9 },
    { (const uint8_t *)"grub_cmd: set x=y", 18 },
    { (const uint8_t *)"(hd0)/boot/grub/grubenv", 24 },
    { (const uint8_t *)"MokListTrusted", 15 },
    { (const uint8_t *)".\0o\0s\0r\0e\0l\0\0", 14 },
    { (const uint8_t *)"\x01\0\0\0\x01\0\0\0x", 9 },
    { (const uint8_t *)"\0\0\0\0", 4 },
};

/* Every event that makes a boot bad, under every type, with its own data and with others: the verdict stays. */
TEST(L1_no_type_and_no_data_hide_what_was_measured)
{
    enum { OWN_DATA = ARRAY_LEN(false_data) };
    struct baseline baseline;
    ATTACK(sound);

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (int evil = 0; evil < 7 && !test_failed(); evil++)
        for (size_t t = 0; t < ARRAY_LEN(all_types); t++)
            for (size_t d = 0; d <= OWN_DATA; d++) {
                ATTACK(x);
                const size_t at[] = { x.at.initrd_file, x.at.kernel, x.at.config_file, x.at.cmdline, x.at.shim, x.at.mok_list, x.at.db };
                struct built_event *e = &x.log.events[at[evil]];
                x.baseline = &baseline;
                e->hashed = evil == 3 ? BYTES_LIT("/vmlinuz-6.1 init=/bin/sh") : BYTES_LIT("evil");
                REQUIRE_OK(attack_measure(&x), x.err);
                e->type = all_types[t];
                if (d < OWN_DATA)
                    e->data = false_data[d];
                REQUIRE_OK(attack_send(&x), x.err);
                CHECK(x.verdict != VERDICT_HEALTHY);
                if (x.verdict == VERDICT_HEALTHY) {
                    test_note("evil %d, type %08x, data %zu", evil, all_types[t], d);
                    attack_show(&x);
                }
            }
}

/* The log holds the very bytes that an image's digest covers: they hash to it, and are no text of the firmware's all the same. */
TEST(L2_an_image_whose_bytes_are_in_the_log_is_no_text)
{
    static const uint32_t texts[] = { EVENT_TYPE(EV_ACTION), EVENT_TYPE(EV_EFI_ACTION), EVENT_TYPE(EV_OMIT_BOOT_DEVICE_EVENTS) };
    struct baseline baseline;
    ATTACK(sound);

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        ATTACK(x);
        const struct bytes image = BYTES_LIT("MZ\x90\0an evil image");
        x.baseline = i % 2 ? &baseline : NULL;
        attack_move(&x, built_add(&x.log, 4, texts[i], image, image), x.at.shim);
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_NEVER_HEALTHY(x, LOG_UNKNOWN_EVENT);
    }
}

static const char shim_lock[] = "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23";

/* shim validated nothing; whoever it let start measures later that it does. */
TEST(L7_a_validation_that_was_off_is_not_measured_on_afterwards)
{
    ATTACK(x);

    built_variable(&x.log, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), shim_lock, "MokSBState", BYTES_LIT("\1"));
    built_add(&x.log, 14, EVENT_TYPE(EV_IPL), BYTES_LIT("MokDBState\0"), BYTES_LIT("\1"));
    built_variable(&x.log, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), shim_lock, "MokSBState", BYTES_LIT("\0"));
    REQUIRE_OK(attack_measure(&x), x.err);
    CHECK_NEVER_HEALTHY(x, SECUREBOOT_SHIM_INSECURE);
}

/* Old shims say it in register 14 alone, where names are labels. */
TEST(L1_of_two_switches_called_MokDBState_one_is_another)
{
    ATTACK(x);

    for (int i = 0; i < 2; i++)
        built_add(&x.log, 14, EVENT_TYPE(EV_IPL), BYTES_LIT("MokDBState\0"), BYTES_LIT("\1"));
    REQUIRE_OK(attack_measure(&x), x.err);
    CHECK_NEVER_HEALTHY(x, SECUREBOOT_SHIM_INSECURE);
}

static size_t saved_state(const struct attack *x)
{
    for (size_t i = 0; i < x->log.n; i++)
        if (bytes_equal(x->log.events[i].data, BYTES_LIT("(hd0,gpt2)/grub/grubenv\0")))
            return i;
    return SIZE_MAX;
}

/* The accepted initial RAM disk is measured once more afterwards, and the one that ran takes the name of GRUB's saved state, which was removed. */
TEST(L1_an_initrd_called_grubenv_is_no_saved_state)
{
    struct baseline baseline;
    ATTACK(sound);
    ATTACK(x);
    ATTACK(same);
    ATTACK(changed);
    size_t state = saved_state(&x);

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    REQUIRE(state != SIZE_MAX);
    x.baseline = changed.baseline = &baseline;
    x.log.events[x.log.n++] = x.log.events[x.at.initrd_file];
    x.log.events[x.at.initrd_file].hashed = BYTES_LIT("evil initrd");
    x.log.events[x.at.initrd_file].data = x.log.events[state].data;
    x.log.events[state].gone = true;
    REQUIRE_OK(attack_measure(&x), x.err);
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK_INT(x.verdict, VERDICT_UNHEALTHY);
    attack_move(&x, x.at.initrd_file, state); /* right behind load_env; the events of register 9 keep their order */
    attack_move(&x, x.at.kernel_file + 1, state);
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK_INT(x.verdict, VERDICT_UNHEALTHY);

    /* The saved state really holds the same bytes, and the second time that they are measured looks like a repetition. */
    same.baseline = &baseline;
    same.log.events[same.log.n++] = same.log.events[same.at.initrd_file];
    same.log.events[same.at.initrd_file] = same.log.events[state];
    same.log.events[same.at.initrd_file].hashed = same.log.events[state].hashed = BYTES_LIT("evil initrd");
    REQUIRE_OK(attack_measure(&same), same.err);
    REQUIRE_OK(attack_send(&same), same.err);
    CHECK_INT(same.verdict, VERDICT_UNHEALTHY);

    changed.log.events[state].hashed = BYTES_LIT("another state");
    REQUIRE_OK(attack_measure(&changed), changed.err);
    CHECK_HEALTHY(changed);
}

/* Two letters are the id of a record of Windows that nobody compares, two are its length; systemd-boot's entries can be that long. */
TEST(L6_a_command_line_that_reads_as_a_record_of_windows_is_judged)
{
    enum { UNITS = 40000 };
    static const char words[] = " init=/bin/sh ";
    uint8_t line[2 * UNITS] = { 2, 0, 2, 0, (2 * (UNITS - 4)) & 0xff, (2 * (UNITS - 4)) >> 8 & 0xff, 2 * (UNITS - 4) >> 16, 0 };
    ATTACK(x);

    for (size_t i = 4; i < UNITS - 1; i++)
        line[2 * i] = i - 4 < sizeof words - 1 ? (uint8_t)words[i - 4] : 'a';
    built_add(&x.log, 12, EVENT_TYPE(EV_IPL), BYTES_OF(line), BYTES_OF(line));
    REQUIRE_OK(attack_measure(&x), x.err);
    CHECK_NEVER_HEALTHY(x, BOOT_CMDLINE_FORBIDDEN);
    CHECK(x.out.chain && !x.out.chain->windows.present);
}

/* What is measured behind the boot says nothing about the line and the kernel that it had. */
TEST(L6_a_line_that_is_measured_afterwards_does_not_become_the_command_line)
{
    static const char other[] = "/vmlinuz-6.9 root=/dev/vda1 ro";

    for (int i = 0; i < 2; i++) {
        ATTACK(x);
        struct bytes wide = built_utf16(&x.a, other, true);
        if (i == 0)
            built_grub(&x.log, "kernel_cmdline: ", other);
        else
            built_add(&x.log, 12, EVENT_TYPE(EV_IPL), wide, wide);
        REQUIRE_OK(attack_measure(&x), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(!x.out.appraisal.facts.command_line);
        CHECK(!x.out.appraisal.facts.kernel_label || !strstr(x.out.appraisal.facts.kernel_label, "6.9"));
    }
}

/* A record of Windows that nobody compares, measured afterwards. */
TEST(L6_a_record_of_windows_does_not_name_the_kernel_that_grub_loaded)
{
    const struct bytes record = BYTES_LIT("\x02\0\x02\0\x08\0\0\0counter!");
    ATTACK(x);

    built_add(&x.log, 12, EVENT_TYPE(EV_EVENT_TAG), record, record);
    REQUIRE_OK(attack_measure(&x), x.err);
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK(x.out.chain && x.out.chain->windows.present);
    CHECK(!x.out.appraisal.facts.kernel_label);
}

/* The firmware's separator bears another type, so that what was appended looks early; a new one closes the register. */
TEST(L5_a_separator_that_is_called_something_else_is_told)
{
    static const uint32_t registers[] = { 0, 1, 2, 3, 6 };

    for (size_t r = 0; r < ARRAY_LEN(registers); r++)
        for (size_t t = 0; t < ARRAY_LEN(all_types); t++) {
            ATTACK(x);
            const struct bytes zero = BYTES_LIT("\0\0\0\0");
            size_t at = 0;
            while (at < x.log.n && (x.log.events[at].pcr != registers[r] || x.log.events[at].type != EVENT_TYPE(EV_SEPARATOR)))
                at++;
            REQUIRE(at < x.log.n);
            built_add(&x.log, registers[r], EVENT_TYPE(EV_SEPARATOR), zero, zero);
            REQUIRE_OK(attack_measure(&x), x.err);
            if (all_types[t] == EVENT_TYPE(EV_NO_ACTION)) /* extends nothing: the register is not explained */
                continue;
            x.log.events[at].type = all_types[t];
            CHECK_NEVER_HEALTHY(x, LOG_SEPARATOR);
        }
}

static const struct bytes loader_conf = { (const uint8_t *)"\x2a\x58\xbc\xf5\x0c\0\0\0loader.conf\0", 20 };

/* The configuration that systemd-boot read under every type, and the accepted one measured into the same register afterwards. */
TEST(L1_an_accepted_loader_conf_behind_the_one_that_was_read_hides_nothing)
{
    static const struct bytes labels[] = { BYTES_NONE,
                                           { (const uint8_t *)"x", 1 },
                                           { (const uint8_t *)"\x2b\x58\xbc\xf5\x0c\0\0\0loader.conf\0", 20 },
                                           { (const uint8_t *)"\x2a\x58\xbc\xf5\x0c\0\0\0loader.conf\0", 20 } };
    struct baseline baseline;
    ATTACK(sound);
    size_t place = sound.at.shim;

    attack_move(&sound, built_add(&sound.log, 5, EVENT_TYPE(EV_EVENT_TAG), loader_conf, BYTES_LIT("timeout 3")), place);
    REQUIRE_OK(attack_measure(&sound), sound.err);
    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (size_t t = 0; t < ARRAY_LEN(all_types); t++)
        for (size_t d = 0; d < ARRAY_LEN(labels); d++) {
            ATTACK(x);
            x.baseline = &baseline;
            attack_move(&x, built_add(&x.log, 5, EVENT_TYPE(EV_EVENT_TAG), loader_conf, BYTES_LIT("editor yes")), place);
            built_add(&x.log, 5, EVENT_TYPE(EV_EVENT_TAG), loader_conf, BYTES_LIT("timeout 3"));
            REQUIRE_OK(attack_measure(&x), x.err);
            x.log.events[place].type = all_types[t];
            x.log.events[place].data = labels[d];
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK(x.verdict != VERDICT_HEALTHY);
            if (x.verdict == VERDICT_HEALTHY) {
                test_note("type %08x, data %zu", all_types[t], d);
                attack_show(&x);
            }
        }
}

/* "1" is rescue mode; as the number of an image's profile it would be harmless. */
TEST(L6_a_number_that_is_called_a_profile_is_judged_as_a_command_line)
{
    const struct bytes label = BYTES_LIT("\xdb\xd6\xae\x13\x04\0\0\0001\0\0\0"), line = BYTES_LIT("1\0\0\0");
    ATTACK(x);

    built_add(&x.log, 12, EVENT_TYPE(EV_EVENT_TAG), label, line);
    REQUIRE_OK(attack_measure(&x), x.err);
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK(x.verdict != VERDICT_HEALTHY);
    CHECK(findings_have(&x.findings, FINDING_BOOT_CMDLINE_FORBIDDEN));
}

/* A kernel that leaves out what checks its files. */
TEST(L6_a_kernel_that_does_not_start_its_checks_is_told)
{
    static const char line[] = "/vmlinuz-6.1 root=/dev/vda1 initcall_blacklist=init_ima";
    ATTACK(x);

    x.log.events[x.at.cmdline].hashed = bytes_of_string(line);
    x.log.events[x.at.cmdline].data = bytes_of_string(arena_printf(&x.a, "kernel_cmdline: %s", line));
    REQUIRE_OK(attack_measure(&x), x.err);
    CHECK_NEVER_HEALTHY(x, BOOT_CMDLINE_FORBIDDEN);
}

/* shim starts the accepted kernel by itself, with a line of root's; all that GRUB would have measured is measured by root afterwards. */
TEST(L10_an_accepted_loader_that_is_measured_behind_the_kernel_did_not_start_it)
{
    struct baseline baseline;
    ATTACK(sound);
    ATTACK(x);

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    x.baseline = &baseline;
    attack_move(&x, x.at.kernel, x.at.grub);
    REQUIRE_OK(attack_measure(&x), x.err);
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK_INT(x.verdict, VERDICT_UNHEALTHY);
    CHECK(findings_have(&x.findings, FINDING_BOOT_CHAIN_CHANGED));
}
