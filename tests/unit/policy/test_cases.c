/* Runs every file of tests/cases/policy; its README.md describes the format. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "json/parse.h"
#include "json/write.h"
#include "policy/policy.h"
#include "support/test.h"

struct policy_case {
    struct arena arena;
    struct bytes policy, claims_name;
    const struct json *want;
    const struct policy_claim *claims;
    size_t n_claims;
};

static bool cut(struct bytes *rest, struct bytes marker, struct bytes *ret)
{
    size_t at = bytes_find(*rest, marker);

    if (at == SIZE_MAX)
        return false;
    *ret = bytes_slice(*rest, 0, at);
    *rest = bytes_slice(*rest, at + marker.len, rest->len);
    return true;
}

static struct policy_claim claim_of(const struct json *row)
{
    const struct json *value = json_get(row, "value"), *json = json_get(row, "json");
    struct policy_claim claim = { .type = json_text(json_get(row, "type"), BYTES_NONE), .read_only = json_get(row, "read_only") != NULL };

    claim.issuer = json_is_string(json_get(row, "issuer"), "CustomClaim") ? POLICY_ISSUER_CUSTOM : POLICY_ISSUER_SERVICE;
    if (json)
        claim.value = (struct policy_value){ .type = POLICY_STRING, .string = json->raw };
    else if (value->type == JSON_BOOLEAN)
        claim.value = (struct policy_value){ .type = POLICY_BOOLEAN, .boolean = value->boolean };
    else if (value->type == JSON_NUMBER)
        claim.value = (struct policy_value){ .type = POLICY_INTEGER, .integer = value->number.integer };
    else
        claim.value = (struct policy_value){ .type = POLICY_STRING, .string = value->string };
    return claim;
}

static bool load_claims(struct policy_case *c)
{
    const char *path = test_case(arena_printf(&c->arena, "policy/%.*s.claims.json", BYTES_FMT(c->claims_name)));
    struct err err = ERR_INIT;
    struct bytes text;
    const struct json *rows;
    struct policy_claim *claims;

    if (!file_read_in(&c->arena, path, SIZE_MAX / 4, &text, &err) || !json_parse(&c->arena, text, NULL, &rows, &err)) {
        test_note("%s: %s", path, err.text);
        return false;
    }
    claims = ARENA_ARRAY(&c->arena, rows->array.n, struct policy_claim);
    for (size_t i = 0; claims && i < rows->array.n; i++)
        claims[i] = claim_of(rows->array.items[i]);
    c->claims = claims;
    c->n_claims = rows->array.n;
    return claims != NULL;
}

static bool load(struct policy_case *c, const char *path)
{
    struct err err = ERR_INIT;
    struct bytes text, title, name;

    if (!file_read_in(&c->arena, path, SIZE_MAX / 4, &text, &err) || !cut(&text, BYTES_LIT("\nclaims: "), &title) ||
        !cut(&text, BYTES_LIT("\n== policy\n"), &name) || !cut(&text, BYTES_LIT("\n== outcome\n"), &c->policy) ||
        !json_parse(&c->arena, text, NULL, &c->want, &err)) {
        test_note("%s: %s", path, err.text[0] ? err.text : "not a case file");
        return false;
    }
    c->claims_name = name;
    return load_claims(c);
}

static const struct json *json_of(struct arena *a, struct policy_value value)
{
    switch (value.type) {
    case POLICY_BOOLEAN:
        return json_boolean(value.boolean);
    case POLICY_INTEGER:
        return json_integer(a, value.integer);
    case POLICY_STRING:
        break;
    }
    return json_string(a, value.string);
}

/* Claims as they stand in a token: several of one type make an array. */
static const struct json *token_of(struct arena *a, const struct policy_claim *claims, size_t n)
{
    struct json_member *members = ARENA_ARRAY(a, n, struct json_member);
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        const struct json **values = arena_array(a, n, sizeof *values);
        size_t n_values = 0;
        bool seen = false;

        for (size_t j = 0; j < used; j++)
            seen = seen || bytes_equal(members[j].name, claims[i].type);
        for (size_t j = i; j < n && !seen; j++)
            if (bytes_equal(claims[j].type, claims[i].type))
                values[n_values++] = json_of(a, claims[j].value);
        if (!seen)
            members[used++] = (struct json_member){ claims[i].type, n_values == 1 ? values[0] : json_array(a, values, n_values) };
    }
    return json_object(a, members, used);
}

/* The last of each name counts. */
static const struct json *properties_of(struct arena *a, const struct policy_claim *claims, size_t n)
{
    struct json_member *members = ARENA_ARRAY(a, n, struct json_member);

    for (size_t i = 0; i < n; i++)
        members[i] = (struct json_member){ claims[i].type, json_of(a, claims[i].value) };
    return json_object(a, members, n);
}

static void expect_same(struct arena *a, const struct json *got, const struct json *want)
{
    CHECK(json_equal(got, want));
    if (!json_equal(got, want))
        test_note("  got %s, want %s", json_to_string(a, got, JSON_COMPACT), json_to_string(a, want, JSON_COMPACT));
}

static void expect_number(const struct json *want, const char *name, int64_t got)
{
    int64_t number;

    if (json_as_integer(json_get(want, name), &number))
        CHECK_INT(got, number);
}

/* attestation-service.md 2.5: offending symbol, line, column, failure message, failing rule; nothing is cut off. */
static void expect_order(struct arena *a, const struct policy_error *error)
{
    const char *head = arena_printf(a, "offending symbol %s, line %u, column %u", error->symbol, error->line, error->column);
    const char *tail = arena_printf(a, " (%s)", error->failing_rule);
    struct bytes text = bytes_of_string(error->err.text);

    CHECK(bytes_starts_with(text, bytes_of_string(head)) && bytes_ends_with(text, bytes_of_string(tail)));
    CHECK(strlen(error->symbol) > 2 && strncmp(error->failing_rule, "policy", 6) == 0);
    CHECK(text.len > strlen(head) + strlen(tail));
}

static void expect_error(struct policy_case *c, const struct policy_error *error)
{
    const struct json *section = json_get(c->want, "section");
    struct bytes text = json_text(json_get(c->want, "text"), BYTES_NONE);

    CHECK_BYTES(bytes_of_string(policy_error_kind_name(error->kind)), json_text(json_get(c->want, "error"), BYTES_LIT("no error")));
    expect_number(c->want, "line", error->line);
    expect_number(c->want, "column", error->column);
    expect_number(c->want, "rule", error->rule);
    if (error->kind == POLICY_PARSING_ERROR)
        expect_order(&c->arena, error);
    CHECK(!section || json_is_string(section, policy_section_name(error->section)));
    CHECK(bytes_find(bytes_of_string(error->err.text), text) != SIZE_MAX);
    CHECK(bytes_find(bytes_of_string(error->fix), json_text(json_get(c->want, "fix"), BYTES_NONE)) != SIZE_MAX);
    if (test_failed())
        test_note("%s", policy_error_show(&c->arena, error));
}

static void expect_outcome(struct policy_case *c, const struct policy_configuration *configuration, const struct policy_outcome *outcome)
{
    const struct json *config = json_get(c->want, "config"), *properties = json_get(c->want, "properties");
    static const char *const decisions[] = { "permit", "deny", "no permit" };

    CHECK(!json_get(c->want, "error"));
    CHECK_BYTES(bytes_of_string(decisions[outcome->decision]), json_text(json_get(c->want, "refused"), BYTES_LIT("permit")));
    if (outcome->decision != POLICY_PERMITTED)
        return;
    expect_same(&c->arena, token_of(&c->arena, outcome->outgoing, outcome->n_outgoing), json_get(c->want, "claims"));
    if (config)
        expect_same(&c->arena, properties_of(&c->arena, configuration->properties, configuration->n_properties), config);
    if (properties)
        expect_same(&c->arena, properties_of(&c->arena, outcome->properties, outcome->n_properties), properties);
    expect_number(c->want, "report_validity_minutes", outcome->report_validity_minutes);
}

static void run(struct policy_case *c)
{
    struct policy_error error;
    const struct policy *policy;
    struct policy_configuration configuration;
    struct policy_outcome outcome;

    if (policy_parse(&c->arena, c->policy, &policy, &error) && policy_configure(&c->arena, policy, NULL, &configuration, &error) &&
        policy_evaluate(&c->arena, policy, c->claims, c->n_claims, NULL, &outcome, &error))
        expect_outcome(c, &configuration, &outcome);
    else
        expect_error(c, &error);
}

TEST(every_case_has_its_outcome)
{
    DIR *folder = opendir(test_case("policy"));
    unsigned n = 0, vectors = 0;
    struct dirent *entry;

    REQUIRE(folder);
    while ((entry = readdir(folder)) != NULL) {
        char path[4096];
        struct policy_case c = { 0 };
        bool loaded;

        snprintf(path, sizeof path, "%s/%s", test_case("policy"), entry->d_name);
        if (!bytes_ends_with(bytes_of_string(path), BYTES_LIT(".case")))
            continue;
        test_note("%s", entry->d_name);
        loaded = load(&c, path);
        CHECK(loaded);
        if (loaded)
            run(&c);
        n++;
        vectors += entry->d_name[0] == 'v' && entry->d_name[3] == '-';
        arena_done(&c.arena);
    }
    closedir(folder);
    test_note("%u cases, %u of them vectors of the specification", n, vectors);
    CHECK_INT(vectors, 31);
}
