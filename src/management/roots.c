/* Who may vouch for endorsement and attestation keys. Replaced as a whole: an attestation that is under way finishes with the
 * set that it began with. */
#include <stdlib.h>
#include "base/hex.h"
#include "base/limits.h"
#include "management/management.h"

enum { BUNDLE_MAX = 64 };

static bool kind_from_text(struct bytes text, enum store_root_kind *ret, struct err *err)
{
    for (enum store_root_kind k = STORE_ROOT_AK; k <= STORE_ROOT_EK; k++)
        if (bytes_equal_string(text, store_root_kind_name(k))) {
            *ret = k;
            return true;
        }
    return err_set(err, ERR_MALFORMED, "kind is not \"ak\" or \"ek\"");
}

static enum trust_kind trust_kind_of(enum store_root_role role)
{
    return role == STORE_ROOT_CA ? TRUST_CA : role == STORE_ROOT_PIN ? TRUST_LEAF : TRUST_INTERMEDIATE;
}

bool roots_load(const struct management *m, enum store_root_kind kind, struct trust_store **ret, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct store_root *rows;
    struct trust_entry *entries;
    size_t n_rows, n = 0;
    bool fine = true;

    if (!store_root_list(m->store, &a, kind, "", &rows, &n_rows, err))
        return false;
    entries = ARENA_ARRAY(&a, n_rows + 1, struct trust_entry);
    if (!entries)
        return err_set(err, ERR_NO_MEMORY, "no memory for trusted roots");
    if (kind == STORE_ROOT_AK)
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

    if (!roots_load(m, kind, &next, err))
        return false;
    trust_slot_replace(kind == STORE_ROOT_AK ? m->ak_roots : m->ek_roots, next);
    return true;
}

/* A CA may issue; a self-signed or other leaf is a pin. */
static enum store_root_role role_of(const struct cert *cert) { return cert->is_ca || cert->version == 1 ? STORE_ROOT_CA : STORE_ROOT_PIN; }

static bool add_one(const struct management *m, enum store_root_kind kind, const struct cert *cert, struct json_out *out, struct err *err)
{
    char sha256[2 * CERT_SHA256_LEN + 1];
    struct store_root root = {
        .kind = kind, .provider = "", .sha256 = sha256, .der = cert->der, .role = role_of(cert), .added_ms = m->now_ms()
    };
    bool added;

    if (!cert->key)
        return err_set(err, ERR_UNSUPPORTED, "certificate %.*s: %s", BYTES_FMT(bytes_slice(cert->common_name, 0, 64)), cert->key_problem);
    hex_encode((struct bytes){ cert->sha256, CERT_SHA256_LEN }, sha256);
    if (!store_root_add(m->store, &root, &added, err))
        return false;
    json_begin_object(out, NULL);
    json_put_string(out, "sha256", sha256);
    json_put_bytes(out, "commonName", cert->common_name);
    json_put_string(out, "role", store_root_role_name(root.role));
    json_put_boolean(out, "added", added);
    json_end(out);
    return true;
}

bool roots_post(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    struct cert *certs[BUNDLE_MAX];
    enum store_root_kind kind;
    struct bytes kind_text, pem;
    const struct json *body;
    struct json_out out;
    bool fine = true;
    size_t n;

    if (!http_body_json(request, NULL, &body, err) || !json_need_string(body, "kind", &kind_text, err) ||
        !kind_from_text(kind_text, &kind, err) || !json_need_string(body, "pem", &pem, err) ||
        !cert_parse_bundle(pem, certs, BUNDLE_MAX, &n, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++) {
        fine = fine && add_one(m, kind, certs[i], &out, err);
        cert_free(certs[i]);
    }
    json_end(&out);
    json_end(&out);
    return fine && roots_reload(m, kind, err);
}

bool roots_get(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    struct json_out out = http_response_json(response, 200);

    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (enum store_root_kind kind = STORE_ROOT_AK; kind <= STORE_ROOT_EK; kind++) {
        const struct store_root *rows;
        size_t n;
        if (!store_root_list(m->store, request->arena, kind, "", &rows, &n, err))
            return false;
        for (size_t i = 0; i < n; i++) {
            json_begin_object(&out, NULL);
            json_put_string(&out, "kind", store_root_kind_name(kind));
            json_put_string(&out, "sha256", rows[i].sha256);
            json_put_string(&out, "role", store_root_role_name(rows[i].role));
            json_put_time(&out, "added", rows[i].added_ms);
            json_end(&out);
        }
    }
    json_end(&out);
    json_end(&out);
    return true;
}

bool roots_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    const char *sha256 = arena_string(request->arena, http_param(request, "root"));
    enum store_root_kind kind;

    if (!sha256)
        return err_set(err, ERR_NO_MEMORY, "no memory for a digest");
    if (!kind_from_text(http_param(request, "kind"), &kind, err) || !store_root_remove(m->store, kind, "", sha256, err) ||
        !roots_reload(m, kind, err))
        return false;
    response->status = 204;
    return true;
}
