/* bootchain/chain/secure_boot_data.h: a publisher's signed change of a key list, such as DBXUpdate.bin: EFI_VARIABLE_AUTHENTICATION_2 and
 * signature lists (UEFI 2.10, 8.2.2 and 32.4.1).
 *
 *     16 bytes  EFI_TIME             u32  length of the certificate part   u16 0x0200   u16 0x0EF1
 *     16 bytes  EFI_CERT_TYPE_PKCS7  PKCS #7                               signature lists to the end
 *
 * What is signed is the variable's name, its GUID, attributes, the time and the lists. */
#pragma once
#include "bootchain/chain/chain.h"
#include "x509/cert.h"

struct secure_boot_data {
    struct bytes time; /* EFI_TIME as signed; publishers often leave it at a fixed date */
    int64_t time_ms;
    struct bytes signature; /* PKCS #7 */
    struct bytes lists;     /* what the variable gains */
    struct boot_keys entries;
};

/* Views into `file`, which must outlive *ret. ERR_TRUNCATED, ERR_MALFORMED, ERR_UNSUPPORTED. */
MUST_CHECK bool secure_boot_data_parse(struct arena *a, struct bytes file, struct secure_boot_data *ret, struct err *err);

/* secure_boot_data_verify: the lists are signed as a change of the variable ("dbx", "db", "KEK"), appended or replaced, by a key that
 * `anchors` (KEK or PK certificates) vouch for. With no anchors at all, by one of the well-known Microsoft KEK certificates, which then
 * has to have come along. *ret_signer (in the arena) names who it was. */
MUST_CHECK bool secure_boot_data_verify(struct arena *a, const struct secure_boot_data *data, const char *variable,
                                        const struct cert *const *anchors, size_t n_anchors, const char **ret_signer, struct err *err);
