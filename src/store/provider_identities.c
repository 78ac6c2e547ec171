#include "base/limits.h"
#include "store/providers.h"
#include "store/sql.h"

/* The order of PROVIDER_IDENTITY_COLUMNS. */
static const struct field identity_fields[] = {
    { FIELD_TEXT, offsetof(struct store_provider_identity, provider), NULL },
    { FIELD_TEXT, offsetof(struct store_provider_identity, vm), NULL },
    { FIELD_TEXT, offsetof(struct store_provider_identity, cert_sha256), NULL },
    { FIELD_BYTES, offsetof(struct store_provider_identity, ak_cert), NULL },
    { FIELD_INTEGER, offsetof(struct store_provider_identity, enrolled_ms), NULL },
    { FIELD_TEXT, offsetof(struct store_provider_identity, ak_name), NULL },
};
static const struct record identity_record = RECORD("identity of a VM at this provider", struct store_provider_identity, identity_fields);

/* The attestation key cannot leave its TPM: with the same one it is the same TPM, whichever certificate vouches for it now. */
static bool is_same_tpm(const struct store_provider_identity *there, const struct store_provider_identity *now)
{
    return strcmp(there->cert_sha256, now->cert_sha256) == 0 || (there->ak_name && strcmp(there->ak_name, now->ak_name) == 0);
}

static bool put(struct store *tx, void *context, struct err *err)
{
    const struct store_provider_identity *identity = context;
    struct sql_value params[ARRAY_LEN(identity_fields)];
    struct arena a CLEANUP(arena_done) = { 0 };
    struct store_provider_identity there;
    struct err why = ERR_INIT;

    if (store_provider_identity_get(tx, &a, identity->provider, identity->vm, &there, &why)) {
        if (!is_same_tpm(&there, identity))
            return err_set(
                err, ERR_CONFLICT,
                "this VM is enrolled with another TPM at provider %s; if that is meant, release it: trueboot vm release-identity",
                identity->provider);
    } else if (why.code != ERR_NOT_FOUND) {
        return err_copy(err, &why);
    }
    sql_fields(&identity_record, identity, ARRAY_LEN(params), params);
    return sql_write(tx, SQL_PROVIDER_IDENTITY_PUT, params, ARRAY_LEN(params), NULL, err);
}

bool store_provider_identity_put(struct store *store, const struct store_provider_identity *identity, struct err *err)
{
    struct store_provider_identity copy = *identity;

    return check_vm_uuid(identity->vm, err) && check_text("a provider", identity->provider, LIMIT_NAME_BYTES, err) &&
           check_hex("a certificate's digest", identity->cert_sha256, STORE_SHA256_TEXT_LEN - 1, err) &&
           check_hex("an AK name", identity->ak_name, 0, err) && store_transaction(store, put, &copy, err);
}

bool store_provider_identity_get(struct store *store, struct arena *a, const char *provider, const char *vm,
                                 struct store_provider_identity *ret, struct err *err)
{
    return sql_get(store, a, SQL_PROVIDER_IDENTITY_GET, (struct sql_value[]){ sql_text(provider), sql_text(vm) }, 2, &identity_record, ret,
                   err);
}

bool store_provider_identity_release(struct store *store, const char *vm, struct err *err)
{
    return check_vm_uuid(vm, err) && sql_write(store, SQL_PROVIDER_IDENTITY_RELEASE, (struct sql_value[]){ sql_text(vm) }, 1, NULL, err);
}
