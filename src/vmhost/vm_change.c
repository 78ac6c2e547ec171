/* vm_change.c: the part of vm.h that changes a stopped VM. */
#include "base/file.h"
#include "vmhost/guest_disk.h"
#include "vmhost/vars.h"
#include "vmhost/vm_folder.h"

/* What editing a disk needs; the signed parts may be gone by now. */
static bool disk_tools(const struct vm_host *host, struct arena *a, struct host_parts *ret, struct err *err)
{
    struct host_missing *missing;
    size_t n;

    if (!host_look(host, a, ret, &missing, &n, err))
        return false;
    return ret->mcopy ||
           err_set(err, ERR_NOT_FOUND, "mcopy is missing, which is needed to change a guest's disk: install the package mtools");
}

static bool out_of_memory(struct err *err) { return err_set(err, ERR_NO_MEMORY, "no memory"); }

bool vm_set_agent(const struct vm_host *host, const char *name, const char *endpoint, const char *ca_pem, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;

    if (!vm_folder_open_stopped(&f, host, name, "tell its agent another address", err))
        return false;
    f.config.endpoint = endpoint;
    f.config.ca_pem = ca_pem;
    return vm_folder_save(&f, err);
}

bool vm_set_secure_boot(const struct vm_host *host, const char *name, bool on, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;

    if (!vm_folder_open_stopped(&f, host, name, "switch Secure Boot", err))
        return false;
    if (on && f.config.security_type == VM_STANDARD)
        return err_set(err, ERR_CONFLICT, "VM %s is of security type Standard: create one of type TrustedLaunch", name);
    const char *vars = vm_folder_path(&f, "vars.fd");
    f.config.secure_boot = on;
    return vars ? vars_file_set_secure_boot(vars, on, err) && vm_folder_save(&f, err) : out_of_memory(err);
}

bool vm_set_cmdline(const struct vm_host *host, const char *name, const char *cmdline, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    struct host_parts parts;

    if (!vm_cmdline_check(cmdline, err) || !vm_folder_open_stopped(&f, host, name, "change its kernel command line", err) ||
        !disk_tools(host, &f.arena, &parts, err))
        return false;
    const char *disk = vm_folder_path(&f, "disk.raw");
    f.config.cmdline = cmdline;
    return disk ? guest_disk_set_cmdline(&parts, disk, f.dir, cmdline, err) && vm_folder_save(&f, err) : out_of_memory(err);
}

bool vm_replace_kernel(const struct vm_host *host, const char *name, const char *kernel, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    struct host_parts parts;

    if (!vm_folder_open_stopped(&f, host, name, "replace its kernel", err) || !disk_tools(host, &f.arena, &parts, err))
        return false;
    if (!file_exists(kernel))
        return err_set(err, ERR_NOT_FOUND, "there is no file %s", kernel);
    const char *disk = vm_folder_path(&f, "disk.raw");
    return disk ? guest_disk_put(&parts, disk, kernel, GUEST_DISK_KERNEL, err) : out_of_memory(err);
}

bool vm_modify_kernel(const struct vm_host *host, const char *name, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    struct host_parts parts;

    if (!vm_folder_open_stopped(&f, host, name, "modify its kernel", err) || !disk_tools(host, &f.arena, &parts, err))
        return false;
    const char *disk = vm_folder_path(&f, "disk.raw");
    return disk ? guest_disk_modify_kernel(&parts, disk, f.dir, err) : out_of_memory(err);
}

bool vm_restore_disk(const struct vm_host *host, const char *name, struct err *err)
{
    CLEANUP(vm_folder_done) struct vm_folder f = VM_FOLDER_INIT;
    struct image image;

    if (!vm_folder_open_stopped(&f, host, name, "restore its disk", err) || !image_find(host, &f.arena, f.config.image, &image, err))
        return false;
    const char *disk = vm_folder_path(&f, "disk.raw");
    f.config.cmdline = IMAGE_DEFAULT_CMDLINE;
    return disk ? guest_disk_copy(image.disk, disk, err) && vm_folder_save(&f, err) : out_of_memory(err);
}
