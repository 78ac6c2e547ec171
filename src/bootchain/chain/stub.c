/* What a kernel's EFI stub measures in register 9: the command line that it was given, and its initramfs (eventlog/software/systemd_boot.h).
 *
 * The text of the command line is not in its event. It is looked for among the texts that the log proves: boot entries, GRUB's
 * command lines, systemd-boot's. A match goes by digest, so that neither type nor label of the event decides what it is. */
#include "base/utf8.h"
#include "base/writer.h"
#include "bootchain/chain/cmdline.h"
#include "bootchain/chain/walk.h"
#include "eventlog/software/systemd_boot.h"

/* More lines than a boot can have are not remembered: what they were given stays unresolved, which never makes a verdict better. */
static bool remember(struct walk *w, const struct known_line *line)
{
    if (w->n_lines == KNOWN_LINES_MAX)
        return true;
    if (!walk_grow(w, &w->lines, w->n_lines, &w->lines_capacity, sizeof *w->lines))
        return false;
    w->lines[w->n_lines++] = *line;
    return true;
}

bool stub_remember_option(struct walk *w, const struct step *s, struct bytes raw, const char *path)
{
    const uint8_t nul[2] = { 0, 0 };
    struct bytes parts[] = { raw, { nul, 2 } };
    struct known_line line = { .raw = raw, .path = path, .entry = s->i };

    if (!raw.len)
        return true;
    for (size_t n = 1; n <= ARRAY_LEN(parts); n++) {
        digest_compute_parts(w->banks[0], parts, n, &line.digest);
        if (!remember(w, &line))
            return false;
    }
    return true;
}

bool stub_remember_measured(struct walk *w, const struct step *s, struct bytes plain, const char *shown)
{
    struct known_line line = { .plain = plain, .text = shown, .path = "", .digest = { .algorithm = w->banks[0] } };
    struct bytes value = replayed_digest_in(w->log, s->event->number, w->banks[0]);

    if (value.len != digest_len(w->banks[0]))
        return true;
    memcpy(line.digest.value, value.data, value.len);
    return remember(w, &line);
}

/* A loader's text as it hands it over: in UTF-16; some loaders count the NUL (GRUB's chainloader), others do not (its `linux`). */
static bool remember_text(struct walk *w, const char *before, struct bytes text, const char *shown)
{
    struct writer wide CLEANUP(writer_done) = { 0 };
    struct known_line line = { .plain = text, .text = shown, .path = "" };
    uint32_t c;

    for (; *before; before++)
        write_u16le(&wide, (uint8_t)*before);
    while (utf8_next(&text, &c))
        write_u16le(&wide, c < 0x10000 ? (uint16_t)c : 0xfffd);
    for (int with_nul = 0; with_nul < 2; with_nul++) {
        if (!writer_ok(&wide))
            return walk_no_memory(w);
        digest_compute(w->banks[0], writer_bytes(&wide), &line.digest);
        if (!remember(w, &line))
            return false;
        write_u16le(&wide, 0);
    }
    return true;
}

bool stub_remember_grubs(struct walk *w, struct bytes text, const char *shown) { return remember_text(w, "BOOT_IMAGE=", text, shown); }

bool stub_remember_chained(struct walk *w, struct bytes text, const char *shown) { return remember_text(w, "", text, shown); }

/* The text of a line as it is shown; NULL: no memory. */
static const char *line_text(struct walk *w, struct known_line *line)
{
    bool clean;
    char *text;

    if (!line->text) {
        text = utf8_from_utf16le(w->a, line->raw, &clean);
        line->plain = text ? bytes_of_string(text) : BYTES_NONE;
        line->text = text ? text_for_people(w->a, line->plain) : NULL;
    }
    return line->text;
}

static struct known_line *find_line(struct walk *w, const struct event *event)
{
    struct bytes value = replayed_digest_in(w->log, event->number, w->banks[0]);

    for (size_t i = 0; i < w->n_lines; i++)
        if (bytes_equal(value, digest_bytes(&w->lines[i].digest)))
            return &w->lines[i];
    return NULL;
}

static void line_is_used(struct walk *w, const struct step *s, const struct known_line *line)
{
    w->stub_seen = w->load_options_seen = w->load_options_resolved = true;
    w->stub_names_initrd = w->stub_names_initrd || cmdline_names_initrd(line->plain);
    if (w->chain->command_line != line->text)
        loader_command_line(w, s, line->plain, line->text);
}

/* Remembers an event of register 9 that is none of the lines known so far: the component that is about to be made. */
static bool look_again(struct walk *w, const struct step *s, bool is_options)
{
    if (!walk_grow(w, &w->unread, w->n_unread, &w->unread_capacity, sizeof *w->unread))
        return false;
    w->unread[w->n_unread++] = (struct unread_event){ s->i, w->n_components, is_options };
    return true;
}

/* The order of events of different registers is the log's own: a line may come after the stub's event that it explains. */
bool stub_finish(struct walk *w)
{
    for (size_t i = 0; i < w->n_unread; i++) {
        const struct unread_event *unread = &w->unread[i];
        const struct event *event = &w->events->events[unread->event];
        struct step s = { .i = unread->event, .event = event, .mark = replayed_mark(w->log, unread->event), .pcr = 9 };
        struct known_line *line = find_line(w, event);
        struct component *c = unread->component < w->n_components ? &w->components[unread->component] : NULL;
        if (!line)
            continue;
        if (!line_text(w, line))
            return walk_no_memory(w);
        w->n_unresolved_options -= unread->is_options;
        w->n_other_in_9 -= !unread->is_options && w->n_other_in_9;
        if (c && c->event == event->number) {
            c->kind = COMPONENT_COMMAND_LINE;
            c->phase = component_kind_phase(c->kind);
            c->key = "load-options";
            c->name = "command line given to the kernel's EFI stub";
            c->text = line->text;
        }
        line_is_used(w, &s, line);
    }
    return true;
}

/* `line` NULL: nothing in the log says what the text was. */
static bool load_options(struct walk *w, const struct step *s, const struct known_line *line)
{
    struct component *c = walk_add(w, s, COMPONENT_COMMAND_LINE, "load-options", "command line given to the kernel's EFI stub");

    if (!c)
        return false;
    w->load_options_seen = true;
    if (!line) {
        w->unresolved_options_event = s->event->number;
        w->n_unresolved_options++;
        return true;
    }
    c->text = line->text;
    line_is_used(w, s, line);
    return true;
}

bool stub_step(struct walk *w, const struct step *s, bool *ret_taken)
{
    struct known_line *line = find_line(w, s->event);
    enum loader_tag tag = s->event->type == EVENT_TYPE(EV_EVENT_TAG) ? loader_tag_of(s->event) : LOADER_TAG_NONE;

    *ret_taken = line || s->event->type == EVENT_TYPE(EV_EVENT_TAG);
    if (!line && !look_again(w, s, tag == LOADER_TAG_LOAD_OPTIONS))
        return false;
    if (!*ret_taken)
        return true;
    if (line && !line_text(w, line))
        return walk_no_memory(w);
    w->stub_seen = true;
    if (line || tag == LOADER_TAG_LOAD_OPTIONS)
        return load_options(w, s, line);
    if (tag == LOADER_TAG_INITRD || tag == LOADER_TAG_INITRD_ADDON) {
        w->initrd_event = true;
        return walk_add(w, s, COMPONENT_INITRD, tag == LOADER_TAG_INITRD ? "initrd" : walk_numbered_key(w, s, "initrd-addon"),
                        loader_tag_text(tag)) != NULL;
    }
    w->n_other_in_9++;
    return walk_add(w, s, COMPONENT_LOADER_FILE, walk_numbered_key(w, s, "tag"),
                    tag == LOADER_TAG_NONE ? walk_title(w, s) : loader_tag_text(tag)) != NULL;
}

/* Whether the entry starts one of the images of this boot: the kernel, or what started it with the rest of its own options (shim). */
static bool starts_this_boot(const struct walk *w, const char *path)
{
    for (size_t i = 0; i < w->n_images; i++)
        if (w->images[i].role != IMAGE_DRIVER && strstr(w->images[i].name, path))
            return true;
    return false;
}

/* Firmware keeps numbers and GUIDs there for entries of its own: they have no four letters in a row. */
static bool has_words(struct bytes raw)
{
    size_t n = 0;

    for (size_t i = 0; i + 1 < raw.len && n < 4; i += 2)
        n = raw.data[i] > ' ' && raw.data[i] <= '~' && raw.data[i + 1] == 0 ? n + 1 : 0;
    return n == 4;
}

/* Kernels before 5.18 do not measure what their stub was given; the firmware measures the entry that has it, among others. Which one was used
 * only paths say, which are labels: it is no fact. Where nothing else says what the kernel was told, all of them are compared; the one that
 * seems to be it is judged, whatever a loader seems to have measured besides. */
static bool entry(struct walk *w, struct known_line *line, bool compared)
{
    const struct step s = {
        .i = line->entry, .event = &w->events->events[line->entry], .mark = replayed_mark(w->log, line->entry), .pcr = 1
    };
    struct component *c;

    if (!line_text(w, line))
        return walk_no_memory(w);
    if (starts_this_boot(w, line->path))
        cmdline_judge(line->plain, 1, s.event->number, w->findings);
    if (!compared)
        return true;
    c = walk_add_computed(w, &s, COMPONENT_COMMAND_LINE, "entry-options", "command line in a boot entry", line->raw);
    if (c)
        c->text = line->text;
    return c != NULL;
}

bool stub_entries(struct walk *w)
{
    bool kernel = false, judged = !w->load_options_resolved && !w->uki_seen && !w->chain->windows.present,
         compared = judged && !w->load_options_seen && !w->loader_line && !w->grub_seen;

    for (size_t i = 0; i < w->n_images; i++)
        kernel = kernel || w->images[i].role == IMAGE_KERNEL;
    for (size_t i = 0; judged && i < w->n_lines; i++) {
        struct known_line *line = &w->lines[i];
        bool again = i > 0 && w->lines[i - 1].raw.data == line->raw.data; /* with a NUL */
        if (!again && has_words(line->raw) && !entry(w, line, kernel && compared))
            return false;
    }
    return true;
}

/* The boot entry of the image that is taken for the kernel. Kernels before 5.18 measure no command line. */
static bool entry_line(struct walk *w, bool *ret_names_initrd)
{
    bool known = false;

    *ret_names_initrd = false;
    for (size_t i = 0; i < w->n_lines; i++)
        for (size_t k = 0; k < w->n_images && w->lines[i].path[0]; k++) {
            const char *text;
            if (w->images[k].role != IMAGE_KERNEL || !strstr(w->images[k].name, w->lines[i].path))
                continue;
            text = line_text(w, &w->lines[i]);
            known = true;
            *ret_names_initrd = *ret_names_initrd || !text || cmdline_names_initrd(w->lines[i].plain);
        }
    return known;
}

/* Anybody can extend Windows' registers later; what shim or GRUB measured before cannot be taken back. Behind them Windows was started
 * only if its own certificate let it. */
static bool windows_was_authorised(const struct walk *w)
{
    for (size_t i = 0; i < w->n_authorities; i++)
        if (w->authorities[i].proved && w->authorities[i].key.name && strstr(w->authorities[i].key.name, "Windows"))
            return true;
    return false;
}

static enum initrd_state what_traces_say(struct walk *w)
{
    bool entry_names, entry_known = entry_line(w, &entry_names), traces = w->os_events[8] || w->os_events[9];
    bool grub = w->kernel_command || w->grub_line;

    if (uboot_ran(w))
        return w->uboot_initrd ? INITRD_MEASURED : INITRD_NONE;
    if (w->chain->windows.present && !grub && ((!traces && !w->shim_seen) || windows_was_authorised(w)))
        return INITRD_NONE;
    if (w->stub_names_initrd && !w->initrd_event)
        return INITRD_UNMEASURED;
    if (grub && w->initrd_command) /* its verifier measures every file that a command reads, and the command is proved */
        return INITRD_MEASURED;
    if (grub && w->module_command) /* its verifier measures modules, too */
        return INITRD_MEASURED;
    if (grub) /* a text that was changed may have been that command */
        return w->n_unproved_commands ? INITRD_UNKNOWN : INITRD_NONE;
    if (w->initrd_event || w->uki_initrd || w->limine_module)
        return INITRD_MEASURED;
    if (w->limine_seen) /* it measures what it is told to load */
        return w->n_unproved_commands ? INITRD_UNKNOWN : INITRD_NONE;
    if (entry_names || w->line_names_initrd)
        return INITRD_UNMEASURED;
    if (w->load_options_resolved || entry_known) /* under another type or tag, any other event may be the initrd's */
        return w->n_other_in_9 || w->n_unresolved_options ? INITRD_UNKNOWN : INITRD_NONE;
    if (w->load_options_seen || w->stub_seen)
        return !w->uki_seen ? INITRD_UNMEASURED : w->n_other_in_9 || w->n_unresolved_options > 1 ? INITRD_UNKNOWN : INITRD_NONE;
    /* A loader that measured something unproved, or shim and then no trace of what it loaded. */
    if (w->os_events[8] || w->os_events[9])
        return w->uki_seen ? INITRD_NONE : INITRD_UNMEASURED;
    return w->shim_seen && !w->uki_seen && !w->systemd_boot_seen ? INITRD_UNMEASURED : INITRD_UNKNOWN;
}

/* That there was none only the registers can say in which it would have been measured. */
enum initrd_state stub_initrd(struct walk *w)
{
    enum register_state grubs = replayed_register(w->log, 8), stubs = replayed_register(w->log, 9);
    enum initrd_state state = what_traces_say(w);

    if (state == INITRD_NONE && (grubs == REGISTER_MISMATCH || grubs == REGISTER_UNEXPLAINED ||
                                 (stubs != REGISTER_EXPLAINED && stubs != REGISTER_RESET && stubs != REGISTER_UNQUOTED)))
        return INITRD_UNKNOWN;
    return state;
}
