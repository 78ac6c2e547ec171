/* What a stranger says of a TPM when an enrolment begins: endorsement certificates, and what an initial attestation key says (JSON of anybody's making). */
#include "crypto/privkey.h"
#include "fuzz.h"
#include "json/parse.h"
#include "management/vouching.h"
#include "tpm/key_template.h"

/* The JSON tree, and what base64 becomes; certificates are not in the arena. Sentences that name a certificate's subject. */
enum { BYTES_PER_BYTE = 64, FIXED = 64 * 1024 };

/* Nobody has the private half any more: nothing here can verify. */
static const struct pubkey *lost_key(void)
{
    static struct pubkey *key;
    struct err err = ERR_INIT;

    if (!key) {
        struct privkey *made = NULL;

        ENSURE(privkey_generate(PRIVKEY_P256, &made, &err));
        ENSURE(pubkey_from_spki(pubkey_spki(privkey_public(made)), &key, &err));
        privkey_free(made);
    }
    return key;
}

static int64_t now(void) { return INT64_C(1795296000000); }

/* A server that believes nobody. */
static const struct management *server(void)
{
    static struct management m = { .now_ms = now };
    struct trust_store *nobody = NULL;
    struct err err = ERR_INIT;

    if (!m.ek_roots)
        ENSURE(trust_store_new(NULL, 0, &nobody, &err) && trust_slot_new(nobody, &m.ek_roots, &err));
    return &m;
}

static void ensure_refused(const struct err *err) { ENSURE(err->code != ERR_NONE && err->text[0] != '\0'); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct voucher voucher = { 0 };
    struct cert *cert = NULL;
    struct tpm_public ak;
    const struct json *body;
    struct err err = ERR_INIT;

    arena_reset(&a);
    if (!json_parse(&a, (struct bytes){ data, size }, NULL, &body, &err) || !ak_template(&a, AK_P256, 0, &ak, &err))
        return 0;
    ENSURE(!vouching_find(server(), &a, body, "", &voucher, &err));
    ensure_refused(&err);
    cert_free(voucher.cert);

    err = ERR_INIT;
    ENSURE(!vouching_hear_iak(&a, body, &(struct iak_word){ .iak = lost_key(), .ak = &ak }, &err));
    ensure_refused(&err);
    err = ERR_INIT;
    ENSURE(!vouching_same_iak(&a, body, "0000000000000000000000000000000000000000000000000000000000000000", &cert, &err) && !cert);
    ensure_refused(&err);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
