/* Prints {"issuer":…,"tokens":[{"name","algorithm","type","issuer","now" (ms),"token","jwks"}]}: a token of every family and profile over
 * evidence of a TPM in software, with the key list that it is to be verified by, for clients to verify. */
#include <stdio.h>
#include "support/attestation_fixture.h"
#include "support/test.h"
#include "unit/attestation/azureguest_sample.h"

#define POLICY "version=1.0; authorizationrules { => permit(); }; issuancerules { c:[type==\"secureBootEnabled\"] => issue(claim=c); };"

static const char *const algorithms[] = { [TOKENS_ORIGINAL] = "RS256", [TOKENS_ES256] = "ES256", [TOKENS_EAR] = "ES256" };

static void put_token(struct json_out *out, const char *type, enum token_profile profile, const char *issuer, int64_t now,
                      struct bytes token, struct bytes jwks)
{
    json_begin_object(out, NULL);
    json_put_string(out, "type", type);
    json_put_string(out, "profile", token_profile_name(profile));
    json_put_string(out, "algorithm", algorithms[profile]);
    json_put_string(out, "issuer", issuer);
    json_put_integer(out, "now", now);
    json_put_bytes(out, "token", token);
    json_put_raw(out, "jwks", jwks);
    json_end(out);
}

static bool put_reports(struct fixture *f, struct json_out *out)
{
    struct test_vm *vm = fixture_vm(f, "web1");

    for (enum token_profile profile = 0; profile < TOKEN_PROFILE_COUNT; profile++) {
        struct answer answer;
        struct bytes token;

        if (!fixture_provider(f, "myprov", token_profile_name(profile), POLICY) || !attest_once(f, vm, &token))
            return false;
        fixture_call(f, &(struct call){ .path = "/providers/myprov/certs" }, &answer);
        if (answer.status != 200)
            return false;
        put_token(out, "tpm", profile, FIXTURE_ISSUER "/providers/myprov", fixture_time, token, answer.body);
    }
    return true;
}

static bool put_guests(struct sample_service *s, struct json_out *out)
{
    struct writer jwks CLEANUP(writer_done) = { 0 };
    struct json_out list = json_out_to(&jwks, JSON_COMPACT);
    struct published_key published[2];

    for (size_t i = 0; i < 2; i++) {
        const struct signing_key *key;
        struct err err = ERR_INIT;
        if (!keyring_signer(s->service.keys[i ? KEY_USE_TOKEN_ES256 : KEY_USE_TOKEN], sample_time, 0, &key, &err))
            return false;
        published[i] = (struct published_key){ key->algorithm, key->kid, (const struct cert *const *)key->chain, key->n_chain };
    }
    jwks_write(&list, published, 2);
    for (enum token_profile profile = 0; profile < TOKEN_PROFILE_COUNT; profile++) {
        CLEANUP(guest_done) struct guest g;
        struct sample_answer answer;

        s->terms.profile = profile;
        s->service.reference = &s->reference;
        if (!guest_init(s, &g) || !service_trust(s, TRUST_CA, ca_cert(s->ca, 0)))
            return false;
        service_post(s, guest_request(&g), "", &answer);
        if (answer.status != 200)
            return false;
        put_token(out, "azurevm", profile, SAMPLE_ISSUER, sample_time, guest_open(&g, answer.sealed), writer_bytes(&jwks));
    }
    return writer_ok(&jwks);
}

TEST(tokens_are_made)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    FIXTURE(f);
    SERVICE(s);

    json_begin_object(&out, NULL);
    json_begin_array(&out, "tokens");
    REQUIRE(put_reports(&f, &out) && put_guests(&s, &out));
    json_end(&out);
    json_end(&out);
    REQUIRE(writer_ok(&w));
    fprintf(stderr, "%.*s\n", BYTES_FMT(writer_bytes(&w)));
}
