/* The verb install on Windows, and what uninstall takes away (guest-agent.md 6.5): program, folders, services, event source; by hand, or of a VM extension. */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "agent/handler/handler.h"
#include "agent/handler/owner.h"
#include "agent/tpm/device.h"
#include "agent/verbs/handler_verbs.h"
#include "agent/windows/access.h"
#include "agent/windows/event_source.h"
#include "agent/windows/scm.h"
#include "base/file.h"
#include "base/path.h"

enum { PROGRAM_BYTES_MAX = 64 * 1024 * 1024 };

#define PROGRAM_NAME "trueboot-agent.exe"

static bool has_tpm(const struct invocation *in, struct failure *why)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;

    return in->config.tcti || getenv("TCTI") || *in->places_of.root || tpm_device_open(NULL, &tpm, why) ||
           (why->id != FAILURE_NO_TPM && why->id != FAILURE_TPM12);
}

/* %windir%\Logs\MeasuredBoot: the daemon reads the boot's log there. */
static const char *log_folder(struct arena *a)
{
    const char *windows = getenv("SystemRoot");

    return arena_printf(a, "%s/Logs/MeasuredBoot", windows ? windows : "C:/Windows");
}

static bool make_folders(struct invocation *in, struct err *err)
{
    const struct places *p = &in->places_of;
    const struct {
        const char *path;
        enum access_kind kind;
    } all[] = { { p->etc_dir, ACCESS_READ },  { p->state_dir, ACCESS_WRITE },  { p->run_dir, ACCESS_WRITE },
                { p->log_dir, ACCESS_WRITE }, { p->publish_dir, ACCESS_NONE }, { p->program_dir, ACCESS_READ } };
    const char *logs = log_folder(&in->arena);

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (!file_make_dirs(all[i].path, 0700, err) || (!*p->root && !access_set(all[i].path, all[i].kind, err)))
            return false;
    if (!places_make_run(p, 0, 0, err) || !logs)
        return logs ? false : err_set(err, ERR_NO_MEMORY, "out of memory");
    return *p->root || !file_exists(logs) || access_grant(logs, ACCESS_READ, err);
}

/* A program that runs cannot be written over, but it can be renamed. */
static bool copy_program(struct invocation *in, const char *to, struct err *err)
{
    const char *from = path_of_program(&in->arena);
    char *old = arena_printf(&in->arena, "%s.old", to);
    struct bytes content CLEANUP(file_free) = BYTES_NONE;

    if (!from || !old)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (_stricmp(from, to) == 0) /* somebody's installer put us there */
        return true;
    if (!file_read(from, PROGRAM_BYTES_MAX, &content, err))
        return false;
    if (folder_put(to, content, 0755, err))
        return true;
    return MoveFileExA(to, old, MOVEFILE_REPLACE_EXISTING) && folder_put(to, content, 0755, err);
}

static bool is_handler(struct invocation *in, const struct handler *h)
{
    char *path = arena_printf(&in->arena, "%s/HandlerEnvironment.json", h->install_dir);

    return path && file_exists(path);
}

/* Services of an earlier version let go of the program. They are left as they were: `enable` or people start them. */
static bool put_in_place(struct invocation *in, struct service_control *services, const struct handler *h, struct err *err)
{
    char *program = arena_printf(&in->arena, "%s/" PROGRAM_NAME, in->places_of.program_dir);
    bool ran = services->ops->is_active(services);

    if (!program)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if ((ran && !services->ops->pause(services, err)) || !make_folders(in, err) || !copy_program(in, program, err) ||
        !owner_write(&in->places_of, h->version, err))
        return false;
    if (services->ops == &service_none_ops)
        return true;
    return scm_install(program, is_handler(in, h), err) && event_source_add(err) && (!ran || services->ops->start(services, err));
}

int verb_install(struct invocation *in)
{
    struct failure why = FAILURE_INIT;
    struct service_control services;
    struct err err = ERR_INIT;
    struct handler h;

    if (!verb_may_install(in, "install"))
        return VERB_EXIT_MISSING;
    if (!has_tpm(in, &why)) {
        fprintf(stderr, "trueboot-agent: install: %s: enable the vTPM in the VM's definition\n", why.text);
        return VERB_EXIT_MISSING;
    }
    if (!verb_services(in, &services, &err) || !handler_locate(&in->arena, &h, &err) || !put_in_place(in, &services, &h, &err))
        return verb_refused("install", err.code == ERR_DENIED ? VERB_EXIT_MISSING : VERB_EXIT_INTERNAL, &err);
    printf("trueboot-agent %s is installed\n", h.version);
    return VERB_EXIT_OK;
}

/* Uninstall. */

static void remove_file(const char *path)
{
    struct err err = ERR_INIT;
    char folder[1024];
    const char *slash = strrchr(path, '/');
    int fd CLEANUP(folder_close_at) = -1;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 0, path);
    if (slash && folder_open(folder, &fd, &err))
        (void)!folder_unlink(fd, slash + 1, &err);
}

/* One that runs goes away when the machine starts the next time. */
static void remove_program(struct invocation *in)
{
    static const char *const names[] = { PROGRAM_NAME, PROGRAM_NAME ".old" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char *path = arena_printf(&in->arena, "%s/%s", in->places_of.program_dir, names[i]);

        char *old = arena_printf(&in->arena, "%s/" PROGRAM_NAME ".old", in->places_of.program_dir);

        if (!path || !old || DeleteFileA(path) || GetLastError() != ERROR_ACCESS_DENIED)
            continue;
        if (i == 0 && !MoveFileExA(path, old, MOVEFILE_REPLACE_EXISTING)) /* its name is free for whoever installs it again before then */
            continue;
        MoveFileExA(old, NULL, MOVEFILE_DELAY_UNTIL_REBOOT);
    }
    RemoveDirectoryA(in->places_of.program_dir);
}

static void remove_folders(struct invocation *in, bool purged)
{
    const struct places *p = &in->places_of;
    const char *const gone[] = { p->publish_dir, p->run_dir, purged ? p->state_dir : NULL, purged ? p->log_dir : NULL };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        if (gone[i] && !folder_remove(gone[i], &err))
            fprintf(stderr, "trueboot-agent: uninstall: %s\n", err.text);
    RemoveDirectoryA(p->etc_dir); /* unless people's settings, or the identity, are in it */
}

void verb_take_away(struct invocation *in, struct service_control *services, bool purged, struct lock *turn)
{
    const char *logs = log_folder(&in->arena), *ca = arena_printf(&in->arena, "%s/handler-ca.pem", in->places_of.etc_dir);
    struct err err = ERR_INIT;

    if (services->ops != &service_none_ops) {
        if (!scm_remove(&err))
            fprintf(stderr, "trueboot-agent: uninstall: %s\n", err.text);
        event_source_remove();
    }
    if (logs && !*in->places_of.root)
        access_revoke(logs);
    remove_program(in);
    remove_file(in->places_of.handler_conf);
    remove_file(in->places_of.handler_record);
    if (ca)
        remove_file(ca);
    owner_forget(&in->places_of);
    lock_release(turn);
    remove_folders(in, purged);
}
