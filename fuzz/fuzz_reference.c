/* Reference data as operators hand it over: packs, their seals, lists of trusted keys, publishers' descriptions, shim binaries. What is read
 * can be written and reads back the same; no pack but the genuine one is believed; views stay inside. */
#include "base/utf8.h"
#include "bootchain/reference/join.h"
#include "fuzz.h"
#include "refdata/make.h"
#include "refdata/notes.h"
#include "refdata/seal.h"
#include "refdata/shim_image.h"

/* An entry of 66 characters becomes a struct in up to four lists; JSON nodes of the descriptions; a key of libcrypto's is not in the arena. */
enum { BYTES_PER_BYTE = 512, FIXED = 256 * 1024 };

static bool is_safe(const char *text)
{
    for (const char *c = text; c && *c; c++)
        if ((uint8_t)*c < 0x20 || (uint8_t)*c == 0x7f)
            return false;
    return !text || utf8_is_valid(bytes_of_string(text));
}

static void check_revocations(struct arena *a, const struct revocation *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ENSURE(list[i].len == 32 || list[i].len == 48 || list[i].len == 64);
        ENSURE(i == 0 || revocation_compare(&list[i - 1], &list[i]) < 0);
        ENSURE(is_safe(list[i].what) && is_safe(list[i].why) && is_safe(list[i].since));
        if (i < 8)
            ENSURE(is_safe(revocation_words(a, &list[i])));
    }
}

static struct bytes written(struct arena *a, const struct boot_reference *reference)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes text;

    reference_write(&w, reference);
    ENSURE(writer_ok(&w) && arena_copy(a, writer_bytes(&w), &text));
    return text;
}

static void pack(struct arena *a, struct bytes input)
{
    struct boot_reference reference, again, joined;
    struct err err = ERR_INIT;
    struct bytes once;

    if (!reference_parse(a, input, &reference, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        return;
    }
    check_revocations(a, reference.images, reference.n_images);
    check_revocations(a, reference.certificates, reference.n_certificates);
    once = written(a, &reference);
    ENSURE(reference_parse(a, once, &again, &err) && bytes_equal(once, written(a, &again)));
    /* Joining it with itself adds nothing. */
    ENSURE(reference_join(a, &reference, &again, &joined, &err));
    ENSURE(joined.n_images == reference.n_images && joined.n_certificates == reference.n_certificates);
    for (size_t i = 0; i < joined.n_images; i++)
        ENSURE(reference_find_image(&joined, (struct bytes){ reference.images[i].digest, reference.images[i].len }));
}

/* One key for the whole run, and what it signed. */
static const struct refdata_keys *our_keys(struct bytes *ret_genuine)
{
    static const char text[] = "trueboot-reference 2\nas-of\t2026-07-14T00:00:00Z\n";
    static struct refdata_keys keys;
    static struct writer genuine;
    static struct arena kept;
    const struct refdata_key *added;
    struct privkey *key;
    struct err err = ERR_INIT;

    if (!keys.n) {
        ENSURE(privkey_generate(PRIVKEY_P256, &key, &err));
        ENSURE(refdata_keys_add(&kept, &keys, bytes_of_string(pubkey_pem(privkey_public(key), &kept)), "us", &added, &err));
        ENSURE(seal_write(&genuine, bytes_of_string(text), key, &err));
        privkey_free(key);
    }
    *ret_genuine = writer_bytes(&genuine);
    return &keys;
}

static void seal(struct arena *a, struct bytes input)
{
    struct bytes genuine, body, signed_text = BYTES_NONE;
    const struct refdata_keys *keys = our_keys(&genuine);
    const struct refdata_key *signer = NULL;
    struct err err = ERR_INIT;
    struct bytes mixed;
    uint8_t *copy;

    ENSURE(seal_is_there(input, &body) || bytes_equal(body, input));
    ENSURE(lies_within(body, input.data, input.len));
    ENSURE(!seal_check(input, keys, &signed_text, &signer, &err) || bytes_equal(input, genuine));
    ENSURE(signer || (err.code != ERR_NONE && err.text[0]));
    /* The input laid over the genuine pack, at the place that its first byte says: believed only where nothing changed. */
    if (input.len < 2 || !arena_copy(a, genuine, &mixed))
        return;
    copy = (uint8_t *)(uintptr_t)mixed.data;
    for (size_t i = 1, at = input.data[0]; i < input.len && at < mixed.len; i++, at++)
        copy[at] = input.data[i];
    err = ERR_INIT;
    if (seal_check(mixed, keys, &signed_text, &signer, &err))
        ENSURE(bytes_equal(mixed, genuine) && bytes_starts_with(genuine, signed_text));
    else
        ENSURE(err.code == ERR_UNTRUSTED || err.code == ERR_MALFORMED);
}

static void descriptions(struct arena *a, struct bytes input)
{
    struct boot_reference notes, described;
    struct err err = ERR_INIT;

    if (!revocation_notes_are(input))
        return;
    if (!revocation_notes_parse(a, input, &notes, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        return;
    }
    check_revocations(a, notes.images, notes.n_images);
    for (size_t i = 0; i < notes.n_images; i++)
        ENSURE(notes.images[i].list == REVOKED_BY_ADVICE);
    ENSURE(reference_describe(a, &notes, &notes, &described, &err) && described.n_images == notes.n_images);
}

static void binary(struct arena *a, struct bytes input)
{
    struct refdata_making m = { .a = a, .vouched = true };
    struct shim_image shim;
    struct err err = ERR_INIT;

    if (!shim_image_parse(input, &shim, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        return;
    }
    ENSURE(lies_within(shim.automatic, input.data, input.len) && lies_within(shim.latest, input.data, input.len));
    ENSURE(lies_within(shim.vendor_dbx, input.data, input.len) && (shim.automatic.len == 0) == (shim.latest.len == 0));
    if (refdata_take(&m, input, "shim", &err))
        check_revocations(a, m.made.images, m.made.n_images);
    else
        ENSURE(err.code != ERR_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct bytes input = { data, size };
    struct refdata_keys keys = { 0 };
    struct err err = ERR_INIT;

    arena_reset(&a);
    pack(&a, input);
    seal(&a, input);
    descriptions(&a, input);
    binary(&a, input);
    if (refdata_keys_parse(&a, input, &keys, &err))
        ENSURE(keys.n <= REFDATA_KEYS_MAX);
    else
        ENSURE(err.code != ERR_NONE && err.text[0] && !keys.n);
    refdata_keys_done(&keys);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
