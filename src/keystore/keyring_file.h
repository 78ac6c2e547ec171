/* keystore/keyring_file.h: a ring's file and its lock. Private to src/keystore and its tests. */
#pragma once
#include "keystore/keyring.h"

/* One key as the file notes it. */
struct ring_row {
    char name[KEYRING_NAME_MAX];
    char kid[JWKS_KID_MAX];
    int64_t created_ms, active_from_ms;
    int64_t revoked_ms;      /* 0: not */
    int64_t signed_until_ms; /* nothing that it signed is believed after this; 0: it has signed nothing that ends */
    int64_t longest_ms;      /* the longest lifetime of a token that it signed */
};

/* Which version of the file was seen last. */
struct ring_version {
    int64_t inode, size, seconds, nanoseconds; /* all 0: there is no file */
};

bool ring_version_equal(const struct ring_version *a, const struct ring_version *b);
struct ring_version ring_version_of(const char *dir, enum key_use use);

/* NOT_FOUND: there is no file. MALFORMED names the place; nothing in it is guessed. */
MUST_CHECK bool ring_file_read(const char *dir, enum key_use use, struct ring_row ret[static KEYRING_MAX], size_t *ret_n, struct err *err);
/* The text alone, for tests of what is refused. */
MUST_CHECK bool ring_text_read(struct bytes text, struct ring_row ret[static KEYRING_MAX], size_t *ret_n, struct err *err);
MUST_CHECK bool ring_file_write(const char *dir, enum key_use use, const struct ring_row *rows, size_t n, struct err *err);

/* Held while a ring is read, changed and written. ring_unlock(-1) is fine. */
MUST_CHECK bool ring_lock(const char *dir, enum key_use use, int *ret_fd, struct err *err);
void ring_unlock(const int *fd);
