/* The verb install on Linux, and what uninstall takes away (guest-agent.md 6.5): user, program, units, folders. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "agent/handler/handler.h"
#include "agent/handler/owner.h"
#include "agent/verbs/handler_verbs.h"
#include "base/file.h"

enum { PROGRAM_BYTES_MAX = 64 * 1024 * 1024, UNIT_BYTES_MAX = 64 * 1024 };

static bool has_tpm(const struct invocation *in)
{
    struct stat st;

    return in->config.tcti || getenv("TCTI") || *in->places_of.root || stat("/dev/tpmrm0", &st) == 0 || stat("/dev/tpm0", &st) == 0;
}

static int refuse_without_tpm(void)
{
    fprintf(stderr, "trueboot-agent: install: this machine shows no TPM: %s\n",
            file_exists("/sys/firmware/acpi/tables/TPM2") ? "the firmware has one, but its driver is missing; load tpm_crb or tpm_tis"
                                                          : "enable the vTPM in the VM's definition");
    return VERB_EXIT_MISSING;
}

/* User and group of the daemon. An image's own accounts are its builder's. */
static bool make_user(const struct invocation *in, struct err *err)
{
    const char *const arguments[] = { "useradd",      "--system", "--user-group",      "--no-create-home", "--home-dir",
                                      "/nonexistent", "--shell",  "/usr/sbin/nologin", verb_user(in),      NULL };
    int status;

    if (*in->places_of.root || getpwnam(verb_user(in)))
        return true;
    if (!service_run_program(arguments, &status, err))
        return false;
    return status == 0 || getpwnam(verb_user(in)) ? true : err_set(err, ERR_IO, "useradd ended with %d", status);
}

/* Before anything is put in place: half an installation is none. */
static bool has_units(struct invocation *in, const struct handler *h, struct err *err)
{
    char *first = arena_printf(&in->arena, "%s/units/%s", h->install_dir, service_units[0]);

    return (first && file_exists(first)) ||
           err_set(
               err, ERR_NOT_FOUND,
               "there is no folder units/ in %s: unpack the whole package and call its bin/trueboot-agent, or install the Debian package",
               h->install_dir);
}

static bool copy_file(const char *from, const char *to, size_t limit, mode_t mode, struct err *err)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE;

    return file_read(from, limit, &content, err) && folder_put(to, content, mode, err);
}

static bool copy_units(struct invocation *in, const struct handler *h, struct err *err)
{
    if (!file_make_dirs(in->places_of.unit_dir, 0755, err))
        return false;
    for (size_t i = 0; i < SERVICE_UNITS; i++) {
        char *from = arena_printf(&in->arena, "%s/units/%s", h->install_dir, service_units[i]);
        char *to = arena_printf(&in->arena, "%s/%s", in->places_of.unit_dir, service_units[i]);

        if (!from || !to)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        if (!copy_file(from, to, UNIT_BYTES_MAX, 0644, err))
            return false;
    }
    return true;
}

/* The package's folder is closed to the daemon's user, and goes away with the version: the units start a copy. */
static bool copy_program(struct invocation *in, struct err *err)
{
    char *to = arena_printf(&in->arena, "%s/trueboot-agent", in->places_of.program_dir);

    if (!to)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return file_make_dirs(in->places_of.program_dir, 0755, err) && copy_file("/proc/self/exe", to, PROGRAM_BYTES_MAX, 0755, err);
}

static bool make_folders(const struct invocation *in, struct err *err)
{
    const struct places *p = &in->places_of;
    uid_t uid;
    gid_t gid;

    places_user(verb_user(in), &uid, &gid);
    return folder_make(p->etc_dir, 0755, geteuid(), getegid(), err) && folder_make(p->state_dir, 0700, uid, gid, err) &&
           folder_make(p->log_dir, 0750, uid, gid, err) && folder_give(p->state_dir, uid, gid, err) &&
           folder_give(p->log_dir, uid, gid, err);
}

int verb_install(struct invocation *in)
{
    struct service_control services;
    struct err err = ERR_INIT;
    struct handler h;

    if (!verb_may_install(in, "install"))
        return VERB_EXIT_MISSING;
    if (!has_tpm(in))
        return refuse_without_tpm();
    if (!verb_services(in, &services, &err) || !handler_locate(&in->arena, &h, &err) || !has_units(in, &h, &err))
        return verb_refused("install", err.code == ERR_NOT_FOUND ? VERB_EXIT_MISSING : VERB_EXIT_INTERNAL, &err);
    if (!make_user(in, &err) || !make_folders(in, &err) || !copy_program(in, &err) || !copy_units(in, &h, &err) ||
        !owner_write(&in->places_of, h.version, &err) || !services.ops->units_changed(&services, &err))
        return verb_refused("install", VERB_EXIT_INTERNAL, &err);
    printf("trueboot-agent %s is installed\n", h.version);
    return VERB_EXIT_OK;
}

/* Uninstall. */

static void remove_below(struct invocation *in, const char *folder, const char *name)
{
    char *path = arena_printf(&in->arena, "%s/%s", folder, name);

    if (path && unlink(path) && errno != ENOENT)
        fprintf(stderr, "trueboot-agent: uninstall: %s stays: %s\n", path, strerror(errno));
}

static void remove_units(struct invocation *in)
{
    for (size_t i = 0; i < SERVICE_UNITS; i++)
        remove_below(in, in->places_of.unit_dir, service_units[i]);
    verb_remove_drop_in(in);
}

static void remove_user(const struct invocation *in)
{
    const char *const arguments[] = { "userdel", verb_user(in), NULL };
    struct err err = ERR_INIT;
    int status;

    if (*in->places_of.root || !getpwnam(verb_user(in)))
        return;
    if (!service_run_program(arguments, &status, &err) || status)
        fprintf(stderr, "trueboot-agent: uninstall: the user %s stays\n", verb_user(in));
}

/* The Debian package on the same machine runs by the same user, in the same folders. */
static bool has_package(struct invocation *in)
{
    const char *path = arena_printf(&in->arena, "%s/usr/bin/trueboot-agent", in->places_of.root);

    return path && file_exists(path);
}

/* Copies, status, secrets: nobody owns them any more, and the next user may get the same number. A folder that a setting names is left alone. */
static void remove_run_folders(struct invocation *in)
{
    const char *usual = arena_printf(&in->arena, "%s/run/trueboot-agent", in->places_of.root);
    const char *folders[] = { in->places_of.publish_dir, usual && strcmp(usual, in->places_of.run_dir) == 0 ? usual : NULL };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (folders[i] && !folder_remove(folders[i], &err))
            fprintf(stderr, "trueboot-agent: uninstall: %s\n", err.text);
}

void verb_take_away(struct invocation *in, struct service_control *services, bool purged UNUSED, struct lock *turn UNUSED)
{
    struct err err = ERR_INIT;

    remove_units(in);
    remove_below(in, in->places_of.program_dir, "trueboot-agent");
    rmdir(in->places_of.program_dir);
    unlink(in->places_of.handler_conf);
    unlink(in->places_of.handler_record);
    remove_below(in, in->places_of.etc_dir, "handler-ca.pem");
    rmdir(in->places_of.etc_dir); /* unless people's settings are in it */
    owner_forget(&in->places_of);
    if (!services->ops->units_changed(services, &err))
        fprintf(stderr, "trueboot-agent: uninstall: %s\n", err.text);
    if (!has_package(in)) {
        remove_run_folders(in);
        remove_user(in);
    }
}
