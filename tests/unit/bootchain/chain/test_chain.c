/* What the walk reads from a boot, and the findings that hold without a baseline. */
#include <stdio.h>
#include <stdlib.h>
#include "bootchain/chain/keys.h"
#include "eventlog/software/sipa.h"
#include "stock_boot.h"
#include "support/test.h"

#define GLOBAL   "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define SECURITY "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f"
#define SHIM     "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23"
#define CONFIG   EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG)

static bool boot_read(struct boot *b) { return built_read(&b->log, NULL, &b->sample); }

/* Places an event earlier: the firmware's own part ends with the separator. */
static void move_before(struct built_log *log, size_t from, size_t to)
{
    struct built_event moved = log->events[from];

    memmove(&log->events[to + 1], &log->events[to], (from - to) * sizeof moved);
    log->events[to] = moved;
}

static bool is_sound(const struct boot *b)
{
    for (size_t i = 0; i < b->sample.findings.n; i++)
        if (b->sample.findings.items[i].severity >= SEVERITY_LOW)
            test_note("%s: %s", finding_kind(b->sample.findings.items[i].id)->id, b->sample.findings.items[i].text);
    return findings_worst(&b->sample.findings) < SEVERITY_LOW;
}

TEST(a_stock_boot_gives_its_facts_and_no_finding)
{
    struct boot b CLEANUP(boot_done);
    const struct bootchain *chain = &b.sample.chain;

    boot_stock(&b);
    REQUIRE(boot_read(&b));
    CHECK(is_sound(&b));
    CHECK_INT(chain->secure_boot, SECURE_BOOT_ENABLED);
    CHECK_INT(chain->setup_mode, FACT_NO);
    CHECK_INT(chain->flow, BOOT_FLOW_GRUB);
    CHECK_INT(chain->initrd, INITRD_MEASURED);
    CHECK_STRING(chain->crtm_version, "1.0");
    CHECK_STRING(chain->kernel, "vmlinuz-6.1");
    CHECK_STRING(chain->command_line, "/vmlinuz-6.1 root=/dev/vda1 ro");
    CHECK_STRING(chain->sbat_level, "sbat,1,2024010900\\x0ashim,4\\x0agrub,3");
    CHECK_INT(chain->sbat_date, 2024010900);
    CHECK_INT(chain->dbx.n, 2);
    REQUIRE(chain->n_authorities == 2 && chain->n_images == 3 && chain->db.n == 1);
    CHECK_STRING(chain->db.items[0].name, "Vendor CA");
    CHECK_STRING(chain->authorities[0].key.name, "Vendor CA");
    CHECK_STRING(chain->authorities[1].source, "Shim");
    CHECK_STRING(chain->images[0].name, "shim (\\EFI\\BOOT\\BOOTX64.EFI)");
    CHECK_STRING(chain->images[1].name, "GRUB (\\EFI\\BOOT\\grubx64.efi)");
    CHECK(chain->images[2].role == IMAGE_KERNEL && chain->images[1].authority == &chain->authorities[1]);
    CHECK(chain->boot_services_exited);
}

TEST(nothing_is_believed_from_a_register_that_the_quote_does_not_explain)
{
    struct boot b CLEANUP(boot_done);
    struct findings findings = { .arena = &b.a };
    struct pcr_set quoted;
    struct bootchain chain;
    const struct replayed_log *replayed;
    struct err err = ERR_INIT;

    boot_stock(&b);
    REQUIRE(boot_read(&b));
    quoted = b.sample.quoted;
    quoted.banks[0].value[7].value[0] ^= 1;
    REQUIRE(replay_verify(&b.a, &b.sample.log, &quoted, NULL, &findings, &replayed, &err));
    REQUIRE(bootchain_read(&b.a, replayed, NULL, &findings, &chain, &err));
    CHECK_INT(chain.secure_boot, SECURE_BOOT_UNKNOWN);
    CHECK(!chain.db.measured && !chain.n_authorities && !chain.sbat_level);
    CHECK(findings_have(&findings, FINDING_SECUREBOOT_UNPROVED));
    for (size_t i = 0; i < chain.components.n; i++)
        CHECK(chain.components.items[i].pcr != 7);
}

struct policy_case {
    const char *guid, *name, *content;
    size_t content_len;
    bool early;
    enum finding_id id;
};

TEST(each_weak_firmware_state_has_its_own_finding)
{
    static const struct policy_case cases[] = {
        { GLOBAL, "AuditMode", "\1", 1, true, FINDING_SECUREBOOT_AUDIT_MODE },
        { GLOBAL, "SetupMode", "\1", 1, true, FINDING_SECUREBOOT_SETUP_MODE },
        { GLOBAL, "SecureBoot", "\1", 1, true, FINDING_SECUREBOOT_UNPROVED }, /* a second statement about one thing */
        { GLOBAL, "SecureBoot", "\0", 1, true, FINDING_SECUREBOOT_UNPROVED },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct boot b CLEANUP(boot_done);
        size_t at;
        boot_stock(&b);
        at = built_variable(&b.log, 7, CONFIG, cases[i].guid, cases[i].name,
                            (struct bytes){ (const uint8_t *)cases[i].content, cases[i].content_len });
        move_before(&b.log, at, b.at.separator7);
        REQUIRE(boot_read(&b));
        CHECK(said(&b, cases[i].id));
    }
}

TEST(secure_boot_off_is_a_finding_by_itself)
{
    static const char *const contents[] = { "\0", "" };

    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct boot b CLEANUP(boot_done);
        struct built_event *e;
        boot_stock(&b);
        built_variable(&b.log, 7, CONFIG, GLOBAL, "SecureBoot", (struct bytes){ (const uint8_t *)contents[i], i == 0 });
        e = &b.log.events[b.at.secure_boot];
        *e = b.log.events[--b.log.n];
        REQUIRE(boot_read(&b));
        CHECK_INT(b.sample.chain.secure_boot, SECURE_BOOT_DISABLED);
        CHECK(said(&b, FINDING_SECUREBOOT_DISABLED) && find(&b, FINDING_SECUREBOOT_DISABLED).pcr == 7);
    }
}

TEST(secure_boot_is_on_with_the_value_1_and_no_other)
{
    static const char *const contents[] = { "\2", "\xff", "\1\0" };

    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct boot b CLEANUP(boot_done);
        struct built_event *e;
        boot_stock(&b);
        built_variable(&b.log, 7, CONFIG, GLOBAL, "SecureBoot", (struct bytes){ (const uint8_t *)contents[i], i < 2 ? 1 : 2 });
        e = &b.log.events[b.at.secure_boot];
        *e = b.log.events[--b.log.n];
        REQUIRE(boot_read(&b));
        CHECK_INT(b.sample.chain.secure_boot, SECURE_BOOT_UNKNOWN);
        CHECK(said(&b, FINDING_SECUREBOOT_UNPROVED));
    }
}

TEST(a_statement_after_the_separator_is_no_fact)
{
    struct boot b CLEANUP(boot_done);

    boot_stock(&b);
    b.log.events[b.at.secure_boot].gone = true;
    built_variable(&b.log, 7, CONFIG, GLOBAL, "SecureBoot", BYTES_LIT("\1"));
    REQUIRE(boot_read(&b));
    CHECK_INT(b.sample.chain.secure_boot, SECURE_BOOT_UNKNOWN);
    CHECK(said(&b, FINDING_SECUREBOOT_UNPROVED));
}

TEST(data_that_does_not_hash_to_its_digest_is_no_fact)
{
    struct boot b CLEANUP(boot_done);
    struct built_event *e;
    uint8_t *copy;

    boot_stock(&b);
    e = &b.log.events[b.at.secure_boot];
    e->hashed = BYTES_LIT("something else");
    e = &b.log.events[b.at.db];
    copy = arena_alloc(&b.a, e->data.len);
    REQUIRE(copy);
    memcpy(copy, e->data.data, e->data.len);
    copy[e->data.len - 1] ^= 1;
    e->data.data = copy;
    REQUIRE(boot_read(&b));
    CHECK_INT(b.sample.chain.secure_boot, SECURE_BOOT_UNKNOWN);
    CHECK(!b.sample.chain.db.measured);
}

TEST(an_empty_platform_key_is_setup_mode)
{
    struct boot b CLEANUP(boot_done);

    boot_stock(&b);
    built_variable(&b.log, 7, CONFIG, GLOBAL, "PK", BYTES_NONE);
    b.log.events[b.at.pk] = b.log.events[--b.log.n];
    REQUIRE(boot_read(&b));
    CHECK_INT(b.sample.chain.setup_mode, FACT_YES);
    CHECK(said(&b, FINDING_SECUREBOOT_SETUP_MODE));
}

TEST(firmware_that_can_be_debugged_says_so)
{
    static const struct {
        const char *text;
        enum finding_id id;
    } cases[] = { { "UEFI Debug Mode", FINDING_FIRMWARE_DEBUGGER }, { "DMA Protection Disabled", FINDING_FIRMWARE_DMA } };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct boot b CLEANUP(boot_done);
        boot_stock(&b);
        move_before(&b.log, built_text(&b.log, 7, EVENT_TYPE(EV_EFI_ACTION), cases[i].text), b.at.separator7);
        REQUIRE(boot_read(&b));
        CHECK(said(&b, cases[i].id));
    }
}

TEST(shim_that_does_not_validate_is_a_finding_in_either_register)
{
    for (int in_policy = 0; in_policy < 2; in_policy++) {
        struct boot b CLEANUP(boot_done);
        boot_stock(&b);
        if (in_policy)
            built_variable(&b.log, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), SHIM, "MokSBState", BYTES_LIT("\1"));
        else
            built_add(&b.log, 14, EVENT_TYPE(EV_IPL), BYTES_LIT("MokSBState\0"), BYTES_LIT("\1"));
        REQUIRE(boot_read(&b));
        CHECK_INT(b.sample.chain.shim_validation, FACT_NO);
        CHECK(said(&b, FINDING_SECUREBOOT_SHIM_INSECURE));
    }
}

TEST(an_image_in_the_machines_own_dbx_is_critical)
{
    struct boot b CLEANUP(boot_done);
    uint8_t hashes[1][32];
    struct digest d;

    boot_stock(&b);
    digest_compute(DIGEST_SHA256, BYTES_LIT("grub"), &d);
    memcpy(hashes[0], d.value, 32);
    built_variable(&b.log, 7, CONFIG, SECURITY, "dbx", built_hash_list(&b.a, hashes, 1));
    b.log.events[b.at.dbx] = b.log.events[--b.log.n];
    REQUIRE(boot_read(&b));
    REQUIRE(said(&b, FINDING_BOOT_REVOKED_IMAGE));
    CHECK_INT(find(&b, FINDING_BOOT_REVOKED_IMAGE).severity, SEVERITY_CRITICAL);
    CHECK_INT(find(&b, FINDING_BOOT_REVOKED_IMAGE).event, (int64_t)b.at.grub + 1);
}

TEST(reference_knowledge_finds_revoked_images_and_signers_and_old_lists)
{
    struct boot b CLEANUP(boot_done);
    struct revocation image = { .len = 32, .what = "GRUB of long ago", .why = "CVE-2020-10713" },
                      certificate = { .len = 32, .why = "withdrawn" };
    struct boot_reference reference = {
        .name = "test", .images = &image, .n_images = 1, .certificates = &certificate, .n_certificates = 1, .sbat_date = 2025021800
    };
    struct digest d;

    boot_stock(&b);
    digest_compute(DIGEST_SHA256, BYTES_LIT("grub"), &d);
    memcpy(image.digest, d.value, 32);
    REQUIRE(boot_read(&b));
    boot_key_tbs_sha256(&b.sample.chain.authorities[0].key, certificate.digest);
    REQUIRE(built_read(&b.log, &reference, &b.sample));
    REQUIRE(said(&b, FINDING_BOOT_REVOKED_IMAGE));
    CHECK(strstr(find(&b, FINDING_BOOT_REVOKED_IMAGE).text, "CVE-2020-10713"));
    CHECK(said(&b, FINDING_BOOT_REVOKED_SIGNER));
    CHECK(said(&b, FINDING_SECUREBOOT_DBX_OLD) && find(&b, FINDING_SECUREBOOT_DBX_OLD).severity == SEVERITY_LOW);
    CHECK(said(&b, FINDING_SBAT_OLD) && find(&b, FINDING_SBAT_OLD).severity == SEVERITY_LOW);
}

TEST(a_generation_below_the_required_one_is_an_old_level)
{
    struct boot b CLEANUP(boot_done);
    struct sbat_requirement sbat[] = { { "shim", 4 }, { "grub", 3 } };
    struct boot_reference reference = { .sbat = sbat, .n_sbat = 2 };

    boot_stock(&b);
    REQUIRE(built_read(&b.log, &reference, &b.sample));
    CHECK(!said(&b, FINDING_SBAT_OLD));
    sbat[1].generation = 4;
    REQUIRE(built_read(&b.log, &reference, &b.sample));
    CHECK(said(&b, FINDING_SBAT_OLD) && find(&b, FINDING_SBAT_OLD).severity == SEVERITY_MEDIUM);
    reference.sbat_date = 2025021800; /* whatever the date says */
    REQUIRE(built_read(&b.log, &reference, &b.sample));
    CHECK(said(&b, FINDING_SBAT_OLD) && find(&b, FINDING_SBAT_OLD).severity == SEVERITY_MEDIUM);
}

struct cmdline_case {
    const char *text;
    enum severity severity; /* INFO: nothing is said */
};

TEST(dangerous_options_are_found_whatever_the_label_says)
{
    static const struct cmdline_case cases[] = {
        { "/vmlinuz ro init=/bin/sh", SEVERITY_HIGH },
        { "/vmlinuz ro \"init=/bin/sh\"", SEVERITY_HIGH },
        { "/vmlinuz init=/usr/lib/systemd/systemd", SEVERITY_INFO },
        { "/vmlinuz init=/nix/store/abc-nixos-system/init", SEVERITY_INFO },
        { "/vmlinuz init=/nix/store/../../bin/init", SEVERITY_HIGH },
        { "/vmlinuz ima_appraise=off", SEVERITY_HIGH },
        { "/vmlinuz ima_appraise=enforce", SEVERITY_INFO },
        { "(hd0,gpt1)/vmlinuz module.sig-enforce=0", SEVERITY_HIGH },
        { "/vmlinuz module.sig_enforce=1", SEVERITY_INFO },
        { "/vmlinuz rd.break", SEVERITY_HIGH },
        { "/vmlinuz systemd.debug_shell", SEVERITY_HIGH },
        { "/vmlinuz systemd.debug_shell=0", SEVERITY_INFO },
        { "/vmlinuz lockdown=integrity", SEVERITY_INFO },
        { "/vmlinuz selinux=0", SEVERITY_LOW },
        { "/vmlinuz iommu=force amd_iommu=fullflush intel_iommu=on,sm_on rodata=full", SEVERITY_INFO },
        { "/vmlinuz intel_iommu=sm_on,off", SEVERITY_LOW },
        { "/vmlinuz iommu=off", SEVERITY_LOW },
        { "/vmlinuz rodata=off", SEVERITY_LOW },
        { "/vmlinuz singleton x.init=/bin/sh", SEVERITY_INFO },
    };
    static const char *const prefixes[] = { "kernel_cmdline: ", "grub_cmd: " };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t k = 0; k < ARRAY_LEN(prefixes); k++) {
            struct boot b CLEANUP(boot_done);
            struct finding f;
            boot_stock(&b);
            built_grub(&b.log, prefixes[k], cases[i].text);
            b.log.events[b.at.cmdline] = b.log.events[--b.log.n];
            REQUIRE(boot_read(&b));
            f = find(&b, FINDING_BOOT_CMDLINE_FORBIDDEN);
            if ((f.severity) != cases[i].severity)
                test_note("%s", cases[i].text);
            CHECK_INT(f.severity, cases[i].severity);
            CHECK_STRING(b.sample.chain.command_line, cases[i].text);
        }
}

TEST(a_command_whose_text_was_changed_counts_for_nothing_and_is_a_finding)
{
    struct boot b CLEANUP(boot_done);

    boot_stock(&b);
    b.log.events[b.at.cmdline].hashed = BYTES_LIT("/vmlinuz-6.1 init=/bin/sh");
    REQUIRE(boot_read(&b));
    CHECK(!b.sample.chain.command_line);
    REQUIRE(said(&b, FINDING_BOOT_UNPROVED));
    CHECK_INT(find(&b, FINDING_BOOT_UNPROVED).severity, SEVERITY_HIGH); /* as much as the option that it may hide */
}

TEST(an_initrd_command_whose_text_was_changed_does_not_prove_that_there_was_none)
{
    struct boot b CLEANUP(boot_done);

    boot_stock(&b);
    CHECK(boot_read(&b) && b.sample.chain.initrd == INITRD_MEASURED);
    b.log.events[b.at.initrd_command].hashed = BYTES_LIT("another command");
    REQUIRE(boot_read(&b));
    CHECK_INT(b.sample.chain.initrd, INITRD_UNKNOWN);
}

TEST(a_boot_without_an_image_of_the_boot_manager_is_a_hole)
{
    struct boot b CLEANUP(boot_done);

    boot_stock(&b);
    b.log.events[b.at.shim].gone = b.log.events[b.at.grub].gone = b.log.events[b.at.kernel].gone = true;
    b.log.events[b.at.authority_db].gone = b.log.events[b.at.authority_shim].gone = true;
    REQUIRE(boot_read(&b));
    CHECK(said(&b, FINDING_BOOT_NO_IMAGE) && find(&b, FINDING_BOOT_NO_IMAGE).pcr == 4);
    CHECK(said(&b, FINDING_SECUREBOOT_AUTHORITY_MISSING));
}

TEST(an_image_under_another_event_type_is_an_image)
{
    struct boot b CLEANUP(boot_done);

    boot_stock(&b);
    b.log.events[b.at.grub].type = EVENT_TYPE(EV_EFI_PLATFORM_FIRMWARE_BLOB);
    REQUIRE(boot_read(&b));
    CHECK_INT(b.sample.chain.n_images, 3);
}

/* A kernel started by the firmware, its command line in the boot entry. */
static void stub_boot(struct boot *b, const char *line, bool with_initrd)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes options, path, content;

    boot_stock(b);
    options = built_utf16(&b->a, line, true);
    path = built_utf16(&b->a, "\\vmlinuz.efi", true);
    for (size_t i = b->at.shim; i <= b->at.initrd_file; i++)
        b->log.events[i].gone = true;
    write_u32le(&w, 1);
    write_u16le(&w, (uint16_t)(path.len + 8));
    write_bytes(&w, built_utf16(&b->a, "Linux", true));
    write_u8(&w, 4);
    write_u8(&w, 4);
    write_u16le(&w, (uint16_t)(path.len + 4));
    write_bytes(&w, path);
    write_bytes(&w, BYTES_LIT("\x7f\xff\x04\x00"));
    write_bytes(&w, options);
    REQUIRE(writer_ok(&w) && arena_copy(&b->a, writer_bytes(&w), &content));
    built_variable(&b->log, 1, EVENT_TYPE(EV_EFI_VARIABLE_BOOT), GLOBAL, "Boot0001", content);
    b->log.events[b->log.n - 1].hashed = content;
    move_before(&b->log, b->log.n - 1, b->at.separator7);
    built_image(&b->log, "\\vmlinuz.efi", "kernel");
    built_tag(&b->log, 9, 0x8f3b22ed, "LOADED_IMAGE::LoadOptions", options);
    if (with_initrd)
        built_tag(&b->log, 9, 0x8f3b22ec, "Linux initrd", BYTES_LIT("initrd"));
}

TEST(the_command_line_of_an_efi_stub_is_proved_by_the_boot_entry)
{
    struct boot b CLEANUP(boot_done);

    stub_boot(&b, "root=/dev/vda1 initrd=\\initrd.img", false);
    REQUIRE(boot_read(&b));
    CHECK_STRING(b.sample.chain.command_line, "root=/dev/vda1 initrd=\\initrd.img");
    CHECK_INT(b.sample.chain.flow, BOOT_FLOW_EFI_STUB);
    CHECK_INT(b.sample.chain.initrd, INITRD_UNMEASURED);
    CHECK(said(&b, FINDING_BOOT_INITRD_UNMEASURED));
}

TEST(an_efi_stub_is_judged_by_how_its_initrd_came)
{
    static const struct {
        const char *line;
        bool with_initrd;
        enum initrd_state state;
    } cases[] = {
        { "root=/dev/vda1", true, INITRD_MEASURED },
        { "root=/dev/vda1 initrd=\\initrd.img", true, INITRD_MEASURED }, /* systemd-boot hands it over measured */
        { "root=/dev/vda1", false, INITRD_NONE },
        { "root=/dev/vda1 initrd=\\a", false, INITRD_UNMEASURED },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct boot b CLEANUP(boot_done);
        stub_boot(&b, cases[i].line, cases[i].with_initrd);
        REQUIRE(boot_read(&b));
        CHECK_INT(b.sample.chain.initrd, cases[i].state);
    }
}

TEST(a_command_line_event_relabelled_as_initrd_is_not_one)
{
    struct boot b CLEANUP(boot_done);

    stub_boot(&b, "root=/dev/vda1 initrd=\\initrd.img", false);
    built_tag(&b.log, 9, 0x8f3b22ec, "Linux initrd", b.log.events[b.log.n - 1].hashed);
    b.log.events[b.log.n - 2] = b.log.events[b.log.n - 1];
    b.log.n--;
    REQUIRE(boot_read(&b));
    CHECK_INT(b.sample.chain.initrd, INITRD_UNMEASURED);
}

static void sipa(struct writer *w, uint32_t id, struct bytes payload)
{
    write_u32le(w, id);
    write_u32le(w, (uint32_t)payload.len);
    write_bytes(w, payload);
}

/* One trust boundary with one setting. */
static void windows_boot(struct boot *b, uint32_t id, const char *value)
{
    struct writer inner CLEANUP(writer_done) = { 0 }, outer CLEANUP(writer_done) = { 0 };
    struct bytes data;

    boot_stock(b);
    for (size_t i = b->at.shim + 1; i <= b->at.initrd_file; i++) /* its boot manager, started by the firmware */
        b->log.events[i].gone = true;
    sipa(&inner, 0x00050002, BYTES_LIT("\1"));
    sipa(&inner, id, (struct bytes){ (const uint8_t *)value, 1 });
    sipa(&outer, 0x40010001, writer_bytes(&inner));
    REQUIRE(writer_ok(&outer) && arena_copy(&b->a, writer_bytes(&outer), &data));
    built_add(&b->log, 12, EVENT_TYPE(EV_EVENT_TAG), data, data);
}

TEST(windows_facts_become_findings)
{
    static const struct {
        uint32_t id;
        const char *value;
        enum finding_id finding;
    } cases[] = {
        { 0x00050003, "\1", FINDING_OS_TEST_SIGNING },     { 0x00040001, "\1", FINDING_OS_BOOT_DEBUGGING },
        { 0x00050001, "\1", FINDING_OS_KERNEL_DEBUGGING }, { 0x00050005, "\1", FINDING_OS_SAFE_MODE },
        { 0x00050002, "\0", FINDING_OS_CODE_INTEGRITY },
    };
    struct boot sound CLEANUP(boot_done);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct boot b CLEANUP(boot_done);
        windows_boot(&b, cases[i].id, cases[i].value);
        REQUIRE(boot_read(&b));
        CHECK(b.sample.chain.windows.present && b.sample.chain.flow == BOOT_FLOW_WINDOWS);
        CHECK(said(&b, cases[i].finding));
    }
    windows_boot(&sound, 0x00050003, "\0");
    REQUIRE(boot_read(&sound));
    CHECK(is_sound(&sound));
    CHECK_INT(sound.sample.chain.windows.code_integrity, FACT_YES);
    CHECK_INT(sound.sample.chain.windows.test_signing, FACT_NO);
}

TEST(a_log_cut_anywhere_gives_no_better_facts)
{
    struct boot b CLEANUP(boot_done);
    struct bytes whole;

    boot_stock(&b);
    REQUIRE(boot_read(&b));
    whole = built_bytes(&b.log);
    for (size_t n = 0; n < whole.len; n += 7) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes cut = exact_copy(bytes_slice(whole, 0, n));
        struct findings findings = { .arena = &a };
        struct eventlog log;
        const struct replayed_log *replayed;
        struct bootchain chain;
        struct err err = ERR_INIT;
        REQUIRE(eventlog_parse(&a, cut, &log, &err));
        REQUIRE(replay_verify(&a, &log, &b.sample.quoted, NULL, &findings, &replayed, &err));
        REQUIRE(bootchain_read(&a, replayed, NULL, &findings, &chain, &err));
        CHECK(findings_worst(&findings) >= SEVERITY_MEDIUM);
        free((void *)cut.data);
    }
}

/* The stock boot and n more files that GRUB read. */
static struct bytes with_more_files(struct boot *b, size_t n)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes ret = BYTES_NONE;
    char content[32];

    write_bytes(&w, built_bytes(&b->log));
    for (size_t i = 0; i < n; i++) {
        struct digest d;
        snprintf(content, sizeof content, "content %zu", i);
        digest_compute(DIGEST_SHA256, bytes_of_string(content), &d);
        write_u32le(&w, 9);
        write_u32le(&w, EVENT_TYPE(EV_IPL));
        write_u32le(&w, 1);
        write_u16le(&w, digest_tpm_id(DIGEST_SHA256));
        write_bytes(&w, digest_bytes(&d));
        write_u32le(&w, 2);
        write_bytes(&w, BYTES_LIT("/f"));
    }
    if (!writer_ok(&w) || !arena_copy(&b->a, writer_bytes(&w), &ret))
        abort();
    return ret;
}

TEST(components_past_the_limit_are_a_finding_and_the_facts_are_read_all_the_same)
{
    struct boot b CLEANUP(boot_done);
    size_t stock;

    boot_stock(&b);
    REQUIRE(boot_read(&b));
    stock = b.sample.chain.components.n;
    REQUIRE(sample_from_log(&b.a, with_more_files(&b, LIMIT_COMPONENTS - stock), NULL, &b.sample));
    CHECK_INT(b.sample.chain.components.n, LIMIT_COMPONENTS);
    CHECK(!said(&b, FINDING_LOG_COMPONENTS) && is_sound(&b));
    for (size_t more = 1; more < LIMIT_LOG_EVENTS - LIMIT_COMPONENTS; more *= 400) {
        REQUIRE(sample_from_log(&b.a, with_more_files(&b, LIMIT_COMPONENTS - stock + more), NULL, &b.sample));
        CHECK_INT(b.sample.chain.components.n, LIMIT_COMPONENTS);
        CHECK_INT(find(&b, FINDING_LOG_COMPONENTS).severity, SEVERITY_HIGH);
        CHECK_INT(b.sample.chain.secure_boot, SECURE_BOOT_ENABLED);
        CHECK_STRING(b.sample.chain.command_line, "/vmlinuz-6.1 root=/dev/vda1 ro");
    }
}
