/* vmhost/vm_folder.h: the folder of one VM, opened for a command: place, lock, configuration, processes. Inside this folder only. */
#pragma once
#include "vmhost/process.h"
#include "vmhost/vm.h"

struct vm_folder {
    struct arena arena;
    int lock; /* -1: not held */
    const char *dir;
    struct vm_config config;
};

#define VM_FOLDER_INIT ((struct vm_folder){ .lock = -1 })

/* vm_folder_lock takes the lock alone: a damaged vm.json must not keep a VM from being stopped and deleted. vm_folder_open reads vm.json as
 * well. Release with vm_folder_done. */
MUST_CHECK bool vm_folder_lock(struct vm_folder *f, const struct vm_host *host, const char *name, struct err *err);
MUST_CHECK bool vm_folder_open(struct vm_folder *f, const struct vm_host *host, const char *name, struct err *err);
/* The same, and the VM must be off; `what` ends the sentence "stop it first, then …". */
MUST_CHECK bool vm_folder_open_stopped(struct vm_folder *f, const struct vm_host *host, const char *name, const char *what,
                                       struct err *err);
void vm_folder_done(struct vm_folder *f);

char *vm_folder_path(struct vm_folder *f, const char *file);          /* NULL: no memory */
MUST_CHECK bool vm_folder_save(struct vm_folder *f, struct err *err); /* vm.json */
/* The VM's process by its record; false: there is none, or it is over. */
MUST_CHECK bool vm_folder_process(struct vm_folder *f, const char *record, struct process_id *ret);
