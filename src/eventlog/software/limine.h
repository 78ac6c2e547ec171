/* eventlog/software/limine.h: what the boot loader Limine measures when Secure Boot is on: EV_IPL in register 8 (the texts of its configuration that
 * decide: command line, paths) and register 9 (its configuration and the files it loads).
 *
 * The data is a name, ": ", the text and a NUL. In register 8 the digest is that of the text; in register 9 that of a file: the data is a
 * label. The name is covered by nothing. */
#pragma once
#include "eventlog/log/log.h"

enum limine_kind {
    LIMINE_NOT,     /* not in these registers, or not its form */
    LIMINE_CMDLINE, /* "cmdline: " */
    LIMINE_KERNEL,  /* "path: " */
    LIMINE_MODULE,  /* "module_path: ": an initramfs */
    LIMINE_OTHER,   /* "dtb_path: " */
    LIMINE_CONFIG,  /* "limine_cfg" */
};

struct limine_event {
    enum limine_kind kind;
    size_t name_len;   /* of the name with ": " */
    struct bytes text; /* behind it, without NUL */
};

struct limine_event limine_event_of(const struct event *event);
