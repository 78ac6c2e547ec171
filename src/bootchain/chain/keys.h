/* bootchain/chain/keys.h: key lists (PK, KEK, db, dbx, MOK lists) read out of proved variables, and asked. */
#pragma once
#include "bootchain/chain/chain.h"

struct signature; /* eventlog/uefi/signature_list.h */

/* boot_keys_read turns the content of a variable into a list; views into `content`. A content that breaks the format is
 * ERR_MALFORMED. ret->measured is set; ret->event is the caller's. */
MUST_CHECK bool boot_keys_read(struct arena *a, struct bytes content, const struct boot_reference *reference, struct boot_keys *ret,
                               struct err *err);
/* One entry; false only for ERR_NO_MEMORY. */
MUST_CHECK bool boot_key_read(struct arena *a, const struct signature *signature, const struct boot_reference *reference,
                              struct boot_key *ret, struct err *err);
/* A bare DER certificate, as shim hands over its vendor certificate. */
MUST_CHECK bool boot_key_from_der(struct arena *a, struct bytes der, const struct boot_reference *reference, struct boot_key *ret,
                                  struct err *err);

/* EFI_TIME (16 bytes) as milliseconds since 1970; an impossible or zero date counts as unknown (0). */
int64_t efi_time_ms(struct bytes efi_time);

/* SHA-256 of a certificate's to-be-signed part; zeros when it cannot be read. */
void boot_key_tbs_sha256(const struct boot_key *key, uint8_t ret[static 32]);

/* What makes an entry the same entry: 32 bytes for component.members. */
void boot_key_member(const struct boot_key *key, uint8_t ret[static 32]);
/* All members, ascending, without duplicates. */
MUST_CHECK bool boot_keys_members(struct arena *a, const struct boot_keys *keys, struct bytes *ret, struct err *err);
/* How many of `some` are not in `all`; both as component.members. */
size_t members_missing(struct bytes some, struct bytes all);
bool members_have(struct bytes members, const uint8_t member[static 32]);

/* The entry that forbids an image with these digests, or a certificate; NULL when none does. */
const struct boot_key *boot_keys_find_image(const struct boot_keys *list, const struct digest *digests, size_t n);
const struct boot_key *boot_keys_find_certificate(const struct boot_keys *list, const struct boot_key *certificate);

/* The images and certificates that a list of keys (a dbx) forbids, as reference data. `architectures`: bits, 0 unknown. */
MUST_CHECK bool boot_keys_reference(struct arena *a, const struct boot_keys *keys, enum revocation_list list, uint8_t architectures,
                                    struct boot_reference *ret, struct err *err);
