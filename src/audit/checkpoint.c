#include "audit/checkpoint.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "jose/jws.h"
#include "json/parse.h"
#include "json/write.h"

#define TYP "trueboot-audit+jws"

bool audit_checkpoint_sign(struct arena *a, const struct signing_key *key, const struct audit_checkpoint *c, const char **ret,
                           struct err *err)
{
    struct writer header CLEANUP(writer_done) = { 0 }, payload CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&header, JSON_COMPACT);
    struct bytes compact;

    json_begin_object(&out, NULL);
    json_put_string(&out, "alg", jws_algorithm_name(key->algorithm));
    json_put_string(&out, "kid", key->kid);
    json_put_string(&out, "typ", TYP);
    json_end(&out);
    out = json_out_to(&payload, JSON_COMPACT);
    json_begin_object(&out, NULL);
    json_put_string(&out, "log", c->log);
    json_put_integer(&out, "seq", c->seq);
    json_put_string(&out, "hash", c->hash);
    json_put_time(&out, "time", c->time_ms);
    json_end(&out);
    if (!writer_ok(&header) || !writer_ok(&payload))
        return err_set(err, ERR_NO_MEMORY, "no memory for a checkpoint");
    if (!jws_sign(a, key->key, key->algorithm, writer_bytes(&header), writer_bytes(&payload), &compact, err))
        return err_within(err, "checkpoint");
    *ret = (const char *)compact.data;
    return true;
}

static bool read_payload(struct arena *a, struct bytes text, struct audit_checkpoint *ret, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    struct audit_checkpoint c = { .seq = 0 };
    struct bytes log, hash, time;
    const struct json *v;

    if (!json_parse(a, text, &strict, &v, err) || !json_need_string(v, "log", &log, err) || !json_need_integer(v, "seq", &c.seq, err) ||
        !json_need_string(v, "hash", &hash, err) || !json_need_string(v, "time", &time, err))
        return false;
    if (!uuid_canonical(log, c.log) || hash.len != AUDIT_HASH_TEXT_LEN - 1 || c.seq < 1 || !clock_parse(time, &c.time_ms))
        return err_set(err, ERR_MALFORMED, "a member has no such value");
    memcpy(c.hash, hash.data, hash.len);
    *ret = c;
    return true;
}

bool audit_checkpoint_read(struct arena *a, struct bytes text, const struct pubkey *key, struct audit_checkpoint *ret, struct err *err)
{
    const struct verified_jws *verified;
    struct jws jws;

    if (!jws_parse(a, text, 0, &jws, err) || !read_payload(a, jws.claimed_payload, ret, err))
        return err_within(err, "checkpoint");
    if (!bytes_equal_string(jws.typ, TYP))
        return err_set(err, ERR_UNTRUSTED, "checkpoint: it is a signed message of another kind");
    if (key && !jws_verify(a, &jws, key, JWS_ALLOW_ALL, &verified, err))
        return err_within(err, "checkpoint");
    return true;
}
