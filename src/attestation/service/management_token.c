#include "attestation/service/management_token.h"
#include "attestation/service/signer.h"
#include "jose/jwk.h"

enum { LIFETIME_SECONDS = 3600, BACKDATE_SECONDS = 300 };

void management_token_begin(struct management_token *t, const struct provider *provider, int64_t now_ms)
{
    int64_t now = now_ms / 1000;

    *t = (struct management_token){ .now_ms = now_ms };
    t->out = json_out_to(&t->payload, JSON_COMPACT);
    json_begin_object(&t->out, NULL);
    json_put_integer(&t->out, "exp", now + LIFETIME_SECONDS);
    json_put_integer(&t->out, "iat", now);
    json_put_string(&t->out, "iss", provider->issuer);
    json_put_integer(&t->out, "nbf", now - BACKDATE_SECONDS);
}

void management_token_done(struct management_token *t) { writer_done(&t->payload); }

bool management_token_answer(struct management_token *t, const struct data_plane_call *call, struct err *err)
{
    struct arena *a = call->request->arena;
    const char *jku = arena_printf(a, "%s/certs", call->provider->issuer);
    const struct signing_key *key;
    struct json_out out;
    struct bytes compact;

    json_end(&t->out);
    if (!jku || !writer_ok(&t->payload))
        return err_set(err, ERR_NO_MEMORY, "no memory for a token");
    if (!signer_for(call->service, call->provider->token_profile, SIGNING_SELF_SIGNED, t->now_ms, t->now_ms + LIFETIME_SECONDS * 1000, &key,
                    err) ||
        !signing_key_sign_token(key, a, jku, writer_bytes(&t->payload), &compact, err))
        return false;
    out = http_response_json(call->response, 200);
    json_begin_object(&out, NULL);
    json_put_bytes(&out, "token", compact);
    json_end(&out);
    return true;
}

static void put_key(struct json_out *out, const struct cert *cert)
{
    json_put_string(out, "kty", pubkey_type(cert->key) == KEY_RSA ? "RSA" : "EC");
    jwk_write_certs(out, &cert, 1);
}

void management_token_put_signer(struct json_out *out, const char *name, const struct cert *cert)
{
    json_begin_object(out, name);
    json_begin_object(out, "jwk");
    put_key(out, cert);
    json_end(out);
    put_key(out, cert);
    json_end(out);
}
