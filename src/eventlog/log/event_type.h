/* eventlog/log/event_type.h: every event type we know: its name, what its data is, what its digest covers, where it may stand.
 *
 * One list, several artefacts: numbers, names, decoders, proof rules (eventlog/replay/proof.h) and the register rules of
 * eventlog/replay/replay.h. An event's type is never covered by its digest: it is a label until the data hashes to the digest by the
 * rule of that type. Specifications: TCG PC Client Platform Firmware Profile (PFP) 1.06 table 27 and section 10.4;
 * TCG PC Client Implementation for BIOS 1.21 (the legacy types). */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* What the data of an event is; eventlog/describe/ and bootchain/ choose a decoder by it. */
enum event_content {
    CONTENT_OPAQUE,
    CONTENT_NO_ACTION,     /* no_action.h */
    CONTENT_SEPARATOR,     /* four bytes; rules in eventlog/replay/rules.h */
    CONTENT_TEXT,          /* ASCII or UTF-8, sometimes UTF-16 */
    CONTENT_TAGGED,        /* sipa.h or systemd_boot.h */
    CONTENT_IPL,           /* eventlog/software/ */
    CONTENT_VERSION,       /* UTF-16 text or a GUID */
    CONTENT_VARIABLE,      /* eventlog/uefi/variable.h */
    CONTENT_BOOT_VARIABLE, /* eventlog/uefi/variable.h, then boot_option.h */
    CONTENT_AUTHORITY,     /* … then signature_list.h, or eventlog/software/shim.h */
    CONTENT_IMAGE,         /* image_load.h */
    CONTENT_GPT,           /* gpt.h */
    CONTENT_BLOB,          /* firmware_blob.h */
    CONTENT_BLOB2,
    CONTENT_TABLES,
    CONTENT_TABLES2,
};

/* What the digest is defined to cover. */
enum event_covers {
    COVERS_NOTHING, /* EV_NO_ACTION: never extended */
    COVERS_DATA,    /* the event data (eventlog/replay/proof.h knows the variants); data that does not hash is a fault */
    COVERS_MAYBE,   /* the event data, or something else that the data names */
    COVERS_OBJECT,  /* something outside of the log: an image, a table, a configuration */
};

/* Registers as a set: bit i is register i. A type may stand in the registers where the specification puts it, and in any other that
 * only firmware's own code and settings go to (ROM): nothing rests on its type there. Registers 4, 5 and 7 and those of the
 * operating system are strict: an event retyped or misplaced there could hide a genuine one (attack L1, L2). Hence in register 4 no
 * type whose digest need not be that of its data but the images'. */
#define PCRS_ANY         0xffffffffu
#define PCRS_0_7         0x000000ffu
#define PCRS_ROM         0x0000004fu /* 0–3 and 6 */
#define PCRS_OS          0xffffff00u
#define PCR_BIT(n)       (1u << (n))
#define PCRS_APPLICATION (PCR_BIT(16) | PCR_BIT(23))

/* clang-format off */
/*    number      name                              content         covers   where it may stand                            where after the separator                          section */
#define EVENT_TYPES(X)                                                                                                                                                                         \
    X(0x00000000, EV_PREBOOT_CERT,                  OPAQUE,         OBJECT,  PCRS_ROM,                                     0,                                                 "PFP 10.4.1")   \
    X(0x00000001, EV_POST_CODE,                     TEXT,           MAYBE,   PCRS_ROM,                                     PCR_BIT(1) | PCR_BIT(6),                           "PFP 10.4.1")   \
    X(0x00000002, EV_UNUSED,                        OPAQUE,         OBJECT,  0,                                            0,                                                 "PFP 10.4.1")   \
    X(0x00000003, EV_NO_ACTION,                     NO_ACTION,      NOTHING, PCRS_ANY,                                     PCRS_ANY,                                          "PFP 10.4.5")   \
    X(0x00000004, EV_SEPARATOR,                     SEPARATOR,      DATA,    PCRS_ANY,                                     0,                                                 "PFP 10.4.1")   \
    X(0x00000005, EV_ACTION,                        TEXT,           DATA,    PCRS_ANY,                                     PCR_BIT(1) | PCR_BIT(4) | PCR_BIT(5) | PCR_BIT(6), "PFP 10.4.3")   \
    X(0x00000006, EV_EVENT_TAG,                     TAGGED,         MAYBE,   PCRS_ROM | PCR_BIT(5) | PCRS_OS,              PCR_BIT(1) | PCR_BIT(5) | PCR_BIT(6),              "PFP 10.4.2.1") \
    X(0x00000007, EV_S_CRTM_CONTENTS,               TEXT,           MAYBE,   PCRS_ROM,                                     0,                                                 "PFP 10.4.1")   \
    X(0x00000008, EV_S_CRTM_VERSION,                VERSION,        DATA,    PCRS_ROM,                                     0,                                                 "PFP 10.4.1")   \
    X(0x00000009, EV_CPU_MICROCODE,                 OPAQUE,         MAYBE,   PCRS_ROM,                                     PCR_BIT(1),                                        "PFP 10.4.1")   \
    X(0x0000000a, EV_PLATFORM_CONFIG_FLAGS,         TEXT,           MAYBE,   PCRS_ROM | PCR_BIT(5),                        PCR_BIT(1) | PCR_BIT(3) | PCR_BIT(5) | PCR_BIT(6), "PFP 10.4.1")   \
    X(0x0000000b, EV_TABLE_OF_DEVICES,              OPAQUE,         MAYBE,   PCRS_ROM,                                     PCR_BIT(1),                                        "PFP 10.4.1")   \
    X(0x0000000c, EV_COMPACT_HASH,                  OPAQUE,         MAYBE,   PCRS_ROM | PCR_BIT(5) | PCRS_OS,              PCR_BIT(1) | PCR_BIT(5) | PCR_BIT(6),              "PFP 10.4.1")   \
    X(0x0000000d, EV_IPL,                           IPL,            MAYBE,   PCR_BIT(5) | PCRS_OS,                         PCR_BIT(5),                                        "PFP 10.4.1")   \
    X(0x0000000e, EV_IPL_PARTITION_DATA,            OPAQUE,         MAYBE,   PCR_BIT(5),                                   PCR_BIT(5),                                        "PFP 10.4.1")   \
    X(0x0000000f, EV_NONHOST_CODE,                  OPAQUE,         OBJECT,  PCRS_ROM,                                     PCR_BIT(2),                                        "PFP 10.4.1")   \
    X(0x00000010, EV_NONHOST_CONFIG,                OPAQUE,         MAYBE,   PCRS_ROM,                                     PCR_BIT(1) | PCR_BIT(3),                           "PFP 10.4.1")   \
    X(0x00000011, EV_NONHOST_INFO,                  OPAQUE,         MAYBE,   PCRS_ROM,                                     PCR_BIT(1) | PCR_BIT(3),                           "PFP 10.4.1")   \
    X(0x00000012, EV_OMIT_BOOT_DEVICE_EVENTS,       TEXT,           DATA,    PCR_BIT(4),                                   PCR_BIT(4),                                        "PFP 10.4.1")   \
    X(0x00000013, EV_POST_CODE2,                    BLOB2,          OBJECT,  PCRS_ROM,                                     PCR_BIT(1) | PCR_BIT(6),                           "PFP 10.4.1")   \
    X(0x80000001, EV_EFI_VARIABLE_DRIVER_CONFIG,    VARIABLE,       DATA,    PCRS_ROM | PCR_BIT(5) | PCR_BIT(7),           PCR_BIT(1) | PCR_BIT(3) | PCR_BIT(5) | PCR_BIT(6), "PFP 10.4.1")   \
    X(0x80000002, EV_EFI_VARIABLE_BOOT,             BOOT_VARIABLE,  DATA,    PCR_BIT(1) | PCR_BIT(5),                      PCR_BIT(1) | PCR_BIT(5),                           "PFP 10.4.1")   \
    X(0x80000003, EV_EFI_BOOT_SERVICES_APPLICATION, IMAGE,          OBJECT,  PCR_BIT(2) | PCR_BIT(4),                      PCR_BIT(2) | PCR_BIT(4),                           "PFP 10.4.1")   \
    X(0x80000004, EV_EFI_BOOT_SERVICES_DRIVER,      IMAGE,          OBJECT,  PCR_BIT(0) | PCR_BIT(2),                      PCR_BIT(2),                                        "PFP 10.4.1")   \
    X(0x80000005, EV_EFI_RUNTIME_SERVICES_DRIVER,   IMAGE,          OBJECT,  PCR_BIT(0) | PCR_BIT(2),                      PCR_BIT(2),                                        "PFP 10.4.1")   \
    X(0x80000006, EV_EFI_GPT_EVENT,                 GPT,            DATA,    PCR_BIT(5),                                   PCR_BIT(5),                                        "PFP 10.4.1")   \
    X(0x80000007, EV_EFI_ACTION,                    TEXT,           DATA,    PCRS_0_7,                                     PCR_BIT(1) | PCR_BIT(4) | PCR_BIT(5) | PCR_BIT(6), "PFP 10.4.4")   \
    X(0x80000008, EV_EFI_PLATFORM_FIRMWARE_BLOB,    BLOB,           OBJECT,  PCRS_ROM,                                     PCR_BIT(2),                                        "PFP 10.4.1")   \
    X(0x80000009, EV_EFI_HANDOFF_TABLES,            TABLES,         OBJECT,  PCRS_ROM,                                     PCR_BIT(1),                                        "PFP 10.4.1")   \
    X(0x8000000a, EV_EFI_PLATFORM_FIRMWARE_BLOB2,   BLOB2,          OBJECT,  PCRS_ROM,                                     PCR_BIT(2),                                        "PFP 10.4.1")   \
    X(0x8000000b, EV_EFI_HANDOFF_TABLES2,           TABLES2,        OBJECT,  PCRS_ROM,                                     PCR_BIT(1),                                        "PFP 10.4.1")   \
    X(0x8000000c, EV_EFI_VARIABLE_BOOT2,            BOOT_VARIABLE,  DATA,    PCR_BIT(1) | PCR_BIT(5),                      PCR_BIT(1) | PCR_BIT(5),                           "PFP 10.4.1")   \
    X(0x8000000d, EV_EFI_GPT_EVENT2,                GPT,            DATA,    PCR_BIT(5),                                   PCR_BIT(5),                                        "PFP 10.4.1")   \
    X(0x80000010, EV_EFI_HCRTM_EVENT,               TEXT,           OBJECT,  PCR_BIT(0),                                   0,                                                 "PFP 10.4.1")   \
    X(0x800000e0, EV_EFI_VARIABLE_AUTHORITY,        AUTHORITY,      DATA,    PCR_BIT(7),                                   PCR_BIT(7),                                        "PFP 10.4.1")   \
    X(0x800000e1, EV_EFI_SPDM_FIRMWARE_BLOB,        OPAQUE,         MAYBE,   PCR_BIT(2),                                   PCR_BIT(2),                                        "PFP 10.4.1")   \
    X(0x800000e2, EV_EFI_SPDM_FIRMWARE_CONFIG,      OPAQUE,         MAYBE,   PCR_BIT(3),                                   PCR_BIT(3),                                        "PFP 10.4.1")   \
    X(0x800000e3, EV_EFI_SPDM_DEVICE_POLICY,        VARIABLE,       DATA,    PCR_BIT(7),                                   0,                                                 "PFP 10.4.1")   \
    X(0x800000e4, EV_EFI_SPDM_DEVICE_AUTHORITY,     AUTHORITY,      DATA,    PCR_BIT(7),                                   PCR_BIT(7),                                        "PFP 10.4.1")
/* clang-format on */

enum event_type_number {
#define X(number, name, content, covers, pcrs, after, section) name = (int)(number),
    EVENT_TYPES(X)
#undef X
};

struct event_type {
    uint32_t number;
    const char *name;
    enum event_content content;
    enum event_covers covers;
    uint32_t pcrs;       /* registers where it may stand in a PC's log */
    uint32_t after;      /* of 0–7, those where it may stand after the register's separator */
    const char *section; /* of the specification */
};

/* NULL when the number is not in the list. */
const struct event_type *event_type_find(uint32_t number);
/* "EV_SEPARATOR"; "unknown event type" for a number that is not in the list. */
const char *event_type_name(uint32_t number);
/* Constants for use with uint32_t: EVENT_TYPE(EV_SEPARATOR). */
#define EVENT_TYPE(name) ((uint32_t)(name))
