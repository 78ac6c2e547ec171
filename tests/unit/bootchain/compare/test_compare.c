/* Deviations of one boot from another: what is said, and how bad it is. */
#include <stdlib.h>
#include "log_builder.h"
#include "support/test.h"

#define GLOBAL   "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define SECURITY "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f"
#define SHIM     "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23"
#define CONFIG   EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG)

struct pair {
    struct arena a;
    struct built_log was, is;
    struct stock at;
    struct boot_sample before, after;
    struct boot_reference reference;
    struct findings findings;
};

static void pair_done(struct pair *p) { arena_done(&p->a); }

static void pair_stock(struct pair *p)
{
    *p = (struct pair){ 0 };
    built_stock(&p->a, &p->was, &p->at);
    built_stock(&p->a, &p->is, &p->at);
    p->findings.arena = &p->a;
}

static bool pair_read(struct pair *p)
{
    return built_read(&p->was, &p->reference, &p->before) && built_read(&p->is, &p->reference, &p->after);
}

static bool pair_compare(struct pair *p)
{
    struct err err = ERR_INIT;

    p->findings.n = 0;
    return bootchain_compare(&p->a, &p->before.record, &p->after.record, &p->after.chain, &p->reference, &p->findings, &err);
}

static bool judge(struct pair *p) { return pair_read(p) && pair_compare(p); }

/* The finding with this id; an empty one when there is none. */
static struct finding find(const struct pair *p, enum finding_id id)
{
    for (size_t i = 0; i < p->findings.n; i++)
        if (p->findings.items[i].id == id)
            return p->findings.items[i];
    return (struct finding){ .id = FINDING_ID_COUNT, .pcr = -2, .text = "" };
}

static bool said(const struct pair *p, enum finding_id id) { return find(p, id).id == id; }

/* The event that was added last takes the place of another. */
static void put_last_at(struct built_log *log, size_t place) { log->events[place] = log->events[--log->n]; }

TEST(the_same_boot_again_says_nothing)
{
    struct pair p CLEANUP(pair_done);

    pair_stock(&p);
    REQUIRE(judge(&p));
    CHECK_INT(p.findings.n, 0);
}

struct change {
    const char *what;
    void (*apply)(struct pair *p);
    enum finding_id id;
    enum severity severity;
    int pcr;
};

static void other_content(struct pair *p, size_t place) { p->is.events[place].hashed = BYTES_LIT("other"); }

static void other_shim(struct pair *p) { other_content(p, p->at.shim); }
static void other_kernel(struct pair *p) { other_content(p, p->at.kernel); }
static void other_kernel_file(struct pair *p) { other_content(p, p->at.kernel_file); }
static void other_initrd(struct pair *p) { other_content(p, p->at.initrd_file); }
static void other_config(struct pair *p) { other_content(p, p->at.config_file); }
static void other_mok(struct pair *p) { other_content(p, p->at.mok_list); }
static void other_version(struct pair *p) { p->is.events[0].data = p->is.events[0].hashed = built_utf16(&p->a, "1.1", true); }
static void other_shape(struct pair *p) { other_content(p, 1); }
static void other_dxe(struct pair *p) { other_content(p, 2); }
static void no_grub(struct pair *p) { p->is.events[p->at.grub].gone = true; }
static void one_more_image(struct pair *p) { built_image(&p->is, "\\evil.efi", "evil"); }
static void one_more_file(struct pair *p) { built_file(&p->is, "/extra", "extra"); }

static void other_state(struct pair *p)
{
    for (size_t i = 0; i < p->is.n; i++)
        if (bytes_equal_string(p->is.events[i].hashed, "state"))
            other_content(p, i);
}

static void option_rom(struct pair *p)
{
    built_add(&p->is, 2, EVENT_TYPE(EV_EFI_BOOT_SERVICES_DRIVER), p->is.events[p->at.shim].data, BYTES_LIT("rom"));
}

static void other_line(struct pair *p)
{
    built_grub(&p->is, "kernel_cmdline: ", "/vmlinuz-6.1 root=/dev/vda1 rw quiet");
    put_last_at(&p->is, p->at.cmdline);
}

static void other_key(struct pair *p)
{
    built_variable(&p->is, 7, CONFIG, GLOBAL, "KEK", built_cert_list(&p->a, built_certificate(&p->a, "Somebody", 9)));
    put_last_at(&p->is, p->at.kek);
}

static void other_authority(struct pair *p)
{
    built_variable(&p->is, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), SECURITY, "db",
                   built_signature(&p->a, built_certificate(&p->a, "Somebody", 9)));
    put_last_at(&p->is, p->at.authority_db);
}

static void dbx_of(struct pair *p, const uint8_t (*hashes)[32], size_t n)
{
    built_variable(&p->is, 7, CONFIG, SECURITY, "dbx", built_hash_list(&p->a, hashes, n));
    put_last_at(&p->is, p->at.dbx);
}

static void dbx_grew(struct pair *p)
{
    static const uint8_t hashes[][32] = { { 2 }, { 3 }, { 1 } };
    dbx_of(p, hashes, 3);
}

static void dbx_shrank(struct pair *p)
{
    static const uint8_t hashes[][32] = { { 2 }, { 3 }, { 4 } };
    dbx_of(p, hashes, 3);
}

static void sbat_of(struct pair *p, const char *text)
{
    built_variable(&p->is, 7, EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), SHIM, "SbatLevel", bytes_of_string(text));
    put_last_at(&p->is, p->at.sbat);
}

static void sbat_newer(struct pair *p) { sbat_of(p, "sbat,1,2025021800\nshim,4\ngrub,5\n"); }
static void sbat_older(struct pair *p) { sbat_of(p, "sbat,1,2021030218\n"); }

static void other_disk(struct pair *p)
{
    built_grub(&p->is, "grub_cmd: ", "configfile (hd1,gpt2)/grub/grub.cfg");
    put_last_at(&p->is, p->at.config_command);
}

static void harmless_command(struct pair *p) { built_grub(&p->is, "grub_cmd: ", "set timeout=5"); }
static void serious_command(struct pair *p) { built_grub(&p->is, "grub_cmd: ", "acpi /evil.aml"); }

static void secure_boot_off(struct pair *p)
{
    built_variable(&p->is, 7, CONFIG, GLOBAL, "SecureBoot", BYTES_LIT("\0"));
    put_last_at(&p->is, p->at.secure_boot);
}

static void secure_boot_on(struct pair *p)
{
    built_variable(&p->was, 7, CONFIG, GLOBAL, "SecureBoot", BYTES_LIT("\0"));
    put_last_at(&p->was, p->at.secure_boot);
}

static void gpt(struct pair *p) { built_text(&p->is, 5, EVENT_TYPE(EV_EFI_GPT_EVENT), "EFI PART"); }
static void boot_attempt(struct pair *p)
{
    built_text(&p->is, 4, EVENT_TYPE(EV_EFI_ACTION), "Returning from EFI Application from Boot Option");
}

static const struct change changes[] = {
    { "shim", other_shim, FINDING_BOOT_LOADER_CHANGED, SEVERITY_MEDIUM, 4 },
    { "kernel image", other_kernel, FINDING_BOOT_KERNEL_CHANGED, SEVERITY_MEDIUM, 4 },
    { "kernel file", other_kernel_file, FINDING_BOOT_KERNEL_CHANGED, SEVERITY_MEDIUM, 9 },
    { "initrd", other_initrd, FINDING_BOOT_INITRD_CHANGED, SEVERITY_MEDIUM, 9 },
    { "grub.cfg", other_config, FINDING_BOOT_CONFIG_CHANGED, SEVERITY_MEDIUM, 9 },
    { "grubenv", other_state, FINDING_BOOT_CONFIG_CHANGED, SEVERITY_LOW, 9 },
    { "MOK list", other_mok, FINDING_SECUREBOOT_MOK_CHANGED, SEVERITY_MEDIUM, 14 },
    { "firmware version", other_version, FINDING_FIRMWARE_CHANGED, SEVERITY_MEDIUM, 0 },
    { "machine shape", other_shape, FINDING_FIRMWARE_CONFIG, SEVERITY_LOW, 0 },
    { "DXE volume", other_dxe, FINDING_FIRMWARE_CHANGED, SEVERITY_MEDIUM, 0 },
    { "GRUB missing", no_grub, FINDING_BOOT_CHAIN_CHANGED, SEVERITY_MEDIUM, 4 },
    { "another image", one_more_image, FINDING_BOOT_CHAIN_CHANGED, SEVERITY_MEDIUM, 4 },
    { "another file", one_more_file, FINDING_BOOT_CONFIG_CHANGED, SEVERITY_MEDIUM, 9 },
    { "option ROM", option_rom, FINDING_FIRMWARE_OPTION_ROM, SEVERITY_MEDIUM, 2 },
    { "command line", other_line, FINDING_BOOT_CMDLINE_CHANGED, SEVERITY_MEDIUM, 8 },
    { "KEK", other_key, FINDING_SECUREBOOT_KEYS_CHANGED, SEVERITY_MEDIUM, 7 },
    { "authority", other_authority, FINDING_SECUREBOOT_AUTHORITY, SEVERITY_MEDIUM, 7 },
    { "dbx grew", dbx_grew, FINDING_SECUREBOOT_DBX_CHANGED, SEVERITY_INFO, 7 },
    { "dbx shrank", dbx_shrank, FINDING_SECUREBOOT_DBX_SHRUNK, SEVERITY_HIGH, 7 },
    { "SBAT newer", sbat_newer, FINDING_SBAT_CHANGED, SEVERITY_INFO, 7 },
    { "SBAT older", sbat_older, FINDING_SBAT_CHANGED, SEVERITY_MEDIUM, 7 },
    { "disk name", other_disk, FINDING_BOOT_CONFIG_CHANGED, SEVERITY_LOW, 8 },
    { "harmless command", harmless_command, FINDING_BOOT_CONFIG_CHANGED, SEVERITY_LOW, 8 },
    { "serious command", serious_command, FINDING_BOOT_CONFIG_CHANGED, SEVERITY_MEDIUM, 8 },
    { "Secure Boot off", secure_boot_off, FINDING_SECUREBOOT_DISABLED, SEVERITY_HIGH, 7 },
    { "Secure Boot on", secure_boot_on, FINDING_SECUREBOOT_KEYS_CHANGED, SEVERITY_INFO, 7 },
    { "partition table", gpt, FINDING_BOOT_GPT_CHANGED, SEVERITY_LOW, 5 },
    { "boot attempt", boot_attempt, FINDING_BOOT_ORDER_CHANGED, SEVERITY_LOW, 4 },
};

TEST(each_change_is_one_finding_of_its_own_severity)
{
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct pair p CLEANUP(pair_done);
        struct finding f;
        pair_stock(&p);
        changes[i].apply(&p);
        REQUIRE(judge(&p));
        f = find(&p, changes[i].id);
        if (p.findings.n != 1 || f.severity != changes[i].severity)
            for (size_t k = 0; k < p.findings.n; k++)
                test_note("%s: %s %s: %s", changes[i].what, severity_name(p.findings.items[k].severity),
                          finding_kind(p.findings.items[k].id)->id, p.findings.items[k].text);
        REQUIRE(f.text[0]);
        CHECK_INT(p.findings.n, 1);
        CHECK_INT(f.severity, changes[i].severity);
        CHECK_INT(f.pcr, changes[i].pcr);
    }
}

TEST(a_command_line_shows_what_was_and_what_is)
{
    struct pair p CLEANUP(pair_done);
    struct finding f;

    pair_stock(&p);
    other_line(&p);
    REQUIRE(judge(&p));
    f = find(&p, FINDING_BOOT_CMDLINE_CHANGED);
    REQUIRE(f.text[0]);
    CHECK_STRING(f.text, "The kernel command line changed: added rw quiet; removed ro.");
    CHECK_STRING(f.was, "/vmlinuz-6.1 root=/dev/vda1 ro");
    CHECK_STRING(f.is, "/vmlinuz-6.1 root=/dev/vda1 rw quiet");
}

TEST(a_changed_configuration_does_not_hide_behind_the_name_of_saved_state)
{
    struct pair p CLEANUP(pair_done);

    pair_stock(&p);
    other_config(&p);
    p.is.events[p.at.config_file].data = BYTES_LIT("(hd0,gpt2)/grub/grubenv\0");
    REQUIRE(judge(&p));
    CHECK(findings_worst(&p.findings) >= SEVERITY_MEDIUM);
}

TEST(the_shape_is_no_excuse_for_another_firmware)
{
    struct pair p CLEANUP(pair_done);

    pair_stock(&p);
    other_shape(&p);
    other_dxe(&p);
    REQUIRE(judge(&p));
    for (size_t i = 0; i < p.findings.n; i++)
        CHECK(p.findings.items[i].severity == SEVERITY_MEDIUM && p.findings.items[i].id == FINDING_FIRMWARE_CHANGED);
}

TEST(this_boots_labels_cannot_talk_a_firmware_change_down)
{
    struct pair p CLEANUP(pair_done);

    pair_stock(&p);
    for (int i = 1; i < 3; i++) /* both volumes look as if they lay in flash when the baseline was learned */
        p.was.events[i].data = BYTES_LIT("\0\0\0\xff\0\0\0\0\0\0\x0e\0\0\0\0\0");
    other_shape(&p);
    REQUIRE(judge(&p));
    CHECK(said(&p, FINDING_FIRMWARE_CHANGED));
}

TEST(a_key_list_that_gained_known_certificates_of_2023_is_the_vendors_rollover)
{
    struct pair p CLEANUP(pair_done);
    struct bytes vendor, added;
    struct known_certificate known = { .name = "UEFI CA 2023", .generation = 2023 };
    struct digest d;
    struct bytes parts[2];
    uint8_t *both;

    pair_stock(&p);
    vendor = built_certificate(&p.a, "Vendor CA", 3);
    added = built_certificate(&p.a, "UEFI CA 2023", 5);
    parts[0] = built_cert_list(&p.a, vendor);
    parts[1] = built_cert_list(&p.a, added);
    both = arena_alloc(&p.a, parts[0].len + parts[1].len);
    REQUIRE(both);
    memcpy(both, parts[0].data, parts[0].len);
    memcpy(both + parts[0].len, parts[1].data, parts[1].len);
    built_variable(&p.is, 7, CONFIG, SECURITY, "db", (struct bytes){ both, parts[0].len + parts[1].len });
    put_last_at(&p.is, p.at.db);
    REQUIRE(judge(&p));
    REQUIRE(said(&p, FINDING_SECUREBOOT_KEYS_CHANGED));
    CHECK_INT(find(&p, FINDING_SECUREBOOT_KEYS_CHANGED).severity, SEVERITY_MEDIUM);

    digest_compute(DIGEST_SHA256, added, &d);
    memcpy(known.sha256, d.value, 32);
    p.reference = (struct boot_reference){ .known = &known, .n_known = 1 };
    REQUIRE(judge(&p));
    REQUIRE(said(&p, FINDING_SECUREBOOT_KEYS_CHANGED));
    CHECK_INT(find(&p, FINDING_SECUREBOOT_KEYS_CHANGED).severity, SEVERITY_INFO);
}

/* A baseline that somebody edited. */
static struct component *edit(struct pair *p, size_t extra)
{
    struct component_list *list = &p->before.record.components;
    struct component *copy = ARENA_ARRAY(&p->a, list->n + extra, struct component);

    if (!copy)
        abort();
    memcpy(copy, list->items, list->n * sizeof *copy);
    list->items = copy;
    list->n += extra;
    return copy;
}

TEST(an_alternative_in_the_baseline_will_do_and_need_not_be_there)
{
    struct pair p CLEANUP(pair_done);
    struct component *items;
    size_t n;

    pair_stock(&p);
    other_initrd(&p);
    REQUIRE(pair_read(&p));
    n = p.before.record.components.n;
    items = edit(&p, 1);
    for (size_t i = 0; i < p.after.record.components.n; i++)
        if (p.after.record.components.items[i].kind == COMPONENT_INITRD)
            items[n] = p.after.record.components.items[i];
    items[n].accepts = COMPONENT_ALTERNATIVE;
    REQUIRE(pair_compare(&p));
    CHECK_INT(p.findings.n, 0);
    p.after = p.before;
    p.after.record.components.n = n; /* the boot as it was: the alternative did not run */
    REQUIRE(pair_compare(&p));
    CHECK_INT(p.findings.n, 0);
}

TEST(any_content_is_accepted_where_the_baseline_says_any)
{
    struct pair p CLEANUP(pair_done);
    struct component *items;

    pair_stock(&p);
    other_initrd(&p);
    REQUIRE(pair_read(&p));
    items = edit(&p, 0);
    for (size_t i = 0; i < p.before.record.components.n; i++)
        if (items[i].kind == COMPONENT_INITRD)
            items[i].accepts = COMPONENT_ANY;
    REQUIRE(pair_compare(&p));
    CHECK_INT(p.findings.n, 0);
}

/* Of a kernel that is accepted besides, and of one that may be any, the place counts as well. */
TEST(an_image_that_is_accepted_instead_comes_after_the_same_loader)
{
    for (int any = 0; any < 2; any++)
        for (int early = 0; early < 2; early++) {
            struct pair p CLEANUP(pair_done);
            struct component *items;
            size_t n;

            pair_stock(&p);
            other_kernel(&p);
            if (early) {
                struct built_event kernel = p.is.events[p.at.kernel];
                p.is.events[p.at.kernel] = p.is.events[p.at.grub];
                p.is.events[p.at.grub] = kernel;
            }
            REQUIRE(pair_read(&p));
            n = p.before.record.components.n;
            items = edit(&p, !any);
            for (size_t i = 0; i < n && any; i++)
                if (items[i].kind == COMPONENT_KERNEL && items[i].pcr == 4)
                    items[i].accepts = COMPONENT_ANY;
            for (size_t i = 0; i < p.after.record.components.n && !any; i++)
                if (p.after.record.components.items[i].kind == COMPONENT_KERNEL && p.after.record.components.items[i].pcr == 4) {
                    items[n] = p.after.record.components.items[i];
                    items[n].accepts = COMPONENT_ALTERNATIVE;
                }
            REQUIRE(pair_compare(&p));
            CHECK_INT(findings_worst(&p.findings), early ? SEVERITY_MEDIUM : SEVERITY_INFO);
            CHECK(findings_have(&p.findings, FINDING_BOOT_CHAIN_CHANGED) == early);
        }
}

TEST(a_hole_stays_a_finding_until_the_baseline_consents)
{
    struct pair p CLEANUP(pair_done);
    struct component *items;
    struct err err = ERR_INIT;
    bool hole = false;

    pair_stock(&p);
    for (size_t i = p.at.config_command; i <= p.at.initrd_file; i++)
        p.was.events[i].gone = p.is.events[i].gone = true;
    REQUIRE(pair_read(&p));
    CHECK(findings_have(&p.after.findings, FINDING_BOOT_INITRD_UNMEASURED));
    REQUIRE(bootchain_compare(&p.a, &p.before.record, &p.after.record, &p.after.chain, NULL, &p.after.findings, &err));
    CHECK_INT(findings_worst(&p.after.findings), SEVERITY_MEDIUM);
    items = edit(&p, 0);
    for (size_t i = 0; i < p.before.record.components.n; i++)
        if (!items[i].n_digests) {
            items[i].accepts = COMPONENT_ANY;
            hole = true;
        }
    CHECK(hole);
    REQUIRE(bootchain_compare(&p.a, &p.before.record, &p.after.record, &p.after.chain, NULL, &p.after.findings, &err));
    CHECK(findings_worst(&p.after.findings) < SEVERITY_MEDIUM);
}

TEST(without_a_log_registers_judge_and_configuration_registers_judge_little)
{
    struct pair p CLEANUP(pair_done);
    static const struct {
        unsigned pcr;
        enum severity severity;
    } cases[] = { { 0, SEVERITY_MEDIUM }, { 1, SEVERITY_LOW }, { 4, SEVERITY_MEDIUM }, { 5, SEVERITY_LOW }, { 7, SEVERITY_MEDIUM } };

    pair_stock(&p);
    REQUIRE(pair_read(&p));
    p.after.record.has_log = false;
    REQUIRE(pair_compare(&p));
    CHECK_INT(p.findings.n, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        p.after.record.registers = p.before.record.registers;
        p.after.record.registers.banks[0].value[cases[i].pcr].value[3] ^= 1;
        REQUIRE(pair_compare(&p));
        REQUIRE(p.findings.n == 1);
        CHECK(p.findings.items[0].id == FINDING_PCR_CHANGED && p.findings.items[0].pcr == (int)cases[i].pcr);
        CHECK_INT(p.findings.items[0].severity, cases[i].severity);
    }
}

TEST(boots_of_different_banks_cannot_be_compared_and_that_is_said)
{
    struct pair p CLEANUP(pair_done);
    struct component *items;

    pair_stock(&p);
    REQUIRE(pair_read(&p));
    items = edit(&p, 0);
    for (size_t i = 0; i < p.before.record.components.n; i++) {
        struct digest *d = ARENA_NEW(&p.a, struct digest);
        REQUIRE(d);
        digest_compute(DIGEST_SHA384, BYTES_LIT("x"), d);
        if (items[i].n_digests)
            items[i].digests = d;
    }
    REQUIRE(pair_compare(&p));
    CHECK(said(&p, FINDING_BASELINE_BANKS) && p.findings.n == 1);
}

TEST(registers_alone_tell_a_reset_tpm_and_a_dynamic_launch)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings findings = { .arena = &a };
    struct pcr_set quoted = { .n_banks = 1, .banks = { { .algorithm = DIGEST_SHA256, .present = 0xffffff } } };

    for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
        pcr_reset_value(DIGEST_SHA256, pcr, &quoted.banks[0].value[pcr]);
    registers_judge(&quoted, &findings);
    CHECK_INT(findings.n, 1);
    CHECK(findings_have(&findings, FINDING_PCR_RESET));
    quoted.banks[0].value[0].value[0] = 1;
    quoted.banks[0].value[18].value[0] = 1;
    quoted.banks[0].value[23].value[0] = 1;
    findings.n = 0;
    registers_judge(&quoted, &findings);
    registers_judge(&quoted, &findings); /* once is enough */
    CHECK_INT(findings.n, 2);
    CHECK(findings_have(&findings, FINDING_DRTM_UNEXPECTED) && findings_have(&findings, FINDING_VALUE_PCR_USED));
}
