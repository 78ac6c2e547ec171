/* tests/support/eventlog_builder.h: boot logs made in a few lines, saying only what differs.
 *
 *     struct log_builder b CLEANUP(log_builder_done) = { 0 };
 *     log_builder_begin(&b, (enum digest_algorithm[]){ DIGEST_SHA256 }, 1);
 *     log_add(&b, 7, EV_SEPARATOR, BYTES_LIT("\0\0\0\0"));
 *
 * Every event added extends b.pcrs as a TPM would (EV_NO_ACTION extends nothing), so that b.pcrs is what a quote would say. */
#pragma once
#include "base/writer.h"
#include "crypto/pcr.h"
#include "eventlog/log/log.h"

struct log_builder {
    struct writer w;
    enum digest_algorithm banks[LIMIT_LOG_BANKS];
    size_t n_banks;
    bool sha1_format;
    struct pcr_set pcrs; /* all 24 registers of each bank */
};

/* Starts a crypto-agile log with its Spec ID event; registers are reset. */
void log_builder_begin(struct log_builder *b, const enum digest_algorithm *banks, size_t n_banks);
/* A TCG 1.2 log: no header, SHA-1. */
void log_builder_begin_sha1(struct log_builder *b);
void log_builder_done(struct log_builder *b);
struct bytes log_builder_bytes(const struct log_builder *b);

/* An event whose digests are those of its data; of other bytes; and with a type that may be unknown. */
void log_add(struct log_builder *b, uint32_t pcr, uint32_t type, struct bytes data);
void log_add_hashing(struct log_builder *b, uint32_t pcr, uint32_t type, struct bytes hashed, struct bytes data);
/* An event that the log shows with the digest of `shown` while the TPM was extended by that of `extended`. */
void log_add_forged(struct log_builder *b, uint32_t pcr, uint32_t type, struct bytes extended, struct bytes shown);
/* UEFI_VARIABLE_DATA; `guid` in EFI_GUID byte order. log_variable writes it, log_add_variable measures it. */
void log_variable(struct writer *w, const char *guid, const char *name, struct bytes data);
void log_add_variable(struct log_builder *b, uint32_t pcr, uint32_t type, const char *guid, const char *name, struct bytes data);
void log_add_separators(struct log_builder *b); /* registers 0–7 */
void log_add_exit_boot_services(struct log_builder *b);
void log_add_image(struct log_builder *b, const char *image);

/* A whole sound boot: firmware, Secure Boot on with empty key variables, one image, ExitBootServices, a kernel command line from GRUB. */
void log_builder_sound_boot(struct log_builder *b, const enum digest_algorithm *banks, size_t n_banks);

#define GUID_EFI_GLOBAL     "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define GUID_IMAGE_SECURITY "\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f"
#define GUID_SHIM_LOCK      "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23"
