/* eventlog/uefi/boot_option.h: the content of Boot####, SysPrep####, Driver#### and BootOrder (UEFI 2.10, 3.1.3). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

struct boot_option {
    uint32_t attributes;
    struct bytes description;   /* UTF-16LE without NUL */
    struct bytes device_path;   /* device_path.h */
    struct bytes optional_data; /* for a Linux EFI stub: the command line in UTF-16 */
};

enum { BOOT_OPTION_ACTIVE = 1 };

MUST_CHECK bool boot_option_parse(struct bytes data, struct boot_option *ret, struct err *err);
/* The description, safe to show. NULL: no memory. */
MUST_CHECK char *boot_option_description(struct arena *a, const struct boot_option *option);

/* BootOrder: `data` is a list of u16le. The number of entries, and the i-th one. An odd length is refused. */
MUST_CHECK bool boot_order_parse(struct bytes data, size_t *ret_n, struct err *err);
uint16_t boot_order_at(struct bytes data, size_t i);

/* Whether a variable name (UTF-16LE) is prefix + four hexadecimal digits, e.g. "Boot0001". */
bool boot_option_name(struct bytes name, const char *prefix, uint16_t *ret_number);
