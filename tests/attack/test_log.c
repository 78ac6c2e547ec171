/* Attack suite 4.2, first half: what the events of a log claim, and what the registers say to it. */
#include "appraise/refusal.h"
#include "attack.h"
#include "crypto/random.h"
#include "eventlog/replay/replay.h"

static const uint32_t all_types[] = {
#define X(number, name, content, covers, pcrs, after, section) number,
    EVENT_TYPES(X)
#undef X
        0x0000abcd,
    0x800000ff, 0xffffffff
};

static void repeat(struct attack *x, size_t at) { x->log.events[x->log.n++] = x->log.events[at]; }

/* Software may extend registers with whatever it likes, after the genuine boot has done so: a second history of the register. */
static void forge_secure_boot_on(struct attack *x)
{
    const size_t again[] = { x->at.secure_boot,  x->at.pk,   x->at.kek,           x->at.db, x->at.dbx, x->at.separator7,
                             x->at.authority_db, x->at.sbat, x->at.authority_shim };

    for (size_t i = 0; i < ARRAY_LEN(again); i++)
        repeat(x, again[i]);
}

static void switch_secure_boot_off(struct attack *x)
{
    size_t off = built_variable(&x->log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG),
                                "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c", "SecureBoot", BYTES_LIT("\0"));

    x->log.events[x->at.secure_boot] = x->log.events[off];
    x->log.n--;
}

TEST(L1_genuine_events_of_register_7_retyped_and_forged_ones_appended_are_never_healthy)
{
    for (size_t t = 0; t < ARRAY_LEN(all_types); t++) {
        ATTACK(x);
        size_t genuine = x.log.n;
        forge_secure_boot_on(&x);
        switch_secure_boot_off(&x);
        REQUIRE_OK(attack_measure(&x), x.err);
        for (size_t i = 0; i < genuine; i++)
            if (x.log.events[i].pcr == 7)
                x.log.events[i].type = all_types[t];
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(attack_refused(&x) &&
              (attack_severity(&x, FINDING_LOG_UNKNOWN_EVENT) >= SEVERITY_HIGH || findings_worst(&x.findings) >= SEVERITY_HIGH));
        if (test_failed()) {
            test_note("type %08x", all_types[t]);
            attack_show(&x);
            break;
        }
    }
    {
        ATTACK(x);
        size_t genuine = x.log.n;
        forge_secure_boot_on(&x);
        switch_secure_boot_off(&x);
        REQUIRE_OK(attack_measure(&x), x.err);
        for (size_t i = 0; i < genuine; i++)
            if (x.log.events[i].pcr == 7)
                x.log.events[i].type = EVENT_TYPE(EV_UNUSED);
        CHECK_NEVER_HEALTHY(x, LOG_UNKNOWN_EVENT);
        CHECK(x.out.appraisal.facts.secure_boot != SECURE_BOOT_ENABLED || findings_worst(&x.findings) >= SEVERITY_HIGH);
    }
}

/* The evil loader ran; software extended register 4 with the clean one's digest afterwards. */
static bool hide_evil_loader(struct attack *x, uint32_t type, struct bytes data)
{
    size_t clean = x->log.n;

    repeat(x, x->at.shim);
    x->log.events[x->at.shim].hashed = BYTES_LIT("evil loader");
    attack_move(x, clean, x->at.shim + 1);
    if (!attack_measure(x))
        return false;
    x->log.events[x->at.shim].type = type;
    if (data.len)
        x->log.events[x->at.shim].data = data;
    return true;
}

TEST(L2_an_image_of_register_4_retyped_and_a_clean_one_appended_is_never_healthy)
{
    static const struct bytes disguises[] = { BYTES_NONE,
                                              { (const uint8_t *)"Calling EFI Application from Boot Option", 40 },
                                              { (const uint8_t *)"\0\0\0\0", 4 } };
    ATTACK(sound);
    struct baseline baseline;

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (size_t t = 0; t < ARRAY_LEN(all_types); t++)
        for (size_t d = 0; d < ARRAY_LEN(disguises); d++) {
            ATTACK(x);
            x.baseline = &baseline;
            REQUIRE_OK(hide_evil_loader(&x, all_types[t], disguises[d]), x.err);
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK(x.verdict == VERDICT_UNHEALTHY && findings_worst(&x.findings) >= SEVERITY_MEDIUM);
            if (test_failed()) {
                test_note("type %08x, disguise %zu", all_types[t], d);
                attack_show(&x);
                return;
            }
        }
    {
        ATTACK(x);
        x.baseline = &baseline;
        REQUIRE_OK(hide_evil_loader(&x, EVENT_TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB), BYTES_NONE), x.err);
        CHECK_NEVER_HEALTHY(x, LOG_UNKNOWN_EVENT);
    }
}

TEST(L3_stripping_every_event_of_a_register_is_never_healthy)
{
    unsigned stripped = 0;

    for (uint32_t pcr = 0; pcr < 16; pcr++) {
        ATTACK(x);
        size_t gone = 0;
        for (size_t i = 0; i < x.log.n; i++)
            if (x.log.events[i].pcr == pcr) {
                x.log.events[i].gone = true;
                gone++;
            }
        if (!gone)
            continue;
        stripped++;
        CHECK_NEVER_HEALTHY(x, LOG_PCR_UNEXPLAINED);
    }
    CHECK(stripped >= 11);
    {
        ATTACK(x); /* and a register of user space that no log mentions */
        digest_extend(&x.quoted.banks[0].value[11], digest_bytes(&x.quoted.banks[0].value[4]));
        CHECK_NEVER_HEALTHY(x, LOG_PCR_UNEXPLAINED);
    }
    {
        ATTACK(x); /* nor the one that systemd extends without a log: nobody accepted it */
        digest_extend(&x.quoted.banks[0].value[15], digest_bytes(&x.quoted.banks[0].value[4]));
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && findings_have(&x.findings, FINDING_LOG_PCR_UNEXPLAINED));
        CHECK(refusal_of_evidence(&x.out.appraisal.findings) != NULL); /* so there is no token */
    }
    {
        ATTACK(x); /* and all of them */
        x.no_log = true;
        CHECK_NEVER_HEALTHY(x, LOG_MISSING);
    }
}

TEST(L4_every_quoted_bank_must_replay)
{
    static const enum digest_algorithm banks[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384 };

    for (size_t i = 0; i < ARRAY_LEN(banks); i++) {
        ATTACK(x);
        REQUIRE_OK(attack_use_banks(&x, banks, ARRAY_LEN(banks)), x.err);
        CHECK_HEALTHY(x);
        x.forged_bank = banks[i];
        CHECK_NEVER_HEALTHY(x, LOG_REPLAY_MISMATCH);
    }
    {
        ATTACK(x); /* a quoted bank of which the log has no digest at all */
        REQUIRE_OK(attack_use_banks(&x, banks, 2), x.err);
        x.n_banks = 1;
        CHECK_NEVER_HEALTHY(x, LOG_BANK_UNEXTENDED);
    }
}

/* The changed log with the digests that the honest one has in `bank`: what an attacker writes who cannot choose what is quoted. */
static bool forge_bank(struct attack *x, struct bytes changed, struct bytes honest, enum digest_algorithm bank, struct bytes *ret)
{
    struct eventlog a, b;
    struct bytes forged;

    if (changed.len != honest.len || !arena_copy(&x->a, changed, &forged) || !eventlog_parse(&x->a, changed, &a, &x->err) ||
        !eventlog_parse(&x->a, honest, &b, &x->err) || a.n_events != b.n_events)
        return false;
    for (size_t i = 0; i < a.n_events; i++) {
        struct bytes to = event_digest(&a, &a.events[i], bank), from = event_digest(&b, &b.events[i], bank);
        if (to.len && to.len == from.len)
            memcpy((uint8_t *)forged.data + (to.data - changed.data), from.data, from.len);
    }
    *ret = forged;
    return true;
}

TEST(L4_digests_of_a_bank_that_nobody_quoted_prove_nothing)
{
    static const enum digest_algorithm both[] = { DIGEST_SHA384, DIGEST_SHA256 };
    static const uint32_t listed[] = { 0, 1u << 16 }; /* the forged bank is empty in the quote, or holds a register of no interest */
    struct baseline baseline;
    ATTACK(sound);

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (size_t i = 0; i < ARRAY_LEN(listed); i++) {
        struct bytes honest;
        ATTACK(x);
        x.baseline = &baseline;
        REQUIRE_OK(attack_use_banks(&x, both, ARRAY_LEN(both)), x.err);
        honest = attack_log(&x);
        x.log.events[x.at.initrd_file].hashed = BYTES_LIT("another initial RAM disk");
        REQUIRE_OK(attack_measure(&x), x.err);
        REQUIRE_OK(forge_bank(&x, attack_log(&x), honest, DIGEST_SHA256, &x.raw_log), x.err);
        x.quoted.banks[1].present &= listed[i];
        attack_quote(&x);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && x.out.appraisal.quote_verified);
        if (x.verdict != VERDICT_UNHEALTHY)
            attack_show(&x);
    }
}

TEST(L5_a_bank_that_firmware_never_extended_is_never_healthy)
{
    static const enum digest_algorithm banks[] = { DIGEST_SHA1, DIGEST_SHA256 }, other[] = { DIGEST_SHA384 };
    ATTACK(sound);
    struct baseline baseline;

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    {
        ATTACK(x); /* SHA-256 idle, SHA-1 real */
        REQUIRE_OK(attack_use_banks(&x, banks, 2), x.err);
        for (unsigned pcr = 0; pcr < 16; pcr++)
            pcr_reset_value(DIGEST_SHA256, pcr, &x.quoted.banks[1].value[pcr]);
        CHECK_NEVER_HEALTHY(x, LOG_BANK_UNEXTENDED);
    }
    {
        ATTACK(x); /* only the idle bank is quoted */
        for (unsigned pcr = 0; pcr < 16; pcr++)
            pcr_reset_value(DIGEST_SHA256, pcr, &x.quoted.banks[0].value[pcr]);
        CHECK_NEVER_HEALTHY(x, PCR_RESET);
    }
    {
        ATTACK(x); /* software filled it, without the separators that firmware gives every bank */
        for (size_t i = 0; i < x.log.n; i++)
            x.log.events[i].gone = x.log.events[i].type == EVENT_TYPE(EV_SEPARATOR);
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_NEVER_HEALTHY(x, LOG_SEPARATOR);
    }
    {
        ATTACK(x); /* software filled it perfectly: another bank than the one that was enrolled */
        x.baseline = &baseline;
        REQUIRE_OK(attack_use_banks(&x, other, 1), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && findings_have(&x.findings, FINDING_BASELINE_BANKS));
    }
}

static size_t separator_of(const struct attack *x, uint32_t pcr)
{
    size_t i = 0;

    while (x->log.events[i].pcr != pcr || x->log.events[i].type != EVENT_TYPE(EV_SEPARATOR))
        i++;
    return i;
}

TEST(L6_separators_that_are_missing_repeated_wrong_or_late_are_never_healthy)
{
    for (uint32_t pcr = 0; pcr < 8; pcr++) {
        /* clang-format off */
        const struct { struct bytes value; enum finding_id id; } values[] = {
            { BYTES_LIT("\1\0\0\0"),         FINDING_LOG_SEPARATOR_ERROR },
            { BYTES_LIT("\0\0\0\1"),         FINDING_LOG_SEPARATOR },
            { BYTES_LIT("\xff\xff\xff\xfe"), FINDING_LOG_SEPARATOR },
            { BYTES_LIT("\0\0\0"),           FINDING_LOG_SEPARATOR },
            { BYTES_LIT("\0\0\0\0\0"),       FINDING_LOG_SEPARATOR },
            { BYTES_LIT(""),                 FINDING_LOG_SEPARATOR },
        };
        /* clang-format on */
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            ATTACK(x);
            struct built_event *e = &x.log.events[separator_of(&x, pcr)];
            e->data = e->hashed = values[v].value;
            REQUIRE_OK(attack_measure(&x), x.err);
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK(attack_refused(&x) && findings_have(&x.findings, values[v].id));
        }
        {
            ATTACK(x); /* none */
            x.log.events[separator_of(&x, pcr)].gone = true;
            REQUIRE_OK(attack_measure(&x), x.err);
            CHECK_NEVER_HEALTHY(x, LOG_SEPARATOR);
        }
        {
            ATTACK(x); /* two */
            repeat(&x, separator_of(&x, pcr));
            REQUIRE_OK(attack_measure(&x), x.err);
            CHECK_NEVER_HEALTHY(x, LOG_SEPARATOR);
        }
        {
            ATTACK(x); /* an error mark whose data says otherwise */
            x.log.events[separator_of(&x, pcr)].hashed = BYTES_LIT("\1\0\0\0");
            REQUIRE_OK(attack_measure(&x), x.err);
            CHECK_NEVER_HEALTHY(x, LOG_SEPARATOR_ERROR);
        }
    }
    {
        ATTACK(x); /* firmware's own part after it */
        attack_move(&x, x.at.separator7, x.at.dbx);
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_NEVER_HEALTHY(x, LOG_AFTER_SEPARATOR);
    }
    {
        ATTACK(x);
        repeat(&x, 1); /* a firmware volume in register 0 */
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_NEVER_HEALTHY(x, LOG_AFTER_SEPARATOR);
    }
    {
        ATTACK(x); /* the other legal value is fine */
        struct built_event *e = &x.log.events[separator_of(&x, 3)];
        e->data = e->hashed = BYTES_LIT("\xff\xff\xff\xff");
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_HEALTHY(x);
    }
}

TEST(L7_a_policy_variable_twice_late_or_of_a_wrong_length_is_never_healthy)
{
    static const char global[] = "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c";

    for (int i = 0; i < 5; i++) {
        ATTACK(twice);
        const size_t at[] = { twice.at.secure_boot, twice.at.pk, twice.at.kek, twice.at.db, twice.at.dbx };
        repeat(&twice, at[i]);
        attack_move(&twice, twice.log.n - 1, twice.at.separator7);
        REQUIRE_OK(attack_measure(&twice), twice.err);
        CHECK_NEVER_HEALTHY(twice, LOG_DUPLICATE_VARIABLE);
        {
            ATTACK(late);
            attack_move(&late, at[i], late.log.n - 1);
            REQUIRE_OK(attack_measure(&late), late.err);
            CHECK_NEVER_HEALTHY(late, LOG_AFTER_SEPARATOR);
        }
    }
    for (size_t len = 0; len <= 8; len++) {
        ATTACK(x);
        size_t odd = built_variable(&x.log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), global, "SecureBoot",
                                    (struct bytes){ (const uint8_t *)"\1\1\1\1\1\1\1\1", len });
        if (len < 2) /* an empty one says that this firmware has no Secure Boot: off */
            continue;
        x.log.events[x.at.secure_boot] = x.log.events[odd];
        x.log.n--;
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_NEVER_HEALTHY(x, SECUREBOOT_UNPROVED);
        CHECK_INT(x.out.appraisal.facts.secure_boot, SECURE_BOOT_UNKNOWN);
    }
    for (int value = 0; value < 256 && !test_failed(); value += value == 0 ? 2 : 1) { /* nor any value but 1 */
        ATTACK(x);
        uint8_t byte = (uint8_t)value;
        size_t odd = built_variable(&x.log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG), global, "SecureBoot", (struct bytes){ &byte, 1 });
        x.log.events[x.at.secure_boot] = x.log.events[odd];
        x.log.n--;
        REQUIRE_OK(attack_measure(&x), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(attack_refused(&x) && x.out.appraisal.facts.secure_boot != SECURE_BOOT_ENABLED);
    }
}

TEST(L8_data_that_does_not_hash_to_its_digest_makes_no_claim)
{
    {
        ATTACK(x); /* Secure Boot was off; the text says on */
        struct built_event sound = x.log.events[x.at.secure_boot];
        switch_secure_boot_off(&x);
        REQUIRE_OK(attack_measure(&x), x.err);
        x.log.events[x.at.secure_boot].data = sound.data;
        CHECK_NEVER_HEALTHY(x, SECUREBOOT_UNPROVED);
        CHECK(findings_have(&x.findings, FINDING_LOG_UNPROVED));
        CHECK_INT(x.out.appraisal.facts.secure_boot, SECURE_BOOT_UNKNOWN);
    }
    {
        ATTACK(x); /* another command line ran than is shown */
        x.log.events[x.at.cmdline].hashed = BYTES_LIT("/vmlinuz-6.1 init=/bin/sh");
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_NEVER_HEALTHY(x, BOOT_UNPROVED);
        CHECK_STRING(x.out.appraisal.facts.command_line, NULL);
    }
    {
        ATTACK(x); /* the key that let the loader start */
        x.log.events[x.at.authority_db].hashed = BYTES_LIT("somebody else's key");
        REQUIRE_OK(attack_measure(&x), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && findings_have(&x.findings, FINDING_LOG_UNPROVED));
        REQUIRE(x.out.chain);
        for (size_t i = 0; i < x.out.chain->n_authorities; i++)
            CHECK(x.out.chain->authorities[i].event != (int64_t)x.at.authority_db + 1 || !x.out.chain->authorities[i].proved);
    }
    /* The listed quirks: shim before 15.3 shows one byte too many; EDK2 hashes a boot variable's content alone. */
    {
        ATTACK(x);
        struct built_event *e = &x.log.events[x.at.authority_shim];
        e->hashed = bytes_slice(e->data, 0, e->data.len - 1);
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_HEALTHY(x);
    }
    {
        ATTACK(x);
        size_t order =
            built_variable(&x.log, 1, EVENT_TYPE(EV_EFI_VARIABLE_BOOT), "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c",
                           "BootOrder", BYTES_LIT("\0\0\1\0"));
        x.log.events[order].hashed = BYTES_LIT("\0\0\1\0");
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_HEALTHY(x);
        x.log.events[order].hashed = BYTES_LIT("\1\0\0\0"); /* but nothing else */
        REQUIRE_OK(attack_measure(&x), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict != VERDICT_HEALTHY && findings_have(&x.findings, FINDING_LOG_UNPROVED));
    }
}

static struct bytes relabelled(struct attack *x, const struct built_event *e, const char *prefix)
{
    const char *text = arena_printf(&x->a, "%s%.*s", prefix, BYTES_FMT(e->hashed));

    return (struct bytes){ (const uint8_t *)text, strlen(text) + 1 };
}

TEST(L9_labels_of_grub_can_be_swapped_without_gaining_anything)
{
    static const char *const prefixes[] = { "grub_cmd: ", "kernel_cmdline: ", "module_cmdline: ", "grub_cmd ", "grub_kernel_cmdline ", "" };
    static const char *const evil[] = { "/vmlinuz-6.1 init=/bin/sh", "/vmlinuz-6.1 root=/dev/vda1 ima_appraise=off" };
    ATTACK(sound);
    struct baseline baseline;

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (size_t k = 0; k < ARRAY_LEN(evil); k++)
        for (size_t p = 0; p < ARRAY_LEN(prefixes); p++)
            for (int with_baseline = 0; with_baseline < 2; with_baseline++) {
                ATTACK(x);
                struct built_event *e = &x.log.events[x.at.cmdline];
                e->hashed = bytes_of_string(evil[k]);
                e->data = relabelled(&x, e, prefixes[p]);
                REQUIRE_OK(attack_measure(&x), x.err);
                x.baseline = with_baseline ? &baseline : NULL;
                CHECK_NEVER_HEALTHY(x, BOOT_CMDLINE_FORBIDDEN);
            }
    /* Every label of every GRUB event: never a better verdict, never a command line that was none. */
    for (size_t i = 0; i < sound.log.n; i++)
        for (size_t p = 0; p < ARRAY_LEN(prefixes) && sound.log.events[i].pcr == 8; p++) {
            ATTACK(x);
            x.log.events[i].data = relabelled(&x, &x.log.events[i], prefixes[p]);
            x.baseline = &baseline;
            REQUIRE_OK(attack_send(&x), x.err);
            CHECK(!x.out.appraisal.facts.command_line ||
                  strcmp(x.out.appraisal.facts.command_line, sound.out.appraisal.facts.command_line) == 0);
        }
    /* A changed initrd under the kernel's name, and the other way round. */
    {
        ATTACK(x);
        struct built_event *kernel = &x.log.events[x.at.kernel_file], *initrd = &x.log.events[x.at.initrd_file];
        struct bytes label = kernel->data;
        initrd->hashed = BYTES_LIT("evil initrd");
        REQUIRE_OK(attack_measure(&x), x.err);
        x.baseline = &baseline;
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && findings_have(&x.findings, FINDING_BOOT_INITRD_CHANGED));
        kernel->data = initrd->data;
        initrd->data = label;
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK_INT(x.verdict, VERDICT_UNHEALTHY);
    }
}

TEST(L10_without_a_proved_exit_of_the_boot_services_loaded_images_prove_nothing)
{
    for (int i = 0; i < 2; i++) {
        ATTACK(x);
        struct built_event *exited = &x.log.events[x.log.n - 1];
        if (i == 0)
            exited->gone = true;
        else
            exited->hashed = BYTES_LIT("something else");
        REQUIRE_OK(attack_measure(&x), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict != VERDICT_HEALTHY && findings_have(&x.findings, FINDING_LOG_EXIT_BOOT_SERVICES));
        CHECK(x.out.chain && !x.out.chain->boot_services_exited);
    }
}
