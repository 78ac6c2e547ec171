#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "keystore/keyring_inside.h"

#define RENEWAL_MS (60 * CA_DAY_MS)

/* ---- changing what is on disk ---- */

/* Between begin and finish the file's lock is held, and `c` holds what the file says now. */
bool change_begin(struct keyring *ring, int64_t now_ms, struct change *c, int *ret_fd, struct err *err)
{
    if (!ring->dir[0])
        return err_set(err, ERR_UNSUPPORTED, "these keys are on no disk");
    if (!ring_lock(ring->dir, ring->use, ret_fd, err) || !ring_reload(ring, now_ms, err))
        return false;
    memcpy(c->rows, ring->rows, sizeof c->rows);
    c->n = ring->n;
    return true;
}

bool change_finish(struct keyring *ring, int64_t now_ms, const struct change *c, struct err *err)
{
    if (!ring_file_write(ring->dir, ring->use, c->rows, c->n, err) || !ring_adopt(ring, c->rows, c->n, now_ms, err))
        return false;
    ring->version = ring_version_of(ring->dir, ring->use);
    return true;
}

/* A key under the first free name: files that no ring names are left alone. */
bool change_add_key(struct keyring *ring, int64_t now_ms, int64_t active_from_ms, struct change *c, struct err *err)
{
    const struct held_key *key;
    struct ring_row row = { .created_ms = now_ms, .active_from_ms = active_from_ms };
    unsigned number = 1;

    if (c->n == KEYRING_MAX)
        return err_set(err, ERR_LIMIT, "there are %d keys of this kind already, and something still depends on each", KEYRING_MAX);
    do
        snprintf(row.name, sizeof row.name, number > 1 ? "%s-%u" : "%s", key_use_name(ring->use), number);
    while (ring_has_file(ring, row.name) && ++number < UINT_MAX);
    if (!ring_hold(ring, row.name, NULL, now_ms, &key, err))
        return false;
    snprintf(row.kid, sizeof row.kid, "%s", key->key.kid);
    c->rows[c->n++] = row;
    return true;
}

static void remove_files(const struct keyring *ring, const char *name)
{
    static const char *const endings[] = { "key", "pem" }; /* a certificate without its key would be refused as half of a pair */
    char path[PATH_MAX];

    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        if (snprintf(path, sizeof path, "%.*s/%s.%s", PATH_MAX - KEYRING_NAME_MAX - 8, ring->dir, name, endings[i]) < (int)sizeof path)
            (void)!unlink(path);
}

/* Out of the list; the names of those that were dropped are for remove_files, once the list is written. */
static size_t drop_old(struct keyring *ring, int64_t now_ms, struct change *c, char ret_names[static KEYRING_MAX][KEYRING_NAME_MAX])
{
    bool over[KEYRING_MAX];
    size_t kept = 0, n_dropped = 0;

    for (size_t i = 0; i < c->n; i++)
        over[i] = ring_is_over(ring->use, c->rows, c->n, i, now_ms);
    for (size_t i = 0; i < c->n; i++)
        if (over[i])
            memcpy(ret_names[n_dropped++], c->rows[i].name, KEYRING_NAME_MAX);
        else
            c->rows[kept++] = c->rows[i];
    c->n = kept;
    return n_dropped;
}

/* ---- rotating and revoking ---- */

static bool rotate(struct keyring *ring, int64_t now_ms, bool at_once, struct ring_view *ret, struct err *err)
{
    char dropped[KEYRING_MAX][KEYRING_NAME_MAX];
    struct change c;
    int fd CLEANUP(ring_unlock) = -1;
    size_t waiting, n_dropped;

    if (!change_begin(ring, now_ms, &c, &fd, err))
        return false;
    n_dropped = drop_old(ring, now_ms, &c, dropped);
    waiting = ring_waiting(c.rows, c.n, now_ms);
    if (waiting < c.n && !at_once)
        return err_set(err, ERR_CONFLICT, "key %s is published already and waits for its time", c.rows[waiting].kid);
    if (waiting < c.n)
        c.rows[waiting].active_from_ms = now_ms;
    else if (!change_add_key(ring, now_ms, at_once ? now_ms : now_ms + ring_overlap(c.rows, c.n), &c, err))
        return false;
    if (!change_finish(ring, now_ms, &c, err))
        return false;
    for (size_t i = 0; i < n_dropped; i++)
        remove_files(ring, dropped[i]);
    *ret = ring_view(ring, waiting, now_ms);
    return true;
}

bool keyring_rotate(struct keyring *ring, int64_t now_ms, bool at_once, struct ring_view *ret_next, struct err *err)
{
    bool fine;

    pthread_mutex_lock(&ring->lock);
    fine = rotate(ring, now_ms, at_once, ret_next, err);
    pthread_mutex_unlock(&ring->lock);
    return fine;
}

static bool is_due(const struct keyring *ring, int64_t now_ms)
{
    size_t active = ring_active(ring->rows, ring->n, now_ms);

    return ring->dir[0] && active < ring->n && ring_waiting(ring->rows, ring->n, now_ms) == ring->n &&
           ring->keys[active]->key.chain[0]->not_after_ms - now_ms < ring_overlap(ring->rows, ring->n) + RENEWAL_MS;
}

bool keyring_renew(struct keyring *ring, int64_t now_ms, bool *ret_renewed, struct ring_view *ret_next, struct err *err)
{
    bool fine;

    pthread_mutex_lock(&ring->lock);
    fine = !ring->dir[0] || ring_reload(ring, now_ms, err);
    *ret_renewed = fine && is_due(ring, now_ms);
    if (*ret_renewed)
        fine = rotate(ring, now_ms, false, ret_next, err);
    pthread_mutex_unlock(&ring->lock);
    return fine;
}

static bool revoke_one(struct keyring *ring, int64_t now_ms, struct bytes kid, struct err *err)
{
    struct change c;
    int fd CLEANUP(ring_unlock) = -1;
    size_t i, waiting;

    if (!change_begin(ring, now_ms, &c, &fd, err))
        return false;
    i = ring_index(ring, kid);
    if (i == ring->n)
        return err_set(err, ERR_NOT_FOUND, "there is no %s key with this kid", key_use_name(ring->use));
    if (c.rows[i].revoked_ms)
        return true;
    if (ring_active(c.rows, c.n, now_ms) == i) {
        waiting = ring_waiting(c.rows, c.n, now_ms);
        if (waiting < c.n)
            c.rows[waiting].active_from_ms = now_ms;
        else if (!change_add_key(ring, now_ms, now_ms, &c, err))
            return false;
    }
    c.rows[i].revoked_ms = now_ms;
    return change_finish(ring, now_ms, &c, err);
}

bool keyring_revoke(struct keyring *ring, int64_t now_ms, struct bytes kid, struct err *err)
{
    bool fine;

    pthread_mutex_lock(&ring->lock);
    fine = revoke_one(ring, now_ms, kid, err);
    pthread_mutex_unlock(&ring->lock);
    return fine;
}
