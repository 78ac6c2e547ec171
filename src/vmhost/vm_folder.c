#define _GNU_SOURCE
#include "vmhost/vm_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include "base/file.h"

void vm_folder_done(struct vm_folder *f)
{
    if (f->lock >= 0)
        close(f->lock);
    arena_done(&f->arena);
    *f = VM_FOLDER_INIT;
}

char *vm_folder_path(struct vm_folder *f, const char *file) { return arena_printf(&f->arena, "%s/%s", f->dir, file); }

bool vm_folder_lock(struct vm_folder *f, const struct vm_host *host, const char *name, struct err *err)
{
    if (!vm_name_check(name, err))
        return false;
    f->dir = arena_printf(&f->arena, "%s/vms/%s", host->data_dir, name);
    if (!f->dir)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    f->lock = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->lock < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "there is no VM named %s: see trueboot vm list", name);
    if (f->lock < 0)
        return err_set(err, errno == EACCES ? ERR_DENIED : ERR_IO, "cannot open %s: %s", f->dir, strerror(errno));
    if (flock(f->lock, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_CONFLICT, "another command is working on VM %s: try again when it is done", name);
    return true;
}

bool vm_folder_open(struct vm_folder *f, const struct vm_host *host, const char *name, struct err *err)
{
    return vm_folder_lock(f, host, name, err) && vm_get(host, &f->arena, name, &f->config, err);
}

bool vm_folder_process(struct vm_folder *f, const char *record, struct process_id *ret)
{
    const char *path = vm_folder_path(f, record);

    return path && process_load(path, ret) && process_is_alive(ret);
}

bool vm_folder_open_stopped(struct vm_folder *f, const struct vm_host *host, const char *name, const char *what, struct err *err)
{
    struct process_id qemu;

    if (!vm_folder_open(f, host, name, err))
        return false;
    if (vm_folder_process(f, "qemu.pid", &qemu))
        return err_set(err, ERR_CONFLICT, "VM %s is running: stop it first (trueboot vm stop %s), then %s", name, name, what);
    return true;
}

bool vm_folder_save(struct vm_folder *f, struct err *err)
{
    const char *path = vm_folder_path(f, "vm.json"), *text = vm_config_write(&f->arena, &f->config);

    if (!path || !text)
        return err_set(err, ERR_NO_MEMORY, "no memory");
    return vm_config_check(&f->config, err) && file_write(path, bytes_of_string(text), 0600, err);
}
