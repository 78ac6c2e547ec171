#include "eventlog/replay/proof.h"
#include "eventlog/software/grub.h"
#include "eventlog/software/limine.h"
#include "eventlog/software/shim.h"
#include "eventlog/software/systemd_boot.h"
#include "eventlog/software/systemd_log.h"
#include "eventlog/uefi/variable.h"

static const char *const rule_names[PROOF_RULE_COUNT] = {
#define X(name, slug, text) slug,
    PROOF_RULES(X)
#undef X
};

const char *proof_rule_name(enum proof_rule rule) { return rule_names[rule]; }

const char *proof_name(enum proof proof)
{
    static const char *const names[] = { "label", "measured", "proved" };

    return names[proof];
}

/* What might have been hashed. */
struct candidate {
    enum proof_rule rule;
    struct bytes hashed;
    struct bytes tail; /* hashed after it; empty but for UTF16_WITH_NUL */
};

enum { MAX_CANDIDATES = 6 };

struct candidates {
    size_t n;
    struct candidate items[MAX_CANDIDATES];
};

static void add(struct candidates *list, enum proof_rule rule, struct bytes hashed)
{
    if (list->n < MAX_CANDIDATES)
        list->items[list->n++] = (struct candidate){ rule, hashed, BYTES_NONE };
}

static struct bytes without_nul(struct bytes data)
{
    return data.len && data.data[data.len - 1] == 0 ? bytes_slice(data, 0, data.len - 1) : data;
}

static bool has_final_nul(struct bytes data) { return data.len && data.data[data.len - 1] == 0; }

static void add_grub(struct candidates *list, struct bytes data)
{
    static const struct {
        const char *prefix;
        enum proof_rule rule;
    } prefixes[] = {
        { "grub_cmd: ", PROOF_RULE_AFTER_GRUB_CMD },
        { "kernel_cmdline: ", PROOF_RULE_AFTER_KERNEL_CMDLINE },
        { "module_cmdline: ", PROOF_RULE_AFTER_MODULE_CMDLINE },
        { "grub_cmd ", PROOF_RULE_AFTER_OLD_GRUB_PREFIX },
        { "grub_kernel_cmdline ", PROOF_RULE_AFTER_OLD_GRUB_PREFIX },
        { "kernel_cmdline ", PROOF_RULE_AFTER_OLD_GRUB_PREFIX },
    };

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        struct bytes prefix = bytes_of_string(prefixes[i].prefix);
        if (bytes_starts_with(data, prefix)) {
            add(list, prefixes[i].rule, without_nul(bytes_slice(data, prefix.len, data.len - prefix.len)));
            if (prefixes[i].rule == PROOF_RULE_AFTER_OLD_GRUB_PREFIX)
                add(list, PROOF_RULE_OLD_GRUB_WITH_NUL, bytes_slice(data, prefix.len, data.len - prefix.len));
            return;
        }
    }
}

/* Stubs write section names in UTF-16 and hash them in ASCII with NUL. */
static void add_section_name(struct candidates *list, struct bytes data)
{
    enum uki_section section = uki_section_of(data);
    const char *name = uki_section_name(section);

    if (section != UKI_SECTION_NONE)
        add(list, PROOF_RULE_SECTION_NAME, (struct bytes){ (const uint8_t *)name, strlen(name) + 1 });
}

static void add_flags(struct candidates *list)
{
    static const uint8_t off = 0, on = 1;

    add(list, PROOF_RULE_KNOWN_FLAG, (struct bytes){ &on, 1 });
    add(list, PROOF_RULE_KNOWN_FLAG, (struct bytes){ &off, 1 });
}

static bool is_utf16_ascii(struct bytes data) { return data.len >= 2 && data.len % 2 == 0 && data.data[0] != 0 && data.data[1] == 0; }

static bool add_systemd(struct arena *a, struct candidates *list, struct bytes data, struct err *err)
{
    struct systemd_record record;

    if (systemd_record_parse(a, data, &record, err)) {
        if (record.has_string)
            add(list, PROOF_RULE_SYSTEMD_STRING, record.string);
        return true;
    }
    return err->code != ERR_NO_MEMORY; /* not a record: nothing to prove */
}

static bool add_ipl(struct arena *a, struct candidates *list, const struct event *event, struct err *err)
{
    enum shim_kind shim = shim_event_kind(event);
    struct limine_event limine = limine_event_of(event);

    if (grub_event_of(event).kind == GRUB_FILE) /* the digest is the file's, the data is its name */
        return true;
    if (event_is_systemd_record(event) && !add_systemd(a, list, event->data, err))
        return false;
    add_grub(list, event->data);
    if (limine.kind != LIMINE_NOT)
        add(list, PROOF_RULE_AFTER_LIMINE_NAME, limine.text);
    if (shim == SHIM_MOK_LIST_TRUSTED || shim == SHIM_MOK_SB_STATE || shim == SHIM_MOK_DB_STATE || shim == SHIM_MOK_POLICY)
        add_flags(list);
    if (is_utf16_ascii(event->data)) {
        add_section_name(list, event->data);
        add(list, PROOF_RULE_DATA, event->data);
        add(list, PROOF_RULE_UTF16_WITH_NUL, event->data);
        list->items[list->n - 1].tail = BYTES_LIT("\0\0");
        return true;
    }
    if (event->data.len % 2 && is_utf16_ascii(bytes_slice(event->data, 0, event->data.len - 1)) &&
        event->data.data[event->data.len - 1] == 0) { /* systemd-boot before 248: one byte of the NUL unit */
        add(list, PROOF_RULE_UTF16_WITH_NUL, bytes_slice(event->data, 0, event->data.len - 1));
        list->items[list->n - 1].tail = BYTES_LIT("\0\0");
    }
    if (has_final_nul(event->data))
        add(list, PROOF_RULE_WITHOUT_NUL, without_nul(event->data));
    add(list, PROOF_RULE_DATA, event->data);
    return true;
}

static void add_boot_variable(struct candidates *list, struct bytes data)
{
    struct uefi_variable variable;
    struct err err = ERR_INIT;

    if (uefi_variable_parse(data, &variable, &err))
        add(list, PROOF_RULE_VARIABLE_DATA_ONLY, variable.data);
    add(list, PROOF_RULE_DATA, data);
}

static void add_tagged(struct candidates *list, struct bytes data)
{
    struct tagged_event tag;

    add(list, PROOF_RULE_DATA, data);
    if (tagged_event_parse(data, &tag) && tag.content.len)
        add(list, PROOF_RULE_TAG_CONTENT, tag.content);
}

/* The rules of the event's type, the usual one first. */
static bool candidates_of(struct arena *a, const struct event *event, const struct event_type *type, struct candidates *list,
                          struct err *err)
{
    struct bytes data = event->data;

    if (!type || type->covers == COVERS_NOTHING || type->covers == COVERS_OBJECT)
        return true;
    switch (type->content) {
    case CONTENT_IPL:
        return add_ipl(a, list, event, err);
    case CONTENT_BOOT_VARIABLE:
        add_boot_variable(list, data);
        break;
    case CONTENT_TAGGED:
        add_tagged(list, data);
        break;
    case CONTENT_AUTHORITY:
        add(list, PROOF_RULE_DATA, data);
        if (data.len)
            add(list, PROOF_RULE_WITHOUT_LAST_BYTE, bytes_slice(data, 0, data.len - 1));
        break;
    case CONTENT_SEPARATOR:
        add(list, PROOF_RULE_DATA, data);
        add(list, PROOF_RULE_SEPARATOR_ERROR, BYTES_LIT("\1\0\0\0"));
        break;
    case CONTENT_TEXT:
        add(list, PROOF_RULE_DATA, data);
        if (has_final_nul(data))
            add(list, PROOF_RULE_WITHOUT_NUL, without_nul(data));
        break;
    default:
        add(list, PROOF_RULE_DATA, data);
    }
    return true;
}

static bool holds(const struct candidate *c, const struct eventlog *log, const struct event *event, const enum digest_algorithm *banks,
                  size_t n_banks)
{
    for (size_t i = 0; i < n_banks; i++) {
        struct bytes parts[] = { c->hashed, c->tail };
        struct digest digest;
        struct bytes measured = event_digest(log, event, banks[i]);
        if (measured.len == 0)
            return false;
        digest_compute_parts(banks[i], parts, 2, &digest);
        if (!bytes_equal(digest_bytes(&digest), measured))
            return false;
    }
    return n_banks > 0;
}

static size_t banks_of(const struct eventlog *log, const struct event *event, const enum digest_algorithm *banks, size_t n_banks)
{
    size_t n = 0;

    for (size_t i = 0; i < n_banks; i++)
        n += event_digest(log, event, banks[i]).len != 0;
    return n;
}

/* coreboot's actions in the firmware's own registers: the text is a file's name, the digest is the file's. */
static bool names_its_object(const struct event *event)
{
    return event->type == EVENT_TYPE(EV_ACTION) && event->pcr < LIMIT_PCRS && (PCR_BIT(event->pcr) & PCRS_ROM);
}

bool proof_mark(struct arena *a, const struct eventlog *log, const struct event *event, const enum digest_algorithm *banks, size_t n_banks,
                struct event_mark *ret, struct err *err)
{
    const struct event_type *type = event_type_find(event->type);
    struct event_mark mark = { .proof = PROOF_LABEL, .rule = PROOF_RULE_NONE };
    struct candidates list; /* not cleared as a whole: this runs for every event */
    size_t n_in = event->type == EVENT_TYPE(EV_NO_ACTION) ? 0 : banks_of(log, event, banks, n_banks);

    list.n = 0;
    if (n_in == 0) {
        *ret = mark;
        return true;
    }
    /* An event cut into one for each bank would otherwise be seen by nobody: each half in some banks only, and both replay. */
    mark.proof = PROOF_MEASURED;
    mark.partial = n_in < n_banks;
    if (!candidates_of(a, event, type, &list, err))
        return false;
    for (size_t i = 0; i < list.n && mark.proof != PROOF_PROVED; i++) {
        if (!holds(&list.items[i], log, event, banks, n_banks))
            continue;
        mark.proof = PROOF_PROVED;
        mark.rule = list.items[i].rule;
        mark.proved = list.items[i].hashed;
    }
    mark.broken = type && type->covers == COVERS_DATA && mark.proof != PROOF_PROVED && !names_its_object(event);
    *ret = mark;
    return true;
}
