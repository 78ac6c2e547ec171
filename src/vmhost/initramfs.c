#include "vmhost/initramfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "vmhost/kernel_modules.h"
#include "vmhost/process.h"

enum {
    MODE_FOLDER = 0040755,
    MODE_FILE = 0100000,
    MODE_LINK = 0120777,
    LDD_MS = 30000,
    STRIP_MS = 60000,
    MAX_LIBRARIES = 256,
};

static const char trailer[] = "TRAILER!!!";

static void pad4(struct writer *w)
{
    while (w->len % 4)
        write_u8(w, 0);
}

/* "070701", then thirteen numbers of eight hexadecimal digits: inode, mode, uid, gid, links, time, size, device (4), name length with
 * its NUL, check; the name; the content; both padded to four bytes. The inode is the place in the archive: unique, and the same each time. */
static void put(struct writer *w, const char *path, unsigned mode, unsigned links, struct bytes content)
{
    unsigned inode = strcmp(path, trailer) == 0 ? 0 : (unsigned)(w->len / 4) + 1;

    write_printf(w, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", inode, mode, 0U, 0U, links, 0U, (unsigned)content.len, 0U,
                 0U, 0U, 0U, (unsigned)strlen(path) + 1, 0U);
    write_bytes(w, (struct bytes){ (const uint8_t *)path, strlen(path) + 1 });
    pad4(w);
    write_bytes(w, content);
    pad4(w);
}

void initramfs_put_folder(struct writer *w, const char *path) { put(w, path, MODE_FOLDER, 2, BYTES_NONE); }

void initramfs_put_file(struct writer *w, const char *path, unsigned mode, struct bytes content)
{
    put(w, path, MODE_FILE | mode, 1, content);
}

void initramfs_put_link(struct writer *w, const char *path, const char *target) { put(w, path, MODE_LINK, 1, bytes_of_string(target)); }

void initramfs_put_end(struct writer *w)
{
    put(w, trailer, 0, 1, BYTES_NONE);
    while (w->len % 512)
        write_u8(w, 0);
}

bool initramfs_ldd_line(struct bytes line, struct bytes *ret, bool *ret_missing)
{
    line = bytes_trim(line);
    size_t arrow = bytes_find(line, BYTES_LIT(" => "));
    *ret_missing = arrow != SIZE_MAX && bytes_starts_with(bytes_slice(line, arrow + 4, SIZE_MAX), BYTES_LIT("not found"));
    if (*ret_missing) {
        *ret = bytes_slice(line, 0, arrow);
        return true;
    }
    struct bytes path = arrow == SIZE_MAX ? line : bytes_slice(line, arrow + 4, SIZE_MAX);
    path = bytes_slice(path, 0, bytes_find(path, BYTES_LIT(" (0x")));
    *ret = path;
    return path.len > 1 && path.data[0] == '/';
}

/* What is being packed. */
struct pack {
    struct arena *arena;
    struct writer *out;
    const char *paths[MAX_LIBRARIES]; /* files and folders that are in already */
    size_t n;
};

static bool is_in(const struct pack *p, struct bytes path)
{
    for (size_t i = 0; i < p->n; i++)
        if (bytes_equal_string(path, p->paths[i]))
            return true;
    return false;
}

static bool remember(struct pack *p, struct bytes path, const char **ret, struct err *err)
{
    if (p->n == MAX_LIBRARIES)
        return err_set(err, ERR_LIMIT, "the guest would hold more than %d files and folders", MAX_LIBRARIES);
    *ret = arena_string(p->arena, path);
    if (!*ret)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    p->paths[p->n++] = *ret;
    return true;
}

/* `path` without a leading slash. */
static bool put_folders_of(struct pack *p, struct bytes path, struct err *err)
{
    for (size_t i = 0; i < path.len; i++) {
        struct bytes folder = bytes_slice(path, 0, i);
        const char *name;
        if (path.data[i] != '/' || is_in(p, folder))
            continue;
        if (!remember(p, folder, &name, err))
            return false;
        initramfs_put_folder(p->out, name);
    }
    return true;
}

/* The host's file `from` becomes the guest's `to` (no leading slash). */
static bool put_copy(struct pack *p, const char *from, const char *to, unsigned mode, struct err *err)
{
    CLEANUP(file_free) struct bytes content = BYTES_NONE;
    const char *name;

    if (!put_folders_of(p, bytes_of_string(to), err) || !file_read(from, INITRAMFS_FILE_MAX, &content, err) ||
        !remember(p, bytes_of_string(to), &name, err))
        return false;
    initramfs_put_file(p->out, name, mode, content);
    return true;
}

static bool put_library(struct pack *p, const char *file, struct bytes line, struct err *err)
{
    struct bytes library;
    bool missing;

    if (!initramfs_ldd_line(line, &library, &missing))
        return true;
    if (missing)
        return err_set(err, ERR_NOT_FOUND, "%s needs the library %.*s, which is not installed", file, BYTES_FMT(library));
    const char *path = arena_string(p->arena, library);
    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (is_in(p, bytes_of_string(path + 1)))
        return true;
    return put_copy(p, path, path + 1, 0755, err);
}

static bool put_libraries_of(struct pack *p, const struct host_parts *parts, const char *file, struct err *err)
{
    const char *argv[] = { parts->ldd, file, NULL };
    struct bytes text;
    struct err ldd_err = ERR_INIT;

    /* ldd fails for a static program, which needs nothing. */
    if (!process_run(&(struct process_job){ .argv = argv, .timeout_ms = LDD_MS }, p->arena, &text, &ldd_err)) {
        if (strstr(ldd_err.text, "not a dynamic executable"))
            return true;
        *err = ldd_err;
        return false;
    }
    while (text.len) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        if (!put_library(p, file, bytes_slice(text, 0, end), err))
            return false;
        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, SIZE_MAX);
    }
    return true;
}

/* Debug information would only be hashed at every boot. Without binutils the agent goes in as it is. */
static bool put_agent(struct pack *p, const struct vm_host *host, struct err *err)
{
    static const char *const strips[] = { "/usr/bin/strip", "/usr/local/bin/strip" };
    char temporary[] = "/tmp/trueboot-agent.XXXXXX";
    struct err strip_err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(strips); i++) {
        if (access(strips[i], X_OK) != 0)
            continue;
        int fd = mkstemp(temporary);
        if (fd < 0)
            break;
        close(fd);
        const char *argv[] = { strips[i], "--strip-unneeded", "-o", temporary, host->agent, NULL };
        bool stripped = process_run(&(struct process_job){ .argv = argv, .timeout_ms = STRIP_MS }, p->arena, NULL, &strip_err);
        bool done = stripped && put_copy(p, temporary, "bin/trueboot-agent", 0755, err);
        unlink(temporary);
        if (stripped)
            return done;
        break;
    }
    return put_copy(p, host->agent, "bin/trueboot-agent", 0755, err);
}

/* The guest loads them in the order of their names. */
static bool put_modules(struct pack *p, const struct vm_host *host, const struct host_parts *parts, struct err *err)
{
    const char *list = arena_printf(p->arena, "%s/modules", host->guest_dir);
    struct kernel_modules *modules = ARENA_NEW(p->arena, struct kernel_modules);
    struct bytes text;

    if (!list || !modules)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!file_read_in(p->arena, list, 64 * 1024, &text, err))
        return false;
    if (!kernel_modules_gather(parts, text, p->arena, modules, err))
        return err_within(err, "%s", list);
    for (size_t i = 0; i < modules->n; i++) {
        const struct kernel_module *m = &modules->item[i];
        const char *to = arena_printf(p->arena, "mod/%s%zu-%s.ko", m->late ? "late/" : "", i + 10, m->name), *name;

        if (!to)
            return err_set(err, ERR_NO_MEMORY, "no memory");
        if (!put_folders_of(p, bytes_of_string(to), err) || !remember(p, bytes_of_string(to), &name, err))
            return false;
        initramfs_put_file(p->out, name, 0644, m->content);
    }
    return true;
}

bool initramfs_build(const struct vm_host *host, const struct host_parts *parts, struct writer *out, struct err *err)
{
    static const char *const folders[] = { "dev", "etc", "proc", "run", "sys", "tmp" };
    CLEANUP(arena_done) struct arena a = { 0 };
    struct pack p = { .arena = &a, .out = out };
    const char *init = arena_printf(&a, "%s/init", host->guest_dir);

    if (!init)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    out->limit = INITRAMFS_MAX;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        initramfs_put_folder(out, folders[i]);
    if (!put_copy(&p, init, "init", 0755, err) || !put_copy(&p, parts->busybox, "bin/busybox", 0755, err))
        return false;
    initramfs_put_link(out, "bin/sh", "busybox");
    if (!put_libraries_of(&p, parts, parts->busybox, err) || !put_agent(&p, host, err) || !put_libraries_of(&p, parts, host->agent, err) ||
        !put_modules(&p, host, parts, err))
        return false;
    initramfs_put_end(out);
    return writer_ok(out) ||
           err_set(err, ERR_NO_MEMORY, "the initramfs would be larger than %d MiB, or memory is short", INITRAMFS_MAX >> 20);
}
