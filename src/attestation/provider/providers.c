#include "attestation/provider/providers.h"
#include <pthread.h>
#include <stdlib.h>
#include "attestation/provider/authority.h"
#include "attestation/provider/load.h"
#include "base/limits.h"

struct providers {
    struct provider_sources from;
    struct arena arena; /* of the built-in policies and the shared provider's strings */
    const struct provider *shared;
    struct bytes *own_hosts; /* of the arena */
    size_t n_own_hosts;
    pthread_mutex_t change; /* one reload at a time, so that the last one has read the latest */
    pthread_mutex_t lock;   /* of the list; never held while reading the store */
    const struct provider **items;
    size_t n, capacity;
};

static bool make_shared(struct providers *all, const struct providers_config *config, struct err *err)
{
    struct provider *p = provider_new(err);

    if (!p)
        return false;
    all->shared = p;
    p->name = arena_string(&p->arena, bytes_of_string(config->shared_name));
    p->issuer = arena_string(&p->arena, bytes_of_string(config->shared_issuer));
    p->location = arena_string(&p->arena, bytes_of_string(config->shared_location));
    p->shared = true;
    p->tpm_v1 = config->shared_tpm_v1;
    p->public_network = true;
    if (!p->name || !p->issuer || !p->location)
        return err_set(err, ERR_NO_MEMORY, "no memory for a provider");
    for (enum provider_type t = 0; t < PROVIDER_TYPE_COUNT; t++)
        if (!provider_set_default(&p->arena, t, true, &p->policies[t], err))
            return false;
    return true;
}

static bool keep_own_hosts(struct providers *all, const struct providers_config *config, struct err *err)
{
    all->own_hosts = ARENA_ARRAY(&all->arena, config->n_own_hosts, struct bytes);
    for (; all->own_hosts && all->n_own_hosts < config->n_own_hosts; all->n_own_hosts++)
        if (!arena_copy(&all->arena, bytes_of_string(config->own_hosts[all->n_own_hosts]), &all->own_hosts[all->n_own_hosts]))
            break;
    return all->n_own_hosts == config->n_own_hosts || err_set(err, ERR_NO_MEMORY, "no memory for names");
}

static size_t index_of(const struct providers *all, struct bytes name)
{
    size_t i = 0;

    while (i < all->n && !provider_same_letters(bytes_of_string(all->items[i]->name), name))
        i++;
    return i;
}

/* Takes the reference; NULL forgets the provider. */
static bool put(struct providers *all, const char *name, const struct provider *next, struct err *err)
{
    const struct provider *old = NULL;
    bool fine = true;
    size_t i;

    pthread_mutex_lock(&all->lock);
    i = index_of(all, bytes_of_string(name));
    if (i < all->n) {
        old = all->items[i];
        all->items[i] = next ? next : all->items[--all->n];
    } else if (next) {
        if (all->n == all->capacity) {
            size_t capacity = all->capacity ? 2 * all->capacity : 8;
            const struct provider **items = reallocarray(all->items, capacity, sizeof *items);
            fine = items != NULL;
            all->items = fine ? items : all->items;
            all->capacity = fine ? capacity : all->capacity;
        }
        if (fine)
            all->items[all->n++] = next;
    }
    pthread_mutex_unlock(&all->lock);
    provider_free(old);
    return fine || err_set(err, ERR_NO_MEMORY, "no memory for a provider");
}

bool providers_reload(struct providers *all, const char *name, struct err *err)
{
    struct provider *p = provider_new(err);
    bool fine;

    if (!p)
        return false;
    pthread_mutex_lock(&all->change);
    fine = provider_load(&all->from, name, p, err);
    if (fine) {
        provider_ref(p);
        fine = put(all, name, p, err);
        if (!fine)
            provider_free(p);
    } else if (err->code == ERR_NOT_FOUND) {
        fine = put(all, name, NULL, err);
    }
    pthread_mutex_unlock(&all->change);
    provider_free(p);
    return fine;
}

bool providers_peek_deleted(struct providers *all, const char *name, const struct provider **ret, struct err *err)
{
    struct provider *p = provider_new(err);
    struct store_provider row;

    if (!p)
        return false;
    if (!store_provider_get_deleted(all->from.store, &p->arena, name, &row, err) || !provider_load_row(&all->from, &row, p, err)) {
        provider_free(p);
        return false;
    }
    *ret = p;
    return true;
}

static bool load_all(struct providers *all, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct store_provider *rows;
    const char *after = NULL;
    size_t n;

    do {
        if (!store_provider_list(all->from.store, &a, after, LIMIT_LIST_PAGE, &rows, &n, err))
            return false;
        for (size_t i = 0; i < n; i++)
            if (!providers_reload(all, rows[i].name, err))
                return false;
        after = n ? rows[n - 1].name : NULL;
    } while (n == LIMIT_LIST_PAGE);
    return true;
}

/* The names in memory now; those of the store alone are load_all()'s. */
static bool names_of(struct providers *all, struct arena *a, const char *const **ret, size_t *ret_n, struct err *err)
{
    const char **names;
    bool fine;

    pthread_mutex_lock(&all->lock);
    names = ARENA_ARRAY(a, all->n + 1, const char *);
    fine = names != NULL;
    for (size_t i = 0; fine && i < all->n; i++)
        fine = (names[i] = arena_string(a, bytes_of_string(all->items[i]->name))) != NULL;
    *ret = names;
    *ret_n = all->n;
    pthread_mutex_unlock(&all->lock);
    return fine || err_set(err, ERR_NO_MEMORY, "no memory for providers");
}

bool providers_reload_all(struct providers *all, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *const *names;
    size_t n;

    if (!names_of(all, &a, &names, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!providers_reload(all, names[i], err))
            return false;
    return load_all(all, err);
}

bool providers_new(const struct providers_config *config, struct providers **ret, struct err *err)
{
    struct providers *all = calloc(1, sizeof *all);
    bool fine = all != NULL;

    if (!all)
        return err_set(err, ERR_NO_MEMORY, "no memory for providers");
    all->from.store = config->store;
    all->from.server_ak_ca = config->server_ak_ca ? cert_ref(config->server_ak_ca) : NULL;
    pthread_mutex_init(&all->change, NULL);
    pthread_mutex_init(&all->lock, NULL);
    for (enum provider_type t = 0; fine && t < PROVIDER_TYPE_COUNT; t++)
        fine = provider_set_default(&all->arena, t, false, &all->from.defaults[t], err);
    if (!fine || !keep_own_hosts(all, config, err) || !make_shared(all, config, err) || !load_all(all, err)) {
        providers_free(all);
        return false;
    }
    *ret = all;
    return true;
}

void providers_free(struct providers *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++)
        provider_free(all->items[i]);
    provider_free(all->shared);
    free(all->items);
    cert_free(all->from.server_ak_ca);
    pthread_mutex_destroy(&all->change);
    pthread_mutex_destroy(&all->lock);
    arena_done(&all->arena);
    free(all);
}

/* ---- choosing -------------------------------------------------------------------------------------------------------- */

const struct provider *providers_shared(struct providers *all) { return provider_ref(all->shared); }

const struct provider *providers_get(struct providers *all, struct bytes name)
{
    const struct provider *found;
    size_t i;

    if (provider_same_letters(name, bytes_of_string(all->shared->name)))
        return provider_ref(all->shared);
    pthread_mutex_lock(&all->lock);
    i = index_of(all, name);
    found = i < all->n ? provider_ref(all->items[i]) : NULL;
    pthread_mutex_unlock(&all->lock);
    return found;
}

/* Whether a provider is reached under a name of its own: its attestUri has no path. */
static bool has_authority(const struct provider *p, struct authority *ret)
{
    struct err ignored = ERR_INIT;

    return authority_of_uri(bytes_of_string(p->issuer), ret, &ignored);
}

/* With `any_port` the port may differ: it is changed by whatever stands between a client and the server. */
static const struct provider *by_address(const struct providers *all, const struct authority *host, bool any_port)
{
    struct authority own;

    for (size_t i = 0; i <= all->n; i++) {
        const struct provider *p = i == 0 ? all->shared : all->items[i - 1];
        if (has_authority(p, &own) && authority_same_name(&own, host) && (any_port || own.port == host->port))
            return p;
    }
    return NULL;
}

/* The server's own names, and what cannot name a provider: an address, or a name of one label. */
static bool is_own_host(const struct providers *all, const struct authority *host)
{
    for (size_t i = 0; i < all->n_own_hosts; i++)
        if (provider_same_letters(host->name, all->own_hosts[i]))
            return true;
    return host->is_address || !memchr(host->name.data, '.', host->name.len);
}

/* NAME.anything */
static const struct provider *by_label(const struct providers *all, const struct authority *host)
{
    struct bytes label = bytes_slice(host->name, 0, bytes_find(host->name, BYTES_LIT(".")));
    size_t i = index_of(all, label);

    if (provider_same_letters(label, bytes_of_string(all->shared->name)))
        return all->shared;
    return i < all->n ? all->items[i] : NULL;
}

bool providers_by_host(struct providers *all, struct bytes host, const struct provider **ret, struct err *err)
{
    const struct provider *found;
    struct authority authority;

    if (host.len == 0) { /* HTTP/1.0 */
        *ret = provider_ref(all->shared);
        return true;
    }
    if (!authority_read(host, &authority, err))
        return err_within(err, "The header Host");
    pthread_mutex_lock(&all->lock);
    found = by_address(all, &authority, false);
    if (!found && is_own_host(all, &authority))
        found = all->shared;
    if (!found)
        found = by_address(all, &authority, true);
    if (!found)
        found = by_label(all, &authority);
    *ret = provider_ref(found);
    pthread_mutex_unlock(&all->lock);
    return found != NULL || err_set(err, ERR_NOT_FOUND, "There is no such attestation provider.");
}
