/* Images and boot attempts: register 4, images in register 2, the disk in register 5 (PFP 1.06, 3.3.4.3 and 3.3.4.5). */
#include "bootchain/chain/plain.h"
#include "bootchain/chain/walk.h"
#include "eventlog/software/systemd_boot.h"
#include "eventlog/uefi/device_path.h"
#include "eventlog/uefi/image_load.h"
#include "eventlog/uefi/variable.h"

static bool action_is(const struct step *s, const char *text)
{
    return step_proved(s) && bytes_starts_with(s->mark->proved, bytes_of_string(text));
}

static bool image_paths(struct walk *w, const struct step *s, const char **ret_path, const char **ret_file)
{
    struct err err = ERR_INIT;
    struct image_load load;
    char *path = NULL;

    *ret_path = *ret_file = "";
    if (!image_load_parse(s->event->data, &load, &err))
        return true;
    if (device_path_text(w->a, load.device_path, &path, &err))
        *ret_path = path;
    *ret_file = device_path_file(w->a, load.device_path);
    return (*ret_file && err.code != ERR_NO_MEMORY) || walk_no_memory(w);
}

static bool add_image(struct walk *w, const struct step *s, const char *path, const char *file)
{
    size_t room = w->images_capacity;
    struct boot_image image = {
        .event = s->event->number, .pcr = s->pcr, .path = path, .name = file, .role = s->pcr == 2 ? IMAGE_DRIVER : IMAGE_LOADER
    };

    w->n_boot_images += s->pcr != 2 && !s->early;
    w->early_image = w->early_image || (s->pcr != 2 && s->early);
    if (w->n_components == LIMIT_COMPONENTS) /* left out, as its component is */
        return true;
    if (!walk_digests(w, s->event, &image.n_digests, &image.digests) ||
        !walk_grow(w, &w->images, w->n_images, &w->images_capacity, sizeof *w->images) ||
        !walk_grow(w, &w->image_component, w->n_images, &room, sizeof *w->image_component))
        return false;
    w->images[w->n_images] = image;
    w->image_component[w->n_images++] = w->n_components;
    return true;
}

/* An image of register 4 gets its kind, key and name in images_finish. */
static bool image(struct walk *w, const struct step *s)
{
    const char *path, *file;

    if (!image_paths(w, s, &path, &file) || !add_image(w, s, path, file))
        return false;
    if (s->pcr == 2)
        return walk_add(w, s, COMPONENT_OPTION_ROM, arena_printf(w->a, "rom:%s", path),
                        path[0] ? arena_printf(w->a, "driver %s", path) : "driver of a device") != NULL;
    return walk_add(w, s, COMPONENT_LOADER, "image", path) != NULL;
}

bool image_step(struct walk *w, const struct step *s)
{
    const struct event_type *type = event_type_find(s->event->type);
    const char *title;

    if (type && type->content == CONTENT_IMAGE)
        return image(w, s);
    if (!step_proved(s)) /* a digest of something: whatever its type says, it may be an image (attack L2) */
        return image(w, s);
    if (action_is(s, "Calling EFI Application")) {
        w->calling = true;
        w->call_first_image = w->n_images;
        w->n_boot_images += s->early && w->early_image; /* U-Boot measures an image when it is loaded, and starts it then */
    } else if (action_is(s, "Returning from EFI Application")) {
        for (size_t i = w->call_first_image; w->calling && i < w->n_images; i++)
            w->images[i].role = IMAGE_FIRMWARE_APP; /* it came back; images_finish asks where it came from */
        w->calling = w->early_image = false;
    }
    title = walk_title(w, s);
    return walk_add(w, s, COMPONENT_BOOT_ATTEMPT, title ? arena_printf(w->a, "attempt:%s", title) : NULL, title) != NULL;
}

/* A type is a label: under it the text of a loader's configuration may stand, which ends at its first zero. None of these has it behind
 * one: a partition table's header goes on with its revision, 00 00 01 00; the lengths of a variable have zeros in them; and where only the
 * variable's content is measured, a boot entry begins with its attributes, 01 00 00 00, and their order with small numbers. */
static bool is_partition_table(const struct step *s)
{
    struct bytes data = s->event->data;

    return !step_proved(s) || (bytes_starts_with(data, BYTES_LIT("EFI PART")) && (data.len == 8 || data.data[8] == 0));
}

static bool is_variable(const struct step *s)
{
    struct err ignored = ERR_INIT;
    struct uefi_variable v;

    if (!step_proved(s))
        return true;
    if (!uefi_variable_parse(s->event->data, &v, &ignored))
        return false;
    return s->mark->rule != PROOF_RULE_VARIABLE_DATA_ONLY || !v.data.len || memchr(v.data.data, 0, v.data.len < 4 ? v.data.len : 4);
}

bool disk_step(struct walk *w, const struct step *s)
{
    const struct event_type *type = event_type_find(s->event->type);
    const char *title;

    if (type && type->content == CONTENT_GPT && is_partition_table(s))
        return walk_add(w, s, COMPONENT_GPT, "gpt", "partition table of the boot disk") != NULL;
    if (action_is(s, "Exit Boot Services"))
        return true; /* whether a first call failed is chance; that it was called is replayed_exit_boot_services() */
    if (loader_tag_of(s->event) == LOADER_TAG_LOADER_CONF) {
        w->systemd_boot_seen = true;
        return walk_add(w, s, COMPONENT_LOADER_FILE, "file:loader.conf", "systemd-boot's loader.conf") != NULL;
    }
    title = walk_title(w, s);
    if (action_is(s, "Calling EFI Application") || action_is(s, "Returning from EFI Application"))
        return walk_add(w, s, COMPONENT_BOOT_ATTEMPT, title ? arena_printf(w->a, "attempt:%s", title) : NULL, title) != NULL;
    if (type && (type->content == CONTENT_VARIABLE || type->content == CONTENT_BOOT_VARIABLE) && is_variable(s))
        return walk_add(w, s, COMPONENT_BOOT_ENTRY, title ? arena_printf(w->a, "setting:%s", title) : NULL, title) != NULL;
    return walk_add(w, s, COMPONENT_FIRMWARE_CONFIG, walk_numbered_key(w, s, "config"), title) != NULL;
}

/* A path into the firmware itself (its nodes are Fv and FvFile) that a proved boot entry names, too. */
static bool inside_firmware(const struct walk *w, const char *path)
{
    if (strncmp(path, "Fv(", 3) != 0)
        return false;
    for (size_t i = 0; i < w->n_entry_paths; i++)
        if (strcmp(path, w->entry_paths[i]) == 0)
            return true;
    return false;
}

static bool contains(const char *text, const char *part)
{
    size_t len = strlen(part);

    for (; *text; text++) {
        size_t i = 0;
        while (i < len && text[i] && (text[i] | 0x20) == part[i])
            i++;
        if (i == len)
            return true;
    }
    return false;
}

struct file_words {
    const char *part; /* of the file's name, lower case */
    const char *words;
};

static const struct file_words known_files[] = {
    { "shim", "shim" },
    { "grub", "GRUB" },
    { "systemd-boot", "systemd-boot" },
    { "bootmgfw", "Windows Boot Manager" },
    { "bootmgr", "Windows Boot Manager" },
    { "fwup", "firmware updater" },
    { "refind", "rEFInd" },
    { "limine", "Limine" },
    { "mmx64", "MOK manager" },
    { "mmaa64", "MOK manager" },
    { "shell", "UEFI shell" },
};

/* The label names no file but a place in the firmware: not shim, not GRUB. */
static bool says_firmware(const struct boot_image *image)
{
    return !image->name[0] && (strncmp(image->path, "Fv(", 3) == 0 || strncmp(image->path, "MemoryMapped(", 13) == 0);
}

static const char *loader_words(const struct walk *w, const char *file, size_t place, size_t n_loaders)
{
    for (size_t i = 0; i < ARRAY_LEN(known_files); i++)
        if (contains(file, known_files[i].part))
            return known_files[i].words;
    if (w->chain->windows.present)
        return "Windows Boot Manager";
    if (w->shim_seen && place == 0)
        return "shim";
    if (w->grub_seen && place + 1 == n_loaders)
        return "GRUB";
    if (w->limine_seen && place + 1 == n_loaders)
        return "Limine";
    if (w->systemd_boot_seen && place + 1 == n_loaders)
        return "systemd-boot";
    return "boot loader";
}

static bool looks_like_kernel(const char *file)
{
    return contains(file, "vmlinu") || contains(file, "bzimage") || contains(file, "linux") || contains(file, "kernel");
}

/* Which of the images that stayed is the kernel: those after GRUB began to measure; the one around a UKI's sections; the last one
 * where an EFI stub spoke. Words and ids depend on it, severity does not. */
static enum image_role role_of(const struct walk *w, const size_t *kept, size_t place, size_t n)
{
    const struct boot_image *image = &w->images[kept[place]];

    if (w->chain->windows.present)
        return IMAGE_LOADER;
    if (w->uki_seen && place + 1 == n && place > 0 && !image->path[0] && image->event > w->first_uki_event)
        return IMAGE_KERNEL; /* which the stub loads out of its own image */
    if (w->uki_seen)
        return place + 1 == n || w->images[kept[place + 1]].event > w->first_uki_event ? IMAGE_UKI : IMAGE_LOADER;
    if (w->grub_seen)
        return image->event > w->first_grub_event ? IMAGE_KERNEL : IMAGE_LOADER;
    if (looks_like_kernel(image->name))
        return IMAGE_KERNEL;
    if (place + 1 == n && (w->stub_seen || w->systemd_boot_seen) && !(w->systemd_boot_seen && n == 1))
        return IMAGE_KERNEL;
    if (w->shim_seen && place >= 2)
        return IMAGE_KERNEL;
    return IMAGE_LOADER;
}

/* What an image is called that no file names: long paths of network cards say nothing to a person. */
static const char *place_words(const char *path)
{
    return strstr(path, "/MAC(") ? strstr(path, "/Uri(http") ? "from the network, by HTTP" : "from the network" : path;
}

static bool name_image(struct walk *w, struct boot_image *image, struct component *c, size_t place, size_t n_loaders)
{
    const char *file = image->name[0] ? image->name : place_words(image->path), *words = NULL;

    switch (image->role) {
    case IMAGE_KERNEL:
        words = w->uki_seen ? "kernel inside the unified kernel image" : "kernel";
        c->kind = COMPONENT_KERNEL;
        c->key = "kernel";
        break;
    case IMAGE_UKI:
        words = "unified kernel image";
        c->kind = COMPONENT_KERNEL;
        c->key = "kernel";
        break;
    case IMAGE_FIRMWARE_APP:
        words = "program inside the firmware";
        c->kind = COMPONENT_FIRMWARE_APP;
        c->key = arena_printf(w->a, "firmware-app:%s", image->path);
        break;
    default:
        words = says_firmware(image) ? "program inside the firmware" : loader_words(w, image->name, place - w->n_firmware_apps, n_loaders);
        w->n_firmware_apps += says_firmware(image);
        c->kind = COMPONENT_LOADER;
        c->key = arena_printf(w->a, "loader:%zu", place + 1);
        break;
    }
    c->phase = component_kind_phase(c->kind);
    image->name = file[0] ? arena_printf(w->a, "%s (%s)", words, file) : words;
    c->name = image->name;
    c->signer = image->authority ? image->authority->key.name : NULL;
    return (c->key && c->name) || walk_no_memory(w);
}

/* Each authority is measured once, before the first image that it let start: the image right after it. */
static void assign_authorities(struct walk *w)
{
    size_t k = 0;

    for (size_t i = 0; i < w->n_images; i++) {
        const struct boot_authority *authority = NULL;
        for (; k < w->n_authorities && w->authorities[k].event < w->images[i].event; k++)
            authority = &w->authorities[k];
        w->images[i].authority = authority;
    }
}

bool images_finish(struct walk *w)
{
    size_t *kept = ARENA_ARRAY(w->a, w->n_images ? w->n_images : 1, size_t), n = 0, n_loaders = 0;

    if (!kept)
        return walk_no_memory(w);
    assign_authorities(w);
    for (size_t i = 0; i < w->n_images; i++) {
        struct boot_image *image = &w->images[i];
        if (image->role == IMAGE_DRIVER) {
            image->name = w->components[w->image_component[i]].name;
            continue;
        }
        if (image->role == IMAGE_FIRMWARE_APP && inside_firmware(w, image->path)) {
            if (!name_image(w, image, &w->components[w->image_component[i]], 0, 0))
                return false;
            continue;
        }
        image->role = IMAGE_LOADER;
        kept[n++] = i;
    }
    for (size_t place = 0; place < n; place++) {
        w->images[kept[place]].role = role_of(w, kept, place, n);
        n_loaders += w->images[kept[place]].role == IMAGE_LOADER && !says_firmware(&w->images[kept[place]]);
    }
    for (size_t place = 0; place < n; place++)
        if (!name_image(w, &w->images[kept[place]], &w->components[w->image_component[kept[place]]], place, n_loaders))
            return false;
    return true;
}
