#include "eventlog/describe/describe.h"
#include "base/utf8.h"
#include "eventlog/describe/parts.h"
#include "eventlog/uefi/device_path.h"
#include "eventlog/uefi/gpt.h"
#include "eventlog/uefi/image_load.h"
#include "eventlog/log/no_action.h"
#include "eventlog/log/spec_id.h"
#include "eventlog/uefi/variable.h"

enum { LINE_MAX_BYTES = 512 };

/* Line ends and tabs become spaces: a sentence stays on its line. */
void say_text(struct describing *d, struct bytes text)
{
    bool cut = false;
    char *line, *safe = NULL;

    while (text.len && (text.data[text.len - 1] == 0 || text.data[text.len - 1] == '\n'))
        text.len--;
    cut = text.len > LINE_MAX_BYTES;
    text = bytes_slice(text, 0, LINE_MAX_BYTES);
    line = arena_string(d->a, text);
    for (size_t i = 0; line && i < text.len; i++)
        if (line[i] == '\n' || line[i] == '\t')
            line[i] = ' ';
    if (line)
        safe = text_for_people(d->a, (struct bytes){ (const uint8_t *)line, text.len });
    write_string(d->w, safe ? safe : "");
    write_string(d->w, cut ? "…" : "");
}

void say_utf16(struct describing *d, struct bytes utf16)
{
    bool clean;
    char *text = utf8_from_utf16le(d->a, bytes_slice(utf16, 0, 2 * LINE_MAX_BYTES), &clean);

    say_text(d, text ? bytes_of_string(text) : BYTES_NONE);
}

bool looks_utf16(struct bytes data)
{
    return data.len >= 4 && data.len % 2 == 0 && data.data[0] != 0 && data.data[1] == 0 && data.data[3] == 0;
}

static void say_image(struct describing *d)
{
    struct image_load image;
    struct err err = ERR_INIT;
    char *text = NULL;

    if (!image_load_parse(d->event->data, &image, &err)) {
        write_string(d->w, "an image");
        return;
    }
    text = device_path_file(d->a, image.device_path);
    if ((!text || !*text) && image.device_path.len && !device_path_text(d->a, image.device_path, &text, &err))
        text = NULL;
    if (text && *text)
        write_string(d->w, text);
    else
        write_printf(d->w, "an image of %llu bytes without a path", (unsigned long long)image.length);
}

static void describe_image(struct describing *d)
{
    write_string(d->w, d->event->pcr == 4 ? "A program was loaded to boot: " : "A driver or program of the firmware was loaded: ");
    say_image(d);
    write_string(d->w, "; the digest is that of the image.");
}

static void describe_separator(struct describing *d)
{
    struct bytes data = d->event->data;

    if (d->mark && d->mark->rule == PROOF_RULE_SEPARATOR_ERROR)
        write_printf(d->w, "The firmware recorded an error in register %u.", d->event->pcr);
    else if (data.len == 4 && (bytes_are_all(data, 0) || bytes_are_all(data, 0xff)))
        write_printf(d->w, "The firmware's own part of register %u ends here.", d->event->pcr);
    else if (bytes_equal(data, BYTES_LIT("WBCL")))
        write_printf(d->w, "The Windows loader's part of register %u ends here.", d->event->pcr);
    else
        write_printf(d->w, "Register %u was closed with an unusual value.", d->event->pcr);
}

static void describe_no_action(struct describing *d)
{
    struct no_action action;
    struct err err = ERR_INIT;

    if (!no_action_parse(d->event->data, &action, &err)) {
        write_string(d->w, "A malformed statement of the firmware: ");
        say_text(d, bytes_of_string(err.text));
    } else if (action.kind == NO_ACTION_STARTUP_LOCALITY) {
        write_printf(d->w, "The TPM was started from locality %u", action.locality);
    } else if (d->event->pcr == EVENT_PCR_NONE) {
        describe_windows(d, d->event->data);
        return;
    } else {
        write_printf(d->w, "The firmware says %s", no_action_says(action.kind));
    }
    write_string(d->w, ".");
}

static void describe_gpt(struct describing *d)
{
    struct gpt gpt;
    struct err err = ERR_INIT;
    char guid[UUID_TEXT_LEN];

    if (!gpt_parse(d->a, d->event->data, &gpt, &err)) {
        write_string(d->w, "The boot disk's partition table was measured.");
        return;
    }
    guid_format(gpt.disk_guid.data, guid);
    write_printf(d->w, "The boot disk %s has %zu partition%s", guid, gpt.n_partitions, gpt.n_partitions == 1 ? "" : "s");
    for (size_t i = 0; i < gpt.n_partitions && i < 8; i++) {
        write_string(d->w, i ? ", \"" : ": \"");
        say_utf16(d, gpt.partitions[i].name);
        write_string(d->w, "\"");
    }
    write_string(d->w, ".");
}

static void describe_content(struct describing *d, enum event_content content)
{
    switch (content) {
    case CONTENT_NO_ACTION:
        return describe_no_action(d);
    case CONTENT_SEPARATOR:
        return describe_separator(d);
    case CONTENT_TEXT:
        return describe_text(d);
    case CONTENT_TAGGED:
        return describe_tagged(d);
    case CONTENT_IPL:
        return describe_ipl(d);
    case CONTENT_VERSION:
        return describe_version(d);
    case CONTENT_VARIABLE:
        return describe_variable(d);
    case CONTENT_BOOT_VARIABLE:
        return describe_boot_variable(d);
    case CONTENT_AUTHORITY:
        return describe_authority(d);
    case CONTENT_IMAGE:
        return describe_image(d);
    case CONTENT_GPT:
        return describe_gpt(d);
    case CONTENT_BLOB:
    case CONTENT_BLOB2:
        return describe_blob(d, content == CONTENT_BLOB2);
    case CONTENT_TABLES:
    case CONTENT_TABLES2:
        return describe_tables(d, content == CONTENT_TABLES2);
    case CONTENT_OPAQUE:
        return describe_opaque(d);
    }
}

/* What a person has to know before believing the sentence. */
static const char *reservation(const struct describing *d, const struct event_type *type)
{
    if (d->event->type == EVENT_TYPE(EV_NO_ACTION))
        return " Nothing measures this.";
    if (!d->mark)
        return "";
    if (d->mark->broken)
        return " The data does not hash to its digest: do not believe it.";
    if (d->mark->proof == PROOF_LABEL)
        return " No quote covers this.";
    if (d->mark->proof == PROOF_MEASURED && type && type->covers == COVERS_MAYBE)
        return " Only the digest is certain; the text is a label.";
    return "";
}

char *event_describe(struct arena *a, const struct eventlog *log, const struct event *event, const struct event_mark *mark)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct describing d = { a, &w, log, event, mark };
    const struct event_type *type = event_type_find(event->type);

    if (type)
        describe_content(&d, type->content);
    else
        write_printf(&w, "An event of the unknown type 0x%08x.", event->type);
    write_string(&w, reservation(&d, type));
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

static void title_variable(struct describing *d)
{
    struct uefi_variable variable;
    struct err err = ERR_INIT;

    if (uefi_variable_parse(d->event->data, &variable, &err))
        say_utf16(d, variable.name);
    else
        write_string(d->w, "malformed variable");
}

static void title_content(struct describing *d, enum event_content content)
{
    switch (content) {
    case CONTENT_NO_ACTION:
        if (d->event->pcr == EVENT_PCR_NONE)
            write_string(d->w, "Windows record after the log");
        else
            say_text(d, bytes_slice(d->event->data, 0, 16));
        return;
    case CONTENT_SEPARATOR:
        write_string(d->w, "separator");
        return;
    case CONTENT_TEXT:
        return title_text(d);
    case CONTENT_TAGGED:
        return title_tagged(d);
    case CONTENT_IPL:
        return title_ipl(d);
    case CONTENT_VERSION:
        return title_version(d);
    case CONTENT_VARIABLE:
    case CONTENT_BOOT_VARIABLE:
    case CONTENT_AUTHORITY:
        return title_variable(d);
    case CONTENT_IMAGE:
        return say_image(d);
    case CONTENT_GPT:
        write_string(d->w, "partition table");
        return;
    case CONTENT_BLOB:
    case CONTENT_BLOB2:
        return title_blob(d, content == CONTENT_BLOB2);
    case CONTENT_TABLES:
    case CONTENT_TABLES2:
        return title_tables(d, content == CONTENT_TABLES2);
    case CONTENT_OPAQUE:
        return title_opaque(d);
    }
}

char *event_title(struct arena *a, const struct eventlog *log, const struct event *event)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct describing d = { a, &w, log, event, NULL };
    const struct event_type *type = event_type_find(event->type);

    title_content(&d, type ? type->content : CONTENT_OPAQUE);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

const char *pcr_purpose(unsigned pcr)
{
    static const char *const purposes[LIMIT_PCRS] = {
        "firmware code",
        "firmware settings",
        "option ROM code",
        "option ROM settings",
        "boot loader and images",
        "boot configuration and partition table",
        "host platform",
        "Secure Boot policy",
        "boot loader commands",
        "files and command line that the loader read",
        "IMA (files measured at run time)",
        "unified kernel image, or BitLocker",
        "kernel parameters and credentials",
        "system extensions",
        "machine owner keys",
        "system identity",
        "debug",
        "dynamic launch",
        "dynamic launch",
        "dynamic launch",
        "dynamic launch",
        "dynamic launch",
        "dynamic launch",
        "applications",
    };

    return pcr < LIMIT_PCRS ? purposes[pcr] : "";
}

const char *measurement_register_purpose(unsigned number)
{
    static const char *const purposes[] = { "trust domain's first code (MRTD)", "firmware, its settings, Secure Boot policy (RTMR 0)",
                                            "boot loader, disk layout (RTMR 1)", "operating system (RTMR 2)", "programs (RTMR 3)" };

    return number < ARRAY_LEN(purposes) ? purposes[number] : "";
}
