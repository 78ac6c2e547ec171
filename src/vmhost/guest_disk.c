#define _GNU_SOURCE
#include "vmhost/guest_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/file.h"
#include "vmhost/grub_config.h"
#include "vmhost/process.h"

enum { MTOOLS_MS = 60000, COPY_BLOCK = 256 * 1024, KERNEL_MAX = 256 * 1024 * 1024 };

static const char setup_message[] = "No setup signature found...";

static void close_at(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void free_at(uint8_t **p) { free(*p); }

/* -n and -o: never ask what to do with what is there. */
static bool copy(const struct host_parts *parts, const char *disk, const char *from, const char *to, struct err *err)
{
    static const char *const env[] = { "MTOOLS_SKIP_CHECK=1", NULL };
    CLEANUP(arena_done) struct arena a = { 0 };
    const char *image = arena_printf(&a, "%s@@%d", disk, IMAGE_ESP_OFFSET);
    const char *argv[] = { parts->mcopy, "-n", "-o", "-i", image, from, to, NULL };

    if (!image)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    return process_run(&(struct process_job){ .argv = argv, .env = env, .timeout_ms = MTOOLS_MS }, &a, NULL, err) ||
           err_within(err, "guest disk %s", disk);
}

bool guest_disk_get(const struct host_parts *parts, const char *disk, const char *path, const char *to_file, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    const char *from = arena_printf(&a, "::%s", path);

    return from ? copy(parts, disk, from, to_file, err) : err_set(err, ERR_NO_MEMORY, "no memory");
}

bool guest_disk_put(const struct host_parts *parts, const char *disk, const char *from_file, const char *path, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    const char *to = arena_printf(&a, "::%s", path);

    return to ? copy(parts, disk, from_file, to, err) : err_set(err, ERR_NO_MEMORY, "no memory");
}

static bool read_grub_config(const struct host_parts *parts, const char *disk, const char *file, struct arena *a, struct bytes *ret,
                             struct err *err)
{
    bool done = guest_disk_get(parts, disk, GUEST_DISK_GRUB_CONFIG, file, err) && file_read_in(a, file, GRUB_CONFIG_MAX, ret, err);
    unlink(file);
    return done;
}

bool guest_disk_get_cmdline(const struct host_parts *parts, const char *disk, const char *scratch, struct arena *a, const char **ret,
                            struct err *err)
{
    const char *file = arena_printf(a, "%s/.grub.cfg", scratch);
    struct bytes text, cmdline;

    if (!file)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!read_grub_config(parts, disk, file, a, &text, err) || !grub_config_get_cmdline(text, &cmdline, err))
        return false;
    *ret = arena_string(a, cmdline);
    return *ret || err_set(err, ERR_NO_MEMORY, "no memory");
}

bool guest_disk_set_cmdline(const struct host_parts *parts, const char *disk, const char *scratch, const char *cmdline, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    const char *file = arena_printf(&a, "%s/.grub.cfg", scratch);
    struct bytes text, changed;

    if (!file)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!read_grub_config(parts, disk, file, &a, &text, err) || !grub_config_set_cmdline(&a, text, cmdline, &changed, err))
        return false;
    bool done = file_write(file, changed, 0600, err) && guest_disk_put(parts, disk, file, GUEST_DISK_GRUB_CONFIG, err);
    unlink(file);
    return done;
}

bool guest_disk_modify_kernel_bytes(uint8_t *kernel, size_t len, struct err *err)
{
    size_t at = bytes_find((struct bytes){ kernel, len }, BYTES_LIT("No setup signature found..."));

    if (at == SIZE_MAX)
        return err_set(err, ERR_CONFLICT, "the kernel does not hold the text \"%s\": it is modified already, or built without it",
                       setup_message);
    kernel[at + strlen("No setup s")] = '1'; /* "No setup s1gnature found..." */
    return true;
}

bool guest_disk_modify_kernel(const struct host_parts *parts, const char *disk, const char *scratch, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    const char *file = arena_printf(&a, "%s/.vmlinuz", scratch);
    CLEANUP(file_free) struct bytes kernel = BYTES_NONE;

    if (!file)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    bool done = guest_disk_get(parts, disk, GUEST_DISK_KERNEL, file, err) && file_read(file, KERNEL_MAX, &kernel, err) &&
                guest_disk_modify_kernel_bytes((uint8_t *)(uintptr_t)kernel.data, kernel.len, err) && file_write(file, kernel, 0600, err) &&
                guest_disk_put(parts, disk, file, GUEST_DISK_KERNEL, err);
    unlink(file);
    return done;
}

/* One stretch of data; blocks of zeros stay holes. */
static bool copy_range(int in, int out, uint8_t *block, off_t from, off_t to)
{
    while (from < to) {
        size_t want = to - from < COPY_BLOCK ? (size_t)(to - from) : COPY_BLOCK;
        ssize_t n = pread(in, block, want, from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        if (!bytes_are_all((struct bytes){ block, (size_t)n }, 0) && pwrite(out, block, (size_t)n, from) != n)
            return false;
        from += n;
    }
    return true;
}

static bool copy_data(int in, int out)
{
    CLEANUP(free_at) uint8_t *block = malloc(COPY_BLOCK);
    off_t len = lseek(in, 0, SEEK_END);

    if (!block || len < 0)
        return false;
    for (off_t from = 0, to; from < len; from = to) {
        from = lseek(in, from, SEEK_DATA);
        if (from < 0 && errno == ENXIO)
            break; /* only a hole is left */
        to = from < 0 ? -1 : lseek(in, from, SEEK_HOLE);
        if (to < 0 || !copy_range(in, out, block, from, to))
            return false;
    }
    return ftruncate(out, len) == 0;
}

bool guest_disk_copy(const char *from, const char *to, struct err *err)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    const char *temporary = arena_printf(&a, "%s.new", to);
    CLEANUP(close_at) int in = open(from, O_RDONLY | O_CLOEXEC);

    if (!temporary)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (in < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open %s: %s", from, strerror(errno));
    CLEANUP(close_at) int out = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool done = out >= 0 && (ioctl(out, FICLONE, in) == 0 || copy_data(in, out)) && rename(temporary, to) == 0;
    if (!done) {
        int why = errno;
        unlink(temporary);
        return err_set(err, ERR_IO, "cannot write %s: %s%s", to, strerror(why),
                       why == ENOSPC ? "; free some space, a VM needs about 60 MiB" : "");
    }
    return true;
}
