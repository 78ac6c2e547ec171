/* Signed revocation lists, the PKCS #7 in them, and data packs. */
#include "base/utf8.h"
#include "bootchain/chain/keys.h"
#include "bootchain/chain/secure_boot_data.h"
#include "bootchain/reference/join.h"
#include "fuzz.h"
#include "x509/pkcs7.h"

/* An entry of 16 bytes becomes a struct in three lists, and two texts. */
enum { BYTES_PER_BYTE = 128, FIXED = 64 * 1024 };

static void signed_list(struct arena *a, struct bytes input)
{
    struct secure_boot_data data;
    struct boot_reference reference;
    struct bytes members;
    const char *signer;
    struct err err = ERR_INIT;

    if (!secure_boot_data_parse(a, input, &data, &err)) {
        ENSURE(err.code != ERR_NONE);
        return;
    }
    ENSURE(lies_within(data.signature, input.data, input.len) && lies_within(data.lists, input.data, input.len));
    for (size_t i = 0; i < data.entries.n; i++)
        ENSURE(lies_within(data.entries.items[i].data, input.data, input.len));
    ENSURE(boot_keys_members(a, &data.entries, &members, &err) && members.len % 32 == 0);
    ENSURE(boot_keys_reference(a, &data.entries, REVOKED_BY_DBX, 1, &reference, &err));
    ENSURE(reference.n_images + reference.n_certificates <= data.entries.n);
    ENSURE(!secure_boot_data_verify(a, &data, "dbx", NULL, 0, &signer, &err)); /* nobody well-known signed a mutant */
    ENSURE(err.code != ERR_NONE);
}

static void signature(struct bytes input)
{
    struct pkcs7 p;
    struct err err = ERR_INIT;

    if (!pkcs7_parse(input, &p, &err)) {
        ENSURE(err.code != ERR_NONE);
        return;
    }
    for (size_t i = 0; i < p.n_signers; i++)
        ENSURE(lies_within(p.signers[i].signature, input.data, input.len) && p.signers[i].hash != DIGEST_NONE);
    ENSURE(!pkcs7_verify(&p, input, NULL, 0, &err));
    pkcs7_done(&p);
}

/* What is read can be written, and reads back the same. */
static void data_pack(struct arena *a, struct bytes input)
{
    struct writer once = { 0 }, twice = { 0 };
    struct boot_reference reference, again;
    struct err err = ERR_INIT;

    if (!reference_parse(a, input, &reference, &err)) {
        ENSURE(err.code != ERR_NONE);
        return;
    }
    reference_write(&once, &reference);
    ENSURE(reference_parse(a, writer_bytes(&once), &again, &err));
    reference_write(&twice, &again);
    ENSURE(bytes_equal(writer_bytes(&once), writer_bytes(&twice)));
    writer_done(&once);
    writer_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct bytes input = { data, size };

    arena_reset(&a);
    signed_list(&a, input);
    signature(input);
    data_pack(&a, input);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
