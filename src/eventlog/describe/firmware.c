/* What firmware records of itself: versions, blobs, tables, texts, and events of which a person only needs to know what kind they are. */
#include "eventlog/describe/parts.h"
#include "eventlog/uefi/firmware_blob.h"
#include "base/uuid.h"

void title_version(struct describing *d)
{
    struct bytes data = d->event->data;
    char guid[UUID_TEXT_LEN];

    if (bytes_are_all(data, 0)) {
        write_string(d->w, "not given");
    } else if (looks_utf16(data)) {
        say_utf16(d, data);
    } else if (data.len == UUID_LEN) {
        guid_format(data.data, guid);
        write_string(d->w, guid);
    } else {
        say_text(d, data);
    }
}

void describe_version(struct describing *d)
{
    write_string(d->w, "The firmware's version: ");
    title_version(d);
    write_string(d->w, ".");
}

static void say_blob(struct describing *d, const struct firmware_blob *blob)
{
    if (blob->description.len) {
        say_text(d, blob->description);
        write_string(d->w, ", ");
    }
    write_printf(d->w, "%llu bytes at 0x%llx", (unsigned long long)blob->length, (unsigned long long)blob->base);
}

void title_blob(struct describing *d, bool has_description)
{
    struct firmware_blob blob;
    struct err err = ERR_INIT;

    write_string(d->w, "firmware");
    if (!firmware_blob_parse(d->event->data, has_description, &blob, &err))
        return;
    write_string(d->w, ": ");
    say_blob(d, &blob);
}

void describe_blob(struct describing *d, bool has_description)
{
    struct firmware_blob blob;
    struct err err = ERR_INIT;

    write_string(d->w, "A piece of firmware was measured");
    if (firmware_blob_parse(d->event->data, has_description, &blob, &err)) {
        write_string(d->w, ": ");
        say_blob(d, &blob);
    }
    write_string(d->w, ".");
}

void title_tables(struct describing *d, bool has_description)
{
    struct handoff_tables tables;
    struct err err = ERR_INIT;

    if (!handoff_tables_parse(d->a, d->event->data, has_description, &tables, &err) || (!tables.n && !tables.description.len)) {
        write_string(d->w, "tables");
        return;
    }
    say_text(d, tables.description);
    for (size_t i = 0; i < tables.n && i < 8; i++) {
        const char *name = handoff_table_name(tables.tables[i].guid);
        write_printf(d->w, "%s%s", i || tables.description.len ? ", " : "", name ? name : "vendor table");
    }
}

void describe_tables(struct describing *d, bool has_description)
{
    write_string(d->w, "Tables for the operating system were measured: ");
    title_tables(d, has_description);
    write_string(d->w, ".");
}

static bool is_text(struct bytes data)
{
    while (data.len && (data.data[data.len - 1] == 0 || data.data[data.len - 1] == '\n'))
        data.len--;
    for (size_t i = 0; i < data.len; i++)
        if (data.data[i] < 0x20 || data.data[i] == 0x7f)
            return false;
    return data.len > 0;
}

/* What an event is by its type alone. A type is a label. */
static const char *plain_type(uint32_t type)
{
    static const struct {
        uint32_t type;
        const char *words;
    } rows[] = {
        { EVENT_TYPE(EV_PREBOOT_CERT), "firmware's certificate" },
        { EVENT_TYPE(EV_POST_CODE), "firmware code" },
        { EVENT_TYPE(EV_S_CRTM_CONTENTS), "first code that ran" },
        { EVENT_TYPE(EV_CPU_MICROCODE), "processor microcode" },
        { EVENT_TYPE(EV_PLATFORM_CONFIG_FLAGS), "platform settings" },
        { EVENT_TYPE(EV_TABLE_OF_DEVICES), "table of devices" },
        { EVENT_TYPE(EV_COMPACT_HASH), "compact hash" },
        { EVENT_TYPE(EV_IPL_PARTITION_DATA), "partition data of the boot disk" },
        { EVENT_TYPE(EV_NONHOST_CODE), "code of a processor beside the host's" },
        { EVENT_TYPE(EV_NONHOST_CONFIG), "settings of a processor beside the host's" },
        { EVENT_TYPE(EV_NONHOST_INFO), "information of a processor beside the host's" },
        { EVENT_TYPE(EV_EFI_HCRTM_EVENT), "code measured by the processor before the firmware ran" },
        { EVENT_TYPE(EV_EFI_SPDM_FIRMWARE_BLOB), "device's firmware" },
        { EVENT_TYPE(EV_EFI_SPDM_FIRMWARE_CONFIG), "device's settings" },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].type == type)
            return rows[i].words;
    return NULL;
}

static void say_size(struct describing *d) { write_printf(d->w, "%zu byte%s", d->event->data.len, d->event->data.len == 1 ? "" : "s"); }

void title_opaque(struct describing *d)
{
    const char *words = plain_type(d->event->type);

    if (words)
        write_string(d->w, words);
    else if (event_type_find(d->event->type))
        write_string(d->w, event_type_name(d->event->type));
    else
        write_printf(d->w, "event of the unknown type 0x%08x", d->event->type);
    if (is_text(d->event->data)) {
        write_string(d->w, " \"");
        say_text(d, d->event->data);
        write_string(d->w, "\"");
    } else if (d->event->data.len) {
        write_string(d->w, ", ");
        say_size(d);
    }
}

void describe_opaque(struct describing *d)
{
    const char *words = plain_type(d->event->type);

    write_string(d->w, event_type_name(d->event->type));
    write_string(d->w, words ? " (" : "");
    write_string(d->w, words ? words : "");
    write_string(d->w, words ? ")" : "");
    if (is_text(d->event->data)) {
        write_string(d->w, ": ");
        say_text(d, d->event->data);
    } else {
        write_string(d->w, " with ");
        say_size(d);
    }
    write_string(d->w, ".");
}

/* EV_POST_CODE and EV_S_CRTM_CONTENTS hold a text, or the address and size of what was measured, with or without a text before
 * (PFP 10.4.1; UEFI_PLATFORM_FIRMWARE_BLOB, …BLOB2). */
static bool as_blob(const struct describing *d, struct firmware_blob *ret)
{
    struct err err = ERR_INIT;

    return !is_text(d->event->data) && !looks_utf16(d->event->data) &&
           (firmware_blob_parse(d->event->data, false, ret, &err) || firmware_blob_parse(d->event->data, true, ret, &err));
}

void title_text(struct describing *d)
{
    struct firmware_blob blob;

    if (looks_utf16(d->event->data)) {
        say_utf16(d, d->event->data);
    } else if (is_text(d->event->data)) {
        say_text(d, d->event->data);
    } else if (as_blob(d, &blob)) {
        write_string(d->w, plain_type(d->event->type) ? plain_type(d->event->type) : "firmware");
        write_string(d->w, ": ");
        say_blob(d, &blob);
    } else {
        title_opaque(d);
    }
}

void describe_text(struct describing *d)
{
    struct firmware_blob blob;
    struct bytes data = d->event->data;

    write_string(d->w,
                 d->event->type == EVENT_TYPE(EV_S_CRTM_CONTENTS) ? "The first code that ran was measured: " : "The firmware recorded: ");
    if (looks_utf16(data))
        say_utf16(d, data);
    else if (as_blob(d, &blob))
        say_blob(d, &blob);
    else if (is_text(data))
        say_text(d, data);
    else
        title_opaque(d);
    write_string(d->w, ".");
}
