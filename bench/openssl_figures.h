/* bench/openssl_figures.h: what the same crypto operations cost through EVP alone: keys and contexts warm, digests ready. */
#pragma once
#include <stddef.h>
#include "base/err.h"

struct openssl_figures;

MUST_CHECK bool openssl_figures_new(struct openssl_figures **ret, struct err *err);
void openssl_figures_free(struct openssl_figures *f);

/* One operation each; false only when libcrypto fails. */
MUST_CHECK bool openssl_verify_rsa2048(struct openssl_figures *f);
MUST_CHECK bool openssl_sign_rs256(struct openssl_figures *f);
MUST_CHECK bool openssl_sign_es256(struct openssl_figures *f);
/* SHA-256 over `len` bytes, at most OPENSSL_HASH_MAX at once. */
enum { OPENSSL_HASH_MAX = 8 * 1024 * 1024 };
MUST_CHECK bool openssl_sha256(struct openssl_figures *f, size_t len);
const char *openssl_version_text(void);
