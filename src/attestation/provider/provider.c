#include "attestation/provider/load.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include "attestation/provider/policy_text.h"
#include "base/base64.h"
#include "base/limits.h"
#include "crypto/digest.h"
#include "jose/jws.h"

static const char *const type_names[] = {
#define X(name, text) text,
    PROVIDER_TYPES(X)
#undef X
};

const char *provider_type_name(enum provider_type type) { return type_names[type]; }

bool provider_same_letters(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp((const char *)a.data, (const char *)b.data, a.len) == 0);
}

bool provider_type_from_name(struct bytes name, enum provider_type *ret)
{
    for (enum provider_type t = 0; t < PROVIDER_TYPE_COUNT; t++)
        if (provider_same_letters(name, bytes_of_string(type_names[t]))) {
            *ret = t;
            return true;
        }
    *ret = PROVIDER_TPM;
    return provider_same_letters(name, BYTES_LIT("VSMEnclave"));
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

bool provider_set_default(struct arena *a, enum provider_type type, bool shared, struct provider_policy *ret, struct err *err)
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

static bool load_policy(const struct provider_sources *from, struct provider *p, enum provider_type type, struct err *err)
{
    struct provider_policy *policy = &p->policies[type];
    struct store_policy row;
    struct cert *signer = NULL;
    struct bytes text;
    bool found = store_policy_latest(from->store, &p->arena, p->name, type_names[type], &row, err);

    *policy = from->defaults[type];
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
static bool load_roots(const struct provider_sources *from, struct provider *p, bool server_ak_ca, struct err *err)
{
    const struct store_root *rows;
    struct trust_entry *entries;
    size_t n_rows, n = 0;
    bool fine = true;

    if (!store_root_list(from->store, &p->arena, STORE_ROOT_AK, p->name, &rows, &n_rows, err))
        return false;
    entries = ARENA_ARRAY(&p->arena, n_rows + 1, struct trust_entry);
    if (!entries)
        return err_set(err, ERR_NO_MEMORY, "no memory for trusted roots");
    if (server_ak_ca && from->server_ak_ca)
        entries[n++] = (struct trust_entry){ TRUST_CA, cert_ref(from->server_ak_ca) };
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

const struct provider *provider_ref(const struct provider *provider)
{
    if (provider)
        ((struct provider *)provider)->refs++;
    return provider;
}

bool provider_load_row(const struct provider_sources *from, const struct store_provider *row, struct provider *p, struct err *err)
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
        if (!load_policy(from, p, t, err))
            return err_within(err, "%s policy of provider %s", type_names[t], p->name);
    return (load_signers(from->store, p, err) && load_roots(from, p, row->server_ak_ca, err)) || err_within(err, "provider %s", p->name);
}

bool provider_load(const struct provider_sources *from, const char *name, struct provider *p, struct err *err)
{
    struct store_provider row;

    return store_provider_get(from->store, &p->arena, name, &row, err) && provider_load_row(from, &row, p, err);
}

struct provider *provider_new(struct err *err)
{
    struct provider *p = calloc(1, sizeof *p);

    if (!p)
        return err_set(err, ERR_NO_MEMORY, "no memory for a provider"), NULL;
    p->refs = 1;
    return p;
}
