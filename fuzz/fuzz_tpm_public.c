/* Public areas, and the files of tpm2-tools that hold them or register values. */
#include "fuzz.h"
#include "tpm/key_profile.h"
#include "tpm/public.h"
#include "tpm/tools_format.h"

static void check_public(const struct tpm_public *pub, const uint8_t *data, size_t size)
{
    static struct arena a;
    struct findings list = { .arena = &a };
    struct err err = ERR_INIT;
    struct pubkey *key = NULL;
    struct tpm_name name;

    arena_reset(&a);
    ENSURE(lies_within(pub->policy, data, size) && lies_within(pub->rsa_n, data, size));
    ENSURE(lies_within(pub->ecc_x, data, size) && lies_within(pub->ecc_y, data, size));
    ENSURE(tpm_public_name(pub, &name, &err) && name.len == 2 + digest_len(pub->name_algorithm));
    for (int profile = KEY_PROFILE_AK; profile <= KEY_PROFILE_SEALING; profile++) {
        size_t before = list.n;

        ENSURE(key_profile_check((enum key_profile)profile, pub, FINDING_AK_ATTRIBUTES, &list) == (list.n == before));
    }
    if (tpm_public_key(pub, &key, &err))
        ENSURE(pubkey_bits(key) >= 256);
    else
        ENSURE(err.code != ERR_NONE && key == NULL);
    pubkey_free(key);
}

static void check_tools(struct bytes input)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct pubkey *key = NULL;
    struct err err = ERR_INIT;
    struct pcr_set pcrs;
    struct bytes binary;

    ENSURE(tools_binary(&a, input, "quoted", &binary, &err) && binary.len <= input.len);

    if (!tools_key(input, &key, &err))
        ENSURE(err.code != ERR_NONE && key == NULL);
    pubkey_free(key);
    err = ERR_INIT;
    if (!tools_pcrs(input, &pcrs, &err))
        ENSURE(err.code != ERR_NONE);
    else
        ENSURE(pcrs.n_banks <= LIMIT_PCR_BANKS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(writer_done) struct writer w = { 0 }, w2 = { 0 };
    struct bytes input = { data, size };
    struct err err = ERR_INIT;
    struct tpm_public pub;

    if (tpm_public_decode(input, &pub, &err)) {
        check_public(&pub, data, size);
        tpm_public_encode(&w, &pub);
        ENSURE(writer_ok(&w) && bytes_equal(writer_bytes(&w), input));
    } else {
        ENSURE(err.code != ERR_NONE && err.text[0] != '\0');
    }
    if (tpm_public_decode_2b(input, &pub, &err)) {
        tpm_public_encode_2b(&w2, &pub);
        ENSURE(writer_ok(&w2) && bytes_equal(writer_bytes(&w2), input));
    }
    check_tools(input);
    return 0;
}
