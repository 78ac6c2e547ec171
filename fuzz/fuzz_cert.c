/* Certificates from strangers: parsed, walked and shown; trimmed out of padding. */
#include "crypto/der.h"
#include "fuzz.h"
#include "x509/cert.h"
#include "x509/chain.h"
#include "x509/ek_cert.h"
#include "x509/name.h"

/* A name in words: every byte may become \xNN, twice over while it grows. */
enum { NAME_FACTOR = 32, NAME_FIXED = 4096 };

static void views_stay_inside(const struct cert *cert)
{
    const struct bytes views[] = { cert->tbs,       cert->serial,           cert->issuer,         cert->subject,
                                   cert->spki,      cert->common_name,      cert->subject_key_id, cert->authority_key_id,
                                   cert->alt_names, cert->unknown_critical, cert->signature };

    for (size_t i = 0; i < ARRAY_LEN(views); i++)
        ENSURE(lies_within(views[i], cert->der.data, cert->der.len));
    ENSURE(!cert->key == !!cert->key_problem);
    ENSURE(cert->n_eku_oids <= CERT_EKUS_MAX && cert->has_ekus == (cert->n_eku_oids > 0));
    ENSURE(!cert->is_ca || cert->has_basic_constraints);
}

static void names_can_be_shown(const struct cert *cert)
{
    static struct arena a;
    struct bytes rest = cert->alt_names;
    struct cert_alt_name name;
    const char *text;

    arena_reset(&a);
    text = name_text(&a, cert->subject);
    ENSURE(text);
    for (; *text; text++)
        ENSURE((unsigned char)*text >= 0x20 && *text != 0x7f);
    while (cert_alt_name_next(&rest, &name)) {
        ENSURE(lies_within(name.value, cert->alt_names.data, cert->alt_names.len));
        if (name.kind == ALT_NAME_DIRECTORY)
            ENSURE(name_text(&a, name.value));
    }
    ENSURE(rest.len == 0); /* cert_parse walked the same way */
    ENSURE(a.used <= NAME_FACTOR * cert->der.len + NAME_FIXED);
}

/* Nothing that a stranger sends is believed with an empty store. */
static void nobody_believes_it(struct cert *cert)
{
    CLEANUP(trust_store_free_at) struct trust_store *store = NULL;
    const struct cert *extra[] = { cert, cert };
    struct err err = ERR_INIT;

    ENSURE(trust_store_new(NULL, 0, &store, &err));
    for (enum chain_purpose purpose = CHAIN_EK; purpose <= CHAIN_TOKEN_SIGNER; purpose++) {
        struct chain_options options = { .purpose = purpose, .ignore_dates = true };
        struct verified_chain *chain = NULL;

        ENSURE(!chain_verify(store, cert, extra, 2, &options, &chain, &err));
        ENSURE(err.code == ERR_UNTRUSTED && err.text[0] && !chain);
    }
}

static void whole_certificate(struct bytes input)
{
    struct cert *cert = NULL, *again = NULL;
    struct ek_identity identity;
    struct err err = ERR_INIT;

    if (!cert_parse(input, &cert, &err)) {
        ENSURE(err.code != ERR_NONE && !cert);
        return;
    }
    ENSURE(bytes_equal(cert->der, input));
    views_stay_inside(cert);
    names_can_be_shown(cert);
    nobody_believes_it(cert);
    if (ek_cert_identity(cert, &identity, &err))
        ENSURE(memchr(identity.vm_name, '\n', sizeof identity.vm_name) == NULL);
    ENSURE(cert_parse(cert->der, &again, &err) && cert_equal(cert, again));
    cert_free(again);
    cert_free(cert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = { data, size }, der;
    struct cert *bundle[4];
    struct err err = ERR_INIT;
    size_t n = 0;

    whole_certificate(input);
    if (cert_trim(input, &der, &err)) {
        ENSURE(der.len > 0 && der.data == data && der.len <= size);
        whole_certificate(der);
    }
    if (cert_parse_bundle(input, bundle, ARRAY_LEN(bundle), &n, &err)) {
        ENSURE(n >= 1 && n <= ARRAY_LEN(bundle));
        while (n-- > 0)
            cert_free(bundle[n]);
    } else {
        ENSURE(err.code != ERR_NONE);
    }
    return 0;
}
