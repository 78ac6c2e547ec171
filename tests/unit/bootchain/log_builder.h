/* tests/unit/bootchain/log_builder.h: crypto-agile logs made by hand: a test says only what differs from a stock boot. */
#pragma once
#include "base/writer.h"
#include "boot_sample.h"

enum { BUILT_EVENTS_MAX = 256 };

struct built_event {
    uint32_t pcr, type;
    struct bytes data;   /* what the log shows */
    struct bytes hashed; /* what was measured */
    bool gone;
    enum digest_algorithm only; /* the event has this bank's digest alone (tests/attack); DIGEST_NONE: every bank's */
};

struct built_log {
    struct arena *a;
    size_t n_banks; /* none: sha256 */
    enum digest_algorithm banks[LIMIT_LOG_BANKS];
    size_t n_more_db; /* names of certificates that db has besides its own */
    const char *more_db[8];
    size_t n_unlogged; /* what was extended beside the log */
    struct unlogged unlogged[4];
    size_t n;
    struct built_event events[BUILT_EVENTS_MAX];
};

/* Each returns the event's place, so that a test can change it. */
size_t built_add(struct built_log *log, uint32_t pcr, uint32_t type, struct bytes data, struct bytes hashed);
size_t built_text(struct built_log *log, uint32_t pcr, uint32_t type, const char *text);
size_t built_separator(struct built_log *log, uint32_t pcr);
size_t built_variable(struct built_log *log, uint32_t pcr, uint32_t type, const char *guid, const char *name, struct bytes content);
size_t built_image(struct built_log *log, const char *file, const char *content);
size_t built_grub(struct built_log *log, const char *prefix, const char *text);
size_t built_file(struct built_log *log, const char *path, const char *content);
size_t built_tag(struct built_log *log, uint32_t pcr, uint32_t id, const char *label, struct bytes hashed);
/* One EFI_SIGNATURE_LIST of SHA-256 image digests, and one of a certificate. */
struct bytes built_hash_list(struct arena *a, const uint8_t (*hashes)[32], size_t n);
struct bytes built_cert_list(struct arena *a, struct bytes der);
/* EFI_SIGNATURE_DATA of a certificate, as an authority event holds it. */
struct bytes built_signature(struct arena *a, struct bytes der);
/* A minimal certificate: only the parts that a key list is read for. */
struct bytes built_certificate(struct arena *a, const char *common_name, uint8_t serial);
struct bytes built_utf16(struct arena *a, const char *text, bool with_nul);

/* The whole log in bytes. */
struct bytes built_bytes(const struct built_log *log);
bool built_read(struct built_log *log, const struct boot_reference *reference, struct boot_sample *ret);

/* A stock boot: Secure Boot on, shim, GRUB, kernel, initrd; certificates "Vendor CA" and "Distribution CA". */
struct stock {
    size_t secure_boot, pk, kek, db, dbx, separator7, authority_db, authority_shim, sbat, mok_list, shim, grub, kernel, config_command,
        config_file, linux_command, kernel_file, cmdline, initrd_command, initrd_file;
};
/* Its parts: the firmware up to the separators, shim with its authority and what it measures, the hand-over. */
void built_firmware(struct arena *a, struct built_log *log, struct stock *ret);
void built_shim(struct arena *a, struct built_log *log, struct stock *ret);
void built_exit(struct built_log *log);
void built_stock(struct arena *a, struct built_log *log, struct stock *ret);
