/* keystore/keystore.h: the server's own keys on disk: made once, kept in files of mode 0600 below one folder (0700).
 *
 *     DIR/NAME.key   PKCS#8, PEM         DIR/NAME.pem   certificate chain, own certificate first
 *
 * Each function loads what is there or makes it; a key without its certificate, or the other way round, is refused rather than
 * replaced: a silently new key would make every token and AK certificate out there worthless. */
#pragma once
#include "jose/jwks.h"
#include "x509/ca.h"

/* `parent` NULL: a root. */
MUST_CHECK bool keystore_ca(const char *dir, const char *name, const struct ca *parent, const char *common_name, int64_t now_ms,
                            struct ca **ret, struct err *err);

/* A signing key of the given family: CA_ISSUED below `ca`, SELF_SIGNED with `common_name` as subject and issuer (ca ignored). A key
 * that is there already is taken whatever its `kind`. */
MUST_CHECK bool keystore_signing_key(const char *dir, const char *name, enum signing_family family, enum privkey_kind kind,
                                     const struct ca *ca, const char *common_name, int64_t now_ms, struct signing_key *ret,
                                     struct err *err);

/* The TLS key and a certificate of `ca` for `names`. The key stays; the certificate is made anew when it expires within a month or
 * its names are not exactly these. Both as PEM in `a`. */
MUST_CHECK bool keystore_tls(const char *dir, const char *name, const struct ca *ca, const char *const *names, size_t n_names,
                             int64_t now_ms, struct arena *a, struct bytes *ret_cert_pem, struct bytes *ret_key_pem, struct err *err);
