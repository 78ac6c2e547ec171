#include "vmhost/grub_config.h"
#include "base/writer.h"

char *grub_config_make(struct arena *a, struct bytes grub, const char *cmdline)
{
    const char *efi = bytes_find(grub, BYTES_LIT("linuxefi")) != SIZE_MAX ? "efi" : "";

    return arena_printf(a,
                        "set timeout=0\n"
                        "set default=0\n"
                        "menuentry \"trueboot guest\" {\n"
                        "  linux%s /vmlinuz %s\n"
                        "  initrd%s /initrd.zst\n"
                        "}\n",
                        efi, cmdline, efi);
}

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t'; }

/* Where the command line stands: an offset, because an empty one is a place too. */
struct place {
    size_t at, len;
};

static size_t blanks_at(struct bytes text, size_t at)
{
    while (at < text.len && is_blank(text.data[at]))
        at++;
    return at;
}

static size_t word_end(struct bytes text, size_t at)
{
    while (at < text.len && !is_blank(text.data[at]) && text.data[at] != '\n')
        at++;
    return at;
}

static size_t line_end(struct bytes text, size_t at)
{
    size_t n = bytes_find(bytes_slice(text, at, SIZE_MAX), BYTES_LIT("\n"));
    return n == SIZE_MAX ? text.len : at + n;
}

static bool starts_a_kernel(struct bytes command)
{
    return bytes_equal_string(command, "linux") || bytes_equal_string(command, "linuxefi") || bytes_equal_string(command, "linux16");
}

static bool find_cmdline(struct bytes text, struct place *ret, struct err *err)
{
    for (size_t line = 0, end; line < text.len; line = end + 1) {
        end = line_end(text, line);
        size_t command = blanks_at(text, line), command_end = word_end(text, command);
        size_t kernel = blanks_at(text, command_end), kernel_end = word_end(text, kernel);
        if (kernel == kernel_end || !starts_a_kernel(bytes_slice(text, command, command_end - command)))
            continue;
        size_t from = blanks_at(text, kernel_end), to = end;
        while (to > from && (is_blank(text.data[to - 1]) || text.data[to - 1] == '\r'))
            to--;
        *ret = (struct place){ from, to - from };
        return true;
    }
    return err_set(err, ERR_NOT_FOUND, "grub.cfg starts no kernel");
}

bool grub_config_get_cmdline(struct bytes text, struct bytes *ret, struct err *err)
{
    struct place place;

    if (!find_cmdline(text, &place, err))
        return false;
    *ret = bytes_slice(text, place.at, place.len);
    return true;
}

bool grub_config_set_cmdline(struct arena *a, struct bytes text, const char *cmdline, struct bytes *ret, struct err *err)
{
    CLEANUP(writer_done) struct writer w = { .limit = GRUB_CONFIG_MAX };
    struct place old;

    if (!find_cmdline(text, &old, err))
        return false;
    write_bytes(&w, bytes_slice(text, 0, old.at));
    if (!is_blank(text.data[old.at - 1])) /* the kernel's path ends the line */
        write_string(&w, " ");
    write_string(&w, cmdline);
    write_bytes(&w, bytes_slice(text, old.at + old.len, SIZE_MAX));
    if (!writer_ok(&w))
        return err_set(err, ERR_LIMIT, "grub.cfg would be larger than %d bytes", GRUB_CONFIG_MAX);
    return arena_copy(a, writer_bytes(&w), ret) || err_set(err, ERR_NO_MEMORY, "no memory");
}
