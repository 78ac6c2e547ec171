#include "store/providers.h"
#include "store_fixture.h"

static struct store_provider provider_row(const char *name)
{
    return (struct store_provider){ .name = name,
                                    .subscription = "s",
                                    .resource_group = "g",
                                    .location = "local",
                                    .attest_uri = "https://localhost/providers/x",
                                    .tpm_authentication = true,
                                    .public_network_access = true,
                                    .tags = "{}",
                                    .created_ms = 5,
                                    .created_by = "uid 0" };
}

static struct store_signer signer_row(const char *provider, const char *sha256)
{
    return (struct store_signer){ .provider = provider, .sha256 = sha256, .der = BYTES_LIT("\x30\x01"), .added_ms = 7, .by = "uid 0" };
}

TEST(a_provider_is_kept_as_it_was_made_and_its_name_is_taken)
{
    FIXTURE(f);
    struct store_provider row = provider_row("myprov"), got;

    row.isolated = true;
    REQUIRE_OK(store_provider_create(f.store, &row, NULL, 0, &f.err), f.err);
    REQUIRE_OK(store_provider_get(f.store, &f.arena, "myprov", &got, &f.err), f.err);
    CHECK_STRING(got.attest_uri, row.attest_uri);
    CHECK(got.isolated && got.tpm_authentication && got.public_network_access);
    CHECK_INT(got.version, 1);
    CHECK(!store_provider_create(f.store, &row, NULL, 0, &f.err) && f.err.code == ERR_CONFLICT);
    CHECK(!store_provider_get(f.store, &f.arena, "other", &got, &f.err) && f.err.code == ERR_NOT_FOUND);
}

TEST(a_provider_makes_tokens_as_the_original_until_it_is_told_otherwise)
{
    FIXTURE(f);
    struct store_provider row = provider_row("myprov"), got;

    REQUIRE_OK(store_provider_create(f.store, &row, NULL, 0, &f.err), f.err);
    REQUIRE_OK(store_provider_get(f.store, &f.arena, "myprov", &got, &f.err), f.err);
    CHECK_STRING(token_profile_name(got.token_profile), "original");
    for (enum token_profile p = TOKENS_ES256; p < TOKEN_PROFILE_COUNT; p++) {
        enum token_profile named;

        got.token_profile = p;
        REQUIRE_OK(store_provider_update(f.store, &got, &f.err), f.err);
        REQUIRE_OK(store_provider_get(f.store, &f.arena, "myprov", &got, &f.err), f.err);
        CHECK(got.token_profile == p);
        CHECK(token_profile_from_name(bytes_of_string(token_profile_name(p)), &named) && named == p);
    }
    CHECK(!token_profile_from_name(BYTES_LIT("ES256"), &got.token_profile));
}

TEST(names_that_cannot_be_part_of_an_address_are_refused)
{
    static const char *const names[] = { "", "ab", "Upper", "-dash", "dash-", "a.b", "abcdefghijklmnopqrstuvwxy", "ümlaut" };
    FIXTURE(f);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct store_provider row = provider_row(names[i]);
        CHECK(!store_provider_create(f.store, &row, NULL, 0, &f.err) && f.err.code == ERR_MALFORMED);
    }
}

TEST(only_the_latest_version_of_a_provider_can_be_updated)
{
    FIXTURE(f);
    struct store_provider row = provider_row("myprov"), got;

    REQUIRE(store_provider_create(f.store, &row, NULL, 0, &f.err) && store_provider_get(f.store, &f.arena, "myprov", &got, &f.err));
    got.tpm_authentication = false;
    got.tags = "{\"k\":\"v\"}";
    REQUIRE_OK(store_provider_update(f.store, &got, &f.err), f.err);
    CHECK(!store_provider_update(f.store, &got, &f.err) && f.err.code == ERR_CONFLICT);
    REQUIRE(store_provider_get(f.store, &f.arena, "myprov", &got, &f.err));
    CHECK(!got.tpm_authentication && got.public_network_access);
    CHECK_STRING(got.tags, "{\"k\":\"v\"}");
    CHECK_INT(got.version, 2);
}

TEST(policies_keep_their_history_and_a_reset_is_a_step_of_it)
{
    FIXTURE(f);
    struct store_policy row = { .provider = "p1x", .type = "Tpm", .jws = BYTES_LIT("a.b."), .hash = "h", .by = "uid 0", .time_ms = 9 };
    const struct store_policy *list;
    struct store_policy got;
    int64_t version;
    size_t n;

    CHECK(!store_policy_latest(f.store, &f.arena, "p1x", "Tpm", &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    REQUIRE_OK(store_policy_add(f.store, &row, &version, &f.err), f.err);
    CHECK_INT(version, 1);
    row.jws = BYTES_NONE;
    row.hash = NULL;
    REQUIRE_OK(store_policy_add(f.store, &row, &version, &f.err), f.err);
    CHECK_INT(version, 2);
    REQUIRE(store_policy_latest(f.store, &f.arena, "p1x", "Tpm", &got, &f.err));
    CHECK(got.jws.len == 0 && !got.hash && got.version == 2);
    REQUIRE(store_policy_list(f.store, &f.arena, "p1x", "Tpm", 0, 10, &list, &n, &f.err));
    CHECK(n == 2 && list[0].version == 2 && bytes_equal_string(list[1].jws, "a.b."));
    REQUIRE(store_policy_list(f.store, &f.arena, "p1x", "Tpm", 2, 10, &list, &n, &f.err));
    CHECK(n == 1 && list[0].version == 1);
    REQUIRE(store_policy_list(f.store, &f.arena, "p1x", "AzureGuest", 0, 10, &list, &n, &f.err));
    CHECK_INT(n, 0);
}

TEST(signers_come_and_go_once_but_the_last_one_stays)
{
    FIXTURE(f);
    struct store_provider row = provider_row("myprov");
    struct store_signer one = signer_row("myprov", SHA_1), two = signer_row("myprov", SHA_2);
    const struct store_signer *list;
    size_t n;

    row.isolated = true;
    REQUIRE(store_provider_create(f.store, &row, &one, 1, &f.err));
    CHECK(store_signer_add(f.store, &one, 1, &f.err)); /* there already: no limit is passed */
    CHECK(!store_signer_add(f.store, &two, 1, &f.err) && f.err.code == ERR_LIMIT);
    CHECK(store_signer_add(f.store, &two, 2, &f.err));
    REQUIRE(store_signer_list(f.store, &f.arena, "myprov", &list, &n, &f.err));
    CHECK_INT(n, 2);
    CHECK(store_signer_remove(f.store, "myprov", SHA_1, &f.err));
    CHECK(store_signer_remove(f.store, "myprov", SHA_1, &f.err));
    CHECK(!store_signer_remove(f.store, "myprov", SHA_2, &f.err) && f.err.code == ERR_CONFLICT);
    REQUIRE(store_signer_list(f.store, &f.arena, "myprov", &list, &n, &f.err));
    CHECK(n == 1 && strcmp(list[0].sha256, SHA_2) == 0);
}

TEST(a_deleted_provider_comes_back_as_it_was)
{
    FIXTURE(f);
    struct store_provider row = provider_row("myprov"), got;
    struct store_signer one = signer_row("myprov", SHA_1);
    struct store_policy policy = { .provider = "myprov", .type = "Tpm", .jws = BYTES_LIT("a.b."), .hash = "h", .by = "x", .time_ms = 9 };
    const struct store_provider *list;
    const struct store_signer *signers;
    size_t n;

    row.tpm_authentication = false;
    row.tags = "{\"k\":\"v\"}";
    REQUIRE(store_provider_create(f.store, &row, &one, 1, &f.err) && store_policy_add(f.store, &policy, NULL, &f.err));
    REQUIRE_OK(store_provider_delete(f.store, "myprov", 77, "uid 5", &f.err), f.err);
    CHECK(!store_provider_delete(f.store, "myprov", 78, "x", &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(!store_provider_get(f.store, &f.arena, "myprov", &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(!store_provider_update(f.store, &row, &f.err) && f.err.code == ERR_CONFLICT);
    REQUIRE(store_provider_list(f.store, &f.arena, NULL, 10, &list, &n, &f.err));
    CHECK_INT(n, 0);
    REQUIRE(store_provider_list_deleted(f.store, &f.arena, NULL, 10, &list, &n, &f.err));
    REQUIRE(n == 1);
    CHECK(list[0].deleted_ms == 77 && strcmp(list[0].deleted_by, "uid 5") == 0);
    REQUIRE_OK(store_provider_undelete(f.store, "myprov", &f.err), f.err);
    CHECK(!store_provider_undelete(f.store, "myprov", &f.err) && f.err.code == ERR_NOT_FOUND);
    REQUIRE_OK(store_provider_get(f.store, &f.arena, "myprov", &got, &f.err), f.err);
    CHECK(!got.tpm_authentication && got.deleted_ms == 0 && !got.deleted_by && strcmp(got.tags, row.tags) == 0);
    CHECK(store_policy_latest(f.store, &f.arena, "myprov", "Tpm", &policy, &f.err));
    CHECK(store_signer_list(f.store, &f.arena, "myprov", &signers, &n, &f.err) && n == 1);
}

TEST(the_name_and_address_of_a_deleted_provider_are_taken_until_it_is_purged)
{
    FIXTURE(f);
    struct store_provider row = provider_row("myprov"), other = provider_row("other");
    struct store_signer one = signer_row("myprov", SHA_1);
    struct store_policy policy = { .provider = "myprov", .type = "Tpm", .jws = BYTES_LIT("a.b."), .hash = "h", .by = "x", .time_ms = 9 };
    struct store_root root = { STORE_ROOT_AK, "myprov", SHA_1, BYTES_LIT("\x30\x01"), STORE_ROOT_CA, 3 };
    const struct store_signer *signers;
    const struct store_root *roots;
    size_t n;

    REQUIRE(store_provider_create(f.store, &row, &one, 1, &f.err) && store_policy_add(f.store, &policy, NULL, &f.err) &&
            store_root_add(f.store, &root, NULL, &f.err));
    CHECK(!store_provider_purge(f.store, "myprov", &f.err) && f.err.code == ERR_NOT_FOUND); /* it is there */
    CHECK(!store_provider_create(f.store, &other, NULL, 0, &f.err) && f.err.code == ERR_CONFLICT && strstr(f.err.text, "attestUri"));
    REQUIRE(store_provider_delete(f.store, "myprov", 77, "uid 5", &f.err));
    CHECK(!store_provider_create(f.store, &row, NULL, 0, &f.err) && f.err.code == ERR_CONFLICT && strstr(f.err.text, "undelete"));
    CHECK(!store_provider_create(f.store, &other, NULL, 0, &f.err) && f.err.code == ERR_CONFLICT);
    REQUIRE_OK(store_provider_purge(f.store, "myprov", &f.err), f.err);
    CHECK(!store_provider_undelete(f.store, "myprov", &f.err) && f.err.code == ERR_NOT_FOUND);
    REQUIRE_OK(store_provider_create(f.store, &row, NULL, 0, &f.err), f.err);
    CHECK(store_signer_list(f.store, &f.arena, "myprov", &signers, &n, &f.err) && n == 0);
    CHECK(store_root_list(f.store, &f.arena, STORE_ROOT_AK, "myprov", &roots, &n, &f.err) && n == 0);
    CHECK(!store_policy_latest(f.store, &f.arena, "myprov", "Tpm", &policy, &f.err) && f.err.code == ERR_NOT_FOUND);
}

TEST(roots_are_replaced_all_at_once_or_not_at_all)
{
    FIXTURE(f);
    struct store_root old = { STORE_ROOT_AK, "p1x", SHA_1, BYTES_LIT("\x30\x01"), STORE_ROOT_CA, 3 };
    struct store_root next[] = { { STORE_ROOT_AK, "p1x", SHA_2, BYTES_LIT("\x30\x02"), STORE_ROOT_PIN, 4 },
                                 { STORE_ROOT_AK, "p1x", "no digest", BYTES_LIT("\x30\x02"), STORE_ROOT_PIN, 4 } };
    const struct store_root *list;
    size_t n;

    REQUIRE(store_root_add(f.store, &old, NULL, &f.err));
    CHECK(!store_root_replace(f.store, STORE_ROOT_AK, "p1x", next, 2, &f.err));
    CHECK(store_root_list(f.store, &f.arena, STORE_ROOT_AK, "p1x", &list, &n, &f.err) && n == 1 && strcmp(list[0].sha256, SHA_1) == 0);
    CHECK(store_root_replace(f.store, STORE_ROOT_AK, "p1x", next, 1, &f.err));
    CHECK(store_root_list(f.store, &f.arena, STORE_ROOT_AK, "p1x", &list, &n, &f.err) && n == 1 && strcmp(list[0].sha256, SHA_2) == 0);
}

TEST(api_tokens_are_found_by_digest_listed_and_deleted)
{
    FIXTURE(f);
    struct store_api_token
        row = { .sha256 = SHA_1, .name = "ci", .role = "reader", .created_ms = 1, .expires_ms = 2, .by = "uid 0", .scope = "" },
        got;
    const struct store_api_token *list;
    size_t n;

    REQUIRE_OK(store_api_token_add(f.store, &row, &f.err), f.err);
    CHECK(!store_api_token_add(f.store, &row, &f.err) && f.err.code == ERR_CONFLICT);
    REQUIRE(store_api_token_get(f.store, &f.arena, SHA_1, &got, &f.err));
    CHECK(strcmp(got.name, "ci") == 0 && strcmp(got.role, "reader") == 0 && got.expires_ms == 2);
    REQUIRE(store_api_token_list(f.store, &f.arena, NULL, 10, &list, &n, &f.err));
    CHECK_INT(n, 1);
    CHECK(store_api_token_delete(f.store, SHA_1, &f.err));
    CHECK(!store_api_token_get(f.store, &f.arena, SHA_1, &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(!store_api_token_delete(f.store, SHA_1, &f.err) && f.err.code == ERR_NOT_FOUND);
}
