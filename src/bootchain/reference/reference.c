#include "bootchain/reference/reference.h"
#include <stdlib.h>
#include "base/bytes.h"
#include "base/clock.h"

/* The certificates that Secure Boot rests on nearly everywhere, so that a machine's generation can be told without any pack.
 * SHA-256 of the DER; public constants. */
static const struct known_certificate well_known[] = {
    { "\xa1\x11\x7f\x51\x6a\x32\xce\xfc\xba\x3f\x2d\x1a\xce\x10\xa8\x79\x72\xfd\x6b\xbe\x8f\xe0\xd0\xb9\x96\xe0\x9e\x65\xd8\x02\xa5\x03",
      "Microsoft Corporation KEK CA 2011", 2011 },
    { "\x48\xe9\x9b\x99\x1f\x57\xfc\x52\xf7\x61\x49\x59\x9b\xff\x0a\x58\xc4\x71\x54\x22\x9b\x9f\x8d\x60\x3a\xc4\x0d\x35\x00\x24\x85\x07",
      "Microsoft Corporation UEFI CA 2011", 2011 },
    { "\xe8\xe9\x5f\x07\x33\xa5\x5e\x8b\xad\x7b\xe0\xa1\x41\x3e\xe2\x3c\x51\xfc\xea\x64\xb3\xc8\xfa\x6a\x78\x69\x35\xfd\xdc\xc7\x19\x61",
      "Microsoft Windows Production PCA 2011", 2011 },
    { "\x3c\xd3\xf0\x30\x9e\xda\xe2\x28\x76\x7a\x97\x6d\xd4\x0d\x9f\x4a\xff\xc4\xfb\xd5\x21\x8f\x2e\x8c\xc3\xc9\xdd\x97\xe8\xac\x6f\x9d",
      "Microsoft Corporation KEK 2K CA 2023", 2023 },
    { "\xf6\x12\x4e\x34\x12\x5b\xee\x3f\xe6\xd7\x9a\x57\x4e\xaa\x7b\x91\xc0\xe7\xbd\x9d\x92\x9c\x1a\x32\x11\x78\xef\xd6\x11\xda\xd9\x01",
      "Microsoft UEFI CA 2023", 2023 },
    { "\x07\x6f\x1f\xea\x90\xac\x29\x15\x5e\xbf\x77\xc1\x76\x82\xf7\x5f\x1f\xdd\x1b\xe1\x96\xda\x30\x2d\xc8\x46\x1e\x35\x0a\x9a\xe3\x30",
      "Windows UEFI CA 2023", 2023 },
    { "\xe5\xbe\x3e\x64\xc6\xe6\x6a\x28\x14\x57\xec\xde\xce\x0d\x6d\x07\x87\x57\x7a\xad\x2a\x3a\x01\x44\x26\x2c\x10\xc1\x4b\xa8\xd8\xf1",
      "Microsoft Option ROM UEFI CA 2023", 2023 },
    { "\xb3\xbd\x98\xf4\x77\x72\x41\xd7\x21\xa9\x6c\xd5\x84\xdc\xb9\xd4\xb2\x09\x8b\xeb\x26\x9c\x44\x44\x2b\xdf\x60\x9a\xdc\xe3\xb6\xc0",
      "Microsoft Hyper-V Firmware PK", 0 },
};

int revocation_compare(const struct revocation *a, const struct revocation *b)
{
    return a->len != b->len ? (a->len < b->len ? -1 : 1) : memcmp(a->digest, b->digest, a->len);
}

static int compare(const void *key, const void *element) { return revocation_compare(key, element); }

static const struct revocation *find(const struct revocation *list, size_t n, struct bytes digest)
{
    struct revocation key = { .len = (uint8_t)digest.len };

    if (!n || !digest.len || digest.len > sizeof key.digest)
        return NULL;
    memcpy(key.digest, digest.data, digest.len);
    return bsearch(&key, list, n, sizeof *list, compare);
}

const struct revocation *reference_find_image(const struct boot_reference *reference, struct bytes digest)
{
    return reference ? find(reference->images, reference->n_images, digest) : NULL;
}

const struct revocation *reference_find_certificate(const struct boot_reference *reference, struct bytes tbs)
{
    static const enum digest_algorithm algorithms[] = { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };
    size_t n = reference ? reference->n_certificates : 0;
    const struct revocation *found = NULL;

    /* Shorter ones come first: longer digests are computed only where some are listed. */
    for (size_t i = 0; n && tbs.len && !found && i < ARRAY_LEN(algorithms); i++) {
        struct digest d;
        if (digest_len(algorithms[i]) > reference->certificates[n - 1].len)
            break;
        digest_compute(algorithms[i], tbs, &d);
        found = find(reference->certificates, n, digest_bytes(&d));
    }
    return found;
}

size_t reference_count(const struct boot_reference *reference, enum revocation_list list)
{
    size_t n = 0;

    for (size_t i = 0; i < reference->n_images; i++)
        n += reference->images[i].list == list;
    return n;
}

const struct known_certificate *reference_find_known(const struct boot_reference *reference, const uint8_t sha256[static 32])
{
    for (size_t i = 0; reference && i < reference->n_known; i++)
        if (memcmp(reference->known[i].sha256, sha256, 32) == 0)
            return &reference->known[i];
    for (size_t i = 0; i < ARRAY_LEN(well_known); i++)
        if (memcmp(well_known[i].sha256, sha256, 32) == 0)
            return &well_known[i];
    return NULL;
}

const char *reference_age(struct arena *a, const struct boot_reference *reference, int64_t now_ms)
{
    char date[CLOCK_TEXT_LEN];
    int64_t days = (now_ms - reference->as_of_ms) / (INT64_C(24) * 3600 * 1000);

    if (!reference->as_of_ms)
        return "date unknown";
    clock_format(reference->as_of_ms, date);
    return days >= 0 ? arena_printf(a, "%.10s, %lld day%s old", date, (long long)days, days == 1 ? "" : "s")
                     : arena_printf(a, "%.10s", date);
}

const char *revocation_words(struct arena *a, const struct revocation *r)
{
    static const char *const unnamed[] = { "in its publisher's revocation list", "in the revocation list of a distribution's shim",
                                           "named as vulnerable by its publisher" };
    const char *what = r->what ? r->what : unnamed[r->list];

    return arena_printf(a, "%s%s%s%s%s", what, r->why ? ", " : "", r->why ? r->why : "", r->since ? ", revoked on " : "",
                        r->since ? r->since : "");
}

const char *reference_words(struct arena *a, const struct boot_reference *reference, int64_t now_ms)
{
    const char *age = reference_age(a, reference, now_ms);
    bool lists = reference_count(reference, REVOKED_BY_DBX) > 0;

    return !reference->name || !age
               ? NULL
               : arena_printf(a, "%s (%s)%s", reference->name, age,
                              lists ? "" : "; lists no revoked images for machines' dbx: `trueboot data update DBXUpdate.bin`");
}
