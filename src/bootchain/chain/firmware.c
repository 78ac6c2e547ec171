/* What firmware measures of itself: registers 0, 1, 2, 3 and 6 (PFP 1.06, 3.3.4). */
#include "base/utf8.h"
#include "base/uuid.h"
#include "bootchain/chain/walk.h"
#include "eventlog/uefi/boot_option.h"
#include "eventlog/uefi/device_path.h"
#include "eventlog/uefi/firmware_blob.h"
#include "eventlog/uefi/variable.h"

enum { RAM_VOLUME_LIMIT = 16 * 1024 * 1024 };

/* The firmware's version: UTF-16 text, or a GUID, or ASCII. */
static const char *version_text(struct walk *w, struct bytes data)
{
    char guid[UUID_TEXT_LEN];
    char *text;
    bool clean, wide = data.len >= 2 && data.len % 2 == 0 && data.data[1] == 0;

    if (wide) {
        text = utf8_from_utf16le(w->a, data, &clean);
        return text ? text_for_people(w->a, bytes_trim(bytes_of_string(text))) : NULL;
    }
    while (data.len && data.data[data.len - 1] == 0)
        data.len--;
    for (size_t i = 0; i < data.len; i++)
        if (data.data[i] < 0x20 || data.data[i] > 0x7e) {
            if (data.len > UUID_LEN)
                return "binary";
            uint8_t id[UUID_LEN] = { 0 };
            memcpy(id, data.data, data.len);
            guid_format(id, guid);
            return arena_printf(w->a, "%s", guid);
        }
    return text_for_people(w->a, bytes_trim(data));
}

static bool crtm_version(struct walk *w, const struct step *s)
{
    const char *text = step_proved(s) ? version_text(w, s->mark->proved) : NULL;
    const char *name = text && text[0] ? arena_printf(w->a, "firmware version %s", text) : "firmware version";
    struct component *c = walk_add(w, s, COMPONENT_CRTM_VERSION, "crtm-version", name);

    if (!c || (step_proved(s) && !text))
        return walk_no_memory(w);
    if (text && text[0]) /* an empty version says nothing */
        c->text = w->chain->crtm_version = text;
    return true;
}

/* OVMF measures its first volume after it has run from RAM, where it holds the memory size and CPU count; its address (a label)
 * marks the kind, and only the kind that an accepted baseline recorded is ever used to judge (real-vm-boot.md 7, pitfall 2). */
static bool volume(struct walk *w, const struct step *s, bool described)
{
    struct err ignored = ERR_INIT;
    struct firmware_blob blob;
    unsigned n = ++w->n_volumes;
    bool parsed = firmware_blob_parse(s->event->data, described, &blob, &ignored);
    bool shape = parsed && n == 1 && blob.base && blob.base < RAM_VOLUME_LIMIT && blob.length < RAM_VOLUME_LIMIT;
    const char *key = arena_printf(w->a, "volume:%u", n), *name;

    if (parsed && blob.description.len) {
        char *words = text_for_people(w->a, blob.description);
        name = words ? arena_printf(w->a, "firmware volume %u (%s)", n, words) : NULL;
    } else if (parsed)
        name = arena_printf(w->a, "firmware volume %u (0x%llx, %llu KiB)", n, (unsigned long long)blob.base,
                            (unsigned long long)blob.length / 1024);
    else
        name = arena_printf(w->a, "firmware volume %u", n);
    return walk_add(w, s, shape ? COMPONENT_FIRMWARE_SHAPE : COMPONENT_FIRMWARE_CODE, key, name) != NULL;
}

static bool unnamed(struct walk *w, const struct step *s, enum component_kind kind, const char *prefix)
{
    return walk_add(w, s, kind, walk_numbered_key(w, s, prefix), walk_title(w, s)) != NULL;
}

static bool firmware_code_step(struct walk *w, const struct step *s)
{
    const struct event_type *type = event_type_find(s->event->type);

    switch (type ? type->content : CONTENT_OPAQUE) {
    case CONTENT_VERSION:
        return crtm_version(w, s);
    case CONTENT_BLOB:
        return volume(w, s, false);
    case CONTENT_BLOB2:
        return volume(w, s, true);
    default:
        break;
    }
    /* Old POST_CODE events hold a blob's address and length instead of text. */
    if (s->event->type == EVENT_TYPE(EV_POST_CODE) && s->event->data.len == 16 && !step_proved(s))
        return volume(w, s, false);
    return unnamed(w, s, COMPONENT_FIRMWARE_CODE, "firmware");
}

static bool remember_path(struct walk *w, const char *path)
{
    if (!path[0] || w->n_entry_paths == ENTRY_PATHS_MAX)
        return true;
    if (!walk_grow(w, &w->entry_paths, w->n_entry_paths, &w->entry_paths_capacity, sizeof *w->entry_paths))
        return false;
    w->entry_paths[w->n_entry_paths++] = path;
    return true;
}

/* Boot####: the digest covers the content, not the number; the description in it is the role that is proved. */
static bool boot_entry(struct walk *w, const struct step *s, struct bytes content)
{
    struct err ignored = ERR_INIT;
    struct boot_option option;
    char *description, *path = NULL, *file, *key, *name;
    struct component *c;

    if (!boot_option_parse(content, &option, &ignored))
        return unnamed(w, s, COMPONENT_BOOT_ENTRY, "boot-entry");
    description = boot_option_description(w->a, &option);
    file = device_path_file(w->a, option.device_path);
    if (!device_path_text(w->a, option.device_path, &path, &ignored) && ignored.code == ERR_NO_MEMORY)
        return walk_no_memory(w);
    if (!description || !file)
        return walk_no_memory(w);
    key = arena_printf(w->a, "boot-entry:%s", description);
    name = file[0] ? arena_printf(w->a, "boot entry \"%s\" (%s)", description, file) : arena_printf(w->a, "boot entry \"%s\"", description);
    c = walk_add(w, s, COMPONENT_BOOT_ENTRY, key, name);
    if (!c)
        return false;
    c->text = path;
    return stub_remember_option(w, s, option.optional_data, file) && remember_path(w, path ? path : "");
}

/* A proved content of an EV_EFI_VARIABLE_BOOT or …2: the bytes of the variable itself. */
static bool boot_variable_content(const struct step *s, struct uefi_variable *ret)
{
    struct err ignored = ERR_INIT;

    return step_proved(s) && uefi_variable_parse(s->event->data, ret, &ignored);
}

static bool firmware_variable_step(struct walk *w, const struct step *s)
{
    struct err ignored = ERR_INIT;
    struct uefi_variable v;
    char *name;
    uint16_t number;

    if (!boot_variable_content(s, &v)) {
        const char *title = walk_title(w, s);
        return walk_add(w, s, COMPONENT_FIRMWARE_CONFIG, title ? arena_printf(w->a, "setting:%s", title) : NULL, title) != NULL;
    }
    if (uefi_variable_is_named(&v, "BootOrder") && boot_order_parse(v.data, &(size_t){ 0 }, &ignored))
        return walk_add(w, s, COMPONENT_BOOT_ORDER, "boot-order", "order of boot entries") != NULL;
    if (uefi_variable_is_named(&v, "BootNext"))
        return walk_add(w, s, COMPONENT_BOOT_ORDER, "boot-next", "boot entry to be started once (BootNext)") != NULL;
    if (boot_option_name(v.name, "Boot", &number) || boot_option_name(v.name, "SysPrep", &number) ||
        boot_option_name(v.name, "Driver", &number))
        return boot_entry(w, s, v.data);
    policy_mode(w, s, &v);
    name = uefi_variable_name(w->a, &v);
    if (!name)
        return walk_no_memory(w);
    return walk_add(w, s, COMPONENT_FIRMWARE_CONFIG, arena_printf(w->a, "setting:%s", name),
                    arena_printf(w->a, "firmware setting %s", name)) != NULL;
}

bool firmware_step(struct walk *w, const struct step *s)
{
    const struct event_type *type = event_type_find(s->event->type);
    enum event_content content = type ? type->content : CONTENT_OPAQUE;

    if (s->pcr == 0)
        return firmware_code_step(w, s);
    if (s->pcr == 2)
        return content == CONTENT_IMAGE ? image_step(w, s) : unnamed(w, s, COMPONENT_OPTION_ROM, "rom");
    if (content == CONTENT_BOOT_VARIABLE || content == CONTENT_VARIABLE)
        return firmware_variable_step(w, s);
    if (content == CONTENT_TABLES || content == CONTENT_TABLES2)
        return unnamed(w, s, COMPONENT_FIRMWARE_DATA, "tables");
    if (!unnamed(w, s, COMPONENT_FIRMWARE_CONFIG, s->pcr == 6 ? "vendor" : "config"))
        return false;
    uboot_watch_settings(w, s);
    return true;
}
