/* refdata/seal.h: the signature of a reference data pack, and the keys that an operator trusts to make one.
 *
 * A signed pack ends in one more line, which is not part of what reference_parse reads:
 *
 *     signature    64 hex digits    base64url
 *
 * The digits are the SHA-256 of the signer's SubjectPublicKeyInfo; the signature is over every byte before that line. The algorithm comes
 * from the key, never from the pack: ECDSA with the curve's hash (r || s) for P-256, P-384 and P-521, RSASSA-PSS with SHA-256 for RSA.
 * Nothing may follow the line.
 *
 * Trusted keys are text beside the pack, one a line: "key", base64 of the SubjectPublicKeyInfo, a name; the first line is
 * "trueboot-reference-keys 1". They are pinned: a certificate is taken for its key and its name, and its dates and issuer do not count. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/writer.h"
#include "crypto/privkey.h"

enum { REFDATA_KEY_ID_LEN = 65 /* with the NUL */, REFDATA_KEYS_MAX = 64 };

struct refdata_key {
    struct pubkey *key;
    char id[REFDATA_KEY_ID_LEN];
    const char *name; /* safe to show */
};

struct refdata_keys {
    size_t n;
    struct refdata_key items[REFDATA_KEYS_MAX];
};

void refdata_keys_done(struct refdata_keys *keys);
/* refdata_keys_parse reads the text; refdata_keys_read the file, and none at all where there is no file. */
MUST_CHECK bool refdata_keys_parse(struct arena *a, struct bytes text, struct refdata_keys *ret, struct err *err);
MUST_CHECK bool refdata_keys_read(struct arena *a, const char *path, struct refdata_keys *ret, struct err *err);
MUST_CHECK bool refdata_keys_write(const char *path, const struct refdata_keys *keys, struct err *err);
/* refdata_keys_add takes a public key or a certificate, PEM or DER. `name` may be NULL: the certificate's common name, or the key's id. One
 * that is there already keeps its place and gets the name. *ret is the entry. */
MUST_CHECK bool refdata_keys_add(struct arena *a, struct refdata_keys *keys, struct bytes file, const char *name,
                                 const struct refdata_key **ret, struct err *err);
/* By id, or the beginning of one that is no other's; false: there is none. */
bool refdata_keys_remove(struct refdata_keys *keys, const char *id);

/* Whether the text ends in a signature line. *ret_body: what reference_parse reads. */
bool seal_is_there(struct bytes pack, struct bytes *ret_body);
/* seal_check: who of `keys` signed it, and the text that is signed. ERR_UNTRUSTED: nobody, somebody else, or the text was changed. */
MUST_CHECK bool seal_check(struct bytes pack, const struct refdata_keys *keys, struct bytes *ret_body, const struct refdata_key **ret,
                           struct err *err);
/* seal_write: `body`, ended by a line feed, and the line. */
MUST_CHECK bool seal_write(struct writer *w, struct bytes body, const struct privkey *key, struct err *err);
