/* Attack suite 4.5: what is known about boot chains, and must be said. */
#include "attack.h"
#include "bootchain/chain/keys.h"

#define GLOBAL   "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define SECURITY "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f"
#define SHIM     "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23"
#define CONFIG   EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG)

/* Puts a really measured variable in the place of the one at `at`. */
static bool replace_variable(struct attack *x, size_t at, const char *guid, const char *name, struct bytes content)
{
    uint32_t type = x->log.events[at].type;

    built_variable(&x->log, 7, type, guid, name, content);
    x->log.events[at] = x->log.events[--x->log.n];
    return attack_measure(x);
}

static bool insert_variable(struct attack *x, const char *guid, const char *name, struct bytes content)
{
    size_t at = built_variable(&x->log, 7, CONFIG, guid, name, content);

    attack_move(x, at, x->at.separator7);
    x->at.separator7++;
    return attack_measure(x);
}

static void sha256_of(const char *content, uint8_t ret[static 32])
{
    struct digest d;

    digest_compute(DIGEST_SHA256, bytes_of_string(content), &d);
    memcpy(ret, d.value, 32);
}

TEST(B1_a_revoked_image_is_never_healthy_whoever_signed_it)
{
    static const char *const images[] = { "shim", "grub", "kernel" };

    for (size_t i = 0; i < ARRAY_LEN(images); i++) {
        struct revocation revoked = { .len = 32, .what = "a loader with a hole", .why = "CVE-2020-10713" };
        struct boot_reference reference = { .name = "test", .images = &revoked, .n_images = 1 };
        uint8_t hashes[1][32];
        sha256_of(images[i], revoked.digest);
        sha256_of(images[i], hashes[0]);
        {
            ATTACK(x); /* by the list that we know */
            x.reference = &reference;
            CHECK_NEVER_HEALTHY(x, BOOT_REVOKED_IMAGE);
        }
        {
            ATTACK(x); /* by the machine's own, which let it start all the same */
            REQUIRE_OK(replace_variable(&x, x.at.dbx, SECURITY, "dbx", built_hash_list(&x.a, hashes, 1)), x.err);
            CHECK_NEVER_HEALTHY(x, BOOT_REVOKED_IMAGE);
        }
        {
            ATTACK(x); /* under another event type */
            const size_t at[] = { x.at.shim, x.at.grub, x.at.kernel };
            x.reference = &reference;
            x.log.events[at[i]].type = EVENT_TYPE(EV_EFI_BOOT_SERVICES_DRIVER);
            CHECK_NEVER_HEALTHY(x, BOOT_REVOKED_IMAGE);
        }
        {
            ATTACK(x); /* and a baseline that was learned before makes no difference */
            struct baseline baseline;
            CHECK_HEALTHY(x);
            REQUIRE_OK(attack_learn(&x, &baseline), x.err);
            x.baseline = &baseline;
            x.reference = &reference;
            CHECK_NEVER_HEALTHY(x, BOOT_REVOKED_IMAGE);
        }
    }
    {
        ATTACK(x); /* the certificate that authorised it */
        struct revocation revoked = { .len = 32, .why = "withdrawn" };
        struct boot_reference reference = { .name = "test", .certificates = &revoked, .n_certificates = 1 };
        CHECK_HEALTHY(x);
        REQUIRE(x.out.chain && x.out.chain->n_authorities);
        boot_key_tbs_sha256(&x.out.chain->authorities[0].key, revoked.digest);
        x.reference = &reference;
        CHECK_NEVER_HEALTHY(x, BOOT_REVOKED_SIGNER);
    }
}

/* Whoever quotes chooses the banks, and lists name images by SHA-256. What the log says of that bank is enough to refuse; a log without it says
 * that nothing was looked up, and a baseline that knows the bank misses it. */
TEST(B1_a_revoked_image_does_not_hide_behind_another_bank)
{
    static const enum digest_algorithm both[] = { DIGEST_SHA384, DIGEST_SHA256 };
    struct revocation revoked = { .len = 32, .what = "a loader with a hole", .why = "CVE-2020-10713" };
    struct boot_reference reference = { .name = "test", .images = &revoked, .n_images = 1 };
    struct baseline baseline;
    ATTACK(sound);

    sha256_of("grub", revoked.digest);
    REQUIRE_OK(attack_use_banks(&sound, both, ARRAY_LEN(both)), sound.err);
    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (size_t n = 1; n <= ARRAY_LEN(both); n++) {
        ATTACK(x);
        REQUIRE_OK(attack_use_banks(&x, both, n), x.err);
        if (n == 2)
            x.quoted.banks[1].present &= 1u << 16;
        attack_quote(&x);
        x.reference = &reference;
        x.baseline = &baseline;
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK_INT(x.verdict, VERDICT_UNHEALTHY);
        CHECK_INT(attack_severity(&x, FINDING_BOOT_REVOCATIONS_UNCHECKED), SEVERITY_MEDIUM);
        CHECK(findings_have(&x.out.appraisal.findings, FINDING_BOOT_REVOKED_IMAGE) == (n == 2));
    }
}

TEST(B2_a_revocation_list_older_than_the_known_one_is_a_finding)
{
    ATTACK(x);
    struct revocation images[3] = { { { 1 }, 32 }, { { 2 }, 32 }, { { 3 }, 32 } }; /* the machine has two of them */
    struct boot_reference reference = { .name = "test", .images = images, .n_images = 2 };

    x.reference = &reference;
    CHECK_HEALTHY(x);
    CHECK(!findings_have(&x.findings, FINDING_SECUREBOOT_DBX_OLD));
    reference.n_images = 3;
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK_INT(attack_severity(&x, FINDING_SECUREBOOT_DBX_OLD), SEVERITY_LOW);
    REQUIRE_OK(replace_variable(&x, x.at.dbx, SECURITY, "dbx", BYTES_NONE), x.err);
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK_INT(attack_severity(&x, FINDING_SECUREBOOT_DBX_OLD), SEVERITY_LOW);
    {
        ATTACK(before); /* one that shrank since the baseline is worse */
        struct baseline baseline;
        CHECK_HEALTHY(before);
        REQUIRE_OK(attack_learn(&before, &baseline), before.err);
        x.baseline = &baseline;
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && attack_severity(&x, FINDING_SECUREBOOT_DBX_SHRUNK) == SEVERITY_HIGH);
    }
}

TEST(B3_an_sbat_level_below_the_required_generation_is_unhealthy)
{
    struct sbat_requirement sbat[] = { { "shim", 4 }, { "grub", 3 } };
    struct boot_reference reference = { .name = "test", .sbat = sbat, .n_sbat = 2 };
    ATTACK(x);

    x.reference = &reference;
    CHECK_HEALTHY(x);
    REQUIRE(x.out.chain && x.out.chain->sbat_level);
    CHECK_INT(x.out.chain->sbat_date, 2024010900);
    CHECK(strstr(x.out.chain->sbat_level, "shim,4"));
    for (size_t i = 0; i < 2; i++) {
        sbat[i].generation++;
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && attack_severity(&x, FINDING_SBAT_OLD) >= SEVERITY_MEDIUM);
        sbat[i].generation--;
    }
    sbat[1].component = "grub.debian"; /* of which the level says nothing */
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK_INT(x.verdict, VERDICT_UNHEALTHY);
    reference.n_sbat = 0;
    reference.sbat_date = 2025021800; /* merely not the newest */
    REQUIRE_OK(attack_send(&x), x.err);
    CHECK(x.verdict == VERDICT_HEALTHY && attack_severity(&x, FINDING_SBAT_OLD) == SEVERITY_LOW);
}

static void known(struct attack *x, const char *name, uint8_t serial, int generation, struct known_certificate *ret)
{
    struct digest d;

    digest_compute(DIGEST_SHA256, built_certificate(&x->a, name, serial), &d);
    *ret = (struct known_certificate){ .name = name, .generation = generation };
    memcpy(ret->sha256, d.value, 32);
}

TEST(B4_which_generation_of_keys_is_enrolled_and_which_one_authorised_the_boot_is_said)
{
    ATTACK(x);
    struct known_certificate certificates[2];
    struct boot_reference reference = { .name = "test", .known = certificates, .n_known = 1 };

    x.reference = &reference;
    known(&x, "Vendor CA", 3, 2011, &certificates[0]); /* in db, and the authority of shim */
    CHECK_HEALTHY(x);
    REQUIRE(x.out.chain);
    CHECK(x.out.chain->ms_2011 == FACT_YES && x.out.chain->ms_2023 == FACT_NO && x.out.chain->authority_generation == 2011);
    CHECK_INT(attack_severity(&x, FINDING_SECUREBOOT_CA_2011), SEVERITY_INFO);
    known(&x, "Exchange", 2, 2023, &certificates[1]); /* in KEK */
    reference.n_known = 2;
    CHECK_HEALTHY(x);
    CHECK(x.out.chain->ms_2011 == FACT_YES && x.out.chain->ms_2023 == FACT_YES && x.out.chain->authority_generation == 2011);
    CHECK(!findings_have(&x.findings, FINDING_SECUREBOOT_CA_2011));
    certificates[0].generation = 2023;
    CHECK_HEALTHY(x);
    CHECK(x.out.chain->ms_2011 == FACT_NO && x.out.chain->ms_2023 == FACT_YES && x.out.chain->authority_generation == 2023);
}

TEST(B5_keys_of_the_machines_owner_and_a_shim_that_does_not_validate_are_findings)
{
    ATTACK(sound);
    struct baseline baseline;

    CHECK_HEALTHY(sound);
    REQUIRE_OK(attack_learn(&sound, &baseline), sound.err);
    for (int in_14 = 0; in_14 < 2; in_14++) {
        ATTACK(x);
        if (in_14)
            built_add(&x.log, 14, EVENT_TYPE(EV_IPL), BYTES_LIT("MokSBState\0"), BYTES_LIT("\1"));
        else
            built_variable(&x.log, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), SHIM, "MokSBState", BYTES_LIT("\1"));
        REQUIRE_OK(attack_measure(&x), x.err);
        CHECK_NEVER_HEALTHY(x, SECUREBOOT_SHIM_INSECURE);
    }
    {
        ATTACK(x); /* another key enrolled */
        x.log.events[x.at.mok_list].hashed = BYTES_LIT("mok list and one more key");
        REQUIRE_OK(attack_measure(&x), x.err);
        x.baseline = &baseline;
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && findings_have(&x.findings, FINDING_SECUREBOOT_MOK_CHANGED));
    }
    {
        ATTACK(x); /* and trusted by the kernel from now on */
        built_add(&x.log, 14, EVENT_TYPE(EV_IPL), BYTES_LIT("MokListTrusted\0"), BYTES_LIT("\1"));
        REQUIRE_OK(attack_measure(&x), x.err);
        x.baseline = &baseline;
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && findings_have(&x.findings, FINDING_SECUREBOOT_MOK_CHANGED));
    }
}

static bool run_with(struct attack *x, const char *line)
{
    struct built_event *e = &x->log.events[x->at.cmdline], *command = &x->log.events[x->at.linux_command];
    const char *data = arena_printf(&x->a, "kernel_cmdline: %s", line), *typed = arena_printf(&x->a, "grub_cmd: linux %s", line);

    e->hashed = bytes_of_string(line);
    e->data = (struct bytes){ (const uint8_t *)data, strlen(data) + 1 };
    command->hashed = bytes_of_string(typed + strlen("grub_cmd: "));
    command->data = (struct bytes){ (const uint8_t *)typed, strlen(typed) + 1 };
    return attack_measure(x);
}

TEST(B6_an_option_that_switches_protection_off_is_a_finding_and_a_change_is_shown)
{
    static const char *const evil[] = { "init=/bin/sh", "ima_appraise=off", "module.sig_enforce=0", "lockdown=none", "rdinit=/bin/sh" };
    ATTACK(before);
    struct baseline baseline;
    bool shown = false;

    for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
        ATTACK(x);
        REQUIRE_OK(run_with(&x, arena_printf(&x.a, "/vmlinuz-6.1 root=/dev/vda1 ro %s", evil[i])), x.err);
        CHECK_NEVER_HEALTHY(x, BOOT_CMDLINE_FORBIDDEN);
    }
    REQUIRE_OK(run_with(&before, "/vmlinuz-6.1 root=/dev/vda1 ro lockdown=integrity"), before.err);
    CHECK_HEALTHY(before);
    REQUIRE_OK(attack_learn(&before, &baseline), before.err);
    {
        ATTACK(x);
        REQUIRE_OK(run_with(&x, "/vmlinuz-6.1 root=/dev/vda1 ro"), x.err);
        x.baseline = &baseline;
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.verdict == VERDICT_UNHEALTHY && findings_have(&x.findings, FINDING_BOOT_CMDLINE_CHANGED));
        for (size_t i = 0; i < x.findings.n; i++)
            shown |= x.findings.items[i].id == FINDING_BOOT_CMDLINE_CHANGED && strstr(x.findings.items[i].text, "lockdown=integrity");
        CHECK(shown);
        if (!shown)
            attack_show(&x);
    }
}

TEST(B7_each_weak_state_of_the_firmware_has_its_own_reason)
{
    static const struct {
        const char *name;
        struct bytes content;
        enum finding_id id;
    } variables[] = {
        { "SetupMode", { (const uint8_t *)"\1", 1 }, FINDING_SECUREBOOT_SETUP_MODE },
        { "AuditMode", { (const uint8_t *)"\1", 1 }, FINDING_SECUREBOOT_AUDIT_MODE },
    };
    static const struct {
        const char *text;
        enum finding_id id;
    } actions[] = { { "UEFI Debug Mode", FINDING_FIRMWARE_DEBUGGER }, { "DMA Protection Disabled", FINDING_FIRMWARE_DMA } };

    for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
        ATTACK(x);
        REQUIRE_OK(insert_variable(&x, GLOBAL, variables[i].name, variables[i].content), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(attack_refused(&x) && findings_have(&x.findings, variables[i].id));
    }
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        ATTACK(x);
        attack_move(&x, built_text(&x.log, 7, EVENT_TYPE(EV_EFI_ACTION), actions[i].text), x.at.separator7);
        REQUIRE_OK(attack_measure(&x), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(attack_refused(&x) && findings_have(&x.findings, actions[i].id));
    }
    {
        ATTACK(x);
        REQUIRE_OK(replace_variable(&x, x.at.secure_boot, GLOBAL, "SecureBoot", BYTES_LIT("\0")), x.err);
        CHECK_NEVER_HEALTHY(x, SECUREBOOT_DISABLED);
    }
    {
        ATTACK(x); /* no platform key: setup mode, whatever is not measured */
        REQUIRE_OK(replace_variable(&x, x.at.pk, GLOBAL, "PK", BYTES_NONE), x.err);
        CHECK_NEVER_HEALTHY(x, SECUREBOOT_SETUP_MODE);
    }
    for (uint8_t deployed = 0; deployed < 2; deployed++) { /* said as a fact: no machine is worse for not using it */
        ATTACK(x);
        REQUIRE_OK(insert_variable(&x, GLOBAL, "DeployedMode", (struct bytes){ &deployed, 1 }), x.err);
        REQUIRE_OK(attack_send(&x), x.err);
        CHECK(x.out.chain && x.out.chain->deployed_mode == (deployed ? FACT_YES : FACT_NO));
    }
}

TEST(B8_empty_firmware_registers_under_a_running_system_are_unhealthy)
{
    for (int with_log = 0; with_log < 2; with_log++)
        for (int os = 0; os < 2; os++) {
            ATTACK(x);
            for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
                if (pcr < 8 || !os) /* the TPM was reset; what software extended since may look as it likes */
                    pcr_reset_value(DIGEST_SHA256, pcr, &x.quoted.banks[0].value[pcr]);
            x.no_log = !with_log;
            CHECK_NEVER_HEALTHY(x, PCR_RESET);
            CHECK_INT(x.verdict, VERDICT_UNHEALTHY);
        }
    {
        ATTACK(x); /* reset, and the old log's digests extended by software: what came before the log's end is missing */
        x.log.events[0].gone = true;
        REQUIRE_OK(attack_measure(&x), x.err);
        x.log.events[0].gone = false;
        CHECK_NEVER_HEALTHY(x, LOG_REPLAY_MISMATCH);
    }
}
