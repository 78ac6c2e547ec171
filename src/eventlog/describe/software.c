/* Sentences about what boot loaders and operating systems measure: GRUB, shim, systemd, the EFI stub, Windows. */
#include "base/utf8.h"
#include "eventlog/describe/parts.h"
#include "eventlog/software/grub.h"
#include "eventlog/software/shim.h"
#include "eventlog/software/sipa.h"
#include "eventlog/software/systemd_boot.h"
#include "eventlog/software/systemd_log.h"

enum { MAX_FACTS = 6 };

static const struct {
    enum shim_kind kind;
    const char *words;
} shim_words[] = {
    { SHIM_MOK_LIST, "The machine owner keys (MokList) were measured" },
    { SHIM_MOK_LIST_X, "The machine owner's revocation list (MokListX) was measured" },
    { SHIM_MOK_LIST_TRUSTED, "Whether the kernel trusts the machine owner keys (MokListTrusted)" },
    { SHIM_MOK_SB_STATE, "Whether shim's validation is switched off (MokSBState)" },
    { SHIM_MOK_DB_STATE, "Whether shim ignores the firmware's keys (MokDBState)" },
    { SHIM_MOK_POLICY, "Whether shim demands images that keep data out of execution (MokPolicy)" },
    { SHIM_SBAT_LEVEL, "shim's revocation level (SbatLevel) was measured" },
};

static bool describe_shim(struct describing *d)
{
    enum shim_kind kind = shim_event_kind(d->event);

    for (size_t i = 0; i < ARRAY_LEN(shim_words); i++) {
        if (shim_words[i].kind != kind)
            continue;
        write_string(d->w, shim_words[i].words);
        if (d->mark && d->mark->proof == PROOF_PROVED && d->mark->rule == PROOF_RULE_KNOWN_FLAG)
            write_string(d->w, d->mark->proved.data[0] ? ": yes" : ": no");
        write_string(d->w, ".");
        return true;
    }
    return false;
}

static bool describe_grub(struct describing *d)
{
    static const char *const words[] = {
        [GRUB_COMMAND] = "GRUB ran: ",
        [GRUB_KERNEL_CMDLINE] = "GRUB started the kernel with: ",
        [GRUB_MODULE_CMDLINE] = "GRUB loaded a module with: ",
        [GRUB_FILE] = "GRUB read a file: ",
    };
    struct grub_event grub = grub_event_of(d->event);

    if (grub.kind == GRUB_NOT)
        return false;
    write_string(d->w, words[grub.kind]);
    say_text(d, grub.text);
    write_string(d->w, ".");
    return true;
}

static bool describe_systemd(struct describing *d)
{
    struct systemd_record record;
    struct err err = ERR_INIT;

    if (!event_is_systemd_record(d->event) || !systemd_record_parse(d->a, d->event->data, &record, &err))
        return false;
    write_printf(d->w, "systemd: %s", systemd_event_text(record.event));
    if (record.has_string) {
        write_string(d->w, ": ");
        say_text(d, record.string);
    }
    write_string(d->w, ".");
    return true;
}

static void describe_uki(struct describing *d)
{
    bool is_name = d->mark && d->mark->rule == PROOF_RULE_SECTION_NAME;

    write_string(d->w, is_name ? "The unified kernel image has a section " : "A section of the unified kernel image was measured: ");
    say_utf16(d, d->event->data);
    write_string(d->w, ".");
}

static bool describe_utf16(struct describing *d)
{
    struct bytes data = d->event->data;

    if (data.len < 2 || data.len % 2 != 0 || data.data[0] == 0 || data.data[1] != 0)
        return false;
    if (d->event->pcr == 11) {
        describe_uki(d);
        return true;
    }
    write_string(d->w, d->event->pcr == 12 ? "The loader passed to the kernel: " : "The loader measured: ");
    say_utf16(d, data);
    write_string(d->w, ".");
    return true;
}

void describe_ipl(struct describing *d)
{
    if (describe_shim(d) || describe_systemd(d) || describe_utf16(d) || describe_grub(d))
        return;
    write_string(d->w, "The loader measured: ");
    say_text(d, d->event->data);
    write_string(d->w, ".");
}

void title_ipl(struct describing *d)
{
    struct bytes data = d->event->data;
    struct systemd_record record;
    struct err err = ERR_INIT;

    if (event_is_systemd_record(d->event) && systemd_record_parse(d->a, data, &record, &err)) {
        say_text(d, record.event_type);
        write_string(d->w, record.has_string ? ": " : "");
        say_text(d, record.string);
    } else if (data.len >= 2 && data.len % 2 == 0 && data.data[0] != 0 && data.data[1] == 0) {
        say_utf16(d, data);
    } else {
        say_text(d, data);
    }
}

/* A few words about the facts inside, for one line. */
struct facts {
    struct describing *d;
    unsigned n;
};

static void say_fact(struct describing *d, const struct sipa_record *record)
{
    uint64_t value;

    if (record->type->form == SIPA_TEXT) {
        write_printf(d->w, "%s ", record->type->text);
        say_utf16(d, record->payload);
    } else if (record->type->form == SIPA_BOOLEAN && sipa_integer(record, &value)) {
        write_printf(d->w, "%s %s", record->type->text, value ? "on" : "off");
    } else if (sipa_integer(record, &value)) {
        write_printf(d->w, "%s %llu", record->type->text, (unsigned long long)value);
    } else {
        write_string(d->w, record->type->text);
    }
}

static bool on_record(void *context, const struct sipa_record *record)
{
    struct facts *facts = context;

    if (!record->type || !record->type->text || (record->id & SIPA_AGGREGATE))
        return true;
    if (facts->n == MAX_FACTS) {
        write_string(facts->d->w, ", …");
        return false;
    }
    write_string(facts->d->w, facts->n++ ? ", " : ": ");
    say_fact(facts->d, record);
    return true;
}

void describe_windows(struct describing *d, struct bytes data)
{
    struct facts facts = { d, 0 };
    struct sipa_visitor visitor = { on_record, NULL, &facts };
    struct err err = ERR_INIT;

    write_string(d->w, "Windows recorded facts of its boot");
    if (!sipa_walk(data, &visitor, &err))
        write_string(d->w, " in a malformed record");
    write_string(d->w, ".");
}

void describe_tagged(struct describing *d)
{
    struct tagged_event tagged;
    enum loader_tag tag = loader_tag_of(d->event);

    if (tag != LOADER_TAG_NONE)
        write_printf(d->w, "The %s was measured.", loader_tag_text(tag));
    else if (sipa_is_windows(d->event->data))
        describe_windows(d, d->event->data);
    else if (tagged_event_parse(d->event->data, &tagged))
        write_printf(d->w, "A tagged event (0x%08x) of %zu bytes.", tagged.id, tagged.content.len);
    else
        write_printf(d->w, "A tagged event of %zu bytes.", d->event->data.len);
}

void title_tagged(struct describing *d)
{
    struct tagged_event tagged;
    enum loader_tag tag = loader_tag_of(d->event);

    if (tag != LOADER_TAG_NONE)
        write_string(d->w, loader_tag_text(tag));
    else if (sipa_is_windows(d->event->data))
        write_string(d->w, "Windows boot facts");
    else if (tagged_event_parse(d->event->data, &tagged))
        write_printf(d->w, "tagged event 0x%08x", tagged.id);
    else
        write_printf(d->w, "tagged event, %zu bytes", d->event->data.len);
}
