#define _GNU_SOURCE
#include "vmhost/vm.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "vmhost/ca.h"
#include "vmhost/guest_disk.h"
#include "vmhost/qmp.h"
#include "vmhost/tree.h"
#include "vmhost/vars.h"
#include "vmhost/vm_folder.h"

enum { VARS_LIMIT = VARS_MAX_BYTES, MAX_VMS = 100000 };

char *vm_path(const struct vm_host *host, struct arena *a, const char *name, const char *file)
{
    return arena_printf(a, "%s/vms/%s/%s", host->data_dir, name, file);
}

bool vm_get(const struct vm_host *host, struct arena *a, const char *name, struct vm_config *ret, struct err *err)
{
    struct vm_config config;
    struct bytes text;

    if (!vm_name_check(name, err))
        return false;
    const char *path = vm_path(host, a, name, "vm.json");
    if (!path)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!file_read_in(a, path, VM_JSON_MAX, &text, err))
        return err->code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "there is no VM named %s: see trueboot vm list", name) : false;
    if (!vm_config_read(a, text, &config, err))
        return err_within(err, "%s", path);
    if (strcmp(config.name, name) != 0)
        return err_set(err, ERR_MALFORMED, "%s is of a VM named %s: a folder was renamed or copied by hand", path, config.name);
    *ret = config;
    return true;
}

static bool has_uuid(const struct vm_host *host, struct arena *a, const char *uuid, const char **ret_name, struct err *err)
{
    struct vm_config *all;
    size_t n;

    *ret_name = NULL;
    if (!vm_list(host, a, &all, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i].uuid, uuid) == 0)
            *ret_name = all[i].name;
    return true;
}

/* Fills in what the caller left open, and checks the whole. */
static bool complete(const struct vm_host *host, struct vm_config *config, struct arena *a, struct err *err)
{
    uint8_t random[UUID_LEN];
    const char *other;

    if (config->uuid[0] == '\0') {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return err_set(err, ERR_IO, "no random bytes: %s", strerror(errno));
        uuid_from_random(random);
        uuid_format(random, config->uuid);
    }
    if (!config->memory_mib)
        config->memory_mib = VM_MEMORY_DEFAULT_MIB;
    if (!config->cmdline)
        config->cmdline = IMAGE_DEFAULT_CMDLINE;
    config->endpoint = config->endpoint ? config->endpoint : "";
    config->ca_pem = config->ca_pem ? config->ca_pem : "";
    config->created_ms = clock_now_ms();
    if (!vm_config_check(config, err) || !has_uuid(host, a, config->uuid, &other, err))
        return false;
    if (other)
        return err_set(err, ERR_CONFLICT, "the UUID %s belongs to VM %s already: leave it out to get a new one", config->uuid, other);
    return true;
}

static bool fill_folder(const struct vm_host *host, const struct host_parts *parts, const struct image *image, struct vm_folder *f,
                        struct err *err)
{
    const char *disk = vm_folder_path(f, "disk.raw"), *vars = vm_folder_path(f, "vars.fd"), *tpm = vm_folder_path(f, "tpm"),
               *id = arena_printf(&f->arena, "%s:%s", f->config.name, f->config.uuid);
    struct bytes template;

    if (!disk || !vars || !tpm || !id)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!guest_disk_copy(image->disk, disk, err) || !file_read_in(&f->arena, parts->ovmf_vars, VARS_LIMIT, &template, err) ||
        !file_write(vars, template, 0600, err) || !vars_file_set_secure_boot(vars, f->config.secure_boot, err))
        return false;
    if (strcmp(f->config.cmdline, IMAGE_DEFAULT_CMDLINE) != 0 && !guest_disk_set_cmdline(parts, disk, f->dir, f->config.cmdline, err))
        return false;
    if (f->config.vtpm) {
        vm_host_say(host, "Making the virtual TPM of %s, with an endorsement certificate from this host's CA", f->config.name);
        if (!ca_make_tpm(host, parts, tpm, id, err))
            return false;
    }
    return vm_folder_save(f, err);
}

static bool exists_already(const char *name, struct err *err)
{
    return err_set(err, ERR_CONFLICT, "a VM named %s exists already: choose another name, or delete it (trueboot vm delete %s)", name,
                   name);
}

bool vm_create(const struct vm_host *host, struct vm_config *config, struct arena *a, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    struct err ignored = ERR_INIT;
    struct host_parts parts;
    struct image image;

    if (!vm_name_check(config->name, err))
        return false;
    const char *vms = arena_printf(a, "%s/vms", host->data_dir), *final = arena_printf(a, "%s/vms/%s", host->data_dir, config->name);
    char *dir = arena_printf(a, "%s/vms/.new.XXXXXX", host->data_dir);
    if (!vms || !final || !dir)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (file_exists(final))
        return exists_already(config->name, err);
    if (!complete(host, config, a, err) || !host_need(host, a, &parts, err) || !image_build(host, &parts, a, &image, err) ||
        !file_make_dirs(vms, 0700, err))
        return false;
    config->image = arena_string(a, bytes_of_string(image.id));
    if (!config->image)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!mkdtemp(dir)) /* 0700 */
        return err_set(err, ERR_IO, "no folder can be made in %s: %s", vms, strerror(errno));
    f.dir = dir;
    f.config = *config;
    bool done = fill_folder(host, &parts, &image, &f, err);
    if (done && rename(dir, final) != 0)
        done = errno == EEXIST || errno == ENOTEMPTY ? exists_already(config->name, err)
                                                     : err_set(err, ERR_IO, "cannot rename %s: %s", dir, strerror(errno));
    if (!done)
        (void)!tree_remove(dir, &ignored);
    return done;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct vm_config *)a)->name, ((const struct vm_config *)b)->name);
}

static bool list_one(const struct vm_host *host, struct arena *a, const char *name, struct vm_config *ret)
{
    struct err err = ERR_INIT;
    char *copy = arena_string(a, bytes_of_string(name));

    if (!copy)
        return false;
    if (!vm_get(host, a, copy, ret, &err))
        *ret = (struct vm_config){ .name = copy, .cmdline = "", .endpoint = "", .ca_pem = "", .image = "" };
    return true;
}

static void close_folder(DIR **d)
{
    if (*d)
        closedir(*d);
}

bool vm_list(const struct vm_host *host, struct arena *a, struct vm_config **ret, size_t *ret_n, struct err *err)
{
    const char *vms = arena_printf(a, "%s/vms", host->data_dir);
    size_t n = 0, capacity = 16;
    struct vm_config *all = ARENA_ARRAY(a, capacity, struct vm_config);
    struct err name_err = ERR_INIT;

    if (!vms || !all)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    CLEANUP(close_folder) DIR *d = opendir(vms);
    if (!d && errno != ENOENT)
        return err_set(err, errno == EACCES ? ERR_DENIED : ERR_IO, "cannot read %s: %s", vms, strerror(errno));
    for (struct dirent *e; d && n < MAX_VMS && (e = readdir(d));) {
        if (!vm_name_check(e->d_name, &name_err))
            continue;
        if (n == capacity) {
            all = arena_grow(a, all, n, 2 * capacity, sizeof *all);
            capacity *= 2;
        }
        if (!all || !list_one(host, a, e->d_name, &all[n++]))
            return err_set(err, ERR_NO_MEMORY, "no memory");
    }
    qsort(all, n, sizeof *all, by_name);
    *ret = all;
    *ret_n = n;
    return true;
}

/* No lock: looking must not wait for, nor disturb, whoever is changing the VM. */
bool vm_get_state(const struct vm_host *host, const char *name, enum vm_state *ret, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    CLEANUP(qmp_done) struct qmp q = QMP_INIT;
    const struct json *status;
    struct process_id qemu;
    struct err ignored = ERR_INIT;

    if (!vm_get(host, &f.arena, name, &f.config, err))
        return false;
    f.dir = arena_printf(&f.arena, "%s/vms/%s", host->data_dir, name);
    if (!f.dir)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    *ret = VM_OFF;
    if (!vm_folder_process(&f, "qemu.pid", &qemu))
        return true;
    if (!qmp_open(&q, f.dir, &ignored) || !qmp_command(&q, "query-status", NULL, &status, &ignored)) {
        *ret = process_is_alive(&qemu) ? VM_STOPPING : VM_OFF;
        return true;
    }
    *ret = json_is_string(json_get(status, "status"), "running") ? VM_RUNNING : VM_PAUSED;
    return true;
}

bool vm_delete(const struct vm_host *host, const char *name, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    struct process_id qemu;

    if (!vm_folder_lock(&f, host, name, err))
        return false;
    if (vm_folder_process(&f, "qemu.pid", &qemu))
        return err_set(err, ERR_CONFLICT, "VM %s is running: stop it first (trueboot vm stop %s), then delete it", name, name);
    const char *gone = arena_printf(&f.arena, "%s/vms/.deleted.%s.%ld", host->data_dir, name, (long)getpid());
    if (!gone)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (rename(f.dir, gone) != 0)
        return err_set(err, ERR_IO, "cannot rename %s: %s", f.dir, strerror(errno));
    return tree_remove(gone, err);
}
