#include "keystore/keyring.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "keystore/keyring_inside.h"
#include "keystore/keystore.h"

#define LOOK_AGAIN_MS INT64_C(1000)     /* how old another server's change may be when we see it */
#define MARGIN_MS     CA_DAY_MS         /* signed_until is noted ahead, so that it is written once a day, not once a token */
#define LEGACY_MS     (366 * CA_DAY_MS) /* the longest lifetime that a policy can ask for: keys from before there were rings */

static const struct {
    const char *name;
    enum signing_family family;
    enum privkey_kind kind;
    const char *subject;
} uses[] = {
#define X(name, text, family, kind, subject) { text, family, kind, subject },
    KEY_USES(X)
#undef X
};

const char *key_use_name(enum key_use use) { return uses[use].name; }

bool key_use_from_name(struct bytes name, enum key_use *ret)
{
    for (enum key_use u = 0; u < KEY_USE_COUNT; u++)
        if (bytes_equal_string(name, uses[u].name)) {
            *ret = u;
            return true;
        }
    return false;
}

const char *key_state_name(enum key_state state)
{
    static const char *const names[] = { "published", "active", "retired", "revoked" };
    return names[state];
}

/* ---- keys in memory ---- */

bool ring_hold(struct keyring *ring, const char *name, const char *kid, int64_t now_ms, const struct held_key **ret, struct err *err)
{
    struct held_key *k = kid ? ring->held : NULL;

    while (k && (strcmp(k->name, name) != 0 || strcmp(k->key.kid, kid) != 0))
        k = k->next;
    if (!k) {
        k = calloc(1, sizeof *k);
        if (!k)
            return err_set(err, ERR_NO_MEMORY, "no memory for a key");
        snprintf(k->name, sizeof k->name, "%s", name);
        if (!keystore_signing_key(ring->dir, name, uses[ring->use].family, uses[ring->use].kind, ring->ca,
                                  uses[ring->use].subject ? uses[ring->use].subject : ring->issuer, now_ms, &k->key, err)) {
            free(k);
            return false;
        }
        k->next = ring->held;
        ring->held = k;
    }
    *ret = k;
    return true;
}

bool ring_has_file(const struct keyring *ring, const char *name)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof path, "%.*s/%s.key", PATH_MAX - KEYRING_NAME_MAX - 8, ring->dir, name) >= (int)sizeof path ||
           file_exists(path);
}

/* The rows become the ring's, with the keys that they name. On failure the ring stays as it was. */
bool ring_adopt(struct keyring *ring, const struct ring_row *rows, size_t n, int64_t now_ms, struct err *err)
{
    const struct held_key *keys[KEYRING_MAX];

    for (size_t i = 0; i < n; i++) {
        /* keystore_signing_key would make a missing one anew: another key under the noted name. */
        if (!ring_has_file(ring, rows[i].name))
            return err_set(err, ERR_CONFLICT, "%s/%s.key is missing: restore it from a backup", ring->dir, rows[i].name);
        if (!ring_hold(ring, rows[i].name, rows[i].kid, now_ms, &keys[i], err))
            return false;
        if (strcmp(keys[i]->key.kid, rows[i].kid) != 0)
            return err_set(err, ERR_CONFLICT, "%s/%s.key is another key than the one noted in %s.ring", ring->dir, rows[i].name,
                           key_use_name(ring->use));
    }
    memcpy(ring->rows, rows, n * sizeof *rows);
    memcpy(ring->keys, keys, n * sizeof *keys);
    ring->n = n;
    return true;
}

bool ring_reload(struct keyring *ring, int64_t now_ms, struct err *err)
{
    struct ring_version version = ring_version_of(ring->dir, ring->use);
    struct ring_row rows[KEYRING_MAX];
    size_t n;

    ring->looked_ms = now_ms;
    if (ring->n && ring_version_equal(&version, &ring->version))
        return true;
    if (!ring_file_read(ring->dir, ring->use, rows, &n, err) || !ring_adopt(ring, rows, n, now_ms, err))
        return false;
    ring->version = version;
    return true;
}

/* With the lock held: what other servers did is seen within a second. */
static bool refresh(struct keyring *ring, int64_t now_ms, struct err *err)
{
    if (!ring->dir[0] || (now_ms >= ring->looked_ms && now_ms < ring->looked_ms + LOOK_AGAIN_MS))
        return true;
    return ring_reload(ring, now_ms, err);
}

/* ---- opening ---- */

/* A key from before there were rings: what it signed is not known, so the longest is assumed. */
static bool take_over(struct keyring *ring, int64_t now_ms, struct change *c, struct err *err)
{
    struct ring_row row = { .created_ms = now_ms, .active_from_ms = now_ms, .signed_until_ms = now_ms + LEGACY_MS };
    const struct held_key *key;

    if (!ring_hold(ring, key_use_name(ring->use), NULL, now_ms, &key, err))
        return false;
    snprintf(row.name, sizeof row.name, "%s", key->name);
    snprintf(row.kid, sizeof row.kid, "%s", key->key.kid);
    c->rows[c->n++] = row;
    return true;
}

static bool first_row(struct keyring *ring, int64_t now_ms, struct change *c, struct err *err)
{
    return ring_has_file(ring, key_use_name(ring->use)) ? take_over(ring, now_ms, c, err) : change_add_key(ring, now_ms, now_ms, c, err);
}

static bool open_locked(struct keyring *ring, int64_t now_ms, struct err *err)
{
    struct change c = { .n = 0 };
    struct ring_row rows[KEYRING_MAX];
    size_t n;

    if (ring_file_read(ring->dir, ring->use, rows, &n, err))
        return ring_reload(ring, now_ms, err);
    return err->code == ERR_NOT_FOUND && first_row(ring, now_ms, &c, err) && change_finish(ring, now_ms, &c, err);
}

static struct keyring *ring_new(struct err *err)
{
    struct keyring *ring = calloc(1, sizeof *ring);

    if (!ring)
        return err_set(err, ERR_NO_MEMORY, "no memory for keys"), NULL;
    pthread_mutex_init(&ring->lock, NULL);
    return ring;
}

bool keyring_open(const char *dir, enum key_use use, const struct ca *ca, const char *issuer, int64_t now_ms, struct keyring **ret,
                  struct err *err)
{
    struct keyring *ring = ring_new(err);
    int fd CLEANUP(ring_unlock) = -1;

    if (!ring)
        return false;
    ring->use = use;
    ring->ca = ca;
    ring->issuer = issuer;
    if (snprintf(ring->dir, sizeof ring->dir, "%s", dir) >= (int)sizeof ring->dir - KEYRING_NAME_MAX - 8) {
        keyring_free(ring);
        return err_set(err, ERR_LIMIT, "path too long: %s", dir);
    }
    if (!ring_lock(dir, use, &fd, err) || !open_locked(ring, now_ms, err)) {
        keyring_free(ring);
        return false;
    }
    *ret = ring;
    return true;
}

bool keyring_of_key(struct signing_key *key, struct keyring **ret, struct err *err)
{
    struct keyring *ring = ring_new(err);
    struct held_key *held = ring ? calloc(1, sizeof *held) : NULL;

    if (!held) {
        signing_key_done(key);
        keyring_free(ring);
        return err_set(err, ERR_NO_MEMORY, "no memory for keys");
    }
    held->key = *key;
    *key = (struct signing_key){ 0 };
    ring->held = held;
    ring->keys[0] = held;
    memcpy(ring->rows[0].kid, held->key.kid, sizeof ring->rows[0].kid);
    ring->n = 1;
    *ret = ring;
    return true;
}

void keyring_free(struct keyring *ring)
{
    while (ring && ring->held) {
        struct held_key *k = ring->held;
        ring->held = k->next;
        signing_key_done(&k->key);
        free(k);
    }
    if (ring)
        pthread_mutex_destroy(&ring->lock);
    free(ring);
}

/* ---- signing ---- */

static bool covers(const struct ring_row *row, int64_t now_ms, int64_t expires_ms)
{
    return row->signed_until_ms >= expires_ms && (expires_ms == 0 || row->longest_ms >= expires_ms - now_ms);
}

static void extend(struct ring_row *row, int64_t now_ms, int64_t expires_ms)
{
    if (row->signed_until_ms < expires_ms)
        row->signed_until_ms = expires_ms + MARGIN_MS;
    if (expires_ms && row->longest_ms < expires_ms - now_ms)
        row->longest_ms = expires_ms - now_ms;
}

static bool note_expiry(struct keyring *ring, int64_t now_ms, int64_t expires_ms, size_t *ret_active, struct err *err)
{
    struct change c;
    int fd CLEANUP(ring_unlock) = -1;
    size_t active;

    if (!change_begin(ring, now_ms, &c, &fd, err))
        return false;
    active = ring_active(c.rows, c.n, now_ms);
    if (active == c.n)
        return err_set(err, ERR_INTERNAL, "no key may sign now");
    extend(&c.rows[active], now_ms, expires_ms);
    if (!change_finish(ring, now_ms, &c, err))
        return false;
    *ret_active = active;
    return true;
}

static bool choose(struct keyring *ring, int64_t now_ms, int64_t expires_ms, const struct signing_key **ret, struct err *err)
{
    size_t active;

    if (!refresh(ring, now_ms, err))
        return false;
    active = ring_active(ring->rows, ring->n, now_ms);
    if (active == ring->n)
        return err_set(err, ERR_INTERNAL, "no key may sign now");
    if (ring->dir[0] && !covers(&ring->rows[active], now_ms, expires_ms) && !note_expiry(ring, now_ms, expires_ms, &active, err))
        return false;
    *ret = &ring->keys[active]->key;
    return true;
}

bool keyring_signer(struct keyring *ring, int64_t now_ms, int64_t expires_ms, const struct signing_key **ret, struct err *err)
{
    bool fine;

    pthread_mutex_lock(&ring->lock);
    fine = choose(ring, now_ms, expires_ms, ret, err) || err_within(err, "%s key", key_use_name(ring->use));
    pthread_mutex_unlock(&ring->lock);
    return fine;
}

/* ---- finding ---- */

size_t ring_index(const struct keyring *ring, struct bytes kid)
{
    size_t i = 0;

    while (i < ring->n && !bytes_equal_string(kid, ring->rows[i].kid))
        i++;
    return i;
}

static bool find(struct keyring *ring, int64_t now_ms, struct bytes kid, size_t *ret, struct err *err)
{
    size_t i;

    if (!refresh(ring, now_ms, err))
        return false;
    i = ring_index(ring, kid);
    if (i == ring->n && ring->dir[0] && !ring_reload(ring, now_ms, err))
        return false;
    i = ring_index(ring, kid);
    if (i == ring->n)
        return err_set(err, ERR_NOT_FOUND, "no %s key has the kid that is named", key_use_name(ring->use));
    *ret = i;
    return true;
}

bool keyring_find(struct keyring *ring, int64_t now_ms, struct bytes kid, const struct signing_key **ret, struct err *err)
{
    bool fine;
    size_t i;

    pthread_mutex_lock(&ring->lock);
    fine = find(ring, now_ms, kid, &i, err);
    if (fine && ring->rows[i].revoked_ms)
        fine = err_set(err, ERR_UNTRUSTED, "the %s key that signed it was revoked", key_use_name(ring->use));
    if (fine)
        *ret = &ring->keys[i]->key;
    pthread_mutex_unlock(&ring->lock);
    return fine;
}

/* ---- showing ---- */

static int64_t first_to_end(const struct signing_key *key)
{
    int64_t first = INT64_MAX;

    for (size_t i = 0; i < key->n_chain; i++)
        if (key->chain[i]->not_after_ms < first)
            first = key->chain[i]->not_after_ms;
    return first;
}

struct ring_view ring_view(const struct keyring *ring, size_t i, int64_t now_ms)
{
    const struct ring_row *row = &ring->rows[i];
    enum key_state state = ring_state(ring->rows, ring->n, i, now_ms);

    return (struct ring_view){ .key = &ring->keys[i]->key,
                               .name = ring->keys[i]->name,
                               .state = state,
                               .published = state != KEY_REVOKED && !ring_is_over(ring->use, ring->rows, ring->n, i, now_ms),
                               .created_ms = row->created_ms,
                               .active_from_ms = row->active_from_ms,
                               .published_until_ms = state == KEY_RETIRED ? row->signed_until_ms + KEYRING_SKEW_MS : 0,
                               .revoked_ms = row->revoked_ms,
                               .not_after_ms = first_to_end(&ring->keys[i]->key) };
}

bool keyring_list(struct keyring *ring, int64_t now_ms, struct ring_view ret[static KEYRING_MAX], size_t *ret_n, struct err *err)
{
    bool fine;

    pthread_mutex_lock(&ring->lock);
    fine = refresh(ring, now_ms, err);
    for (size_t i = 0; fine && i < ring->n; i++)
        ret[i] = ring_view(ring, i, now_ms);
    *ret_n = fine ? ring->n : 0;
    pthread_mutex_unlock(&ring->lock);
    return fine;
}
