/* The findings that hold without any baseline (attack-suite.md 4.5, architecture.md 8). */
#include "bootchain/chain/keys.h"
#include "bootchain/chain/walk.h"

static void secure_boot_state(struct walk *w)
{
    const struct bootchain *chain = w->chain;

    if (chain->secure_boot == SECURE_BOOT_DISABLED)
        findings_add(w->findings, FINDING_SECUREBOOT_DISABLED, 7, w->secure_boot_event, "The firmware measured that Secure Boot is off.");
    else if (chain->secure_boot == SECURE_BOOT_UNKNOWN && w->events->n_events)
        findings_add(w->findings, FINDING_SECUREBOOT_UNPROVED, 7, FINDING_NO_EVENT,
                     "No single proved event says whether Secure Boot is on.");
    if (chain->setup_mode == FACT_YES)
        findings_add(w->findings, FINDING_SECUREBOOT_SETUP_MODE, 7, chain->pk.event, "No platform key is enrolled.");
    if (chain->audit_mode == FACT_YES)
        findings_add(w->findings, FINDING_SECUREBOOT_AUDIT_MODE, 7, FINDING_NO_EVENT, "The firmware measured AuditMode = 1.");
    if (chain->shim_validation == FACT_NO)
        findings_add(w->findings, FINDING_SECUREBOOT_SHIM_INSECURE, 14, FINDING_NO_EVENT,
                     "shim measured that it does not validate images.");
    if (chain->debugger == FACT_YES)
        findings_add(w->findings, FINDING_FIRMWARE_DEBUGGER, 7, FINDING_NO_EVENT, "The firmware measured \"UEFI Debug Mode\".");
    if (chain->dma_protection_off == FACT_YES)
        findings_add(w->findings, FINDING_FIRMWARE_DMA, 7, FINDING_NO_EVENT, "The firmware measured \"DMA Protection Disabled\".");
}

/* As the makers of reference firmware, and of distributions' packages of it, called the keys that nobody was to ship. */
static bool is_test_key(const char *name)
{
    static const char *const words[] = { "DO NOT TRUST", "DO NOT SHIP", "SnakeOil", "snakeoil" };

    for (size_t i = 0; name && i < ARRAY_LEN(words); i++)
        if (strstr(name, words[i]))
            return true;
    return false;
}

/* Whoever has the private half may replace keys, which a baseline would show; or, of db's, sign any loader at once. */
static void test_keys(struct walk *w)
{
    const struct {
        const struct boot_keys *keys;
        enum severity severity;
        const char *what;
    } lists[] = { { &w->chain->pk, SEVERITY_LOW, "The platform key" },
                  { &w->chain->kek, SEVERITY_LOW, "A key exchange key" },
                  { &w->chain->db, SEVERITY_MEDIUM, "A key of db, whose images may start," } };

    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (size_t i = 0; i < lists[l].keys->n; i++)
            if (is_test_key(lists[l].keys->items[i].name))
                findings_add(w->findings, FINDING_SECUREBOOT_TEST_KEY, 7, lists[l].keys->event, "%s is \"%s\".", lists[l].what,
                             lists[l].keys->items[i].name)
                    ->severity = lists[l].severity;
}

/* Firmware measures the entry of db that let an image start (UEFI 2.10, 32.4; PFP 1.06, 3.3.4.8): db has it. What db does not have was measured by
 * somebody else. */
static bool contradicts_db(const struct walk *w, const struct boot_authority *authority)
{
    const struct boot_keys *db = &w->chain->db;

    if (!authority->proved || !db->measured || authority->key.kind != KEY_CERTIFICATE || strcmp(authority->source, "db") != 0)
        return false;
    for (size_t i = 0; i < db->n; i++)
        if (db->items[i].kind == KEY_CERTIFICATE && memcmp(db->items[i].sha256, authority->key.sha256, sizeof db->items[i].sha256) == 0)
            return false;
    return true;
}

static void foreign_authorities(struct walk *w)
{
    for (size_t i = 0; i < w->chain->n_authorities; i++) {
        const struct boot_authority *authority = &w->chain->authorities[i];
        if (!contradicts_db(w, authority))
            continue;
        findings_add(w->findings, FINDING_SECUREBOOT_AUTHORITY_MISSING, 7, authority->event,
                     "Register 7 says that \"%s\" let an image start, which is not in db.", authority->key.name ? authority->key.name : "");
        return; /* one says it */
    }
}

static void authorities(struct walk *w)
{
    const struct bootchain *chain = w->chain;
    size_t n_proved = 0;

    for (size_t i = 0; i < chain->n_authorities; i++)
        n_proved += chain->authorities[i].proved;
    if (chain->secure_boot == SECURE_BOOT_ENABLED && !n_proved)
        findings_add(w->findings, FINDING_SECUREBOOT_AUTHORITY_MISSING, 7, FINDING_NO_EVENT,
                     "Secure Boot is on, but no certificate or hash was recorded that let an image start.");
    if (chain->secure_boot == SECURE_BOOT_ENABLED)
        foreign_authorities(w);
    revoked_signers(w);
}

static enum fact generation_enrolled(const struct bootchain *chain, int generation)
{
    const struct boot_keys *lists[] = { &chain->db, &chain->kek };
    bool measured = false;

    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        measured = measured || lists[k]->measured;
        for (size_t i = 0; i < lists[k]->n; i++)
            if (lists[k]->items[i].generation == generation)
                return FACT_YES;
    }
    return measured ? FACT_NO : FACT_UNKNOWN;
}

static void key_generations(struct walk *w)
{
    struct bootchain *chain = w->chain;

    chain->ms_2011 = generation_enrolled(chain, 2011);
    chain->ms_2023 = generation_enrolled(chain, 2023);
    for (size_t i = 0; i < chain->n_authorities && !chain->authority_generation; i++)
        if (chain->authorities[i].proved)
            chain->authority_generation = chain->authorities[i].key.generation;
    if (chain->ms_2011 == FACT_YES && chain->ms_2023 == FACT_NO)
        findings_add(w->findings, FINDING_SECUREBOOT_CA_2011, 7, chain->db.event, "Of Microsoft's keys only those of 2011 are enrolled.");
}

/* ESXi's modules are known by their digests, as files are. Its form is a label, under which another loader's line could stand: so nothing else
 * may have left a trace, and a person has to accept them once. */
static bool is_esxi(const struct walk *w)
{
    return w->esxi_line && w->n_esxi_modules == w->n_unproved_commands && !w->os_events[8] && !w->os_events[9] && !w->shim_seen &&
           !w->systemd_boot_seen;
}

/* GRUB always hashes what it shows: another text in register 8 was put there, and may hide any option. In register 12 it may as well be
 * credentials, of which the log has only the name: the stub of a unified kernel image measures them, or else the kernel's own stub proves
 * that its command line is known. */
static void unproved_commands(struct walk *w)
{
    unsigned n = w->n_unproved_commands;
    bool may_be_the_line = !w->uki_seen && !is_esxi(w) && (w->n_unresolved_options || !w->load_options_seen);
    struct finding *f = NULL;
    const char *title = w->first_unproved_title ? w->first_unproved_title : "";

    if (!n || uboot_ran(w))
        return;
    if (w->grub_unproved)
        findings_add(w->findings, FINDING_BOOT_UNPROVED, w->first_unproved_pcr, w->first_unproved_command,
                     n == 1 ? "%u event of the boot loader has a text that does not hash to its digest."
                            : "%u events of the boot loader have texts that do not hash to their digests.",
                     n)
            ->severity = SEVERITY_HIGH;
    else
        f = findings_add(
            w->findings, FINDING_BOOT_UNPROVED, w->first_unproved_pcr, w->first_unproved_command,
            "What the loader handed over is known by its digest only (%u event%s, the first is called \"%s\"): credentials and "
            "extensions are measured so, and a command line could hide among them.",
            n, n == 1 ? "" : "s", title);
    if (f && may_be_the_line)
        f->severity = SEVERITY_HIGH;
}

/* The command line of a unified kernel image is known by its digest alone, in register 11. Software may extend that register as it likes:
 * GRUB's own commands say that no such image ran. */
static void unknown_line(struct walk *w)
{
    bool of_an_image = w->uki_seen && !w->grub_line && !w->kernel_command;

    if (!w->n_unresolved_options || of_an_image)
        return;
    if (w->loader_line)
        findings_add(w->findings, FINDING_BOOT_UNPROVED, 9, w->unresolved_options_event,
                     "The kernel's EFI stub received another command line than the boot loader's; its text is not in the log.");
    else if (w->initrd_event || w->chain->initrd != INITRD_UNMEASURED) /* otherwise the initrd is the hole that is reported */
        findings_add(w->findings, FINDING_BOOT_UNPROVED, 9, w->unresolved_options_event,
                     "The kernel's EFI stub received a command line of which no text is in the log.");
}

static void chain_holes(struct walk *w)
{
    const struct bootchain *chain = w->chain;

    if (!w->n_boot_images && replayed_register(w->log, 4) == REGISTER_EXPLAINED)
        findings_add(w->findings, FINDING_BOOT_NO_IMAGE, 4, FINDING_NO_EVENT,
                     "Register 4 holds no image that the boot manager started: the operating system came past it.");
    if (chain->initrd == INITRD_UNMEASURED)
        findings_add(w->findings, FINDING_BOOT_INITRD_UNMEASURED, 9, chain->command_line ? chain->command_line_event : FINDING_NO_EVENT,
                     "The initrd (initial RAM disk) was loaded in a way that nothing measures.");
    if (w->two_lines)
        findings_add(w->findings, FINDING_BOOT_UNPROVED, chain->command_line_pcr, chain->command_line_event,
                     "Different kernel command lines were measured; nothing says which one the kernel received.")
            ->severity = SEVERITY_LOW;
    unknown_line(w);
    if (w->unmeasuring)
        findings_add(w->findings, FINDING_BOOT_UNPROVED, 8, w->unmeasuring_event,
                     "GRUB was told to remove its TPM module: nothing that it read after that was measured.")
            ->severity = SEVERITY_HIGH;
    if (w->n_lonely_names)
        findings_add(w->findings, FINDING_BOOT_UNPROVED, 11, w->lonely_name_event,
                     "The name of a unified kernel image's section was measured, and no such section after it.");
    unproved_commands(w);
}

struct windows_row {
    size_t fact;
    enum fact bad;
    enum finding_id id;
    const char *text;
};

#define FACT_AT(member) offsetof(struct windows_facts, member)
static const struct windows_row windows_rows[] = {
    { FACT_AT(test_signing), FACT_YES, FINDING_OS_TEST_SIGNING, "Windows measured that drivers with test signatures may run." },
    { FACT_AT(boot_debugging), FACT_YES, FINDING_OS_BOOT_DEBUGGING, "Windows measured that boot debugging is on." },
    { FACT_AT(kernel_debugging), FACT_YES, FINDING_OS_KERNEL_DEBUGGING, "Windows measured that kernel debugging is on." },
    { FACT_AT(hypervisor_debug), FACT_YES, FINDING_OS_KERNEL_DEBUGGING, "Windows measured that hypervisor debugging is on." },
    { FACT_AT(safe_mode), FACT_YES, FINDING_OS_SAFE_MODE, "Windows measured that it started in safe mode." },
    { FACT_AT(winpe), FACT_YES, FINDING_OS_SAFE_MODE, "Windows PE ran instead of the installed system." },
    { FACT_AT(code_integrity), FACT_NO, FINDING_OS_CODE_INTEGRITY, "Windows measured that code integrity is off." },
};
#undef FACT_AT

static void windows(struct walk *w)
{
    const struct windows_facts *facts = &w->chain->windows;

    for (size_t i = 0; facts->present && i < ARRAY_LEN(windows_rows); i++)
        if (*(const enum fact *)((const char *)facts + windows_rows[i].fact) == windows_rows[i].bad)
            findings_add(w->findings, windows_rows[i].id, 12, FINDING_NO_EVENT, "%s", windows_rows[i].text);
    /* Windows always shows what it measures: another event may hide any of its statements. */
    if (facts->present && w->n_unproved_os)
        findings_add(w->findings, FINDING_BOOT_UNPROVED, w->first_unproved_os_pcr, w->first_unproved_os,
                     "%u events among those of Windows have data that do not hash to their digests.", w->n_unproved_os)
            ->severity = SEVERITY_HIGH;
}

bool standing_findings(struct walk *w)
{
    if (w->n_left_out)
        findings_add(w->findings, FINDING_LOG_COMPONENTS, FINDING_NO_PCR, w->first_left_out,
                     "%zu things were measured past the first %d; they were not looked at.", w->n_left_out, LIMIT_COMPONENTS);
    if (w->chain->pk.measured && w->chain->setup_mode == FACT_UNKNOWN)
        w->chain->setup_mode = w->chain->pk.n ? FACT_NO : FACT_YES;
    secure_boot_state(w);
    test_keys(w);
    authorities(w);
    revoked_images(w);
    revocations_missing(w);
    key_generations(w);
    chain_holes(w);
    windows(w);
    return true;
}
