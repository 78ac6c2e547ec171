/* Words and small parts: command lines, plain text, kinds, key lists. */
#include "bootchain/chain/cmdline.h"
#include "bootchain/chain/keys.h"
#include "bootchain/chain/plain.h"
#include <stdlib.h>
#include "log_builder.h"
#include "support/test.h"

TEST(a_command_line_is_cut_into_words_names_and_values)
{
    struct bytes rest = BYTES_LIT("  a b=1 c=\"x y\" \"d=e f\" g=\"\" h=i=j"), word, name, value;
    static const char *const want[][2] = { { "a", "" }, { "b", "1" }, { "c", "x y" }, { "d", "e f" }, { "g", "" }, { "h", "i=j" } };
    size_t n = 0;

    for (; cmdline_next(&rest, &word, &name, &value); n++) {
        REQUIRE(n < ARRAY_LEN(want));
        CHECK(bytes_equal_string(name, want[n][0]) && bytes_equal_string(value, want[n][1]));
    }
    CHECK_INT(n, ARRAY_LEN(want));
}

TEST(a_command_line_cut_anywhere_stays_inside_itself)
{
    struct bytes line = BYTES_LIT("root=\"/dev/a b\" x=\"\"\"y\" \"\" = \"=\" z");

    for (size_t n = 0; n <= line.len; n++) {
        struct bytes cut = exact_copy(bytes_slice(line, 0, n)), rest = cut, word, name, value;
        while (cmdline_next(&rest, &word, &name, &value))
            CHECK(word.len && name.len <= word.len && value.len <= word.len);
        CHECK_INT(rest.len, 0);
        free((void *)cut.data);
    }
}

struct diff_case {
    const char *was, *is, *added, *removed;
    bool reordered;
};

TEST(the_difference_of_two_command_lines_is_readable)
{
    static const struct diff_case cases[] = {
        { "a b c", "a b c", "", "", false }, { "a b", "a b c", "c", "", false },  { "a b c", "a", "", "b c", false },
        { "a b", "b a", "", "", true },      { "a  b", "a b", "", "", false },    { "x=1 y", "x=2 y", "x=2", "x=1", false },
        { "a a", "a", "", "a", false },      { "", "quiet", "quiet", "", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct cmdline_diff diff;
        REQUIRE(plain_cmdline_diff(&a, cases[i].was, cases[i].is, &diff));
        CHECK_STRING(diff.added, cases[i].added);
        CHECK_STRING(diff.removed, cases[i].removed);
        CHECK(diff.reordered == cases[i].reordered);
    }
}

TEST(a_kernels_line_is_told_from_a_command_by_its_own_bytes)
{
    CHECK(cmdline_is_kernels(BYTES_LIT("/vmlinuz ro")));
    CHECK(cmdline_is_kernels(BYTES_LIT("(hd0,gpt1)/vmlinuz ro")));
    CHECK(!cmdline_is_kernels(BYTES_LIT("linux /vmlinuz ro")));
    CHECK(!cmdline_is_kernels(BYTES_LIT("[ -e (hd0,gpt1)/x ]")));
    CHECK(!cmdline_is_kernels(BYTES_NONE));
}

TEST(kinds_and_acceptances_have_one_name_each)
{
    for (unsigned i = 0; i < COMPONENT_KIND_COUNT; i++) {
        enum component_kind kind;
        REQUIRE(component_kind_from_text(bytes_of_string(component_kind_slug(i)), &kind));
        CHECK_INT(kind, i);
        CHECK(component_kind_words(i)[0] && component_kind_phase(i) != PHASE_EVIDENCE);
    }
    for (unsigned i = COMPONENT_EXPECTED; i <= COMPONENT_ANY; i++) {
        enum component_accepts accepts;
        REQUIRE(component_accepts_from_text(bytes_of_string(component_accepts_slug(i)), &accepts));
        CHECK_INT(accepts, i);
    }
    CHECK(!component_kind_from_text(BYTES_LIT("nothing"), &(enum component_kind){ 0 }));
}

TEST(content_is_the_same_when_every_common_bank_agrees)
{
    struct digest sha256 = { .algorithm = DIGEST_SHA256, .value = { 1 } }, sha384 = { .algorithm = DIGEST_SHA384, .value = { 2 } };
    struct digest both[] = { sha384, sha256 }, odd[] = { sha384, sha256 };
    struct component one = { .n_digests = 1, .digests = &sha256 }, two = { .n_digests = 2, .digests = both };
    struct component other = { .n_digests = 1, .digests = &sha384 }, mixed = { .n_digests = 2, .digests = odd }, hole = { 0 };

    odd[0].value[0] = 9;
    CHECK(component_same_content(&one, &two) && component_comparable(&one, &two));
    CHECK(!component_same_content(&one, &other) && !component_comparable(&one, &other));
    CHECK(!component_same_content(&mixed, &two)); /* one bank agrees, another does not */
    CHECK(component_same_content(&hole, &hole) && !component_same_content(&hole, &one));
}

TEST(a_key_list_is_a_set)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    static const uint8_t some[][32] = { { 3 }, { 1 }, { 3 } }, all[][32] = { { 1 }, { 2 }, { 3 } };
    struct boot_keys x, y;
    struct bytes members, more;
    struct err err = ERR_INIT;

    REQUIRE_OK(boot_keys_read(&a, built_hash_list(&a, some, 3), NULL, &x, &err), err);
    REQUIRE_OK(boot_keys_read(&a, built_hash_list(&a, all, 3), NULL, &y, &err), err);
    REQUIRE(boot_keys_members(&a, &x, &members, &err) && boot_keys_members(&a, &y, &more, &err));
    CHECK_INT(members.len, 64);
    CHECK_INT(members_missing(members, more), 0);
    CHECK_INT(members_missing(more, members), 1);
}

TEST(a_certificate_is_read_for_its_name_and_its_signed_part)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes der = built_certificate(&a, "Some \xc3\xa4 CA", 7);
    struct boot_key key, same;
    struct err err = ERR_INIT;

    REQUIRE_OK(boot_key_from_der(&a, der, NULL, &key, &err), err);
    CHECK_STRING(key.name, "Some \xc3\xa4 CA");
    CHECK(key.tbs.len && key.tbs.len < der.len);
    for (size_t n = 0; n < der.len; n++) {
        struct bytes cut = exact_copy(bytes_slice(der, 0, n));
        REQUIRE(boot_key_from_der(&a, cut, NULL, &same, &err));
        CHECK(!same.tbs.len);
        free((void *)cut.data);
    }
}

TEST(microsofts_generations_are_known_without_a_pack)
{
    static const uint8_t uefi_2023[32] = { 0xf6, 0x12, 0x4e, 0x34, 0x12, 0x5b, 0xee, 0x3f, 0xe6, 0xd7, 0x9a, 0x57, 0x4e, 0xaa, 0x7b, 0x91,
                                           0xc0, 0xe7, 0xbd, 0x9d, 0x92, 0x9c, 0x1a, 0x32, 0x11, 0x78, 0xef, 0xd6, 0x11, 0xda, 0xd9, 0x01 };
    const struct known_certificate *known = reference_find_known(NULL, uefi_2023);

    REQUIRE(known);
    CHECK_INT(known->generation, 2023);
    CHECK(!reference_find_known(NULL, (const uint8_t[32]){ 1 }));
}
