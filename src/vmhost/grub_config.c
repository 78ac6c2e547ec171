#include "vmhost/grub_config.h"
#include "base/writer.h"

char *grub_config_make(struct arena *a, const char *cmdline)
{
    return arena_printf(a,
                        "set timeout=0\n"
                        "set default=0\n"
                        "menuentry \"trueboot guest\" {\n"
                        "  linuxefi /vmlinuz %s\n"
                        "  initrdefi /initrd.zst\n"
                        "}\n",
                        cmdline);
}

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t'; }

/* Takes the next word of `line` away from it. */
static struct bytes next_word(struct bytes *line)
{
    size_t from = 0;
    while (from < line->len && is_blank(line->data[from]))
        from++;
    size_t to = from;
    while (to < line->len && !is_blank(line->data[to]))
        to++;
    struct bytes word = bytes_slice(*line, from, to - from);
    *line = bytes_slice(*line, to, SIZE_MAX);
    return word;
}

bool grub_config_get_cmdline(struct bytes text, struct bytes *ret, struct err *err)
{
    while (text.len) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        struct bytes line = bytes_slice(text, 0, end);
        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, SIZE_MAX);
        struct bytes command = next_word(&line);
        if (!bytes_equal_string(command, "linux") && !bytes_equal_string(command, "linuxefi") && !bytes_equal_string(command, "linux16"))
            continue;
        if (next_word(&line).len == 0)
            continue;
        *ret = bytes_trim(line);
        return true;
    }
    return err_set(err, ERR_NOT_FOUND, "grub.cfg starts no kernel");
}

bool grub_config_set_cmdline(struct arena *a, struct bytes text, const char *cmdline, struct bytes *ret, struct err *err)
{
    CLEANUP(writer_done) struct writer w = { .limit = GRUB_CONFIG_MAX };
    struct bytes old;

    if (!grub_config_get_cmdline(text, &old, err))
        return false;
    /* An empty old line ends where the kernel's path ends: the separating blank is then ours to write. */
    size_t at = (size_t)(old.data - text.data);
    write_bytes(&w, bytes_slice(text, 0, at));
    if (at > 0 && !is_blank(text.data[at - 1]))
        write_string(&w, " ");
    write_string(&w, cmdline);
    write_bytes(&w, bytes_slice(text, at + old.len, SIZE_MAX));
    if (!writer_ok(&w))
        return err_set(err, ERR_LIMIT, "grub.cfg would be larger than %d bytes", GRUB_CONFIG_MAX);
    return arena_copy(a, writer_bytes(&w), ret) || err_set(err, ERR_NO_MEMORY, "no memory");
}
