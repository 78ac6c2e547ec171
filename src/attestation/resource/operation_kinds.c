/* The operations that there are, and their steps: setting up an endpoint, a policy, and undoing a deletion. */
#include "attestation/resource/operation_kinds.h"
#include "base/base64.h"
#include "base/clock.h"

#define DAY_MS INT64_C(86400000)

/* ---- reading inputs -------------------------------------------------------------------------------------------------- */

static bool text_member(struct operation *o, const char *name, const char **ret, struct err *err)
{
    struct bytes text;

    if (!json_need_string(o->input, name, &text, err))
        return err_within(err, "the operation's input");
    *ret = arena_string(o->a, text);
    return *ret || err_set(err, ERR_NO_MEMORY, "no memory for an operation");
}

static bool flag_member(struct operation *o, const char *name, bool *ret, struct err *err)
{
    const struct json *v = json_get(o->input, name);

    return (v && json_as_boolean(v, ret)) || err_set(err, ERR_MALFORMED, "the operation's input: %s is not true or false", name);
}

static bool did(const char **ret, const char *text, struct err *err)
{
    *ret = text;
    return text || err_set(err, ERR_NO_MEMORY, "no memory for an operation");
}

/* ---- create an endpoint ---------------------------------------------------------------------------------------------- */

const char *operation_input_create(struct arena *a, const struct store_provider *p, const struct store_signer *signers, size_t n_signers)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "subscription", p->subscription);
    json_put_string(&out, "resourceGroup", p->resource_group);
    json_put_string(&out, "location", p->location);
    json_put_string(&out, "attestUri", p->attest_uri);
    json_put_string(&out, "tags", p->tags);
    json_put_string(&out, "createdBy", p->created_by);
    json_put_integer(&out, "created", p->created_ms);
    json_put_boolean(&out, "tpmAuthentication", p->tpm_authentication);
    json_put_boolean(&out, "publicNetwork", p->public_network_access);
    json_put_boolean(&out, "serverAkCa", p->server_ak_ca);
    json_put_boolean(&out, "tpmV1", p->tpm_v1);
    json_put_boolean(&out, "enrolmentToken", p->enrolment_token);
    json_put_string(&out, "tokenProfile", token_profile_name(p->token_profile));
    json_begin_array(&out, "signers");
    for (size_t i = 0; i < n_signers; i++) {
        json_begin_object(&out, NULL);
        json_put_string(&out, "sha256", signers[i].sha256);
        json_put_base64url(&out, "der", signers[i].der);
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

static bool read_provider(struct operation *o, struct store_provider *p, struct err *err)
{
    struct bytes profile;

    *p = (struct store_provider){ .name = o->row.target };
    if (!json_need_string(o->input, "tokenProfile", &profile, err))
        return false;
    if (!token_profile_from_name(profile, &p->token_profile))
        return err_set(err, ERR_MALFORMED, "the operation's input: tokenProfile is none that there is");
    return text_member(o, "subscription", &p->subscription, err) && text_member(o, "resourceGroup", &p->resource_group, err) &&
           text_member(o, "location", &p->location, err) && text_member(o, "attestUri", &p->attest_uri, err) &&
           text_member(o, "tags", &p->tags, err) && text_member(o, "createdBy", &p->created_by, err) &&
           json_need_integer(o->input, "created", &p->created_ms, err) &&
           flag_member(o, "tpmAuthentication", &p->tpm_authentication, err) &&
           flag_member(o, "publicNetwork", &p->public_network_access, err) && flag_member(o, "serverAkCa", &p->server_ak_ca, err) &&
           flag_member(o, "tpmV1", &p->tpm_v1, err) &&
           (!json_get(o->input, "enrolmentToken") || flag_member(o, "enrolmentToken", &p->enrolment_token, err));
}

static bool read_signers(struct operation *o, const struct store_provider *p, struct store_signer *ret, size_t *ret_n, struct err *err)
{
    const struct json *list;

    if (!json_need_array(o->input, "signers", &list, err))
        return false;
    if (list->array.n > PROVIDER_SIGNERS_MAX)
        return err_set(err, ERR_LIMIT, "more than %d signers", PROVIDER_SIGNERS_MAX);
    for (size_t i = 0; i < list->array.n; i++) {
        struct bytes sha256, der;
        ret[i] = (struct store_signer){ .provider = p->name, .added_ms = p->created_ms, .by = p->created_by };
        if (!json_need_string(list->array.items[i], "sha256", &sha256, err) || !json_need_string(list->array.items[i], "der", &der, err) ||
            !base64_decode_any(o->a, der, &ret[i].der, err))
            return false;
        ret[i].sha256 = arena_string(o->a, sha256);
        if (!ret[i].sha256)
            return err_set(err, ERR_NO_MEMORY, "no memory for signers");
    }
    *ret_n = list->array.n;
    return true;
}

/* The row that is there is this operation's own when it was made at the same time by the same caller. */
static bool made_already(struct operation *o, const struct store_provider *p)
{
    struct store_provider row;
    struct err ignored = ERR_INIT;

    return store_provider_get(o->service->store, o->a, p->name, &row, &ignored) && row.created_ms == p->created_ms &&
           strcmp(row.created_by, p->created_by) == 0 && strcmp(row.attest_uri, p->attest_uri) == 0;
}

static bool create_endpoint(struct operation *o, const char **ret_did, struct err *err)
{
    struct store_signer *signers = ARENA_ARRAY(o->a, PROVIDER_SIGNERS_MAX, struct store_signer);
    struct store_provider p;
    size_t n;

    if (!signers)
        return err_set(err, ERR_NO_MEMORY, "no memory for signers");
    if (!read_provider(o, &p, err) || !read_signers(o, &p, signers, &n, err))
        return false;
    p.isolated = n > 0;
    if (!made_already(o, &p) && !store_provider_create(o->service->store, &p, signers, n, err))
        return false;
    return did(ret_did, arena_printf(o->a, "%s, trust model %s, %zu policy signers", p.attest_uri, n ? "Isolated" : "AAD", n), err);
}

static bool put_in_force(struct operation *o, const char **ret_did, struct err *err)
{
    const struct provider *p CLEANUP(provider_free_at) = NULL;
    size_t n = 0;

    if (!providers_reload(o->service->providers, o->row.target, err))
        return false;
    p = providers_get(o->service->providers, bytes_of_string(o->row.target));
    if (!p)
        return did(ret_did, "it does not answer any more", err);
    for (enum provider_type t = 0; t < PROVIDER_TYPE_COUNT; t++)
        n += p->policies[t].is_set && p->policies[t].policy != NULL;
    return did(ret_did, arena_printf(o->a, "%s answers, with policies for %zu attestation types", p->issuer, n), err);
}

/* ---- deleting, and back ---------------------------------------------------------------------------------------------- */

static bool mark_deleted(struct operation *o, const char **ret_did, struct err *err)
{
    char until[CLOCK_TEXT_LEN];

    if (!store_provider_delete(o->service->store, o->row.target, o->row.started_ms, o->row.by, err) && err->code != ERR_NOT_FOUND)
        return false;
    clock_format(o->row.started_ms + LIMIT_DELETED_PROVIDER_DAYS * DAY_MS, until);
    return did(ret_did, arena_printf(o->a, "it can be brought back until %s", until), err);
}

/* The provider as it will be again: deleted still, or there already when this step runs a second time. */
static bool peek(struct operation *o, const struct provider **ret, struct err *err)
{
    if (providers_peek_deleted(o->service->providers, o->row.target, ret, err))
        return true;
    if (err->code != ERR_NOT_FOUND)
        return false;
    *ret = providers_get(o->service->providers, bytes_of_string(o->row.target));
    return *ret != NULL;
}

static bool check_policies(struct operation *o, const char **ret_did, struct err *err)
{
    const struct provider *p CLEANUP(provider_free_at) = NULL;
    size_t set = 0;
    int64_t steps;

    if (!peek(o, &p, err) || !store_policy_count(o->service->store, p->name, &steps, err))
        return false;
    for (enum provider_type t = 0; t < PROVIDER_TYPE_COUNT; t++)
        set += p->policies[t].is_own;
    return did(ret_did, arena_printf(o->a, "%zu policies of its own in force, %lld steps of history", set, (long long)steps), err);
}

static bool check_signers(struct operation *o, const char **ret_did, struct err *err)
{
    const struct provider *p CLEANUP(provider_free_at) = NULL;

    return peek(o, &p, err) &&
           did(ret_did, arena_printf(o->a, "%zu policy signers, trust model %s", p->n_signers, p->isolated ? "Isolated" : "AAD"), err);
}

static bool check_roots(struct operation *o, const char **ret_did, struct err *err)
{
    const struct provider *p CLEANUP(provider_free_at) = NULL;

    return peek(o, &p, err) && did(ret_did, arena_printf(o->a, "%zu trusted roots", trust_store_count(p->ak_roots)), err);
}

static bool unmark(struct operation *o, const char **ret_did, struct err *err)
{
    struct store_provider row;
    struct err why = ERR_INIT;

    if (!store_provider_undelete(o->service->store, o->row.target, &why) &&
        (why.code != ERR_NOT_FOUND || !store_provider_get(o->service->store, o->a, o->row.target, &row, &why)))
        return err_copy(err, &why);
    if (!store_provider_get(o->service->store, o->a, o->row.target, &row, err))
        return false;
    return did(ret_did,
               arena_printf(o->a, "%s, TPM authentication %s, public network access %s", row.attest_uri,
                            row.tpm_authentication ? "Enabled" : "Disabled", row.public_network_access ? "Enabled" : "Disabled"),
               err);
}

static bool purge(struct operation *o, const char **ret_did, struct err *err)
{
    if (!store_provider_purge(o->service->store, o->row.target, err) && err->code != ERR_NOT_FOUND)
        return false;
    return did(ret_did, "endpoint, policies, signers and roots are gone", err);
}

/* ---- policies -------------------------------------------------------------------------------------------------------- */

const char *operation_input_policy(struct arena *a, const char *type, struct bytes jws, const char *hash)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "type", type);
    json_put_bytes(&out, "jws", jws);
    json_put_string(&out, "hash", hash);
    json_end(&out);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

static bool store_policy(struct operation *o, const char **ret_did, struct err *err)
{
    struct store_policy row = { .provider = o->row.target, .by = o->row.by, .time_ms = o->row.started_ms }, latest;
    struct err why = ERR_INIT;
    bool found;

    if (!text_member(o, "type", &row.type, err) || !json_need_string(o->input, "jws", &row.jws, err))
        return false;
    if (row.jws.len && !text_member(o, "hash", &row.hash, err))
        return false;
    found = store_policy_latest(o->service->store, o->a, row.provider, row.type, &latest, &why);
    if (!found && why.code != ERR_NOT_FOUND)
        return err_copy(err, &why);
    row.version = found ? latest.version : 0;
    /* Done already, by a process that was killed before it could say so. */
    if (!(found && o->resumed && latest.time_ms == row.time_ms && bytes_equal(latest.jws, row.jws)) &&
        !store_policy_add(o->service->store, &row, &row.version, err))
        return false;
    return did(ret_did,
               row.hash ? arena_printf(o->a, "%s policy, version %lld, hash %s", row.type, (long long)row.version, row.hash)
                        : arena_printf(o->a, "%s policy, version %lld: the built-in one again", row.type, (long long)row.version),
               err);
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

#define IN_FORCE                                                \
    {                                                           \
        "inForce", "Put it in force for requests", put_in_force \
    }

static const struct operation_step create_steps[] = { { "endpoint", "Store endpoint, switches and policy signers", create_endpoint },
                                                      IN_FORCE };
static const struct operation_step delete_steps[] = { { "endpoint", "Mark the endpoint as deleted", mark_deleted }, IN_FORCE };
static const struct operation_step undelete_steps[] = { { "policies", "Check the policies and their history", check_policies },
                                                        { "signers", "Check the policy signers", check_signers },
                                                        { "roots", "Check the trusted roots", check_roots },
                                                        { "endpoint", "Bring back endpoint and switches", unmark },
                                                        IN_FORCE };
static const struct operation_step purge_steps[] = { { "purge", "Forget everything that was kept", purge } };
static const struct operation_step policy_steps[] = { { "store", "Store the policy as the next step of its history", store_policy },
                                                      IN_FORCE };

const struct operation_kind operation_kinds[] = {
    { OPERATION_PROVIDER_CREATE, "Create an attestation endpoint", create_steps, ARRAY_LEN(create_steps) },
    { OPERATION_PROVIDER_DELETE, "Delete an attestation endpoint", delete_steps, ARRAY_LEN(delete_steps) },
    { OPERATION_PROVIDER_UNDELETE, "Bring back a deleted attestation endpoint", undelete_steps, ARRAY_LEN(undelete_steps) },
    { OPERATION_PROVIDER_PURGE, "End a deleted attestation endpoint for good", purge_steps, ARRAY_LEN(purge_steps) },
    { OPERATION_POLICY_SET, "Set an attestation policy", policy_steps, ARRAY_LEN(policy_steps) },
    { OPERATION_POLICY_RESET, "Reset an attestation policy", policy_steps, ARRAY_LEN(policy_steps) },
};
const size_t operation_n_kinds = ARRAY_LEN(operation_kinds);
