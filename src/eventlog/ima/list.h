/* eventlog/ima/list.h: the kernel's list of measured files, binary or ascii, and which beginning of it reproduces the quoted register 10.
 *
 * Sources: attestation-service.md 6.5 step 10, real-vm-boot.md 7 and 10; Linux Documentation/security/IMA-templates. */
#pragma once
#include "base/arena.h"
#include "base/limits.h"
#include "crypto/pcr.h"
#include "findings/finding.h"

enum ima_template {
    IMA_TEMPLATE_OTHER,
    IMA_TEMPLATE_IMA,
    IMA_TEMPLATE_NG,
    IMA_TEMPLATE_NGV2,
    IMA_TEMPLATE_SIG,
    IMA_TEMPLATE_SIGV2,
    IMA_TEMPLATE_BUF,
    IMA_TEMPLATE_MODSIG,
    IMA_TEMPLATE_EVM_SIG
};

struct ima_entry {
    uint32_t number;
    uint32_t pcr; /* 10 unless the kernel was configured otherwise */
    enum ima_template template;
    struct bytes template_name;
    struct bytes template_digest;         /* as the list has it: SHA-1, or another bank's in the kernel's per-bank lists */
    bool violation;                       /* digest all zero: extends all ones */
    bool proved;                          /* template_digest hashes from the entry's own fields; see verified_ima_proved() */
    struct bytes template_data;           /* fields in binary form, which is what is hashed (but for template "ima", which is hashed with
                                     its name filled up to 256 bytes); for ascii lists rebuilt in the arena, empty for unknown templates */
    enum digest_algorithm file_algorithm; /* DIGEST_NONE when unknown: file_algorithm_name has it */
    struct bytes file_algorithm_name;
    struct bytes file_digest;
    struct bytes name;                  /* file name, or what a buffer is ("kernel_version", ".builtin_trusted_keys") */
    struct bytes signature;             /* ima-sig: security.ima signature; ima-modsig: the file's signature */
    struct bytes buffer;                /* ima-buf: the measured data */
    struct bytes modsig, modsig_digest; /* ima-modsig: appended signature and the digest that it covers */
};

struct ima_list {
    bool ascii;
    bool truncated;                    /* the input ends inside an entry; the entries before are there */
    enum digest_algorithm list_digest; /* of template_digest */
    size_t n;
    struct ima_entry *entries;
    struct err err; /* where it was truncated */
};

/* ima_parse reads either form (told apart by the first bytes). Views into `input` (ascii: decoded hex in the arena). The input is
 * untrusted; a list that grew while it was read may end inside an entry: that is `truncated`. ERR_MALFORMED, ERR_LIMIT, ERR_NO_MEMORY. */
MUST_CHECK bool ima_parse(struct arena *a, struct bytes input, struct ima_list *ret, struct err *err);

/* The same entry by entry, for lists that are too long to be held apart: memory does not grow with the list. */
struct ima_cursor {
    struct bytes rest;
    size_t offset;
    bool ascii, truncated; /* truncated: what is left is no whole entry */
    enum digest_algorithm list_digest;
    uint32_t n; /* entries so far */
};

/* ERR_LIMIT for more than LIMIT_IMA_BYTES. */
MUST_CHECK bool ima_begin(struct bytes input, struct ima_cursor *ret, struct err *err);
/* *ret_there is false at the end. The entry's views point into the input; of ascii lists also into `a`, which may be reset between two entries. */
MUST_CHECK bool ima_next(struct ima_cursor *cursor, struct arena *a, struct ima_entry *ret, bool *ret_there, struct err *err);

/* How the kernel fills a bank (real-vm-boot.md 7, pitfall 7). */
enum ima_bank_mode {
    IMA_BANK_NATIVE, /* hash of the template data */
    IMA_BANK_PADDED, /* SHA-1 digest and zeros: the kernel lacked the algorithm */
};

/* A list whose beginning explains register 10; made by ima_verify() only. */
struct verified_ima;

/* ima_verify looks for the shortest-to-longest prefix that reproduces the quoted register 10 in every quoted bank, from `start` (the
 * value that register 10 has after the firmware log; NULL: the reset value). An untouched register with an empty prefix counts. On
 * failure adds ima.replay_mismatch and returns false with ERR_UNTRUSTED. Entries of other registers are skipped. Register 10 not
 * quoted: ERR_NOT_FOUND, no finding. `list` must outlive *ret. */
MUST_CHECK bool ima_verify(struct arena *a, const struct ima_list *list, const struct pcr_set *quoted, const struct pcr_set *start,
                           struct findings *findings, const struct verified_ima **ret, struct err *err);

/* The finding of ima_verify, for who replays a list otherwise. */
void ima_mismatch(struct findings *findings, size_t n);

size_t verified_ima_n(const struct verified_ima *ima); /* entries of the prefix */
const struct ima_entry *verified_ima_entry(const struct verified_ima *ima, size_t i);
/* Whether what the entry says is proved: by a quoted bank that hashes the entry's fields, or by its template digest. Never for violations. */
bool verified_ima_proved(const struct verified_ima *ima, size_t i);
enum ima_bank_mode verified_ima_bank_mode(const struct verified_ima *ima, enum digest_algorithm bank);

/* The first entry of a kernel: after the first one of a list, another kernel took it over through kexec. */
bool ima_entry_begins_boot(const struct ima_entry *entry);

/* boot_aggregate is the digest over registers 0–9 (0–7 for kernels before 5.8) of the bank of its own algorithm. False when it cannot be
 * judged: another entry, or not all of these registers quoted. */
MUST_CHECK bool ima_boot_aggregate_fits(const struct ima_entry *entry, const struct pcr_set *quoted, bool *ret_fits);
/* The digest of the entry's fields, as the kernel extends it natively; false when they are not known (unknown template in ascii). */
MUST_CHECK bool ima_entry_digest(const struct ima_entry *entry, enum digest_algorithm algorithm, struct digest *ret);

const char *ima_template_text(enum ima_template template);
