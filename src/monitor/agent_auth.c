/* Who an agent is: a request signed by the attestation key inside its TPM (architecture.md 8, guest-agent.md 2.4). */
#include "base/base64.h"
#include "base/hex.h"
#include "jose/jws.h"
#include "json/parse.h"
#include "monitor/monitor.h"
#include "x509/cert.h"

enum { IAT_TOLERANCE_SECONDS = 120 };

static bool need(bool holds, struct err *err, const char *what)
{
    return holds || err_set(err, ERR_UNTRUSTED, "request signature: %s", what);
}

/* The key that the VM enrolled last, and the kid that its Name gives. */
static bool load_key(const struct monitor *monitor, struct arena *a, const char *vm, struct cert **ret, const char **ret_kid,
                     struct err *err)
{
    struct store_identity identity;
    struct digest kid;
    struct bytes name;

    if (!store_identity_active(monitor->store, a, vm, &identity, err))
        return err->code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "no attestation key is enrolled for VM %s", vm) : false;
    if (!hex_decode(a, bytes_of_string(identity.ak_name), &name, err))
        return false;
    digest_compute(DIGEST_SHA256, name, &kid);
    *ret_kid = base64_in(a, BASE64_URL, digest_bytes(&kid));
    if (!*ret_kid)
        return err_set(err, ERR_NO_MEMORY, "no memory for a key id");
    return cert_parse(identity.ak_cert, ret, err) && ((*ret)->key || err_set(err, ERR_UNSUPPORTED, "%s", (*ret)->key_problem));
}

static bool check_claims(const struct http_request *request, const struct json *claims, int64_t now_ms, int64_t *ret_counter,
                         struct err *err)
{
    struct digest body;
    struct bytes stated;
    int64_t iat;

    digest_compute(DIGEST_SHA256, request->body, &body);
    return need(json_is_string(json_get(claims, "htm"), request->method), err, "htm is not this request's method") &&
           need(bytes_equal(json_text(json_get(claims, "htu"), BYTES_NONE), request->path), err, "htu is not this request's path") &&
           need(base64_decode(request->arena, BASE64_URL, json_text(json_get(claims, "bh"), BYTES_NONE), &stated, err) &&
                    bytes_equal_ct(stated, digest_bytes(&body)),
                err, "bh is not the body's digest") &&
           need(json_as_integer(json_get(claims, "iat"), &iat) && iat >= now_ms / 1000 - IAT_TOLERANCE_SECONDS &&
                    iat <= now_ms / 1000 + IAT_TOLERANCE_SECONDS,
                err, "iat is more than 120 seconds from this server's time") &&
           need(json_as_integer(json_get(claims, "ctr"), ret_counter) && *ret_counter > 0, err, "ctr is not a positive integer");
}

static bool verify(const struct monitor *monitor, const struct http_request *request, struct bytes token, const char **ret_vm,
                   struct err *err)
{
    struct json_options options = { .refuse_duplicates = true };
    struct cert *ak CLEANUP(cert_free_at) = NULL;
    const struct verified_jws *verified;
    const struct json *claims;
    char vm[UUID_TEXT_LEN];
    const char *kid;
    struct jws jws;
    int64_t counter;

    if (!jws_parse(request->arena, token, 0, &jws, err) || !json_parse(request->arena, jws.claimed_payload, &options, &claims, err))
        return err_within(err, "request signature");
    if (!need(uuid_canonical(json_text(json_get(claims, "vm"), BYTES_NONE), vm), err, "vm is not a UUID") ||
        !load_key(monitor, request->arena, vm, &ak, &kid, err))
        return false;
    if (!bytes_equal_string(jws.kid, kid))
        return err_set(err, ERR_NOT_FOUND, "VM %s has enrolled another attestation key than the one that signed", vm);
    if (!jws_verify(request->arena, &jws, ak->key, JWS_ALLOW(JWS_RS256) | JWS_ALLOW(JWS_ES256), &verified, err))
        return err_within(err, "request signature");
    if (!check_claims(request, claims, monitor->now_ms(), &counter, err))
        return false;
    if (!store_counter_advance(monitor->store, vm, counter, err))
        return err->code == ERR_DENIED ? need(false, err, "ctr was seen before") : false;
    *ret_vm = arena_string(request->arena, bytes_of_string(vm));
    return *ret_vm || err_set(err, ERR_NO_MEMORY, "no memory for a caller");
}

bool monitor_identify_agent(const struct monitor *monitor, const struct http_request *request, bool *ret_is_agent, struct http_caller *ret,
                            struct err *err)
{
    static const struct bytes scheme = BYTES_LIT("TrueBoot-AK ");
    struct bytes header = http_header(request, "Authorization");
    const char *vm;

    *ret_is_agent = bytes_starts_with(header, scheme);
    if (!*ret_is_agent)
        return true;
    if (http_header_count(request, "Authorization") != 1)
        return need(false, err, "there are several Authorization headers");
    if (!verify(monitor, request, bytes_trim(bytes_slice(header, scheme.len, header.len)), &vm, err))
        return false;
    *ret = (struct http_caller){ .role = HTTP_AGENT, .subject = vm };
    return true;
}
