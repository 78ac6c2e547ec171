#include "eventlog/ima/summary.h"

/* The module's name, if the entry is a module's file: "/lib/modules/6.1.0/kernel/fs/ext4/ext4.ko.xz" is ext4. */
static bool module_of(struct bytes path, struct bytes *ret_name, bool *ret_plain)
{
    static const char *const endings[] = { ".ko", ".ko.xz", ".ko.gz", ".ko.zst" };
    struct bytes name = path;

    for (size_t slash; (slash = bytes_find(name, BYTES_LIT("/"))) != SIZE_MAX;)
        name = bytes_slice(name, slash + 1, name.len);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (bytes_ends_with(name, bytes_of_string(endings[i])) && name.len > strlen(endings[i])) {
            *ret_name = bytes_slice(name, 0, name.len - strlen(endings[i]));
            *ret_plain = i == 0;
            return true;
        }
    return false;
}

static void add_unsigned(struct ima_summary *s, struct bytes name)
{
    char *to;

    if (s->n_unsigned < IMA_SUMMARY_NAMES) {
        to = s->unsigned_names[s->n_unsigned];
        if (kernel_module_name_is_valid(name)) {
            memcpy(to, name.data, name.len);
            to[name.len] = 0;
        } else {
            memcpy(to, "?", 2);
        }
    }
    s->n_unsigned++;
}

/* The kernel fills in an appended signature only under a policy that lets modules be appraised by it: that it does shows the first entry that has
 * one. From there on a plain file without one has none. A compressed file never has: what is signed is inside. */
static void add_module(struct ima_summary *s, const struct ima_entry *entry, struct bytes name, bool plain)
{
    bool is_signed = entry->modsig.len || entry->signature.len;

    s->n_modules++;
    s->n_signed += is_signed;
    s->records_signatures |= entry->modsig.len > 0;
    if (!is_signed && plain && entry->template == IMA_TEMPLATE_MODSIG && s->records_signatures)
        add_unsigned(s, name);
}

/* A kernel is made ready with a line, as for a crash; when the next one begins to measure, it is the last that was made ready. */
static void kernel_begins(struct ima_summary *s)
{
    if (s->n_boots++ && s->ready.len) {
        if (s->n_started < IMA_SUMMARY_LINES)
            s->started[s->n_started] = s->ready;
        s->n_started++;
    }
    s->ready.len = 0;
}

static void kernel_is_ready(struct ima_summary *s, struct bytes line)
{
    s->n_kexec++;
    line = bytes_slice(line, 0, line.len < IMA_LINE_MAX ? line.len : IMA_LINE_MAX);
    s->ready.len = (uint16_t)line.len;
    if (line.len)
        memcpy(s->ready.text, line.data, line.len);
}

void ima_summary_add(struct ima_summary *summary, const struct ima_entry *entry)
{
    struct bytes name;
    bool plain;

    if (entry->violation || entry->template == IMA_TEMPLATE_OTHER)
        return;
    if (ima_entry_begins_boot(entry))
        kernel_begins(summary);
    if (entry->template == IMA_TEMPLATE_BUF && bytes_equal_string(entry->name, "kexec-cmdline"))
        kernel_is_ready(summary, entry->buffer);
    else if (entry->template == IMA_TEMPLATE_BUF)
        return;
    else if (module_of(entry->name, &name, &plain))
        add_module(summary, entry, name, plain);
}
