/* eventlog/log/spec_id.h: the first event of a log: which edition, which digest algorithms (PFP 1.06, 10.4.5.1; BIOS 1.21, 11.3.4). */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/limits.h"

struct spec_id {
    const char *signature;   /* "Spec ID Event03", "…02" (EFI 1.2), "…00" (BIOS) */
    uint32_t platform_class; /* 0 client, 1 server */
    uint8_t major, minor, errata;
    uint8_t uintn_size;  /* 1: 32 bits, 2: 64 bits; 0 for the BIOS edition */
    size_t n_algorithms; /* 0 but for Event03 */
    struct {
        uint16_t tpm_id, len;
    } algorithms[LIMIT_LOG_BANKS];
    struct bytes vendor_info;
    struct bytes excess; /* bytes after the structure */
};

bool is_spec_id(struct bytes data);
MUST_CHECK bool spec_id_parse(struct bytes data, struct spec_id *ret, struct err *err);
