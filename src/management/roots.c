/* Who may vouch for endorsement and attestation keys: of the shared provider (and of enrolment), and of each custom provider. Replaced as a
 * whole: an attestation that is under way finishes with the set that it began with. */
#include <stdlib.h>
#include "base/hex.h"
#include "base/limits.h"
#include "management/management.h"
#include "store/providers.h"

enum { BUNDLE_MAX = 64 };

static bool kind_from_text(struct bytes text, enum store_root_kind *ret, struct err *err)
{
    for (enum store_root_kind k = STORE_ROOT_AK; k <= STORE_ROOT_EK; k++)
        if (bytes_equal_string(text, store_root_kind_name(k))) {
            *ret = k;
            return true;
        }
    return err_set(err, ERR_MALFORMED, "kind is not \"ak\" or \"ek\"") || err_at(err, "/kind");
}

static enum trust_kind trust_kind_of(enum store_root_role role)
{
    return role == STORE_ROOT_CA ? TRUST_CA : role == STORE_ROOT_PIN ? TRUST_LEAF : TRUST_INTERMEDIATE;
}

bool roots_load(const struct management *m, enum store_root_kind kind, const char *provider, struct trust_store **ret, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct store_root *rows;
    struct trust_entry *entries;
    size_t n_rows, n = 0;
    bool fine = true;

    if (!store_root_list(m->store, &a, kind, provider, &rows, &n_rows, err))
        return false;
    entries = ARENA_ARRAY(&a, n_rows + 1, struct trust_entry);
    if (!entries)
        return err_set(err, ERR_NO_MEMORY, "no memory for trusted roots");
    if (kind == STORE_ROOT_AK && !provider[0])
        entries[n++] = (struct trust_entry){ TRUST_CA, cert_ref(ca_cert(m->ak_ca, 0)) };
    for (size_t i = 0; fine && i < n_rows; i++) {
        struct cert *cert;
        fine = cert_parse(rows[i].der, &cert, err);
        if (fine)
            entries[n++] = (struct trust_entry){ trust_kind_of(rows[i].role), cert };
    }
    fine = fine && trust_store_new(entries, n, ret, err);
    for (size_t i = 0; i < n; i++)
        cert_free((struct cert *)entries[i].cert);
    return fine || err_within(err, "trusted %s roots", store_root_kind_name(kind));
}

bool roots_reload(const struct management *m, enum store_root_kind kind, struct err *err)
{
    struct trust_store *next;

    if (!roots_load(m, kind, "", &next, err))
        return false;
    trust_slot_replace(kind == STORE_ROOT_AK ? m->ak_roots : m->ek_roots, next);
    return true;
}

/* ---- whose roots ---- */

/* What a call is about: one kind, of one provider ("": the shared one; for EKs everybody, because the AK certificates that they lead to count for all). */
struct scope {
    enum store_root_kind kind;
    const char *provider;
    bool server_ak_ca; /* our own CA counts too */
};

static bool read_scope(const struct management *m, struct arena *a, struct bytes kind, struct bytes provider, struct scope *ret,
                       struct err *err)
{
    struct scope scope = { .provider = "" };
    struct store_provider row;
    const char *name;

    if (!kind_from_text(kind, &scope.kind, err))
        return false;
    scope.server_ak_ca = scope.kind == STORE_ROOT_AK;
    if (provider.len) {
        name = arena_lower(a, provider);
        if (!name)
            return err_set(err, ERR_NO_MEMORY, "no memory for a name");
        if (!store_provider_get(m->store, a, name, &row, err))
            return err_within(err, "provider %s", name) || err_at(err, "/provider") ||
                   err_remedy(err, "docs/providers.md", "trueboot provider list");
        scope.provider = row.name;
        scope.server_ak_ca = scope.kind == STORE_ROOT_AK && row.server_ak_ca;
    }
    *ret = scope;
    return true;
}

static bool put_in_force(const struct management *m, const struct scope *scope, struct err *err)
{
    if (!scope->provider[0])
        return roots_reload(m, scope->kind, err);
    if (scope->kind == STORE_ROOT_EK)
        return true; /* read at each enrolment */
    return !m->reload_provider || m->reload_provider(m->providers_context, scope->provider, err);
}

/* ---- adding ---- */

enum wish { WISH_BY_CERTIFICATE, WISH_PIN, WISH_INTERMEDIATE };

struct addition {
    struct scope scope;
    enum wish wish;
    bool replace;
    struct cert *certs[BUNDLE_MAX];
    struct store_root rows[BUNDLE_MAX];
    size_t n;
};

static bool is_self_issued(const struct cert *cert) { return bytes_equal(cert->subject, cert->issuer); }

static bool issuer_is_among(const struct cert *cert, const struct addition *addition)
{
    struct err ignored = ERR_INIT;

    for (size_t i = 0; i < addition->n; i++) {
        const struct cert *ca = addition->certs[i];
        if (ca != cert && ca->is_ca && ca->key && bytes_equal(ca->subject, cert->issuer) && cert_is_signed_by(cert, ca->key, &ignored))
            return true;
    }
    return false;
}

/* What cannot issue is a pin. A CA is an anchor, but for one that came together with its own issuer: that one is the anchor then, and this
 * one helps to reach it, so that removing the anchor ends both. */
static enum store_root_role role_of(const struct addition *addition, const struct cert *cert)
{
    if (addition->wish == WISH_PIN)
        return STORE_ROOT_PIN;
    if (!cert->is_ca && cert->version != 1)
        return STORE_ROOT_PIN;
    if (addition->wish == WISH_INTERMEDIATE || (!is_self_issued(cert) && issuer_is_among(cert, addition)))
        return STORE_ROOT_INTERMEDIATE;
    return STORE_ROOT_CA;
}

static bool make_rows(const struct management *m, struct arena *a, struct addition *addition, struct err *err)
{
    for (size_t i = 0; i < addition->n; i++) {
        const struct cert *cert = addition->certs[i];
        const char *sha256 = hex_in(a, (struct bytes){ cert->sha256, CERT_SHA256_LEN });
        struct store_root *row = &addition->rows[i];
        if (!sha256)
            return err_set(err, ERR_NO_MEMORY, "no memory for roots");
        if (!cert->key)
            return err_set(err, ERR_UNSUPPORTED, "certificate %.*s: %s", BYTES_FMT(bytes_slice(cert->common_name, 0, 64)),
                           cert->key_problem);
        *row =
            (struct store_root){ addition->scope.kind, addition->scope.provider, sha256, cert->der, role_of(addition, cert), m->now_ms() };
        if (addition->wish == WISH_INTERMEDIATE && row->role != STORE_ROOT_INTERMEDIATE)
            return err_set(err, ERR_MALFORMED, "certificate %.*s is no CA: it cannot help to build a chain",
                           BYTES_FMT(bytes_slice(cert->common_name, 0, 64)));
    }
    return true;
}

static bool store_additions(struct store *tx, void *context, struct err *err)
{
    const struct addition *addition = context;

    for (size_t i = 0; i < addition->n; i++)
        if (!store_root_add(tx, &addition->rows[i], NULL, err))
            return false;
    return true;
}

static bool was_there(const struct store_root *before, size_t n, const char *sha256)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(before[i].sha256, sha256) == 0)
            return true;
    return false;
}

static void put_cert(struct json_out *out, const struct scope *scope, const struct cert *cert, enum store_root_role role)
{
    json_put_string(out, "kind", store_root_kind_name(scope->kind));
    json_put_string(out, "provider", scope->provider[0] ? scope->provider : NULL);
    json_put_hex(out, "sha256", (struct bytes){ cert->sha256, CERT_SHA256_LEN });
    json_put_bytes(out, "commonName", cert->common_name);
    json_put_string(out, "role", store_root_role_name(role));
    json_put_time(out, "notAfter", cert->not_after_ms);
}

static bool add_all(const struct management *m, struct arena *a, struct addition *addition, struct http_response *response, struct err *err)
{
    const struct scope *scope = &addition->scope;
    const struct store_root *before;
    struct json_out out;
    size_t n_before;

    if (!store_root_list(m->store, a, scope->kind, scope->provider, &before, &n_before, err) || !make_rows(m, a, addition, err))
        return false;
    if (!(addition->replace ? store_root_replace(m->store, scope->kind, scope->provider, addition->rows, addition->n, err)
                            : store_transaction(m->store, store_additions, addition, err)) ||
        !put_in_force(m, scope, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < addition->n; i++) {
        json_begin_object(&out, NULL);
        put_cert(&out, scope, addition->certs[i], addition->rows[i].role);
        json_put_boolean(&out, "added", !was_there(before, n_before, addition->rows[i].sha256));
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return true;
}

static bool read_flag(const struct json *body, const char *name, bool *ret, struct err *err)
{
    const struct json *v = json_get(body, name);

    *ret = false;
    return !v || json_as_boolean(v, ret) || err_set(err, ERR_MALFORMED, "%s is not true or false", name) || err_at(err, "/%s", name);
}

static bool read_addition(const struct management *m, const struct http_request *request, struct addition *t, struct err *err)
{
    struct bytes kind, pem, provider = BYTES_NONE;
    const struct json *body;
    bool pin, intermediate;

    if (!http_body_json(request, NULL, &body, err) || !json_need_string(body, "kind", &kind, err) ||
        (json_get(body, "provider") && !json_need_string(body, "provider", &provider, err)) || !read_flag(body, "pin", &pin, err) ||
        !read_flag(body, "intermediate", &intermediate, err) || !read_flag(body, "replace", &t->replace, err) ||
        !read_scope(m, request->arena, kind, provider, &t->scope, err) || !json_need_string(body, "pem", &pem, err))
        return false;
    if (pin && intermediate)
        return err_set(err, ERR_MALFORMED, "pin and intermediate exclude each other") || err_at(err, "/pin");
    t->wish = pin ? WISH_PIN : intermediate ? WISH_INTERMEDIATE : WISH_BY_CERTIFICATE;
    return cert_parse_bundle(pem, t->certs, BUNDLE_MAX, &t->n, err) || err_at(err, "/pem");
}

bool roots_post(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct addition *addition = ARENA_NEW(request->arena, struct addition);
    const struct management *m = context;
    bool fine;

    if (!addition)
        return err_set(err, ERR_NO_MEMORY, "no memory for roots");
    fine = read_addition(m, request, addition, err) && add_all(m, request->arena, addition, response, err);
    for (size_t i = 0; i < addition->n; i++)
        cert_free(addition->certs[i]);
    return fine;
}

/* ---- listing ---- */

static bool put_row(struct json_out *out, const struct scope *scope, const struct store_root *row, struct err *err)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;

    if (!cert_parse(row->der, &cert, err))
        return err_within(err, "stored root certificate");
    json_begin_object(out, NULL);
    put_cert(out, scope, cert, row->role);
    json_put_time(out, "added", row->added_ms);
    json_put_boolean(out, "server", false);
    json_end(out);
    return true;
}

static bool put_scope(const struct management *m, struct arena *a, struct json_out *out, const struct scope *scope, struct err *err)
{
    const struct store_root *rows;
    size_t n;

    if (scope->server_ak_ca) {
        json_begin_object(out, NULL);
        put_cert(out, scope, ca_cert(m->ak_ca, 0), STORE_ROOT_CA);
        json_put_null(out, "added");
        json_put_boolean(out, "server", true); /* not a row: the switch serverAkCa of a custom provider */
        json_end(out);
    }
    if (!store_root_list(m->store, a, scope->kind, scope->provider, &rows, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!put_row(out, scope, &rows[i], err))
            return false;
    return true;
}

/* Without ?provider: the shared provider's, enrolment's, and those of every custom provider. */
static bool put_all(const struct management *m, struct arena *a, struct json_out *out, struct err *err)
{
    const struct store_provider *providers;
    const char *after = NULL;
    size_t n;

    for (enum store_root_kind kind = STORE_ROOT_AK; kind <= STORE_ROOT_EK; kind++)
        if (!put_scope(m, a, out, &(struct scope){ kind, "", kind == STORE_ROOT_AK }, err))
            return false;
    do {
        if (!store_provider_list(m->store, a, after, LIMIT_LIST_PAGE, &providers, &n, err))
            return false;
        for (size_t i = 0; i < n; i++)
            if (!put_scope(m, a, out, &(struct scope){ STORE_ROOT_AK, providers[i].name, providers[i].server_ak_ca }, err) ||
                !put_scope(m, a, out, &(struct scope){ STORE_ROOT_EK, providers[i].name, false }, err))
                return false;
        after = n ? providers[n - 1].name : NULL;
    } while (n == LIMIT_LIST_PAGE);
    return true;
}

static struct bytes query_or_nothing(const struct http_request *request, const char *name)
{
    struct err ignored = ERR_INIT;
    struct bytes value;

    return http_query(request, name, &value, &ignored) ? value : BYTES_NONE;
}

bool roots_get(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct bytes provider = query_or_nothing(request, "provider");
    const struct management *m = context;
    struct json_out out;
    struct scope scope;
    bool fine;

    if (provider.len && !read_scope(m, request->arena, BYTES_LIT("ak"), provider, &scope, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    if (provider.len) {
        fine = put_scope(m, request->arena, &out, &scope, err);
        scope = (struct scope){ STORE_ROOT_EK, scope.provider, false };
        fine = fine && put_scope(m, request->arena, &out, &scope, err);
    } else {
        fine = put_all(m, request->arena, &out, err);
    }
    json_end(&out);
    json_end(&out);
    return fine;
}

/* ---- removing ---- */

bool roots_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const char *sha256 = arena_lower(request->arena, http_param(request, "root"));
    const struct management *m = context;
    struct scope scope;

    if (!sha256)
        return err_set(err, ERR_NO_MEMORY, "no memory for a digest");
    if (!read_scope(m, request->arena, http_param(request, "kind"), query_or_nothing(request, "provider"), &scope, err) ||
        !store_root_remove(m->store, scope.kind, scope.provider, sha256, err) || !put_in_force(m, &scope, err))
        return false;
    response->status = 204;
    return true;
}
