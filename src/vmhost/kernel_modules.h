/* vmhost/kernel_modules.h: the kernel's modules that the guest needs, in whatever form the kernel's package has them: a file below PARTS' kernel folder, plain or
 * compressed (.xz, .zst, .gz), elsewhere than in another version, or built in. What a module depends on is read out of the module itself
 * ("depends=" of its .modinfo), as no depmod has run here; modules.builtin and modules.order lie beside the folder (Documentation/kbuild/kbuild.rst). */
#pragma once
#include "vmhost/host.h"

enum { KERNEL_MODULE_MAX = 64 * 1024 * 1024, KERNEL_MODULES_MAX = 80 /* their numbers have two digits */ };

struct kernel_module {
    const char *name;     /* "virtio_net" */
    bool late;            /* loaded when the agent runs already */
    struct bytes content; /* not compressed */
};

struct kernel_modules {
    struct kernel_module item[KERNEL_MODULES_MAX]; /* in the order of loading: what a module depends on comes before it */
    size_t n;
    const char *built_in[KERNEL_MODULES_MAX];
    size_t n_built_in;
};

/* `list` is guest/modules: a path below the folder per line, with "late" in front of those that can wait; # begins a comment. Everything lives in the arena.
 * NOT_FOUND: a module that is neither there nor built in, by its name. */
MUST_CHECK bool kernel_modules_gather(const struct host_parts *parts, struct bytes list, struct arena *a, struct kernel_modules *ret,
                                      struct err *err);

/* "a,b" of a module; empty: nothing. A view. */
struct bytes kernel_module_depends(struct bytes content);
