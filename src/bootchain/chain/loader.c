/* Boot loaders: what GRUB (registers 8, 9), systemd-boot (8, 12) and VMware's measured, and which kernel and command line come of it all. Each
 * other's register or form is a file of its own: limine.c, uboot.c, uki.c, stub.c, user_space.c, windows.c. Formats: eventlog/software/. */
#include "base/utf8.h"
#include "bootchain/chain/cmdline.h"
#include "bootchain/chain/plain.h"
#include "bootchain/chain/walk.h"
#include "eventlog/software/grub.h"
#include "eventlog/software/systemd_boot.h"
#include "eventlog/software/systemd_log.h"

static struct bytes first_word(struct bytes text)
{
    size_t n = 0;

    while (n < text.len && text.data[n] != ' ' && text.data[n] != '\n' && text.data[n] != '\t')
        n++;
    return bytes_slice(text, 0, n);
}

void loader_command_line(struct walk *w, const struct step *s, struct bytes text, const char *shown)
{
    struct bootchain *chain = w->chain;

    /* In whatever register: root can measure one more into any of them. */
    if (chain->command_line && strcmp(chain->command_line, shown) != 0)
        w->two_lines = true;
    chain->command_line = shown;
    chain->command_line_event = s->event->number;
    chain->command_line_pcr = s->pcr;
    w->line_names_initrd = w->line_names_initrd || cmdline_names_initrd(text);
    cmdline_judge(text, s->pcr, s->event->number, w->findings);
}

bool loader_kernel(struct walk *w, const char *name)
{
    w->two_kernels = w->two_kernels || (name && w->chain->kernel && strcmp(w->chain->kernel, name) != 0);
    w->chain->kernel = name;
    return name || walk_no_memory(w);
}

static const char *kernel_file(struct walk *w, struct bytes path)
{
    char *shown = text_for_people(w->a, path);

    return shown ? plain_file_name(w->a, shown) : NULL;
}

static bool grub_kernel_line(struct walk *w, const struct step *s, struct bytes text)
{
    struct bytes kernel, parameters;
    struct component *c;
    char *shown = text_for_people(w->a, text);

    grub_split_cmdline(text, &kernel, &parameters);
    if (bytes_equal(bytes_trim(text), w->pending))
        w->pending = BYTES_NONE;
    if ((!w->module_command || !w->chain->kernel) && !loader_kernel(w, kernel_file(w, kernel))) /* a multiboot module's line names none */
        return false;
    if (!shown)
        return walk_no_memory(w);
    c = walk_add(w, s, COMPONENT_COMMAND_LINE, "command-line", "kernel command line");
    if (!c)
        return false;
    c->text = shown;
    loader_command_line(w, s, text, shown); /* the file's name with it: the kernel may find options there */
    w->grub_line = w->loader_line = true;
    return stub_remember_grubs(w, text, shown);
}

/* Commands that hand a text to what they load. GRUB measures a kernel's line by itself afterwards; what a chain loader passes on, or a
 * GRUB that was told to measure no more, is judged by the command. */
static bool is_loading(struct bytes word)
{
    static const char *const words[] = { "linux", "chainloader", "multiboot", "module", "xen_", "kernel", "kfreebsd", "uki" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (bytes_starts_with(word, bytes_of_string(words[i])))
            return true;
    return false;
}

static void judge_pending(struct walk *w)
{
    cmdline_judge(w->pending, 8, w->pending_event, w->findings);
    w->pending = BYTES_NONE;
}

static bool loading_command(struct walk *w, const struct step *s, struct bytes word, struct bytes rest)
{
    struct bytes path, parameters;
    char *shown;

    judge_pending(w);
    w->pending = rest;
    w->pending_event = s->event->number;
    if (bytes_starts_with(word, BYTES_LIT("linux")))
        w->kernel_command = true;
    if (bytes_starts_with(word, BYTES_LIT("module")) || bytes_starts_with(word, BYTES_LIT("xen_")))
        w->module_command = true;
    grub_split_cmdline(rest, &path, &parameters);
    if (!bytes_equal_string(word, "chainloader") || !parameters.len)
        return true;
    shown = text_for_people(w->a, parameters);
    return shown ? stub_remember_chained(w, parameters, shown) : walk_no_memory(w);
}

/* `rmmod tpm` takes the verifier away that measures: what follows leaves no trace. */
void loader_watch_command(struct walk *w, const struct step *s, struct bytes text)
{
    struct bytes word = first_word(text);

    if (!bytes_equal_string(word, "rmmod") || bytes_find(text, BYTES_LIT("tpm")) == SIZE_MAX)
        return;
    w->unmeasuring = true;
    w->unmeasuring_event = s->event->number;
}

/* "command:" and the first word as it is shown. */
static const char *command_key(struct walk *w, const char *shown)
{
    static const char prefix[] = "command:";
    size_t len = strcspn(shown, " \n\t\\");
    char *key = arena_alloc(w->a, sizeof prefix + len);

    if (!key)
        return NULL;
    memcpy(key, prefix, sizeof prefix - 1);
    memcpy(key + sizeof prefix - 1, shown, len);
    return key;
}

static bool grub_command(struct walk *w, const struct step *s, struct bytes text)
{
    struct bytes word = first_word(text), rest = bytes_trim(bytes_slice(text, word.len, text.len));
    struct component *c;
    char *shown = text_for_people(w->a, text);

    if (bytes_equal_string(word, "initrd") || bytes_equal_string(word, "initrdefi") || bytes_equal_string(word, "initrd16"))
        w->initrd_command = true;
    if (is_loading(word) && !loading_command(w, s, word, rest))
        return false;
    loader_watch_command(w, s, text);
    if (!shown)
        return walk_no_memory(w);
    c = walk_add(w, s, COMPONENT_LOADER_COMMAND, command_key(w, shown), "GRUB command");
    if (!c)
        return false;
    c->text = shown;
    w->last_command = shown;
    return true;
}

static bool unproved_command(struct walk *w, const struct step *s)
{
    if (!w->n_unproved_commands++) {
        w->first_unproved_command = s->event->number;
        w->first_unproved_pcr = s->pcr;
        w->first_unproved_title = walk_title(w, s);
    }
    w->grub_unproved = w->grub_unproved || s->pcr == 8;
    if (uboot_is_kernel(s)) {
        w->n_uboot_kernels++;
        return walk_add(w, s, COMPONENT_KERNEL, "kernel", "kernel") != NULL;
    }
    return walk_add(w, s, COMPONENT_OTHER, walk_numbered_key(w, s, "loader"), walk_title(w, s)) != NULL;
}

static void grub_begins(struct walk *w, const struct step *s)
{
    if (!w->grub_seen)
        w->first_grub_event = s->event->number;
    w->grub_seen = true;
}

/* Text of a loader in UTF-16: systemd-boot's and a stub's command line. */
static bool utf16_line(struct walk *w, const struct step *s, const char *key)
{
    char *text = loader_utf16_raw(w->a, s->mark->proved), *shown;
    struct component *c;

    if (!text)
        return unproved_command(w, s);
    shown = text_for_people(w->a, bytes_of_string(text));
    if (!shown)
        return walk_no_memory(w);
    c = walk_add(w, s, COMPONENT_COMMAND_LINE, key, "kernel command line");
    if (!c)
        return false;
    c->text = shown;
    w->load_options_resolved = w->loader_line = true;
    loader_command_line(w, s, bytes_of_string(text), shown);
    return stub_remember_measured(w, s, bytes_of_string(text), shown);
}

/* Text in which every letter takes two bytes: at least one of them is ASCII, its second byte zero, before the NUL at the end. */
static bool is_utf16_text(struct bytes b)
{
    if (b.len % 2)
        return false;
    for (size_t i = 0; i < b.len; i += 2)
        if (b.data[i] >= ' ' && b.data[i] <= '~' && b.data[i + 1] == 0 && (b.len == 2 || i + 2 < b.len))
            return true;
    return false;
}

/* Register 8: what GRUB was told; old systemd-boot's command line. */
static bool command_step(struct walk *w, const struct step *s)
{
    struct bytes text = s->mark->proved;

    if (!step_proved(s)) {
        if (grub_event_of(s->event).kind != GRUB_NOT)
            grub_begins(w, s);
        return unproved_command(w, s);
    }
    if (is_utf16_text(text)) {
        w->systemd_boot_seen = true;
        return utf16_line(w, s, "loader-options");
    }
    if (!cmdline_is_kernels(text)) {
        bool taken;
        if (!limine_step(w, s, &taken) || taken)
            return w->err->code == ERR_NONE;
    }
    grub_begins(w, s);
    /* The prefix is a label: it can only bring a text under judgement. */
    return cmdline_is_kernels(text) || grub_event_of(s->event).kind == GRUB_KERNEL_CMDLINE ? grub_kernel_line(w, s, text)
                                                                                           : grub_command(w, s, text);
}

struct file_row {
    const char *part; /* of the file's name, lower case */
    enum component_kind kind;
    const char *words;
};

static const struct file_row file_rows[] = {
    { "vmlinu", COMPONENT_KERNEL, "kernel" },
    { "bzimage", COMPONENT_KERNEL, "kernel" },
    { "linuxefi kernel", COMPONENT_KERNEL, "kernel" },
    { "initr", COMPONENT_INITRD, "initial RAM disk" },
};

/* Whether the file's name, in whatever case, has the part in it. Folders say nothing about a file. */
static bool has_part(struct bytes path, const char *part)
{
    size_t len = strlen(part), at = path.len;

    while (at > 0 && path.data[at - 1] != '/')
        at--;
    for (; at + len <= path.len; at++) {
        size_t k = 0;
        while (k < len && (path.data[at + k] | (path.data[at + k] >= 'A' && path.data[at + k] <= 'Z' ? 0x20 : 0)) == (uint8_t)part[k])
            k++;
        if (k == len)
            return true;
    }
    return false;
}

/* GRUB's saved environment changes from boot to boot. The file's name is a label: it counts only right after a proved command that
 * reads or looks for exactly that file. */
static bool is_saved_state(const struct walk *w, struct bytes name)
{
    const char *command = w->last_command;

    return bytes_ends_with(name, BYTES_LIT("/grubenv")) && command &&
           (strncmp(command, "load_env", 8) == 0 || strncmp(command, "save_env", 8) == 0 || strstr(command, "/grubenv") != NULL);
}

/* What the last GRUB command named: "linux /boot/kernel-6.1" makes /boot/kernel-6.1 the kernel, whatever it is called. */
static enum component_kind named_by_command(const struct walk *w, struct bytes path, const char **ret_words)
{
    const char *command = w->last_command;

    if (!command || !path.len || bytes_find(bytes_of_string(command), path) == SIZE_MAX)
        return COMPONENT_LOADER_FILE;
    if (strncmp(command, "linux", 5) == 0) {
        *ret_words = "kernel";
        return COMPONENT_KERNEL;
    }
    if (strncmp(command, "initrd", 6) == 0) {
        *ret_words = "initial RAM disk";
        return COMPONENT_INITRD;
    }
    return COMPONENT_LOADER_FILE;
}

static bool grub_file(struct walk *w, const struct step *s, struct bytes name)
{
    size_t device_end = name.len && name.data[0] == '(' ? bytes_find(name, BYTES_LIT(")")) : SIZE_MAX;
    struct bytes path = device_end == SIZE_MAX ? name : bytes_slice(name, device_end + 1, name.len);
    enum component_kind kind = is_saved_state(w, name) ? COMPONENT_LOADER_STATE : COMPONENT_LOADER_FILE;
    const char *words = "file";
    char *shown = text_for_people(w->a, path);

    grub_begins(w, s);
    if (kind == COMPONENT_LOADER_FILE)
        kind = named_by_command(w, path, &words);
    for (size_t i = 0; i < ARRAY_LEN(file_rows) && kind == COMPONENT_LOADER_FILE; i++)
        if (has_part(path, file_rows[i].part)) {
            kind = file_rows[i].kind;
            words = file_rows[i].words;
        }
    if (!shown)
        return walk_no_memory(w);
    return walk_add(w, s, kind, ARENA_JOIN(w->a, "file:", shown), ARENA_JOIN(w->a, words, " ", shown)) != NULL;
}

/* Register 9: files that GRUB read; what the EFI stub was given. */
static bool file_step(struct walk *w, const struct step *s)
{
    struct grub_event grub = grub_event_of(s->event);
    bool taken;

    if (!stub_step(w, s, &taken))
        return false;
    if (taken)
        return true;
    w->n_other_in_9 += !event_is_systemd_record(s->event) || !step_proved(s);
    if (uboot_is_initrd(s)) {
        w->uboot_initrd = true;
        return walk_add(w, s, COMPONENT_INITRD, "initrd", "initial RAM disk") != NULL;
    }
    if (!limine_step(w, s, &taken) || taken)
        return w->err->code == ERR_NONE;
    /* A record of systemd's: its form is a label, under which a stub's or a loader's event may hide. */
    if (event_is_systemd_record(s->event))
        return step_proved(s) ? user_space_step(w, s) : unproved_command(w, s);
    if (s->event->type == EVENT_TYPE(EV_IPL) && grub.kind != GRUB_NOT)
        return grub_file(w, s, grub.text);
    if (s->event->type == EVENT_TYPE(EV_IPL)) {
        struct bytes name = s->event->data;
        while (name.len && name.data[name.len - 1] == 0)
            name.len--;
        return grub_file(w, s, name);
    }
    return walk_add(w, s, COMPONENT_OTHER, walk_numbered_key(w, s, "loader"), walk_title(w, s)) != NULL;
}

/* VMware ESXi's loader: tagged events; a module's tag has its name, its digest is the module's; the command line stands in register 14. */
enum { ESXI_MODULE = 2, ESXI_COMMAND_LINE = 4 };

static bool is_esxi(const struct event *event, uint32_t id)
{
    struct tagged_event tag;

    return event->type == EVENT_TYPE(EV_EVENT_TAG) && tagged_event_parse(event->data, &tag) && tag.id == id && tag.content.len;
}

void loader_watch_esxi(struct walk *w, const struct step *s)
{
    w->n_esxi_modules += s->pcr == 12 && !step_proved(s) && is_esxi(s->event, ESXI_MODULE);
    w->esxi_line = w->esxi_line || (s->pcr == 14 && step_proved(s) && is_esxi(s->event, ESXI_COMMAND_LINE));
}

/* Register 12: command lines, credentials and add-ons of systemd-boot and stubs. What is not proved may be any of them, whatever its
 * type says. */
static bool options_step(struct walk *w, const struct step *s)
{
    if (!step_proved(s))
        return unproved_command(w, s);
    if (uki_is_profile(s))
        return uki_profile(w, s);
    if (is_utf16_text(s->mark->proved)) {
        w->systemd_boot_seen = w->systemd_boot_seen || !w->uki_seen;
        return utf16_line(w, s, "loader-options");
    }
    if (event_is_systemd_record(s->event))
        return user_space_step(w, s);
    return walk_add(w, s, COMPONENT_LOADER_FILE, walk_numbered_key(w, s, "loader"), walk_title(w, s)) != NULL;
}

bool loader_step(struct walk *w, const struct step *s)
{
    bool taken = false;

    if (!windows_step(w, s, &taken))
        return false;
    if (taken)
        return true;
    switch (s->pcr) {
    case 8:
        return command_step(w, s);
    case 9:
        return file_step(w, s);
    case 11:
        return uki_step(w, s);
    case 12:
        return options_step(w, s);
    default:
        return user_space_step(w, s);
    }
}

/* A step of which nothing is measured is a component, too: a baseline can accept it only explicitly. */
static bool add_hole(struct walk *w, int pcr, enum component_kind kind, const char *key, const char *name)
{
    const struct event none = { 0 };
    const struct event_mark unmarked = { 0 };
    struct step s = { .event = &none, .mark = &unmarked, .pcr = pcr };
    struct component *c = walk_add(w, &s, kind, key, name);

    if (!c)
        return false;
    c->event = FINDING_NO_EVENT;
    c->n_digests = 0;
    c->digests = NULL;
    return true;
}

static enum boot_flow flow_of(const struct walk *w)
{
    if (w->chain->windows.present)
        return BOOT_FLOW_WINDOWS;
    if (w->grub_seen)
        return BOOT_FLOW_GRUB;
    if (w->limine_seen)
        return BOOT_FLOW_LIMINE;
    if (w->uki_seen)
        return BOOT_FLOW_UKI;
    if (w->systemd_boot_seen)
        return BOOT_FLOW_SYSTEMD_BOOT;
    if (uboot_ran(w))
        return BOOT_FLOW_UBOOT;
    if (!w->n_boot_images && w->stub_seen)
        return BOOT_FLOW_DIRECT;
    for (size_t i = 0; i < w->n_images; i++)
        if (w->images[i].role == IMAGE_KERNEL)
            return w->shim_seen && !w->stub_seen ? BOOT_FLOW_GRUB : BOOT_FLOW_EFI_STUB;
    return BOOT_FLOW_UNKNOWN;
}

/* What a person would call it: its file, where the firmware names one; of a unified kernel image the whole, not the kernel inside. */
static bool kernel_of_images(struct walk *w)
{
    const struct boot_image *best = NULL;

    for (size_t i = 0; i < w->n_images; i++) {
        const struct boot_image *image = &w->images[i];
        if ((image->role == IMAGE_KERNEL || image->role == IMAGE_UKI) && (!best || best->role != IMAGE_UKI))
            best = image;
    }
    if (best)
        w->chain->kernel = strchr(best->path, '\\') ? plain_file_name(w->a, best->path) : best->name;
    return !best || w->chain->kernel || walk_no_memory(w);
}

bool loader_finish(struct walk *w)
{
    judge_pending(w);
    uki_finish(w);
    if (!stub_finish(w) || !stub_entries(w) || !uboot_finish(w))
        return false;
    /* Which of several lines the kernel received, or that it received none of them, nothing else says. */
    if (w->two_lines || (w->n_unresolved_options && (!w->uki_seen || w->grub_line)))
        w->chain->command_line = NULL;
    if (w->two_kernels)
        w->chain->kernel = NULL;
    w->chain->flow = flow_of(w);
    w->chain->initrd = stub_initrd(w);
    if (!w->chain->kernel && !kernel_of_images(w))
        return false;
    /* Anybody can measure a record of Windows behind a kernel that GRUB loaded: which of the two runs nothing says. */
    if (w->chain->windows.present)
        w->chain->kernel = w->grub_line ? NULL : "Windows";
    if (w->chain->initrd == INITRD_UNMEASURED && !add_hole(w, 9, COMPONENT_INITRD, "initrd", "initial RAM disk, not measured"))
        return false;
    if (!w->n_boot_images && replayed_register(w->log, 4) == REGISTER_EXPLAINED)
        return add_hole(w, 4, COMPONENT_LOADER, "loader:1", "boot image, not measured");
    return true;
}
