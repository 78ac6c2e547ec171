#include "cli/files/pcrs_file.h"
#include <stdlib.h>
#include "support/test.h"

#define ONE "0101010101010101010101010101010101010101"
#define TWO "0202020202020202020202020202020202020202"

static bool parse(struct bytes content, struct pcr_set *ret, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    return pcrs_parse(&a, content, ret, err);
}

TEST(the_same_values_are_read_from_every_form)
{
    static const char *const forms[] = {
        "{\"sha1\":{\"0\":\"" ONE "\",\"23\":\"" TWO "\"}}",
        "{\"sha1\":{\"0\":\"0x" ONE "\",\"23\":\"" TWO "\"},\"mismatch\":[]}",
        "{\"SHA1\":{\"0\":\"0X" ONE "\",\"23\":\"" TWO "\"}}",
        "{\"SHA-1\":{\"0\":\"" ONE "\",\"23\":\"" TWO "\"}}",
        "{\"version\":1,\"pcrs\":{\"sha1\":{\"0\":\"" ONE "\",\"23\":\"" TWO "\"}}}",
        "\xef\xbb\xbf{\"sha1\":{\"0\":\"" ONE "\",\"23\":\"" TWO "\"}}",
        "  sha1:\n    0 : 0x" ONE "\n    23: 0x" TWO "\n",
        "quoted: ff54\nsignature:\n  alg: rsassa\n  sig: 00\npcrs:\n  sha1:\n    0 : 0x" ONE "\n    23: 0x" TWO "\ncalcDigest: 00\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct err err = ERR_INIT;
        struct pcr_set set = { .n_banks = 0 };
        REQUIRE_OK(parse(bytes_of_string(forms[i]), &set, &err), err);
        CHECK_INT(set.n_banks, 1);
        CHECK_INT(set.banks[0].present, 1 | 1 << 23);
        CHECK_INT(set.banks[0].value[0].value[19], 1);
        CHECK_INT(set.banks[0].value[23].value[0], 2);
    }
}

/* `tpm2_pcrread sha256:all -o FILE` without a quote that says which registers they are. */
TEST(bare_values_of_a_whole_bank_are_known_by_their_length)
{
    static const enum digest_algorithm algorithms[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };
    uint8_t file[LIMIT_PCRS * DIGEST_MAX_LEN + 1] = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        size_t len = digest_len(algorithms[i]);
        struct err err = ERR_INIT;
        struct pcr_set set = { .n_banks = 0 };
        for (size_t k = 0; k < LIMIT_PCRS * len; k++)
            file[k] = (uint8_t)(k / len);
        REQUIRE_OK(parse((struct bytes){ file, LIMIT_PCRS * len }, &set, &err), err);
        CHECK(set.n_banks == 1 && set.banks[0].algorithm == algorithms[i] && set.banks[0].present == 0xffffff);
        CHECK(set.banks[0].value[23].value[len - 1] == 23 && set.banks[0].value[7].algorithm == algorithms[i]);
        for (int more = -1; more < 2; more += 2)
            CHECK(!parse((struct bytes){ file, (size_t)((int)(LIMIT_PCRS * len) + more) }, &set, &err));
    }
}

TEST(what_is_no_register_file_is_refused_with_a_reason)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"sha1\":{}}",
        "{\"sha1\":[]}",
        "{\"sha1\":[1]}",
        "{\"sha1\":\"" ONE "\"}",
        "{\"pcrs\":{\"md5\":{\"0\":\"" ONE "\"}}}",
        "{\"md5\":{\"0\":\"00\"}}",
        "{\"sha1\":{\"24\":\"" ONE "\"}}",
        "{\"sha1\":{\"x\":\"" ONE "\"}}",
        "{\"sha1\":{\"0\":\"01\"}}",
        "{\"sha1\":{\"0\":1}}",
        "{\"sha1\":{\"0\":\"" ONE "\",\"00\":\"" ONE "\"}}",
        "{\"sha1\":{\"0\":\"" ONE "\"},\"sha1\":{\"1\":\"" ONE "\"}}",
        "sha1:\n 0: zz\n",
        "sha1:\n 0: 0x" ONE "\nsha1:\n 1: 0x" ONE "\n",
        "nothing here\n",
        "\x01\x02\x03",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        struct pcr_set set = { .n_banks = 0 };
        CHECK(!parse(bytes_of_string(bad[i]), &set, &err));
        CHECK(err.code != ERR_NONE && err.text[0]);
    }
}

TEST(a_register_file_cut_anywhere_is_read_or_refused)
{
    static const char whole[] = "{\"sha1\":{\"0\":\"" ONE "\",\"23\":\"" TWO "\"}}";

    for (size_t n = 0; n < sizeof whole - 1; n++) {
        struct bytes cut = exact_copy((struct bytes){ (const uint8_t *)whole, n });
        struct err err = ERR_INIT;
        struct pcr_set set = { .n_banks = 0 };
        CHECK(!parse(cut, &set, &err));
        free((void *)(uintptr_t)cut.data);
    }
}

TEST(a_list_holds_the_registers_from_0_on)
{
    struct err err = ERR_INIT;
    struct pcr_set set = { .n_banks = 0 };

    REQUIRE_OK(parse(BYTES_LIT("{\"sha1\":[\"" ONE "\",\"" TWO "\"]}"), &set, &err), err);
    CHECK_INT(set.banks[0].present, 3);
    CHECK_INT(set.banks[0].value[1].value[0], 2);
}
