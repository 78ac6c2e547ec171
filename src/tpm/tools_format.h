/* tpm/tools_format.h: reading and writing the files of tpm2-tools 4 and 5, for people who bring their own.
 *
 * quote.msg is a bare TPMS_ATTEST: nothing to do. Files of other shapes are told apart by their content. */
#pragma once
#include "base/arena.h"
#include "crypto/pcr.h"
#include "tpm/public.h"
#include "tpm/quote.h"

/* tools_binary: files that people copied as text: nothing but hexadecimal digits and white space (0x in front or not), or what tpm2_quote
 * printed, of which `member` ("quoted", "sig"; NULL: none) is taken. Other files are themselves, a view. ERR_NO_MEMORY only. */
MUST_CHECK bool tools_binary(struct arena *a, struct bytes file, const char *member, struct bytes *ret, struct err *err);
/* tools_public: TPM2B_PUBLIC (tpm2_createak -u, tpm2_readpublic -o) or TPMT_PUBLIC (tpm2_createak -f tpmt…). */
MUST_CHECK bool tools_public(struct bytes file, struct tpm_public *ret, struct err *err);
/* tools_key: the same, or PEM, or DER SubjectPublicKeyInfo. Release with pubkey_free(). */
MUST_CHECK bool tools_key(struct bytes file, struct pubkey **ret, struct err *err);
/* tools_key_public: what else such a file says of the key. False: nothing; the key comes in PEM or DER. */
bool tools_key_public(struct bytes file, struct tpm_public *ret);
/* tools_signature_form: a TPMT_SIGNATURE, or what fits the key as a bare RSASSA signature (-f plain). */
enum signature_form tools_signature_form(struct bytes file, const struct pubkey *key);
/* tools_attest: the TPMS_ATTEST of a quote file, with or without the size of a TPM2B_ATTEST in front. A view. */
struct bytes tools_attest(struct bytes file);
/* tools_signature: the same signature in the form that *ret_form names. An ECDSA signature may be a DER sequence (tpm2_quote -f plain) or
 * r and s of the curve's width; then, as for a bare RSA one, the hash is the one that made the quote's digest. A bare RSA signature is padded as
 * the key's public area says; where that is not known (NULL), it is RSAPSS if it holds so, else RSASSA. */
MUST_CHECK bool tools_signature(struct arena *a, struct bytes file, const struct pubkey *key, const struct tpm_public *key_public,
                                struct bytes attest, struct bytes *ret, enum signature_form *ret_form, struct err *err);
/* tools_pcrs: what `tpm2_quote -o` and `tpm2_pcrread -o` write with the format "serialized": host structures of a
 * little-endian machine: TPML_PCR_SELECTION, a count, TPML_DIGESTs. */
MUST_CHECK bool tools_pcrs(struct bytes file, struct pcr_set *ret, struct err *err);
/* tools_credential: the file that tpm2_activatecredential -i takes. */
MUST_CHECK bool tools_credential(struct arena *a, struct bytes id_object, struct bytes encrypted_secret, struct bytes *ret,
                                 struct err *err);
