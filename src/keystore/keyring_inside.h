/* keystore/keyring_inside.h: what the parts of a ring share. Private to src/keystore. */
#pragma once
#include <limits.h>
#include <pthread.h>
#include "keystore/keyring_file.h"

#define KEYRING_SKEW_MS (KEYRING_SKEW_SECONDS * INT64_C(1000))

struct held_key { /* in memory until the ring is freed: somebody may be signing with it */
    struct held_key *next;
    char name[KEYRING_NAME_MAX];
    struct signing_key key;
};

struct keyring {
    enum key_use use;
    char dir[PATH_MAX]; /* "": on no disk */
    const struct ca *ca;
    const char *issuer;
    pthread_mutex_t lock;
    struct held_key *held;
    struct ring_row rows[KEYRING_MAX]; /* oldest first; all below under `lock` */
    const struct held_key *keys[KEYRING_MAX];
    size_t n;
    struct ring_version version;
    int64_t looked_ms;
};

/* What the times mean: keyring_times.c. Rows are oldest first; `n` says that there is none. */
size_t ring_active(const struct ring_row *rows, size_t n, int64_t now_ms);
size_t ring_waiting(const struct ring_row *rows, size_t n, int64_t now_ms);
enum key_state ring_state(const struct ring_row *rows, size_t n, size_t i, int64_t now_ms);
/* Whether nobody needs to know the key any more. */
bool ring_is_over(enum key_use use, const struct ring_row *rows, size_t n, size_t i, int64_t now_ms);
/* How long a key is published before it signs. */
int64_t ring_overlap(const struct ring_row *rows, size_t n);

/* With the ring's lock held. keyring.c: */
MUST_CHECK bool ring_reload(struct keyring *ring, int64_t now_ms, struct err *err);
/* The rows become the ring's, with the keys that they name. On failure the ring stays as it was. */
MUST_CHECK bool ring_adopt(struct keyring *ring, const struct ring_row *rows, size_t n, int64_t now_ms, struct err *err);
/* The key of this name and kid, from memory if it was seen before: names are used again once a key is over. `kid` NULL: whatever the files
 * hold; without files it is made. */
MUST_CHECK bool ring_hold(struct keyring *ring, const char *name, const char *kid, int64_t now_ms, const struct held_key **ret,
                          struct err *err);
bool ring_has_file(const struct keyring *ring, const char *name);
size_t ring_index(const struct keyring *ring, struct bytes kid);
struct ring_view ring_view(const struct keyring *ring, size_t i, int64_t now_ms);

/* keyring_change.c: between begin and finish the file's lock is held (ring_unlock(ret_fd) at the end), and `c` holds what the file says. */
struct change {
    struct ring_row rows[KEYRING_MAX];
    size_t n;
};
MUST_CHECK bool change_begin(struct keyring *ring, int64_t now_ms, struct change *c, int *ret_fd, struct err *err);
MUST_CHECK bool change_finish(struct keyring *ring, int64_t now_ms, const struct change *c, struct err *err);
/* A new key under the first free name: files that no ring names are left alone. */
MUST_CHECK bool change_add_key(struct keyring *ring, int64_t now_ms, int64_t active_from_ms, struct change *c, struct err *err);
