/* POST /attest/Tpm from strangers: the first byte says whether the rest is a body, or the payload of a request that was signed. */
#include "attestation/protocol/message.h"
#include "base/limits.h"
#include "fuzz.h"
#include "json/parse.h"

/* Memory is bounded by the input: what the JSON parser makes of a value of two characters (node, pointer, room to grow), decoded
 * base64, and one request of fixed size. */
enum { BYTES_PER_BYTE = 256, FIXED = 512 * 1024 };

static void check_evidence(const struct evidence *e, const uint8_t *data, size_t size)
{
    ENSURE(lies_within(e->raw, data, size) && e->raw.len >= 2 && e->raw.data[0] == '{');
    ENSURE(e->n_logs <= LIMIT_LOGS && e->pcrs.n_banks <= LIMIT_PCR_BANKS);
    ENSURE(e->aik_cert.len || e->aik_pub);
    ENSURE(e->quote.len <= LIMIT_SMALL_BODY_BYTES && e->signature.len <= LIMIT_SMALL_BODY_BYTES);
    for (size_t b = 0; b < e->pcrs.n_banks; b++)
        ENSURE(e->pcrs.banks[b].algorithm != DIGEST_NONE && e->pcrs.banks[b].present < 1u << LIMIT_PCRS);
}

static void read_request(struct arena *a, const uint8_t *data, size_t size)
{
    const struct jws jws = { .typ = BYTES_LIT("attReqV2"), .claimed_payload = { data, size } };
    const struct policy_claim *claims;
    struct attest_request request;
    struct digest one, two;
    struct err err = ERR_INIT;
    size_t n;

    if (!attest_request_read(a, &jws, false, &request, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        return;
    }
    check_evidence(&request.current, data, size);
    if (request.has_boot)
        check_evidence(&request.boot, data, size);
    /* what the quote binds are characters of the message */
    ENSURE(request.request_key.jwk.key && lies_within(request.request_key.text->raw, data, size));
    ENSURE(request.request_key.binding != KEY_UNBOUND && request.n_other_keys <= LIMIT_OTHER_KEYS);
    ENSURE(request.challenge.len <= LIMIT_NONCE_BYTES);
    ENSURE(bytes_equal(attest_request_nonce(&request, &one), attest_request_nonce(&request, &two)));
    if (attest_request_claims(a, &request, "https://x/custom/", &claims, &n, &err))
        ENSURE(n <= LIMIT_CUSTOM_CLAIMS);
    else
        ENSURE(err.code != ERR_NONE);
    attest_request_done(&request);
}

/* Version 1: the evidence is text that we made ourselves of the claims. */
static void read_request_v1(struct arena *a, const uint8_t *data, size_t size)
{
    const struct jws jws = { .typ = BYTES_LIT("attReq"), .claimed_payload = { data, size } };
    struct attest_request request;
    struct digest space;
    struct err err = ERR_INIT;

    if (!attest_request_read(a, &jws, true, &request, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        return;
    }
    ENSURE(request.v1 && request.request_key.jwk.key && request.request_key.binding == KEY_UNBOUND && request.n_other_keys == 0);
    ENSURE(request.current.pcrs.n_banks == 1 && request.current.pcrs.banks[0].present == 0xffffff && request.current.n_logs >= 1);
    ENSURE(bytes_equal(attest_request_nonce(&request, &space), request.challenge));
    attest_request_done(&request);
}

static void read_body(struct arena *a, const uint8_t *data, size_t size)
{
    struct attest_message message;
    const struct json *body;
    struct jws jws;
    struct err err = ERR_INIT;

    if (!json_parse(a, (struct bytes){ data, size }, NULL, &body, &err) || !attest_message_read(a, body, &message, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        return;
    }
    ENSURE(message.kind == ATTEST_INIT || message.kind == ATTEST_REQUEST);
    if (message.kind == ATTEST_REQUEST)
        ENSURE(jws_parse(a, message.request, LIMIT_ATTEST_BODY_BYTES, &jws, &err) || err.code != ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;

    arena_reset(&a);
    if (size == 0)
        return 0;
    if (data[0] == 'b')
        read_body(&a, data + 1, size - 1);
    else if (data[0] == '1')
        read_request_v1(&a, data + 1, size - 1);
    else
        read_request(&a, data + 1, size - 1);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
