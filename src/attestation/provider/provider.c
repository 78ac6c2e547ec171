#include "attestation/provider/provider.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "attestation/provider/authority.h"
#include "attestation/provider/policy_text.h"
#include "base/base64.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "jose/jws.h"

struct providers {
    struct store *store;
    struct cert *server_ak_ca;                            /* or NULL */
    struct arena arena;                                   /* of the built-in policies and the shared provider's strings */
    struct provider_policy defaults[PROVIDER_TYPE_COUNT]; /* of custom providers */
    const struct provider *shared;
    struct bytes *own_hosts; /* of the arena */
    size_t n_own_hosts;
    pthread_mutex_t change; /* one reload at a time, so that the last one has read the latest */
    pthread_mutex_t lock;   /* of the list; never held while reading the store */
    const struct provider **items;
    size_t n, capacity;
};

static const char *const type_names[] = {
#define X(name, text) text,
    PROVIDER_TYPES(X)
#undef X
};

const char *provider_type_name(enum provider_type type) { return type_names[type]; }

static bool same_letters(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

bool provider_type_from_name(struct bytes name, enum provider_type *ret)
{
    for (enum provider_type t = 0; t < PROVIDER_TYPE_COUNT; t++)
        if (same_letters(name, bytes_of_string(type_names[t]))) {
            *ret = t;
            return true;
        }
    *ret = PROVIDER_TPM;
    return same_letters(name, BYTES_LIT("VSMEnclave"));
}

/* ---- policies -------------------------------------------------------------------------------------------------------- */

bool provider_policy_parse(struct arena *a, struct bytes text, struct provider_policy *p, struct policy_error *error)
{
    struct digest hash;
    const char *encoded;

    if (!policy_parse(a, text, &p->policy, error))
        return false;
    digest_compute(DIGEST_SHA256, policy_hash_input(p->policy), &hash);
    encoded = base64_in(a, BASE64_URL, digest_bytes(&hash));
    if (!encoded)
        return err_set(&error->err, ERR_NO_MEMORY, "no memory for a policy");
    snprintf(p->hash, sizeof p->hash, "%s", encoded);
    return true;
}

static bool parse_policy(struct arena *a, struct bytes text, struct provider_policy *p, struct err *err)
{
    struct policy_error error = { .kind = POLICY_PARSING_ERROR };

    return provider_policy_parse(a, text, p, &error) || err_set(err, error.err.code, "%s", error.err.text);
}

static bool default_policy(struct arena *a, enum provider_type type, bool shared, struct provider_policy *ret, struct err *err)
{
    struct bytes text = bytes_of_string(provider_default_policy(type, shared));

    *ret = (struct provider_policy){ .is_set = shared || type != PROVIDER_TPM };
    return policy_text_unsecured(a, text, &ret->jws, err) && (parse_policy(a, text, ret, err) || err_within(err, "built-in policy"));
}

/* What was accepted was verified then; the signature is not looked at again. Text that is no base64url can only have come as raw text. */
bool provider_stored_policy(struct arena *a, struct bytes compact, struct bytes *ret_text, struct cert **ret_signer, struct err *err)
{
    struct cert *certs[LIMIT_CHAIN_CERTS];
    struct unsecured_jws unsecured;
    struct bytes payload, text;
    struct jws jws;
    size_t n = 0;

    if (jws_parse_unsecured(a, compact, LIMIT_POLICY_BODY_BYTES, &unsecured, err)) {
        payload = unsecured.payload;
    } else {
        if (!jws_parse_loose(a, compact, LIMIT_POLICY_BODY_BYTES, &jws, err) || !jws_header_certs(&jws, certs, &n, err))
            return false;
        payload = jws.claimed_payload;
    }
    for (size_t i = 1; i < n; i++)
        cert_free(certs[i]);
    if (!policy_text_read(a, payload, false, &text, err) && !policy_text_read(a, payload, true, &text, err)) {
        if (n)
            cert_free(certs[0]);
        return false;
    }
    *ret_text = text;
    *ret_signer = n ? certs[0] : NULL;
    return true;
}

static bool load_policy(struct providers *all, struct provider *p, enum provider_type type, struct err *err)
{
    struct provider_policy *policy = &p->policies[type];
    struct store_policy row;
    struct cert *signer = NULL;
    struct bytes text;
    bool found = store_policy_latest(all->store, &p->arena, p->name, type_names[type], &row, err);

    *policy = all->defaults[type];
    if (!found)
        return err->code == ERR_NOT_FOUND;
    if (row.jws.len == 0) /* reset */
        return true;
    *policy = (struct provider_policy){ .is_set = true, .is_own = true, .jws = row.jws };
    if (!provider_stored_policy(&p->arena, row.jws, &text, &signer, err))
        return false;
    policy->signer = signer;
    return parse_policy(&p->arena, text, policy, err);
}

/* ---- signers --------------------------------------------------------------------------------------------------------- */

static bool trust_signers(struct provider *p, struct err *err)
{
    struct trust_entry entries[2 * PROVIDER_SIGNERS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < p->n_signers; i++) {
        entries[n++] = (struct trust_entry){ TRUST_LEAF, p->signers[i] };
        if (p->signers[i]->is_ca)
            entries[n++] = (struct trust_entry){ TRUST_CA, p->signers[i] };
    }
    return n == 0 || trust_store_new(entries, n, &p->signer_trust, err);
}

static bool load_signers(struct store *store, struct provider *p, struct err *err)
{
    const struct store_signer *rows;
    size_t n;

    if (!store_signer_list(store, &p->arena, p->name, &rows, &n, err))
        return false;
    for (; p->n_signers < n && p->n_signers < PROVIDER_SIGNERS_MAX; p->n_signers++)
        if (!cert_parse(rows[p->n_signers].der, &p->signers[p->n_signers], err))
            return err_within(err, "policy signer %s", rows[p->n_signers].sha256);
    return trust_signers(p, err);
}

/* ---- roots ----------------------------------------------------------------------------------------------------------- */

static enum trust_kind trust_kind_of(enum store_root_role role)
{
    return role == STORE_ROOT_CA ? TRUST_CA : role == STORE_ROOT_PIN ? TRUST_LEAF : TRUST_INTERMEDIATE;
}

/* What the provider was given, and our own CA unless it does not want that. */
static bool load_roots(const struct providers *all, struct provider *p, bool server_ak_ca, struct err *err)
{
    const struct store_root *rows;
    struct trust_entry *entries;
    size_t n_rows, n = 0;
    bool fine = true;

    if (!store_root_list(all->store, &p->arena, STORE_ROOT_AK, p->name, &rows, &n_rows, err))
        return false;
    entries = ARENA_ARRAY(&p->arena, n_rows + 1, struct trust_entry);
    if (!entries)
        return err_set(err, ERR_NO_MEMORY, "no memory for trusted roots");
    if (server_ak_ca && all->server_ak_ca)
        entries[n++] = (struct trust_entry){ TRUST_CA, cert_ref(all->server_ak_ca) };
    for (size_t i = 0; fine && i < n_rows; i++) {
        struct cert *cert;
        fine = cert_parse(rows[i].der, &cert, err);
        if (fine)
            entries[n++] = (struct trust_entry){ trust_kind_of(rows[i].role), cert };
    }
    fine = fine && trust_store_new(entries, n, &p->ak_roots, err);
    for (size_t i = 0; i < n; i++)
        cert_free((struct cert *)(uintptr_t)entries[i].cert);
    return fine || err_within(err, "trusted roots");
}

/* ---- one provider ---------------------------------------------------------------------------------------------------- */

void provider_free(const struct provider *provider)
{
    struct provider *p = (struct provider *)provider;

    if (!p || --p->refs > 0)
        return;
    for (size_t i = 0; i < p->n_signers; i++)
        cert_free(p->signers[i]);
    for (enum provider_type t = 0; t < PROVIDER_TYPE_COUNT; t++)
        cert_free((struct cert *)p->policies[t].signer);
    trust_store_free(p->signer_trust);
    trust_store_free(p->ak_roots);
    arena_done(&p->arena);
    free(p);
}

void provider_free_at(const struct provider **provider)
{
    provider_free(*provider);
    *provider = NULL;
}

static const struct provider *provider_ref(const struct provider *provider)
{
    if (provider)
        ((struct provider *)provider)->refs++;
    return provider;
}

static bool load_row(struct providers *all, const struct store_provider *row, struct provider *p, struct err *err)
{
    p->name = row->name;
    p->issuer = row->attest_uri;
    p->location = row->location;
    p->isolated = row->isolated;
    p->tpm_authentication = row->tpm_authentication;
    p->public_network = row->public_network_access;
    p->tpm_v1 = row->tpm_v1;
    p->token_profile = row->token_profile;
    for (enum provider_type t = 0; t < PROVIDER_TYPE_COUNT; t++)
        if (!load_policy(all, p, t, err))
            return err_within(err, "%s policy of provider %s", type_names[t], p->name);
    return (load_signers(all->store, p, err) && load_roots(all, p, row->server_ak_ca, err)) || err_within(err, "provider %s", p->name);
}

static bool load_provider(struct providers *all, const char *name, struct provider *p, struct err *err)
{
    struct store_provider row;

    return store_provider_get(all->store, &p->arena, name, &row, err) && load_row(all, &row, p, err);
}

static struct provider *provider_new(struct err *err)
{
    struct provider *p = calloc(1, sizeof *p);

    if (!p)
        return err_set(err, ERR_NO_MEMORY, "no memory for a provider"), NULL;
    p->refs = 1;
    return p;
}

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
        if (!default_policy(&p->arena, t, true, &p->policies[t], err))
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

/* ---- all of them ----------------------------------------------------------------------------------------------------- */

static size_t index_of(const struct providers *all, struct bytes name)
{
    size_t i = 0;

    while (i < all->n && !same_letters(bytes_of_string(all->items[i]->name), name))
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
    fine = load_provider(all, name, p, err);
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
    if (!store_provider_get_deleted(all->store, &p->arena, name, &row, err) || !load_row(all, &row, p, err)) {
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
        if (!store_provider_list(all->store, &a, after, LIMIT_LIST_PAGE, &rows, &n, err))
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
    all->store = config->store;
    all->server_ak_ca = config->server_ak_ca ? cert_ref(config->server_ak_ca) : NULL;
    pthread_mutex_init(&all->change, NULL);
    pthread_mutex_init(&all->lock, NULL);
    for (enum provider_type t = 0; fine && t < PROVIDER_TYPE_COUNT; t++)
        fine = default_policy(&all->arena, t, false, &all->defaults[t], err);
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
    cert_free(all->server_ak_ca);
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

    if (same_letters(name, bytes_of_string(all->shared->name)))
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
        if (same_letters(host->name, all->own_hosts[i]))
            return true;
    return host->is_address || !memchr(host->name.data, '.', host->name.len);
}

/* NAME.anything */
static const struct provider *by_label(const struct providers *all, const struct authority *host)
{
    struct bytes label = bytes_slice(host->name, 0, bytes_find(host->name, BYTES_LIT(".")));
    size_t i = index_of(all, label);

    if (same_letters(label, bytes_of_string(all->shared->name)))
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
