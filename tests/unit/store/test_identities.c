#include "store_fixture.h"

static struct store_identity identity_row(const char *vm, const char *ak_name)
{
    return (struct store_identity){
        .vm = vm, .ak_name = ak_name, .ak_cert = BYTES_LIT("\x30\x00\x01"), .ek_cert_sha256 = SHA_1, .enrolled_ms = 10
    };
}

TEST(an_identity_is_found_by_vm_by_ak_and_by_ek)
{
    FIXTURE(f);
    struct store_identity row = identity_row(VM_A, "000b01"), got;
    char owner[UUID_TEXT_LEN];

    REQUIRE(vm_add(&f, VM_A, "a"));
    row.ek_pub_name = "000bee";
    REQUIRE_OK(store_identity_register(f.store, &row, owner, &f.err), f.err);
    REQUIRE(store_identity_active(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK_STRING(got.ak_name, "000b01");
    CHECK_BYTES(got.ak_cert, row.ak_cert);
    CHECK_STRING(got.ek_cert_sha256, SHA_1);
    CHECK_STRING(got.ek_pub_name, "000bee");
    CHECK_INT(got.enrolled_ms, 10);
    CHECK(got.active);
    CHECK(store_identity_by_ak(f.store, &f.arena, "000b01", &got, &f.err) && strcmp(got.vm, VM_A) == 0);
    CHECK(store_identity_ek_owner(f.store, SHA_1, owner, &f.err) && strcmp(owner, VM_A) == 0);
    CHECK(!store_identity_ek_owner(f.store, SHA_2, owner, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(!store_identity_by_ak(f.store, &f.arena, "000b02", &got, &f.err) && f.err.code == ERR_NOT_FOUND);
}

TEST(a_key_of_another_vm_is_a_conflict_that_names_it_and_changes_nothing)
{
    static const struct {
        const char *ak, *ek_cert, *ek_pub;
    } copies[] = { { "000b01", SHA_2, "000bdd" }, { "000b02", SHA_1, "000bdd" }, { "000b02", SHA_2, "000bee" }, { "000b01", NULL, NULL } };
    FIXTURE(f);
    struct store_identity row = identity_row(VM_A, "000b01"), mine = identity_row(VM_B, "000b03"), got;
    const struct store_identity *list;
    size_t n;

    REQUIRE(vm_add(&f, VM_A, "a") && vm_add(&f, VM_B, "b"));
    row.ek_pub_name = "000bee";
    mine.ek_cert_sha256 = NULL;
    REQUIRE(store_identity_register(f.store, &row, NULL, &f.err) && store_identity_register(f.store, &mine, NULL, &f.err));
    for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
        struct store_identity copy = identity_row(VM_B, copies[i].ak);
        char owner[UUID_TEXT_LEN] = "";

        copy.ek_cert_sha256 = copies[i].ek_cert;
        copy.ek_pub_name = copies[i].ek_pub;
        CHECK(!store_identity_register(f.store, &copy, owner, &f.err) && f.err.code == ERR_CONFLICT);
        CHECK_STRING(owner, VM_A);
        test_note("%s", f.err.text);
        CHECK(store_identity_list(f.store, &f.arena, VM_B, &list, &n, &f.err) && n == 1);
        CHECK(store_identity_active(f.store, &f.arena, VM_B, &got, &f.err) && strcmp(got.ak_name, "000b03") == 0);
    }
    CHECK(store_identity_active(f.store, &f.arena, VM_A, &got, &f.err) && strcmp(got.ak_name, "000b01") == 0);
}

TEST(enrolling_again_replaces_the_active_identity_and_keeps_the_old_row)
{
    FIXTURE(f);
    struct store_identity row = identity_row(VM_A, "000b01"), got;
    const struct store_identity *list;
    size_t n;

    REQUIRE(vm_add(&f, VM_A, "a"));
    REQUIRE(store_identity_register(f.store, &row, NULL, &f.err));
    CHECK(store_counter_advance(f.store, VM_A, 5, &f.err));
    row.ak_cert = BYTES_LIT("renewed");
    REQUIRE(store_identity_register(f.store, &row, NULL, &f.err));
    CHECK(!store_counter_advance(f.store, VM_A, 5, &f.err)); /* the same key goes on counting */
    row.ak_name = "000b02";
    row.enrolled_ms = 20;
    REQUIRE(store_identity_register(f.store, &row, NULL, &f.err));
    CHECK(store_counter_advance(f.store, VM_A, 1, &f.err)); /* another key begins anew */
    REQUIRE(store_identity_list(f.store, &f.arena, VM_A, &list, &n, &f.err));
    REQUIRE(n == 2);
    CHECK_STRING(list[0].ak_name, "000b02");
    CHECK(list[0].active && !list[1].active);
    CHECK_BYTES(list[1].ak_cert, BYTES_LIT("renewed"));
    CHECK(store_identity_active(f.store, &f.arena, VM_A, &got, &f.err) && strcmp(got.ak_name, "000b02") == 0);
}

TEST(a_released_identity_is_free_for_others)
{
    FIXTURE(f);
    struct store_identity row = identity_row(VM_A, "000b01"), copy = identity_row(VM_B, "000b01"), got;
    struct store_vm vm;

    REQUIRE(vm_add(&f, VM_A, "a") && vm_add(&f, VM_B, "b"));
    REQUIRE(store_identity_register(f.store, &row, NULL, &f.err));
    REQUIRE_OK(store_identity_release(f.store, VM_A, &f.err), f.err);
    CHECK(!store_identity_active(f.store, &f.arena, VM_A, &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(store_vm_by_name(f.store, &f.arena, "a", &vm, &f.err)); /* the name stays */
    CHECK(store_identity_register(f.store, &copy, NULL, &f.err));
    REQUIRE(store_vm_delete(f.store, VM_B, false, &f.err));
    CHECK(store_identity_register(f.store, &row, NULL, &f.err));
    CHECK(!store_identity_release(f.store, VM_NONE, &f.err) && f.err.code == ERR_NOT_FOUND);
}

TEST(an_identity_of_no_vm_is_not_found)
{
    FIXTURE(f);
    struct store_identity row = identity_row(VM_NONE, "000b01");
    char owner[UUID_TEXT_LEN];

    CHECK(!store_identity_register(f.store, &row, NULL, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(!store_identity_ek_owner(f.store, SHA_1, owner, &f.err));
}

TEST(names_that_are_no_lower_case_hex_are_refused)
{
    static const char *const bad[] = { "", "0", "000B", "zz", NULL };
    FIXTURE(f);

    REQUIRE(vm_add(&f, VM_A, "a"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct store_identity row = identity_row(VM_A, bad[i]);

        CHECK(!store_identity_register(f.store, &row, NULL, &f.err) && f.err.code == ERR_MALFORMED);
    }
}

TEST(roots_are_kept_by_kind_and_provider)
{
    FIXTURE(f);
    struct store_root row = { .kind = STORE_ROOT_EK, .provider = "", .sha256 = SHA_1, .der = BYTES_LIT("der"), .added_ms = 1 };
    const struct store_root *list;
    size_t n;
    bool added;

    CHECK(store_root_add(f.store, &row, &added, &f.err) && added);
    row.role = STORE_ROOT_PIN;
    CHECK(store_root_add(f.store, &row, &added, &f.err) && !added);
    row.provider = "mine";
    CHECK(store_root_add(f.store, &row, &added, &f.err) && added);
    REQUIRE(store_root_list(f.store, &f.arena, STORE_ROOT_EK, "", &list, &n, &f.err) && n == 1);
    CHECK_INT(list[0].role, STORE_ROOT_PIN);
    CHECK_INT(list[0].kind, STORE_ROOT_EK);
    CHECK_BYTES(list[0].der, BYTES_LIT("der"));
    CHECK(store_root_list(f.store, &f.arena, STORE_ROOT_AK, "", &list, &n, &f.err) && n == 0);
    CHECK(store_root_remove(f.store, STORE_ROOT_EK, "mine", SHA_1, &f.err));
    CHECK(!store_root_remove(f.store, STORE_ROOT_EK, "mine", SHA_1, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK_STRING(store_root_role_name(STORE_ROOT_INTERMEDIATE), "intermediate");
    CHECK_STRING(store_root_kind_name(STORE_ROOT_AK), "ak");
}
