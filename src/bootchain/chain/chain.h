/* bootchain/chain/chain.h: what the measured events mean.
 *
 * bootchain_read walks a replayed log once and gives facts, components and the findings that hold without any baseline.
 * A fact exists only where a register that the quote explains proves it (a digest that hashes from the event's data, in a
 * quoted bank); labels (image paths, GRUB's file names and prefixes, event types) are carried as words and never make a
 * verdict better. Pure: no I/O, no clock. Rules: TCG PC Client Platform Firmware Profile 1.06; UEFI 2.10 section 32; shim's
 * and systemd's own documentation; architecture.md 8; attack-suite.md 4.2 and 4.5. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "bootchain/chain/component.h"
#include "bootchain/reference/reference.h"
#include "crypto/pcr.h"
#include "findings/finding.h"

struct replayed_log; /* eventlog/replay/replay.h */

enum fact { FACT_UNKNOWN, FACT_NO, FACT_YES };

enum secure_boot { SECURE_BOOT_UNKNOWN, SECURE_BOOT_DISABLED, SECURE_BOOT_ENABLED };

enum key_kind { KEY_CERTIFICATE, KEY_IMAGE_HASH, KEY_CERTIFICATE_HASH, KEY_OTHER };

/* One entry of a key list. Views point into the log. */
struct boot_key {
    enum key_kind kind;
    struct bytes data;       /* DER certificate, or hash */
    const uint8_t *owner;    /* 16 bytes: who put it there (a GUID); NULL unknown */
    const char *name;        /* a certificate's subject in words, safe to show; NULL for hashes; in the arena */
    uint8_t sha256[32];      /* certificates: of the DER; else of `data` */
    struct bytes tbs;        /* certificates: the to-be-signed part, whose hash dbx lists; empty where it cannot be read */
    int generation;          /* Microsoft 2011 or 2023, else 0 */
    int64_t signed_after_ms; /* forbidden certificates: only what was signed later is forbidden; 0: everything */
};

/* A measured list of keys. `measured`: its content is proved. An empty, proved list has n == 0. */
struct boot_keys {
    bool measured;
    int64_t event;
    const struct boot_key *items;
    size_t n;
};

/* Who let an image start: PCR 7 EV_EFI_VARIABLE_AUTHORITY, in order. */
struct boot_authority {
    int64_t event;
    bool proved;
    const char *source;  /* the variable: "db", "Shim" (vendor certificate), "MokListRT", "MokList", …; safe to show */
    struct boot_key key; /* .data empty where the event names no certificate or hash */
};

enum image_role { IMAGE_FIRMWARE_APP, IMAGE_LOADER, IMAGE_KERNEL, IMAGE_UKI, IMAGE_DRIVER };

struct boot_image {
    int64_t event;
    int pcr; /* 4, or 2 for drivers and option ROMs */
    enum image_role role;
    const char *path; /* device path in words: a label; "" when there is none */
    const char *name; /* plain name, "shim (\EFI\BOOT\BOOTX64.EFI)" */
    size_t n_digests;
    const struct digest *digests;           /* Authenticode, by bank, strongest first */
    const struct boot_authority *authority; /* NULL unknown */
};

enum initrd_state {
    INITRD_UNKNOWN, /* nothing says */
    INITRD_NONE,    /* proved: this boot uses none */
    INITRD_MEASURED,
    INITRD_UNMEASURED, /* one was used, or may have been, and nothing measured it */
};

enum boot_flow {
    BOOT_FLOW_UNKNOWN,
    BOOT_FLOW_GRUB,
    BOOT_FLOW_LIMINE,
    BOOT_FLOW_SYSTEMD_BOOT,
    BOOT_FLOW_UKI,
    BOOT_FLOW_EFI_STUB,
    BOOT_FLOW_DIRECT,
    BOOT_FLOW_WINDOWS,
    BOOT_FLOW_UBOOT
};

/* Facts of Windows' boot manager and loader (SIPA): YES only where every statement agrees and there is at least one. */
struct windows_facts {
    bool present;
    enum fact boot_debugging, kernel_debugging, test_signing, flight_signing, safe_mode, winpe, code_integrity, vbs_required, hvci,
        iommu_required, bitlocker_unlocked, hypervisor_debug;
};

struct bootchain {
    /* Secure Boot policy */
    enum secure_boot secure_boot;
    enum fact setup_mode, audit_mode, deployed_mode;
    enum fact shim_validation; /* NO: MokSBState switched it off; UNKNOWN: not measured (shim measures only the switched-off state) */
    struct boot_keys pk, kek, db, dbx, dbr, mok_list, mok_listx;
    const struct boot_authority *authorities;
    size_t n_authorities;
    const char *sbat_level;     /* the measured list, "sbat,1,2025021800…", or NULL */
    uint32_t sbat_date;         /* 2025021800; 0 unknown */
    enum fact ms_2011, ms_2023; /* the generation's db or KEK certificates are enrolled */
    int authority_generation;   /* of the Microsoft certificate that let the first loader start: 2011, 2023; 0: another or unknown */

    /* firmware */
    const char *crtm_version; /* proved text, or NULL */
    enum fact debugger, dma_protection_off;
    bool boot_services_exited; /* ExitBootServices seen and proved */

    /* loader and OS */
    enum boot_flow flow;
    const struct boot_image *images;
    size_t n_images;          /* PCR 4 and PCR 2 */
    const char *kernel;       /* what a person would call it, "vmlinuz-6.1.0-56-cloud-amd64" or "Windows"; a label; or NULL */
    const char *os_release;   /* proved PRETTY_NAME of a UKI's .osrel, or NULL */
    const char *command_line; /* proved, or NULL; the last one when several were measured */
    int64_t command_line_event;
    int command_line_pcr;
    enum initrd_state initrd;
    struct windows_facts windows;

    struct component_list components;
};

/* bootchain_read fills *ret from `log` (borrowed; must outlive *ret) with memory of `a`; `reference` may be NULL. Findings go
 * to `findings`. False only for ERR_NO_MEMORY and ERR_LIMIT. */
MUST_CHECK bool bootchain_read(struct arena *a, const struct replayed_log *log, const struct boot_reference *reference,
                               struct findings *findings, struct bootchain *ret, struct err *err);

/* registers_judge looks at quoted values alone, for evidence without a log: firmware registers that are empty although an operating
 * system runs (pcr.reset), dynamic-launch registers out of their reset state (pcr.drtm_unexpected), 16 and 23 used (info). What
 * replay_verify has said already is not said again. */
void registers_judge(const struct pcr_set *quoted, struct findings *findings);

const char *secure_boot_name(enum secure_boot state); /* "Enabled", "Disabled", "Unknown" */
const char *fact_name(enum fact fact);                /* "unknown", "no", "yes" */
