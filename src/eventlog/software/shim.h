/* eventlog/software/shim.h: what shim measures: MOK lists and switches (EV_IPL in register 14), SBAT level and who authorised the next image
 * (EV_EFI_VARIABLE_AUTHORITY in register 7). */
#pragma once
#include "eventlog/log/log.h"

enum shim_kind {
    SHIM_NOT,
    SHIM_MOK_LIST, /* digest: of the signature lists; not in the log */
    SHIM_MOK_LIST_X,
    SHIM_MOK_LIST_TRUSTED, /* digest: of one byte */
    SHIM_MOK_SB_STATE,     /* digest: of one byte; 1: validation switched off */
    SHIM_MOK_DB_STATE,     /* digest: of one byte; 1: the firmware's db is ignored */
    SHIM_MOK_POLICY,       /* digest: of one byte; 1: images have to keep data out of execution (NX) */
    SHIM_SBAT_LEVEL,
    SHIM_OTHER, /* in register 14, of another name */
};

/* By the name in an EV_IPL of register 14: a label. */
enum shim_kind shim_event_kind(const struct event *event);

/* shim's one-byte switches are not in the log, but there are only two values: whether `digest` is that of 0x00 or 0x01. */
MUST_CHECK bool shim_flag_value(enum digest_algorithm algorithm, struct bytes digest, uint8_t *ret);

/* The SBAT level: "sbat,1,2024010900\nshim,4\ngrub,3\n" (shim's SBAT.md). */
struct sbat_entry {
    struct bytes component; /* printable ASCII */
    uint32_t generation;
};

struct sbat_level {
    struct bytes date; /* the third field of the "sbat" line; empty when there is none */
    size_t n;
    struct sbat_entry *entries; /* the "sbat" line included */
};

MUST_CHECK bool sbat_level_parse(struct arena *a, struct bytes text, struct sbat_level *ret, struct err *err);
/* 0 when the component is not listed. */
uint32_t sbat_level_generation(const struct sbat_level *level, const char *component);
