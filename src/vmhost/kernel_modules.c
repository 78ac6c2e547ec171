#include "vmhost/kernel_modules.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/file.h"
#include "vmhost/process.h"

enum { LIST_MAX = 4 * 1024 * 1024, UNPACK_MS = 60000, DEPTH_MAX = 16 };

/* The kernel takes '-' and '_' in names of modules for the same. */
static uint8_t plain(uint8_t c) { return c == '-' ? '_' : c; }

static bool is_same_name(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (plain(a.data[i]) != plain(b.data[i]))
            return false;
    return true;
}

static struct bytes base_name(struct bytes path)
{
    for (size_t i = path.len; i > 0; i--)
        if (path.data[i - 1] == '/')
            return bytes_slice(path, i, path.len);
    return path;
}

static struct bytes next_part(struct bytes *rest, const char *separator)
{
    size_t end = bytes_find(*rest, bytes_of_string(separator));
    struct bytes part = bytes_slice(*rest, 0, end == SIZE_MAX ? rest->len : end);

    *rest = end == SIZE_MAX ? BYTES_NONE : bytes_slice(*rest, end + 1, rest->len);
    return bytes_trim(part);
}

struct bytes kernel_module_depends(struct bytes content)
{
    static const struct bytes key = { (const uint8_t *)"\0depends=", 9 };
    size_t at = bytes_find(content, key);
    struct bytes value = at == SIZE_MAX ? BYTES_NONE : bytes_slice(content, at + key.len, content.len);
    size_t end = bytes_find(value, (struct bytes){ (const uint8_t *)"", 1 });

    return end == SIZE_MAX ? BYTES_NONE : bytes_slice(value, 0, end);
}

struct gathering {
    const struct host_parts *parts;
    struct arena *a;
    struct bytes built_in, order; /* modules.builtin, modules.order: "kernel/net/core/failover.ko", one a line */
    struct kernel_modules *ret;
};

/* The line of such a list that is about the module, without ".ko"; empty: none is. */
static struct bytes find_line(struct bytes list, struct bytes name)
{
    while (list.len) {
        struct bytes line = next_part(&list, "\n");

        if (!bytes_ends_with(line, BYTES_LIT(".ko")))
            continue;
        line = bytes_slice(line, 0, line.len - 3);
        if (is_same_name(base_name(line), name))
            return line;
    }
    return BYTES_NONE;
}

/* `path`: of the module, without ".ko", below the folder. NULL in *ret: there is no such file. */
static bool find_file(const struct gathering *g, struct bytes path, const char **ret, bool *ret_packed, struct err *err)
{
    static const char *const suffixes[] = { "", ".xz", ".zst", ".gz" };

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        const char *file = arena_printf(g->a, "%s/%.*s.ko%s", g->parts->modules, BYTES_FMT(path), suffixes[i]);

        if (!file)
            return err_set(err, ERR_NO_MEMORY, "no memory");
        if (!file_exists(file))
            continue;
        *ret = file;
        *ret_packed = i > 0;
        return true;
    }
    *ret = NULL;
    return true;
}

/* zstd reads all of these forms. It writes into a file, as what it prints would be cut, and makes that anew: in a folder that is ours alone. */
static bool unpack(const struct gathering *g, const char *file, struct bytes *ret, struct err *err)
{
    char folder[] = "/tmp/trueboot-module.XXXXXX", temporary[sizeof folder + sizeof "/module"];
    const char *argv[] = { g->parts->zstd, "-dq", file, "-o", temporary, NULL };
    bool done;

    if (!mkdtemp(folder))
        return err_set(err, ERR_IO, "no temporary folder can be made in /tmp");
    snprintf(temporary, sizeof temporary, "%s/module", folder);
    done = process_run(&(struct process_job){ .argv = argv, .timeout_ms = UNPACK_MS }, g->a, NULL, err) &&
           file_read_in(g->a, temporary, KERNEL_MODULE_MAX, ret, err);
    unlink(temporary);
    rmdir(folder);
    return done || err_within(err, "%s", file);
}

static bool is_known(const struct gathering *g, struct bytes name)
{
    for (size_t i = 0; i < g->ret->n; i++)
        if (is_same_name(bytes_of_string(g->ret->item[i].name), name))
            return true;
    for (size_t i = 0; i < g->ret->n_built_in; i++)
        if (is_same_name(bytes_of_string(g->ret->built_in[i]), name))
            return true;
    return false;
}

static bool note_built_in(struct gathering *g, struct bytes name, struct err *err)
{
    struct kernel_modules *m = g->ret;

    if (m->n_built_in == KERNEL_MODULES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d modules that are built in", KERNEL_MODULES_MAX);
    m->built_in[m->n_built_in] = arena_string(g->a, name);
    return m->built_in[m->n_built_in++] ? true : err_set(err, ERR_NO_MEMORY, "no memory");
}

static bool add(struct gathering *g, struct bytes path, bool late, unsigned depth, struct err *err);

/* What it depends on goes first. */
static bool add_file(struct gathering *g, struct bytes name, const char *file, bool packed, bool late, unsigned depth, struct err *err)
{
    struct kernel_module module = { .name = arena_string(g->a, name), .late = late };
    struct bytes needs;

    if (!module.name)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (packed ? !unpack(g, file, &module.content, err) : !file_read_in(g->a, file, KERNEL_MODULE_MAX, &module.content, err))
        return false;
    for (needs = kernel_module_depends(module.content); needs.len;) {
        struct bytes one = next_part(&needs, ",");

        if (one.len && !add(g, one, late, depth + 1, err))
            return err_within(err, "%s needs it", module.name);
    }
    if (g->ret->n == KERNEL_MODULES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d modules", KERNEL_MODULES_MAX);
    g->ret->item[g->ret->n++] = module;
    return true;
}

/* `path` is where it usually lies, or its bare name. */
static bool add(struct gathering *g, struct bytes path, bool late, unsigned depth, struct err *err)
{
    struct bytes name = base_name(path), line;
    const char *file = NULL;
    bool packed = false;

    if (is_known(g, name))
        return true;
    if (depth > DEPTH_MAX) /* or in a circle */
        return err_set(err, ERR_LIMIT, "kernel module %.*s: modules depend on each other more than %d deep", BYTES_FMT(name), DEPTH_MAX);
    if (!find_file(g, path, &file, &packed, err))
        return false;
    if (!file && find_line(g->built_in, name).len)
        return note_built_in(g, name, err);
    if (!file) {
        line = find_line(g->order, name);
        if (bytes_starts_with(line, BYTES_LIT("kernel/")) &&
            !find_file(g, bytes_slice(line, strlen("kernel/"), line.len), &file, &packed, err))
            return false;
    }
    if (!file)
        return err_set(err, ERR_NOT_FOUND, "kernel module %.*s is neither below %s nor built in", BYTES_FMT(name), g->parts->modules);
    return add_file(g, name, file, packed, late, depth, err);
}

static bool read_list(const struct gathering *g, const char *name, struct bytes *ret, struct err *err)
{
    const char *path = arena_printf(g->a, "%s/../%s", g->parts->modules, name);

    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    *ret = BYTES_NONE;
    return !file_exists(path) || file_read_in(g->a, path, LIST_MAX, ret, err);
}

bool kernel_modules_gather(const struct host_parts *parts, struct bytes list, struct arena *a, struct kernel_modules *ret, struct err *err)
{
    struct gathering g = { .parts = parts, .a = a, .ret = ret };

    *ret = (struct kernel_modules){ 0 };
    if (!read_list(&g, "modules.builtin", &g.built_in, err) || !read_list(&g, "modules.order", &g.order, err))
        return false;
    while (list.len) {
        struct bytes line = next_part(&list, "\n");
        bool late = bytes_starts_with(line, BYTES_LIT("late "));

        if (late)
            line = bytes_trim(bytes_slice(line, strlen("late "), line.len));
        if (line.len && line.data[0] != '#' && !add(&g, line, late, 0, err))
            return false;
    }
    return true;
}
