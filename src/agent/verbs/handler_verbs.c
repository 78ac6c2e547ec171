#include "agent/verbs/handler_verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "base/file.h"
#include "base/writer.h"

static const char drop_in_folder[] = "trueboot-agent-publish.service.d", drop_in_name[] = "handler.conf";

const char *verb_user(const struct invocation *in) { return in->config.user && *in->config.user ? in->config.user : "trueboot-agent"; }

bool verb_may_install(const struct invocation *in, const char *verb)
{
    if (geteuid() == 0 || *in->places_of.root)
        return true;
    fprintf(stderr, "trueboot-agent: %s: only root can do that\n", verb);
    return false;
}

bool verb_services(const struct invocation *in, struct service_control *ret, struct err *err)
{
    return service_choose(ret, in->services, &in->places_of, err);
}

bool verb_take_turn(struct invocation *in, int *ret_turn, struct err *err)
{
    enum { WAIT_MS = 120 * 1000 /* enable takes 65 s at most, and the VM agent kills it at 300 */, POLL_MS = 100 };
    const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
    char *path = arena_printf(&in->arena, "%s/verb.lock", in->places_of.publish_dir);
    struct err none = ERR_INIT;

    *ret_turn = -1;
    if (!path || !folder_make(in->places_of.publish_dir, 0755, geteuid(), getegid(), &none))
        return true;
    *ret_turn = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    for (int waited = 0; *ret_turn >= 0 && flock(*ret_turn, LOCK_EX | LOCK_NB) != 0; waited += POLL_MS) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return true;
        if (waited >= WAIT_MS)
            return err_set(err, ERR_LATE, "another verb has been running for %d s", WAIT_MS / 1000);
        nanosleep(&pause, NULL);
    }
    return true;
}

int verb_refused(const char *verb, int code, const struct err *err)
{
    fprintf(stderr, "trueboot-agent: %s: %s\n", verb, err->text);
    return code;
}

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

    if (folder && path && unlink(path) == 0)
        rmdir(folder);
}
