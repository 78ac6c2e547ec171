#include "attestation/protocol/record.h"
#include "base/hex.h"

bool record_is_due(const struct appraisal *appraisal)
{
    static const enum finding_id not_authentic[] = { FINDING_QUOTE_MALFORMED, FINDING_QUOTE_MAGIC,     FINDING_QUOTE_TYPE,
                                                     FINDING_QUOTE_SIGNATURE, FINDING_QUOTE_ALGORITHM, FINDING_QUOTE_NONCE };

    if (!appraisal->vm[0] || appraisal->findings.overflow)
        return appraisal->vm[0] && appraisal->quote_verified;
    for (size_t i = 0; i < ARRAY_LEN(not_authentic); i++)
        if (findings_have(&appraisal->findings, not_authentic[i]))
            return false;
    return true;
}

bool record_make(const struct attestation_service *service, struct arena *a, const struct appraisal *appraisal, struct bytes *ret,
                 struct err *err)
{
    struct writer payload CLEANUP(writer_done) = { 0 }, header CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&payload, JSON_COMPACT), head = json_out_to(&header, JSON_COMPACT);
    const struct signing_key *key;

    if (!keyring_signer(service->keys[KEY_USE_RECORD], appraisal->time_ms, 0, &key, err))
        return false;
    json_begin_object(&out, NULL);
    json_put_string(&out, "iss", service->issuer);
    appraisal_write(&out, appraisal);
    json_end(&out);
    json_begin_object(&head, NULL);
    json_put_string(&head, "typ", APPRAISAL_RECORD_TYPE);
    json_put_string(&head, "alg", jws_algorithm_name(key->algorithm));
    json_put_string(&head, "kid", key->kid);
    json_end(&head);
    if (!writer_ok(&payload) || !writer_ok(&header))
        return err_set(err, ERR_NO_MEMORY, "no memory for an appraisal record");
    return jws_sign(a, key->key, key->algorithm, writer_bytes(&header), writer_bytes(&payload), ret, err);
}

struct storing {
    const struct store_appraisal *row;
    struct bytes evidence;
    size_t keep_evidence;
    const char *ak_name;
};

/* Compare and set: whoever deleted the VM, or enrolled it anew, while its evidence was verified has had the last word. */
static bool store_for_identity(struct store *tx, void *context, struct err *err)
{
    const struct storing *s = context;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct store_identity active;
    bool enrolled = store_identity_active(tx, &a, s->row->vm, &active, err);

    if (!enrolled && err->code != ERR_NOT_FOUND)
        return false;
    if (!enrolled || strcmp(active.ak_name, s->ak_name) != 0)
        return err_set(err, ERR_CONFLICT, "the VM was deleted, or enrolled anew, while its evidence was verified: attest again");
    return store_appraisal_add(tx, s->row, s->evidence, s->keep_evidence, err);
}

bool record_store(const struct attestation_service *service, struct arena *a, const struct appraisal *appraisal, const char *ak_name,
                  struct bytes evidence_text, const char *jti, struct err *err)
{
    char evidence_sha256[2 * 32 + 1];
    struct store_appraisal row = {
        .id = appraisal->id,
        .vm = appraisal->vm,
        .time_ms = appraisal->time_ms,
        .provider = service->provider,
        .verdict = verdict_name(appraisal->verdict),
        .reset_count = appraisal->reset_count,
        .restart_count = appraisal->restart_count,
        .clock = (int64_t)(appraisal->clock_ms & INT64_MAX),
        .evidence_sha256 = evidence_sha256,
        .policy_hash = appraisal->policy_hash,
        .token_id = jti,
    };
    struct storing storing = { &row, evidence_text, service->keep_evidence, ak_name };

    hex_encode(digest_bytes(&appraisal->evidence_digest), evidence_sha256);
    if (!record_make(service, a, appraisal, &row.record, err))
        return false;
    if (!store_transaction(service->store, store_for_identity, &storing, err))
        return err->code == ERR_CONFLICT ? false : err_within(err, "storing an appraisal");
    if (service->on_appraisal)
        service->on_appraisal(service->on_appraisal_context, appraisal->vm);
    return true;
}
