/* docs/claims.md, the program's tables and the tokens say the same: a row more or less in any of the three is a failure here. */
#include "attestation/protocol/token_members.h"
#include "attestation/provider/provider.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/hex.h"
#include "policy/claim_list.h"
#include "support/attestation_fixture.h"
#include "support/test.h"
#include "unit/attestation/azureguest_sample.h"

enum { ROWS_MAX = 128 };

/* ---- the page ---------------------------------------------------------------------------------------------------------- */

/* The rows of the first table below a heading, as they are written. */
static size_t page_rows(struct arena *a, const char *heading, struct bytes rows[static ROWS_MAX])
{
    struct bytes page;
    struct err err = ERR_INIT;
    size_t n = 0, at;

    if (!file_read_in(a, SOURCE_ROOT "/docs/claims.md", 1 << 20, &page, &err)) {
        test_note("%s", err.text);
        return 0;
    }
    at = bytes_find(page, bytes_of_string(heading));
    page = at == SIZE_MAX ? BYTES_NONE : bytes_slice(page, at, SIZE_MAX);
    at = bytes_find(page, BYTES_LIT("\n|---|"));
    page = at == SIZE_MAX ? BYTES_NONE : bytes_slice(page, at + 1, SIZE_MAX);
    for (size_t line = 0; page.len && page.data[0] == '|'; line++) {
        size_t end = bytes_find(page, BYTES_LIT("\n"));
        if (line && n < ROWS_MAX)
            rows[n++] = bytes_slice(page, 0, end);
        page = end == SIZE_MAX ? BYTES_NONE : bytes_slice(page, end + 1, SIZE_MAX);
    }
    return n;
}

/* Both ways: each row of the program is on the page, letter by letter, and there are no others. */
static void compare(const char *heading, const char *const *rows, size_t n, struct arena *a)
{
    struct bytes shown[ROWS_MAX];
    size_t n_shown = page_rows(a, heading, shown);

    CHECK(n > 0);
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (size_t k = 0; k < n_shown; k++)
            found |= bytes_equal_string(shown[k], rows[i]);
        if (!found)
            test_note("%s lacks: %s", heading, rows[i]);
        CHECK(found);
    }
    for (size_t k = 0; k < n_shown; k++) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found |= bytes_equal_string(shown[k], rows[i]);
        if (!found)
            test_note("%s has what the program has not: %.*s", heading, BYTES_FMT(shown[k]));
        CHECK(found);
    }
    CHECK_INT(n_shown, n);
}

TEST(the_page_has_a_row_for_each_claim_and_no_other)
{
    static const struct {
        const char *heading;
        enum claim_evidence evidence;
    } tables[] = { { "# Claims of type Tpm\n", CLAIM_EVIDENCE_TPM }, { "# Claims of type AzureGuest\n", CLAIM_EVIDENCE_AZUREGUEST } };
    struct arena a CLEANUP(arena_done) = { 0 };

    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        const char *rows[CLAIM_COUNT];
        size_t n = 0;
        for (size_t i = 0; i < CLAIM_COUNT; i++)
            if (service_claims[i].evidence == tables[t].evidence)
                rows[n++] = arena_printf(&a, "| `%s` | %s | %s |", service_claims[i].name, service_claim_type_text(&a, &service_claims[i]),
                                         service_claims[i].rests_on);
        compare(tables[t].heading, rows, n, &a);
    }
}

static const char *kinds_text(struct arena *a, unsigned tokens)
{
    const char *text = "";

    for (unsigned kind = 1; kind < TOKEN_ALL; kind <<= 1)
        if (tokens & kind)
            text = arena_printf(a, "%s%s%s", text, *text ? ", " : "", token_kind_name((enum token_kind)kind));
    return tokens == TOKEN_ALL ? "all" : text;
}

TEST(the_page_has_a_row_for_each_member_of_a_token_and_no_other)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *rows[ROWS_MAX];

    REQUIRE(token_n_members <= ROWS_MAX);
    for (size_t i = 0; i < token_n_members; i++)
        rows[i] = arena_printf(&a, "| `%s` | %s | %s |", token_members[i].place, kinds_text(&a, token_members[i].tokens),
                               token_members[i].rests_on);
    compare("# Members of tokens\n", rows, token_n_members, &a);
}

/* ---- what tokens hold ---------------------------------------------------------------------------------------------------- */

#define ISSUED "issued" /* what our policies issue: the only name that stands in no table */

/* Which rows were seen in which kinds of token. */
static unsigned seen_members[ROWS_MAX], seen_claims[CLAIM_COUNT];

static bool is_parent(const char *place)
{
    for (size_t i = 0; i < token_n_members; i++)
        if (bytes_starts_with(bytes_of_string(token_members[i].place), bytes_of_string(place)) &&
            token_members[i].place[strlen(place)] == '/')
            return true;
    return false;
}

static bool note_claim(struct bytes name, unsigned kind, enum claim_evidence evidence)
{
    for (size_t i = 0; i < CLAIM_COUNT; i++)
        if (service_claims[i].evidence == evidence && bytes_equal_string(name, service_claims[i].name)) {
            seen_claims[i] |= kind;
            return true;
        }
    return false;
}

static void note_object(struct arena *a, const char *above, const struct json *object, unsigned kind)
{
    bool claims = strcmp(above, "trueboot/claims/") == 0 || (!*above && kind == TOKEN_AZUREGUEST);

    for (size_t i = 0; i < object->object.n; i++) {
        const struct json_member *m = &object->object.members[i];
        const char *place = arena_printf(a, "%s%.*s", above, BYTES_FMT(m->name));
        bool known = claims && kind & (TOKEN_AZUREGUEST | TOKEN_EAR_AZUREGUEST) && note_claim(m->name, kind, CLAIM_EVIDENCE_AZUREGUEST);

        for (size_t k = 0; k < token_n_members && !known; k++)
            if (strcmp(token_members[k].place, place) == 0 && token_members[k].tokens & kind) {
                known = true;
                seen_members[k] |= kind;
            }
        known = known || bytes_equal_string(m->name, ISSUED);
        if (!known)
            test_note("no row for %s in a token of kind %s", place, token_kind_name((enum token_kind)kind));
        CHECK(known);
        if (m->value->type == JSON_OBJECT && (is_parent(place) || strcmp(place, "trueboot/claims") == 0))
            note_object(a, arena_printf(a, "%s/", place), m->value, kind);
    }
}

static const struct json *payload_of(struct arena *a, struct bytes token)
{
    const struct json *v;
    struct err err = ERR_INIT;
    struct jws jws;

    if (jws_parse(a, token, 1 << 20, &jws, &err) && json_parse(a, jws.claimed_payload, NULL, &v, &err))
        return v;
    test_note("%s", err.text);
    return NULL;
}

static const struct json *note(struct arena *a, struct bytes token, enum token_kind kind)
{
    const struct json *payload = payload_of(a, token);

    CHECK(payload && payload->type == JSON_OBJECT);
    if (payload)
        note_object(a, "", payload, kind);
    return payload;
}

/* ---- reports ------------------------------------------------------------------------------------------------------------- */

/* The names of all claims that the service made; what is read-only cannot be issued, but it can be asked for. */
#define POLICY                                                                                                            \
    "version=1.2; authorizationrules { => permit(); }; issuancerules {"                                                   \
    "c:[type!=\"pcrs\", type!=\"bootPcrs\", issuer==\"AttestationService\"] => issue(type=\"" ISSUED "\", value=c.type);" \
    "[type==\"pcrs\", issuer==\"AttestationService\"] => issue(type=\"" ISSUED "\", value=\"pcrs\");"                     \
    "[type==\"bootPcrs\", issuer==\"AttestationService\"] => issue(type=\"" ISSUED "\", value=\"bootPcrs\"); };"

static const char *jwk_text(struct arena *a, const struct pubkey *key)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    jwk_write_key(&out, key);
    json_end(&out);
    return arena_string(a, writer_bytes(&w));
}

static void note_service_claims(const struct json *issued)
{
    for (size_t i = 0; issued && issued->type == JSON_ARRAY && i < issued->array.n; i++) {
        struct bytes name = json_text(issued->array.items[i], BYTES_NONE);
        bool known = note_claim(name, TOKEN_REPORT, CLAIM_EVIDENCE_TPM);
        if (!known)
            test_note("no row for the claim %.*s", BYTES_FMT(name));
        CHECK(known);
    }
}

/* With everything that a request may carry, over a boot about which there is something to say. */
static void report(struct fixture *f, struct test_vm *vm, enum token_kind kind)
{
    struct attestation t;
    struct answer answer;
    const struct json *payload;

    REQUIRE(attestation_begin(f, vm, &t));
    t.rp_data = "bm9uY2Ugb2Y";
    t.more_tpm = arena_printf(t.a, ",\"boot_attestation\":%s", attestation_object(&t, &vm->boot, vm->ak, BYTES_LIT("of then")));
    t.more_data = arena_printf(t.a,
                               ",\"other_keys\":[{\"jwk\":%s,\"info\":{}}],\"custom_claims\":[{\"name\":\"site\",\"value\":\"x\","
                               "\"value_type\":\"String\"}]",
                               jwk_text(t.a, privkey_public(test_key(PRIVKEY_P256, 31))));
    attestation_send(&t, &answer);
    CHECK_STRING(answer.message, "");
    REQUIRE(answer.status == 200);
    payload = note(&f->a, answer_token(f, &answer), kind);
    note_service_claims(kind == TOKEN_REPORT ? json_get(payload, ISSUED) : json_at(payload, "trueboot", "claims", ISSUED, NULL));
}

/* ---- policies and signers -------------------------------------------------------------------------------------------------- */

#define AT(path) "/providers/myprov" path FIXTURE_API

static struct bytes signed_policy(struct fixture *f, const struct privkey *key, const struct cert *cert, const char *payload)
{
    char *header = arena_printf(&f->a, "{\"alg\":\"ES256\",\"x5c\":[\"%s\"]}", base64_in(&f->a, BASE64_STANDARD, cert->der));
    struct bytes jws = BYTES_NONE;
    struct err err = ERR_INIT;

    CHECK(jws_sign(&f->a, key, JWS_ES256, bytes_of_string(header), bytes_of_string(payload), &jws, &err));
    return jws;
}

static void ask(struct fixture *f, const char *method, const char *path, struct bytes body, enum token_kind kind)
{
    struct answer answer;

    fixture_call(f, &(struct call){ .method = method, .path = path, .body = body, .as = HTTP_OWNER }, &answer);
    CHECK_STRING(answer.message, "");
    REQUIRE(answer.status == 200);
    note(&f->a, json_text(json_get(answer.json, "token"), BYTES_NONE), kind);
}

/* Isolated, with one signer: policies are signed, and signers come and go. */
static bool isolated(struct fixture *f, const struct cert *cert, const char *profile)
{
    struct answer answer;

    fixture_ask(f, &answer, "PUT",
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.Attestation/attestationProviders/myprov?api-version=2021-06-01",
                "{\"location\":\"local\",\"properties\":{\"policySigningCertificates\":{\"keys\":[{\"kty\":\"EC\",\"x5c\":[\"%s\"]}]},"
                "\"tpmAttestationAuthentication\":\"Disabled\",\"trueboot\":{\"tokenProfile\":\"%s\"}}}",
                base64_in(&f->a, BASE64_STANDARD, cert->der), profile);
    if (answer.status != 200 && answer.status != 201)
        test_note("%u %s", answer.status, answer.message);
    f->at = "/providers/myprov";
    return answer.status == 200 || answer.status == 201;
}

static void management_tokens(struct fixture *f, const struct privkey *key, const struct cert *cert, const struct cert *other)
{
    const char *policy = arena_printf(&f->a, "{\"AttestationPolicy\":\"%s\"}", base64_in(&f->a, BASE64_URL, BYTES_LIT(POLICY)));
    const char *change =
        arena_printf(&f->a, "{\"policyCertificate\":{\"kty\":\"EC\",\"x5c\":[\"%s\"]}}", base64_in(&f->a, BASE64_STANDARD, other->der));

    ask(f, "PUT", AT("/policies/Tpm"), signed_policy(f, key, cert, policy), TOKEN_POLICY_SET);
    ask(f, "GET", AT("/policies/Tpm"), BYTES_NONE, TOKEN_POLICY_SHOWN);
    ask(f, "POST", AT("/policies/Tpm:reset"), signed_policy(f, key, cert, ""), TOKEN_POLICY_RESET);
    ask(f, "POST", AT("/certificates:add"), signed_policy(f, key, cert, change), TOKEN_SIGNER_CHANGED);
    ask(f, "GET", AT("/certificates"), BYTES_NONE, TOKEN_SIGNERS_SHOWN);
    ask(f, "POST", AT("/certificates:remove"), signed_policy(f, key, cert, change), TOKEN_SIGNER_CHANGED);
    ask(f, "PUT", AT("/policies/Tpm"), signed_policy(f, key, cert, policy), TOKEN_POLICY_SET);
}

static void reports_and_management(const char *profile, enum token_kind kind)
{
    struct cert *mine CLEANUP(cert_free_at) = NULL, *other CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");

    REQUIRE(ca_self_signed_signer(test_key(PRIVKEY_P256, 1), "signer", fixture_time, CA_VALIDITY_MS, &mine, &err) &&
            ca_self_signed_signer(test_key(PRIVKEY_P256, 2), "next", fixture_time, CA_VALIDITY_MS, &other, &err));
    REQUIRE(isolated(&f, mine, profile));
    management_tokens(&f, test_key(PRIVKEY_P256, 1), mine, other);
    report(&f, vm, kind); /* a command line that was measured… */
    REQUIRE(fixture_reboot(&f, vm, &(struct boot_shape){ .silent_loader = true }));
    report(&f, vm, kind); /* …and a finding */
}

/* ---- AzureGuest ------------------------------------------------------------------------------------------------------------ */

static void azureguest(enum token_profile profile, enum token_kind kind)
{
    struct cert *mine CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;
    SERVICE(s);
    CLEANUP(guest_done) struct guest g;
    struct sample_answer answer;

    REQUIRE(ca_self_signed_signer(test_key(PRIVKEY_P256, 1), "signer", sample_time, CA_VALIDITY_MS, &mine, &err));
    s.service.reference = &s.reference;
    REQUIRE(guest_init(&s, &g) && service_trust(&s, TRUST_CA, ca_cert(s.ca, 0)));
    s.terms.profile = profile;
    s.terms.policy_signer = mine;
    REQUIRE(
        service_set_policy(&s, "version= 1.0;authorizationrules{=> permit();};issuancerules{=> issue(type=\"" ISSUED "\", value=1);};"));
    g.quote.attest.extra_data = BYTES_LIT("any qualifying data");
    service_post(&s, guest_request(&g), "", &answer);
    CHECK_STRING(answer.message, "");
    REQUIRE(answer.status == 200);
    note(&s.a, guest_open(&g, answer.sealed), kind);
}

/* ---- both directions -------------------------------------------------------------------------------------------------------- */

TEST(every_member_of_every_token_has_a_row_and_every_row_is_seen)
{
    memset(seen_members, 0, sizeof seen_members);
    memset(seen_claims, 0, sizeof seen_claims);
    reports_and_management("original", TOKEN_REPORT);
    reports_and_management("ear", TOKEN_EAR_REPORT);
    azureguest(TOKENS_ORIGINAL, TOKEN_AZUREGUEST);
    azureguest(TOKENS_EAR, TOKEN_EAR_AZUREGUEST);
    for (size_t i = 0; i < token_n_members; i++) {
        if (seen_members[i] != token_members[i].tokens)
            test_note("%s: seen in 0x%x, the row says 0x%x", token_members[i].place, seen_members[i], token_members[i].tokens);
        CHECK_INT(seen_members[i], token_members[i].tokens);
    }
    for (size_t i = 0; i < CLAIM_COUNT; i++) {
        unsigned wanted = service_claims[i].evidence == CLAIM_EVIDENCE_TPM ? TOKEN_REPORT : TOKEN_AZUREGUEST | TOKEN_EAR_AZUREGUEST;
        if (seen_claims[i] != wanted)
            test_note("%s is never made", service_claims[i].name);
        CHECK_INT(seen_claims[i], wanted);
    }
}

TEST(the_metadata_name_every_member_that_a_token_may_have)
{
    FIXTURE(f);
    struct answer answer;
    const struct json *names;

    fixture_ask(&f, &answer, "GET", "/.well-known/openid-configuration", NULL);
    names = json_get(answer.json, "claims_supported");
    REQUIRE(names && names->type == JSON_ARRAY);
    for (size_t i = 0; i < CLAIM_COUNT; i++) {
        size_t n = 0;
        for (size_t k = 0; k < names->array.n; k++)
            n += json_is_string(names->array.items[k], service_claims[i].name);
        CHECK_INT(n, service_claims[i].marks & CLAIM_READ_ONLY ? 0 : 1); /* what is read-only never stands in a token */
    }
}
