/* What deviates, in words, and how bad it is (architecture.md 8: "register to judgement", "severity and verdict"). */
#include "bootchain/chain/keys.h"
#include "bootchain/chain/plain.h"
#include "bootchain/compare/comparison.h"

/* How a deviation of a kind is called. A severity is given where it differs from the finding's own. */
struct verdict_row {
    enum finding_id changed, added_or_missing;
    enum severity severity;
};

#define ROW(kind, changed_, chain_, severity_) \
    [COMPONENT_##kind] = { .changed = FINDING_##changed_, .added_or_missing = FINDING_##chain_, .severity = SEVERITY_##severity_ }
/* clang-format off */
static const struct verdict_row verdicts[] = {
    ROW(CRTM_VERSION,      FIRMWARE_CHANGED,         FIRMWARE_CHANGED,        MEDIUM),
    ROW(FIRMWARE_CODE,     FIRMWARE_CHANGED,         FIRMWARE_CHANGED,        MEDIUM),
    ROW(FIRMWARE_SHAPE,    FIRMWARE_CHANGED,         FIRMWARE_CHANGED,        MEDIUM), /* see deviation_shape() */
    ROW(FIRMWARE_DATA,     FIRMWARE_CONFIG,          FIRMWARE_CONFIG,         LOW),
    ROW(FIRMWARE_CONFIG,   FIRMWARE_CONFIG,          FIRMWARE_CONFIG,         LOW),
    ROW(BOOT_ORDER,        BOOT_ORDER_CHANGED,       BOOT_ORDER_CHANGED,      LOW),
    ROW(BOOT_ENTRY,        BOOT_ORDER_CHANGED,       BOOT_ORDER_CHANGED,      LOW),
    ROW(OPTION_ROM,        FIRMWARE_OPTION_ROM,      FIRMWARE_OPTION_ROM,     MEDIUM),
    ROW(SECURE_BOOT_STATE, SECUREBOOT_KEYS_CHANGED,  SECUREBOOT_KEYS_CHANGED, MEDIUM),
    ROW(SECURE_BOOT_KEYS,  SECUREBOOT_KEYS_CHANGED,  SECUREBOOT_KEYS_CHANGED, MEDIUM),
    ROW(REVOCATIONS,       SECUREBOOT_DBX_SHRUNK,    SECUREBOOT_DBX_SHRUNK,   HIGH),   /* see revocations() */
    ROW(AUTHORITY,         SECUREBOOT_AUTHORITY,     SECUREBOOT_AUTHORITY,    MEDIUM),
    ROW(POLICY_OTHER,      SECUREBOOT_KEYS_CHANGED,  SECUREBOOT_KEYS_CHANGED, MEDIUM),
    ROW(MOK,               SECUREBOOT_MOK_CHANGED,   SECUREBOOT_MOK_CHANGED,  MEDIUM),
    ROW(SHIM_STATE,        SECUREBOOT_MOK_CHANGED,   SECUREBOOT_MOK_CHANGED,  MEDIUM),
    ROW(SBAT_LEVEL,        SBAT_CHANGED,             SBAT_CHANGED,            MEDIUM),
    ROW(BOOT_ATTEMPT,      BOOT_ORDER_CHANGED,       BOOT_ORDER_CHANGED,      LOW),
    ROW(FIRMWARE_APP,      BOOT_LOADER_CHANGED,      BOOT_CHAIN_CHANGED,      MEDIUM), /* see firmware_app_is_harmless() */
    ROW(LOADER,            BOOT_LOADER_CHANGED,      BOOT_CHAIN_CHANGED,      MEDIUM),
    ROW(GPT,               BOOT_GPT_CHANGED,         BOOT_GPT_CHANGED,        LOW),
    ROW(KERNEL,            BOOT_KERNEL_CHANGED,      BOOT_CHAIN_CHANGED,      MEDIUM),
    ROW(INITRD,            BOOT_INITRD_CHANGED,      BOOT_CHAIN_CHANGED,      MEDIUM),
    ROW(COMMAND_LINE,      BOOT_CMDLINE_CHANGED,     BOOT_CHAIN_CHANGED,      MEDIUM),
    ROW(LOADER_COMMAND,    BOOT_CONFIG_CHANGED,      BOOT_CONFIG_CHANGED,     MEDIUM),
    ROW(LOADER_FILE,       BOOT_CONFIG_CHANGED,      BOOT_CONFIG_CHANGED,     MEDIUM),
    ROW(LOADER_STATE,      BOOT_CONFIG_CHANGED,      BOOT_CONFIG_CHANGED,     LOW),
    ROW(UKI_SECTION,       BOOT_UKI_CHANGED,         BOOT_UKI_CHANGED,        MEDIUM),
    ROW(OS_SETTING,        BOOT_CONFIG_CHANGED,      BOOT_CONFIG_CHANGED,     MEDIUM),
    ROW(USER_SPACE,        USERSPACE_CHANGED,        USERSPACE_CHANGED,       MEDIUM),
    ROW(APPLICATION,       VALUE_PCR_USED,           VALUE_PCR_USED,          INFO),
    ROW(OTHER,             BOOT_CHAIN_CHANGED,       BOOT_CHAIN_CHANGED,      MEDIUM),
};
/* clang-format on */
#undef ROW

static const char *content_words(struct comparison *c, const struct component *x)
{
    const char *digest;

    if (x->text)
        return x->text;
    if (!x->n_digests)
        return "not measured";
    digest = component_digest_text(c->a, x);
    return digest ? arena_printf(c->a, "%s, %s", x->name, digest) : NULL;
}

static const char *signer_words(struct comparison *c, const struct component *x)
{
    return x->signer ? arena_printf(c->a, ", authorised by %s", x->signer) : "";
}

/* Without memory nothing is called a consequence. */
static void remember(struct comparison *c, const struct component *was, const struct component *is)
{
    struct said *grown = c->said;
    size_t capacity = c->said_capacity ? 2 * c->said_capacity : 16;

    if (c->findings->overflow)
        return;
    if (c->n_said == c->said_capacity) {
        grown = arena_grow(c->a, c->said, c->n_said, capacity, sizeof *grown);
        if (!grown)
            return;
        c->said = grown;
        c->said_capacity = capacity;
    }
    c->said[c->n_said++] = (struct said){ c->findings->n - 1, was, is };
}

struct finding *deviation_report(struct comparison *c, enum finding_id id, enum severity severity, const struct component *was,
                                 const struct component *is, const char *sentence)
{
    const struct component *about = is ? is : was;
    struct finding *f =
        findings_add(c->findings, id, about->pcr, is ? is->event : FINDING_NO_EVENT, "%s", sentence ? sentence : about->name);

    f->severity = severity;
    finding_was_is(c->findings, f, was ? content_words(c, was) : NULL, is ? content_words(c, is) : NULL);
    remember(c, was, is);
    return f;
}

/* Every added certificate is one of Microsoft's of 2023 and nothing went away: the vendor's key rollover (control-plane.md 4.4). */
static bool is_key_rollover(const struct comparison *c, const struct component *was, const struct component *is)
{
    const struct boot_keys *lists[] = { c->chain ? &c->chain->db : NULL, c->chain ? &c->chain->kek : NULL };

    if (!c->chain || strcmp(is->key, "variable:PK") == 0 || members_missing(was->members, is->members))
        return false;
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        if (lists[l]->event != is->event)
            continue;
        for (size_t i = 0; i < lists[l]->n; i++) {
            uint8_t member[32];
            boot_key_member(&lists[l]->items[i], member);
            if (!members_have(was->members, member) && lists[l]->items[i].generation != 2023)
                return false;
        }
        return true;
    }
    return false;
}

static void keys_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    size_t added = members_missing(is->members, was->members), removed = members_missing(was->members, is->members);
    enum severity severity = SEVERITY_MEDIUM;
    const char *note = "";

    if (was->members.len && !added && !removed) {
        severity = SEVERITY_INFO;
        note = "; the entries are the same in another order or form";
    } else if (was->members.len && is_key_rollover(c, was, is)) {
        severity = SEVERITY_INFO;
        note = "; what was added are Microsoft's certificates of 2023";
    }
    deviation_report(c, FINDING_SECUREBOOT_KEYS_CHANGED, severity, was, is,
                     arena_printf(c->a, "%s: %zu entr%s added, %zu removed%s.", is->key + strlen("variable:"), added,
                                  added == 1 ? "y" : "ies", removed, note));
    c->code_changed = c->code_changed || severity >= SEVERITY_MEDIUM;
}

/* The list grew and nothing left it: every image that ran is still allowed, or boot.revoked_image says so. */
static void revocations_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    size_t added = members_missing(is->members, was->members), removed = members_missing(was->members, is->members);
    const char *sentence = arena_printf(c->a, "The dbx has %zu entr%s, %zu before: %zu added, %zu removed.", is->members.len / 32,
                                        is->members.len == 32 ? "y" : "ies", was->members.len / 32, added, removed);
    struct finding *f;

    if (removed) {
        deviation_report(c, FINDING_SECUREBOOT_DBX_SHRUNK, SEVERITY_HIGH, was, is, sentence);
        c->code_changed = true;
        return;
    }
    f = deviation_report(c, FINDING_SECUREBOOT_DBX_CHANGED, SEVERITY_INFO, was, is, sentence);
    finding_was_is(c->findings, f, was->name, is->name);
}

static void sbat_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    bool newer = was->revision && is->revision > was->revision;

    deviation_report(c, FINDING_SBAT_CHANGED, newer ? SEVERITY_INFO : SEVERITY_MEDIUM, was, is,
                     arena_printf(c->a, "The SBAT level went from %u to %u.", (unsigned)was->revision, (unsigned)is->revision));
}

/* The loader measures the line that it hands over, and the kernel's stub the line that it was given: one change, when both say the same. */
static bool is_told_already(const struct comparison *c, const struct component *was, const struct component *is)
{
    for (size_t i = 0; was->text && is->text && i < c->n_lines; i++) {
        const struct changed_line *line = &c->lines[i];
        if (line->was->text && line->is->text && strcmp(line->was->text, was->text) == 0 && strcmp(line->is->text, is->text) == 0)
            return true;
    }
    return false;
}

static void command_line_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    struct cmdline_diff diff = { .added = "", .removed = "" };
    const char *sentence = NULL;

    if (was->text && is->text && plain_cmdline_diff(c->a, was->text, is->text, &diff))
        sentence = arena_printf(c->a, "The kernel command line changed: %s%s%s%s%s%s.", diff.added[0] ? "added " : "", diff.added,
                                diff.added[0] && diff.removed[0] ? "; " : "", diff.removed[0] ? "removed " : "", diff.removed,
                                diff.added[0] || diff.removed[0] ? "" : "the same words in another order or spacing");
    else
        sentence = was->text && is->text ? "The kernel command line changed in many words."
                                         : "The kernel command line changed; its text is not in the log.";
    deviation_report(c, FINDING_BOOT_CMDLINE_CHANGED, is_told_already(c, was, is) ? SEVERITY_INFO : SEVERITY_MEDIUM, was, is, sentence);
    if (c->n_lines < CHANGED_LINES_MAX)
        c->lines[c->n_lines++] = (struct changed_line){ was, is };
}

/* Secure Boot switched on since the baseline was learned is no danger; off is secureboot.disabled and this. */
static void state_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    bool better = is->text && strcmp(is->text, fact_name(FACT_YES)) == 0;

    for (size_t i = 0; !better && i < c->findings->n; i++)
        if (c->findings->items[i].id == FINDING_SECUREBOOT_DISABLED) { /* said already, without a baseline */
            finding_was_is(c->findings, &c->findings->items[i], "Secure Boot on", "Secure Boot off");
            return;
        }
    deviation_report(
        c, better ? FINDING_SECUREBOOT_KEYS_CHANGED : FINDING_SECUREBOOT_DISABLED, better ? SEVERITY_INFO : SEVERITY_HIGH, was, is,
        better ? "Secure Boot was off in the accepted boot and is on now." : "Secure Boot was on in the accepted boot and is not now.");
}

static enum finding_id uki_finding(const struct component *x)
{
    if (strcmp(x->key, "uki:.cmdline") == 0)
        return FINDING_BOOT_CMDLINE_CHANGED;
    if (strcmp(x->key, "uki:.initrd") == 0)
        return FINDING_BOOT_INITRD_CHANGED;
    return strcmp(x->key, "uki:.linux") == 0 ? FINDING_BOOT_KERNEL_CHANGED : FINDING_BOOT_UKI_CHANGED;
}

/* Register 15 is where systemd measures it. In any other one a loader's text that begins with that word would pass for it. */
static bool is_machine_identity(const struct component *x)
{
    return x->kind == COMPONENT_USER_SPACE && x->pcr == 15 && strcmp(x->key, "systemd:machine-id") == 0;
}

static bool ends_with(const char *key, const char *ending)
{
    size_t len = strlen(key), n = strlen(ending);

    return len >= n && strcmp(key + len - n, ending) == 0;
}

/* How BitLocker's key was found (TPM, PIN, network) differs from place to place; what runs is measured by itself. */
static bool is_unlocking(const struct component *x) { return x->kind == COMPONENT_OS_SETTING && ends_with(x->key, ":bitlocker-unlock"); }

/* Windows' own revocation lists bear the day of their making: an update brings a newer one. */
static bool is_newer_list(const struct component *was, const struct component *is)
{
    return was->kind == COMPONENT_OS_SETTING && (ends_with(was->key, ":boot-revocations") || ends_with(was->key, ":os-revocations")) &&
           same_role(was, is) && was->revision && is->revision > was->revision;
}

static const char *changed_sentence(struct comparison *c, const struct component *was, const struct component *is)
{
    if (!is->n_digests) /* a hole where something stood */
        return arena_printf(c->a, "In this boot: %s.", is->name);
    if (was->kind == COMPONENT_AUTHORITY)
        return arena_printf(c->a, "Another certificate let an image start: %s.", is->name);
    if (was->kind == COMPONENT_CRTM_VERSION && is->kind == COMPONENT_CRTM_VERSION && was->text && is->text)
        return arena_printf(c->a, "The firmware's version went from %s to %s.", was->text, is->text);
    return arena_printf(c->a, "%s changed%s.", is->name, signer_words(c, is));
}

static bool occurs(const struct side *side, size_t from, size_t to, const struct component *x)
{
    for (size_t i = from; i < to; i++)
        if (same_place(&side->items[i], x))
            return true;
    return false;
}

/* What both boots measured into the register stands on the same side of both: `here` of `one`, `there` of `other`. */
static bool same_before(const struct side *one, size_t here, const struct side *other, size_t there)
{
    for (size_t i = 0; i < here; i++) {
        const struct component *x = &one->items[i];
        if (x->pcr == one->items[here].pcr && x->n_digests && occurs(other, there + 1, other->n, x) && !occurs(other, 0, there, x))
            return false;
    }
    return true;
}

/* Somewhere the accepted boot read its state with the same things measured before and after. */
static bool stood_there(const struct comparison *c, const struct component *was, size_t now)
{
    for (size_t i = 0; i < c->was.n; i++)
        if (same_place(&c->was.items[i], was) && same_before(&c->is, now, &c->was, i) && same_before(&c->was, i, &c->is, now))
            return true;
    return false;
}

/* The name of a file is a label, and so is the order of events in different registers: an initial RAM disk may be called grubenv, and be put
 * behind the command that reads that file. Within their register events keep their order: it can only stand where the initial RAM disk does.
 * Every time that it was measured counts: grubenv may really hold the same bytes. */
static bool state_is_in_place(const struct comparison *c, const struct component *was, const struct component *is)
{
    for (size_t k = 0; k < c->is.n; k++)
        if (same_place(&c->is.items[k], is) && !stood_there(c, was, k))
            return false;
    return true;
}

static void path_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    static const char file[] = "file:";

    if (strncmp(was->key, file, strlen(file)) == 0 && strncmp(is->key, file, strlen(file)) == 0 && strcmp(was->key, is->key) != 0 &&
        was->key[strlen(file)] && is->key[strlen(file)] && c->n_paths < CHANGED_PATHS_MAX)
        c->paths[c->n_paths++] = (struct changed_path){ was->key + strlen(file), is->key + strlen(file) };
}

/* The accepted boot says what kind of thing stood there: labels of this boot cannot talk a deviation down. */
void deviation_changed(struct comparison *c, const struct component *was, const struct component *is)
{
    const struct verdict_row *row = &verdicts[was->kind];
    enum finding_id id = was->kind == COMPONENT_UKI_SECTION ? uki_finding(was) : row->changed;
    enum severity severity = is_machine_identity(was) || is_unlocking(was) ? SEVERITY_LOW : row->severity;

    switch (was->kind) {
    case COMPONENT_SECURE_BOOT_STATE:
        state_changed(c, was, is);
        return;
    case COMPONENT_SECURE_BOOT_KEYS:
        keys_changed(c, was, is);
        return;
    case COMPONENT_REVOCATIONS:
        revocations_changed(c, was, is);
        return;
    case COMPONENT_SBAT_LEVEL:
        sbat_changed(c, was, is);
        return;
    case COMPONENT_COMMAND_LINE:
        command_line_changed(c, was, is);
        return;
    case COMPONENT_FIRMWARE_SHAPE: /* judged when all else is known */
        c->shape_changed = true;
        return;
    case COMPONENT_INITRD:
        path_changed(c, was, is);
        break;
    case COMPONENT_OS_SETTING:
        if (is_newer_list(was, is))
            severity = SEVERITY_INFO;
        break;
    case COMPONENT_LOADER_STATE:
        if (!state_is_in_place(c, was, is))
            severity = SEVERITY_MEDIUM;
        break;
    default:
        break;
    }
    if (severity >= SEVERITY_MEDIUM && (was->phase == PHASE_FIRMWARE || was->phase == PHASE_SECURE_BOOT_POLICY))
        c->code_changed = true;
    deviation_report(c, id, severity, was, is, changed_sentence(c, was, is));
}

/* A device was taken away, and its driver with it: less runs than was accepted. Code that the firmware measured there without calling it an
 * image is something else. */
static bool is_removed_driver(const struct component *was)
{
    return was->kind == COMPONENT_OPTION_ROM && strncmp(was->key, "rom:", 4) == 0 && strncmp(was->key, "rom:EV_", 7) != 0;
}

void deviation_gone(struct comparison *c, const struct component *was)
{
    const struct verdict_row *row = &verdicts[was->kind];
    enum severity severity = is_machine_identity(was) ? SEVERITY_LOW : row->severity;

    if (is_removed_driver(was)) {
        deviation_report(c, FINDING_FIRMWARE_CONFIG, SEVERITY_LOW, was, NULL,
                         arena_printf(c->a, "A device's driver did not run in this boot: %s.", was->name));
        return;
    }
    if (severity >= SEVERITY_MEDIUM && (was->phase == PHASE_FIRMWARE || was->phase == PHASE_SECURE_BOOT_POLICY))
        c->code_changed = true;
    deviation_report(c, row->added_or_missing, severity, was, NULL, arena_printf(c->a, "Missing in this boot: %s.", was->name));
}

/* In register 5 only loaders measure anything else than partition tables, boot entries and what is called and left. Under an unknown tag or
 * another type the loader's configuration that was read may stand, and the accepted one behind it, measured afterwards. */
static bool may_be_configuration(const struct component *is) { return is->pcr == 5 && is->kind == COMPONENT_FIRMWARE_CONFIG; }

/* What registers hold decides how an unknown newcomer is judged; its own labels may only make that worse. */
static enum severity newcomer_severity(const struct component *is)
{
    enum severity severity = verdicts[is->kind].severity;

    switch (is->pcr) {
    case 1:
    case 3:
    case 5:
    case 6:
        return may_be_configuration(is) && severity < SEVERITY_MEDIUM ? SEVERITY_MEDIUM : severity;
    case 16:
    case 23:
        return SEVERITY_INFO;
    case 4: /* what was attempted is proved by its text */
        return is->kind == COMPONENT_BOOT_ATTEMPT ? SEVERITY_LOW : SEVERITY_MEDIUM;
    default:
        return is_machine_identity(is) ? SEVERITY_LOW : severity > SEVERITY_MEDIUM ? severity : SEVERITY_MEDIUM;
    }
}

/* A newer kernel's stub measures what it was given. When that is the loader's line, which is compared by itself, nothing new is said. */
static bool is_line_once_more(const struct comparison *c, const struct component *is)
{
    if (is->kind != COMPONENT_COMMAND_LINE || is->pcr != 9 || !is->text)
        return false;
    for (size_t i = 0; i < c->is.n; i++) {
        const struct component *line = &c->is.items[i];
        if (line->kind == COMPONENT_COMMAND_LINE && line->pcr != 9 && c->is.done[i] && line->text && strcmp(line->text, is->text) == 0)
            return true;
    }
    return false;
}

void deviation_appeared(struct comparison *c, const struct component *is)
{
    bool is_new_list = is->kind == COMPONENT_REVOCATIONS; /* nothing shrank: the firmware did not measure one before */
    enum severity severity = is_new_list ? SEVERITY_MEDIUM : is_line_once_more(c, is) ? SEVERITY_INFO : newcomer_severity(is);

    if (severity >= SEVERITY_MEDIUM && (is->phase == PHASE_FIRMWARE || is->phase == PHASE_SECURE_BOOT_POLICY))
        c->code_changed = true;
    deviation_report(c, is_new_list ? FINDING_SECUREBOOT_KEYS_CHANGED : verdicts[is->kind].added_or_missing, severity, NULL, is,
                     arena_printf(c->a, "New in this boot: %s%s.", is->name, signer_words(c, is)));
}

/* A program inside the firmware that a boot entry started and that came back: the firmware is unchanged, Secure Boot on, and nobody
 * else's key was used. */
static bool firmware_app_is_harmless(const struct comparison *c)
{
    return c->chain && c->chain->secure_boot == SECURE_BOOT_ENABLED && !c->code_changed;
}

void deviation_firmware_apps(struct comparison *c)
{
    for (size_t k = 0; k < c->is.n; k++) {
        const struct component *is = &c->is.items[k];
        if (c->is.done[k] || is->kind != COMPONENT_FIRMWARE_APP)
            continue;
        c->is.done[k] = true;
        deviation_report(c, FINDING_BOOT_ORDER_CHANGED, firmware_app_is_harmless(c) ? SEVERITY_LOW : SEVERITY_MEDIUM, NULL, is,
                         arena_printf(c->a, "A boot entry started a %s, which returned.", is->name));
    }
}

/* The volume that holds the machine's shape, while the firmware's version and every other volume are as accepted. */
void deviation_shape(struct comparison *c)
{
    bool other_code = false, deviates = false;
    const struct component *was = NULL, *is = NULL;
    enum severity severity;

    for (size_t i = 0; i < c->was.n; i++) {
        const struct component *x = &c->was.items[i];
        bool there = false;
        if (x->pcr != 0 || (x->kind != COMPONENT_FIRMWARE_CODE && x->kind != COMPONENT_CRTM_VERSION && x->kind != COMPONENT_FIRMWARE_SHAPE))
            continue;
        for (size_t k = 0; k < c->is.n && !there; k++) {
            there = same_place(x, &c->is.items[k]);
            if (!there && x->kind == COMPONENT_FIRMWARE_SHAPE && same_role(x, &c->is.items[k]))
                is = &c->is.items[k];
        }
        if (x->kind == COMPONENT_FIRMWARE_SHAPE)
            was = x;
        else {
            other_code = other_code || (there && x->kind == COMPONENT_FIRMWARE_CODE);
            deviates = deviates || !there;
        }
    }
    severity = other_code && !deviates ? SEVERITY_LOW : SEVERITY_MEDIUM;
    if (was && is)
        deviation_report(c, severity == SEVERITY_LOW ? FINDING_FIRMWARE_CONFIG : FINDING_FIRMWARE_CHANGED, severity, was, is,
                         severity == SEVERITY_LOW
                             ? "The firmware volume that holds memory size and CPU count differs; the firmware's version and "
                               "its other code are the same."
                             : "The firmware's first volume changed, and other parts of the firmware with it.");
}
