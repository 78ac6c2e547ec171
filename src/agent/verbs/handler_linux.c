/* What systemd and the file system of Linux want of the handler's verbs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "agent/verbs/handler_verbs.h"
#include "base/file.h"
#include "base/writer.h"

static const char drop_in_folder[] = "trueboot-agent-publish.service.d", drop_in_name[] = "handler.conf";

/* The daemon's folder stays its own; a link leads there. */
void verb_show_log(struct invocation *in, const char *log_folder)
{
    char *link = arena_printf(&in->arena, "%s/trueboot-agent.log", log_folder);
    char *file = arena_printf(&in->arena, "%s/trueboot-agent.log", in->places_of.log_dir);

    if (link && file && symlink(file, link) && errno != EEXIST)
        fprintf(stderr, "trueboot-agent: enable: no link to the log in %s: %s\n", log_folder, strerror(errno));
}

const char *verb_log_dir(const struct invocation *in UNUSED, const char *log_folder UNUSED) { return NULL; }

/* A path in a unit: % begins a specifier there, and quotes keep spaces together. */
static bool put_path(struct writer *w, const char *path, struct err *err)
{
    write_string(w, "ReadWritePaths=\"-");
    for (const char *c = path; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == '"' || *c == '\\' || *c == 0x7f)
            return err_set(err, ERR_MALFORMED, "a folder of the handler has a character that no unit can name");
        write_printf(w, *c == '%' ? "%%%%" : "%c", *c);
    }
    write_string(w, "\"\n");
    return true;
}

static bool put_folder_of(struct writer *w, struct arena *a, const char *path, struct err *err)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    char *folder = slash && slash != path ? arena_string(a, (struct bytes){ (const uint8_t *)path, (size_t)(slash - path) }) : NULL;

    return !folder || put_path(w, folder, err);
}

bool verb_put_drop_in(struct invocation *in, const struct handler_record *record, struct err *err)
{
    char *folder = arena_printf(&in->arena, "%s/%s", in->places_of.unit_dir, drop_in_folder);
    char *path = arena_printf(&in->arena, "%s/%s/%s", in->places_of.unit_dir, drop_in_folder, drop_in_name);
    struct writer w CLEANUP(writer_done) = { 0 };

    if (!folder || !path)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    write_string(&w, "[Service]\n");
    /* The events folder's temporary files lie in the folder above it. */
    if (!put_folder_of(&w, &in->arena, record->status_file, err) || !put_folder_of(&w, &in->arena, record->heartbeat_file, err) ||
        !put_folder_of(&w, &in->arena, record->events_folder, err))
        return false;
    if (!writer_ok(&w))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return file_make_dirs(folder, 0755, err) && folder_put(path, writer_bytes(&w), 0644, err);
}

void verb_remove_drop_in(struct invocation *in)
{
    char *folder = arena_printf(&in->arena, "%s/%s", in->places_of.unit_dir, drop_in_folder);
    char *path = arena_printf(&in->arena, "%s/%s/%s", in->places_of.unit_dir, drop_in_folder, drop_in_name);

    if (folder && path &&
        (unlink(path) == 0 || errno == ENOENT)) /* gone already: whoever did that may have been killed before the folder */
        rmdir(folder);
}
