/* The body of PUT /policies/{type}: whatever is accepted unsigned for an AAD provider has a text that reads back from the stored form;
 * an Isolated provider without signers accepts nothing. */
#include "attestation/policy/signed_request.h"
#include "attestation/provider/policy_text.h"
#include "fuzz.h"

/* Two readings of the body: base64, headers and claims as JSON, certificates. */
enum { BYTES_PER_BYTE = 1024, FIXED = 256 * 1024 };

static int64_t the_epoch(void) { return 0; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct provider aad = { .name = "aad", .issuer = "https://a" }, isolated = { .name = "iso", .isolated = true };
    static struct arena a;
    struct signed_request r CLEANUP(signed_request_done) = { 0 }, none CLEANUP(signed_request_done) = { 0 };
    const struct http_request request = { .arena = &a, .body = { data, size } };
    struct attestation_service service = { .now_ms = the_epoch };
    const struct data_plane_call of_isolated = { .service = &service, .provider = &isolated, .request = &request },
                                 of_aad = { .service = &service, .provider = &aad, .request = &request };
    struct cert *signer CLEANUP(cert_free_at) = NULL;
    struct bytes text, stored;
    struct err err = ERR_INIT;

    arena_reset(&a);
    ENSURE(!signed_request_read(&of_isolated, "policyCertificateToAdd", &none, &err));
    if (!signed_request_read(&of_aad, "policyCertificateToAdd", &r, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
        return 0;
    }
    ENSURE(r.compact.len <= size && r.compact.len >= 2);
    if (policy_text_read(&a, r.payload, false, &text, &err)) {
        ENSURE(provider_stored_policy(&a, r.compact, &stored, &signer, &err));
        ENSURE(bytes_equal(text, stored) && (signer != NULL) == (r.signer != NULL));
    }
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
