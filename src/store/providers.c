#include "store/providers.h"
#include "base/limits.h"
#include "store/sql.h"

enum { TAGS_MAX_BYTES = 16 * 1024, URI_MAX_BYTES = 512, WHO_MAX_BYTES = 256, NAME_MIN = 3, NAME_MAX = 24 };

static const char *const profile_names[] = { [TOKENS_ORIGINAL] = "original", [TOKENS_ES256] = "es256", [TOKENS_EAR] = "ear", NULL };

const char *token_profile_name(enum token_profile profile) { return profile_names[profile]; }

bool token_profile_from_name(struct bytes name, enum token_profile *ret)
{
    for (enum token_profile i = 0; i < TOKEN_PROFILE_COUNT; i++)
        if (bytes_equal_string(name, profile_names[i])) {
            *ret = i;
            return true;
        }
    return false;
}

/* The order of PROVIDER_COLUMNS. */
static const struct field provider_fields[] = {
    { FIELD_TEXT, offsetof(struct store_provider, name), NULL },
    { FIELD_TEXT, offsetof(struct store_provider, subscription), NULL },
    { FIELD_TEXT, offsetof(struct store_provider, resource_group), NULL },
    { FIELD_TEXT, offsetof(struct store_provider, location), NULL },
    { FIELD_TEXT, offsetof(struct store_provider, attest_uri), NULL },
    { FIELD_BOOLEAN, offsetof(struct store_provider, isolated), NULL },
    { FIELD_BOOLEAN, offsetof(struct store_provider, tpm_authentication), NULL },
    { FIELD_BOOLEAN, offsetof(struct store_provider, public_network_access), NULL },
    { FIELD_TEXT, offsetof(struct store_provider, tags), NULL },
    { FIELD_INTEGER, offsetof(struct store_provider, created_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_provider, created_by), NULL },
    { FIELD_INTEGER, offsetof(struct store_provider, version), NULL },
    { FIELD_NAME, offsetof(struct store_provider, token_profile), profile_names },
    { FIELD_BOOLEAN, offsetof(struct store_provider, server_ak_ca), NULL },
    { FIELD_BOOLEAN, offsetof(struct store_provider, tpm_v1), NULL },
    { FIELD_INTEGER, offsetof(struct store_provider, deleted_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_provider, deleted_by), NULL },
    { FIELD_INTEGER, offsetof(struct store_provider, modified_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_provider, modified_by), NULL },
    { FIELD_BOOLEAN, offsetof(struct store_provider, enrolment_token), NULL },
};
static const struct record provider_record = RECORD("attestation provider", struct store_provider, provider_fields);

/* The order of SIGNER_COLUMNS. */
static const struct field signer_fields[] = {
    { FIELD_TEXT, offsetof(struct store_signer, provider), NULL }, { FIELD_TEXT, offsetof(struct store_signer, sha256), NULL },
    { FIELD_BYTES, offsetof(struct store_signer, der), NULL },     { FIELD_INTEGER, offsetof(struct store_signer, added_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_signer, by), NULL },
};
static const struct record signer_record = RECORD("policy signer", struct store_signer, signer_fields);

static bool check_provider(const struct store_provider *p, struct err *err)
{
    size_t len = p->name ? strlen(p->name) : 0;

    /* It becomes a label of a host name. */
    if (len < NAME_MIN || len > NAME_MAX || strspn(p->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != len || p->name[0] == '-' ||
        p->name[len - 1] == '-')
        return err_set(err, ERR_MALFORMED, "a provider's name is %d to %d lower-case letters, digits and inner hyphens", NAME_MIN,
                       NAME_MAX);
    return check_text("the location", p->location, 4 * LIMIT_NAME_BYTES, err) &&
           check_text("attestUri", p->attest_uri, URI_MAX_BYTES, err) &&
           check_text("the subscription", p->subscription, 4 * LIMIT_NAME_BYTES, err) &&
           check_text("the resource group", p->resource_group, 4 * LIMIT_NAME_BYTES, err) &&
           check_text("tags", p->tags, TAGS_MAX_BYTES, err) && check_text("who created it", p->created_by, WHO_MAX_BYTES, err);
}

static bool add_signer(struct store *tx, const struct store_signer *signer, struct err *err)
{
    struct sql_value params[ARRAY_LEN(signer_fields)];

    if (!check_hex("a signer's digest", signer->sha256, STORE_SHA256_TEXT_LEN - 1, err) ||
        !check_text("who added it", signer->by, WHO_MAX_BYTES, err))
        return false;
    if (signer->der.len == 0 || signer->der.len > LIMIT_CERT_BYTES)
        return err_set(err, ERR_LIMIT, "a signer's certificate has 1 to %d bytes, not %zu", LIMIT_CERT_BYTES, signer->der.len);
    sql_fields(&signer_record, signer, ARRAY_LEN(params), params);
    return sql_write(tx, SQL_SIGNER_ADD, params, ARRAY_LEN(params), NULL, err);
}

/* ---- providers ------------------------------------------------------------------------------------------------------- */

/* A name is taken by a deleted provider too, as long as that can be brought back. */
static bool name_taken(struct store *tx, const char *name, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct store_provider deleted;
    struct err why = ERR_INIT;

    if (!store_provider_get_deleted(tx, &a, name, &deleted, &why))
        return why.code == ERR_NOT_FOUND ? err_set(err, ERR_CONFLICT, "there is an attestation provider %s already", name)
                                         : err_copy(err, &why);
    return err_set(err, ERR_CONFLICT,
                   "an attestation provider %s was deleted and can still be brought back: `trueboot provider undelete %s`, or end it for "
                   "good with `trueboot provider purge %s`, then create a new one",
                   name, name, name) ||
           err_remedy(err, "docs/providers.md", "trueboot provider undelete %s", name);
}

/* An issuer is one provider's, a deleted one included: its tokens are still out there. */
static bool uri_is_free(struct store *tx, const struct store_provider *p, struct err *err)
{
    struct sql_value params[] = { sql_text(p->attest_uri), sql_text(p->name) };
    int64_t n;

    if (!sql_get_integer(tx, SQL_PROVIDER_URI_COUNT, params, ARRAY_LEN(params), &n, err))
        return false;
    return n == 0 || err_set(err, ERR_CONFLICT, "attestUri %s is another provider's", p->attest_uri) ||
           err_at(err, "/properties/trueboot/attestUri");
}

bool store_provider_check_new(struct store *store, const struct store_provider *provider, struct err *err)
{
    return check_provider(provider, err) && uri_is_free(store, provider, err);
}

struct creation {
    const struct store_provider *provider;
    const struct store_signer *signers;
    size_t n_signers;
};

static bool create(struct store *tx, void *context, struct err *err)
{
    const struct creation *c = context;
    struct store_provider row = *c->provider;
    struct sql_value params[ARRAY_LEN(provider_fields)];
    int64_t changes;

    row.version = 1;
    row.deleted_ms = row.modified_ms = 0;
    row.deleted_by = row.modified_by = NULL;
    sql_fields(&provider_record, &row, ARRAY_LEN(params), params);
    if (!sql_write(tx, SQL_PROVIDER_ADD, params, ARRAY_LEN(params), &changes, err))
        return false;
    if (changes == 0)
        return name_taken(tx, row.name, err);
    if (!uri_is_free(tx, &row, err))
        return false;
    for (size_t i = 0; i < c->n_signers; i++)
        if (!add_signer(tx, &c->signers[i], err))
            return false;
    return true;
}

bool store_provider_create(struct store *store, const struct store_provider *provider, const struct store_signer *signers, size_t n_signers,
                           struct err *err)
{
    struct creation creation = { provider, signers, n_signers };

    return check_provider(provider, err) && store_transaction(store, create, &creation, err);
}

bool store_provider_get(struct store *store, struct arena *a, const char *name, struct store_provider *ret, struct err *err)
{
    return sql_get(store, a, SQL_PROVIDER_GET, (struct sql_value[]){ sql_text(name) }, 1, &provider_record, ret, err);
}

bool store_provider_update(struct store *store, const struct store_provider *p, struct err *err)
{
    struct sql_value params[] = { sql_text(p->name),
                                  sql_integer(p->tpm_authentication),
                                  sql_integer(p->public_network_access),
                                  sql_text(p->tags),
                                  sql_integer(p->version),
                                  sql_text(token_profile_name(p->token_profile)),
                                  sql_integer(p->server_ak_ca),
                                  sql_integer(p->tpm_v1),
                                  sql_integer(p->modified_ms),
                                  sql_text(p->modified_by),
                                  sql_integer(p->enrolment_token) };
    int64_t changes;

    if (!check_provider(p, err) || (p->modified_by && !check_text("who changed it", p->modified_by, WHO_MAX_BYTES, err)) ||
        !sql_write(store, SQL_PROVIDER_UPDATE, params, ARRAY_LEN(params), &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_CONFLICT, "attestation provider %s was changed meanwhile: read it again", p->name);
    return true;
}

bool store_provider_get_deleted(struct store *store, struct arena *a, const char *name, struct store_provider *ret, struct err *err)
{
    return sql_get(store, a, SQL_PROVIDER_DELETED_GET, (struct sql_value[]){ sql_text(name) }, 1, &provider_record, ret, err);
}

bool store_provider_delete(struct store *store, const char *name, int64_t now_ms, const char *by, struct err *err)
{
    struct sql_value params[] = { sql_text(name), sql_integer(now_ms), sql_text(by) };
    int64_t changes;

    if (!check_text("who deleted it", by, WHO_MAX_BYTES, err) ||
        !sql_write(store, SQL_PROVIDER_MARK, params, ARRAY_LEN(params), &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_NOT_FOUND, "there is no such attestation provider");
}

bool store_provider_undelete(struct store *store, const char *name, struct err *err)
{
    int64_t changes;

    if (!sql_write(store, SQL_PROVIDER_UNMARK, (struct sql_value[]){ sql_text(name) }, 1, &changes, err))
        return false;
    return changes == 1 || err_set(err, ERR_NOT_FOUND, "there is no deleted attestation provider of that name");
}

static bool purge(struct store *tx, void *context, struct err *err)
{
    const char *name = context;
    struct sql_value params[] = { sql_text(name) };
    int64_t changes;

    if (!sql_write(tx, SQL_PROVIDER_DROP, params, 1, &changes, err))
        return false;
    if (changes == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no deleted attestation provider of that name");
    return sql_write(tx, SQL_PROVIDER_DROP_POLICIES, params, 1, NULL, err) &&
           sql_write(tx, SQL_PROVIDER_DROP_SIGNERS, params, 1, NULL, err) &&
           sql_write(tx, SQL_PROVIDER_DROP_IDENTITIES, params, 1, NULL, err) &&
           sql_write(tx, SQL_PROVIDER_DROP_ENROLMENT_TOKENS, params, 1, NULL, err) &&
           store_root_replace(tx, STORE_ROOT_AK, name, NULL, 0, err) && store_root_replace(tx, STORE_ROOT_EK, name, NULL, 0, err);
}

bool store_provider_purge(struct store *store, const char *name, struct err *err)
{
    return store_transaction(store, purge, (void *)(uintptr_t)name, err);
}

bool store_provider_list_deleted(struct store *store, struct arena *a, const char *after_name, size_t limit,
                                 const struct store_provider **ret, size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(after_name ? after_name : ""), sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) ||
        !sql_list(store, a, SQL_PROVIDER_DELETED_LIST, params, ARRAY_LEN(params), &provider_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

bool store_provider_list(struct store *store, struct arena *a, const char *after_name, size_t limit, const struct store_provider **ret,
                         size_t *ret_n, struct err *err)
{
    struct sql_value params[] = { sql_text(after_name ? after_name : ""), sql_integer((int64_t)limit) };
    const void *rows;

    if (!check_page(limit, err) || !sql_list(store, a, SQL_PROVIDER_LIST, params, ARRAY_LEN(params), &provider_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}

/* ---- signers --------------------------------------------------------------------------------------------------------- */

struct signer_change {
    const struct store_signer *signer; /* to add, or NULL */
    const char *provider, *sha256;     /* to remove */
    int64_t max;
};

static bool change_signers(struct store *tx, void *context, struct err *err)
{
    const struct signer_change *c = context;
    struct sql_value provider[] = { sql_text(c->provider) }, both[] = { sql_text(c->provider), sql_text(c->sha256) };
    int64_t before, after;

    if (!sql_get_integer(tx, SQL_SIGNER_COUNT, provider, 1, &before, err) ||
        !(c->signer ? add_signer(tx, c->signer, err) : sql_write(tx, SQL_SIGNER_DROP, both, 2, NULL, err)) ||
        !sql_get_integer(tx, SQL_SIGNER_COUNT, provider, 1, &after, err))
        return false;
    if (after > before && after > c->max)
        return err_set(err, ERR_LIMIT, "a provider has at most %lld policy signers", (long long)c->max);
    if (after < before && after == 0)
        return err_set(err, ERR_CONFLICT, "the last policy signer of a provider cannot be removed");
    return true;
}

bool store_signer_add(struct store *store, const struct store_signer *signer, size_t max, struct err *err)
{
    struct signer_change change = { signer, signer->provider, signer->sha256, (int64_t)max };

    return store_transaction(store, change_signers, &change, err);
}

bool store_signer_remove(struct store *store, const char *provider, const char *sha256, struct err *err)
{
    struct signer_change change = { NULL, provider, sha256, 0 };

    return store_transaction(store, change_signers, &change, err);
}

bool store_signer_list(struct store *store, struct arena *a, const char *provider, const struct store_signer **ret, size_t *ret_n,
                       struct err *err)
{
    const void *rows;

    if (!sql_list(store, a, SQL_SIGNER_LIST, (struct sql_value[]){ sql_text(provider) }, 1, &signer_record, &rows, ret_n, err))
        return false;
    *ret = rows;
    return true;
}
