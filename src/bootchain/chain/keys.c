#include "bootchain/chain/keys.h"
#include <stdlib.h>
#include "base/clock.h"
#include "base/reader.h"
#include "base/utf8.h"
#include "bootchain/reference/join.h"
#include "crypto/der.h"
#include "eventlog/uefi/signature_list.h"
#include "x509/name.h"

/* The two parts of a certificate (RFC 5280 4.1) that a key list is read for. Nothing is verified: x509/cert.h would refuse old
 * platform keys that are odd in ways that do not matter here, and would build every key. */
static bool certificate_parts(struct bytes der, struct bytes *ret_tbs, struct bytes *ret_subject)
{
    struct reader r = reader_over(der), in, tbs;
    struct bytes skipped;
    unsigned tag;

    if (!der_read_into(&r, DER_SEQUENCE, &in) || !der_read_any(&in, &tag, &skipped, ret_tbs) || tag != DER_SEQUENCE)
        return false;
    tbs = reader_over(skipped);
    if (der_next_is(&tbs, DER_CONTEXT_CONSTRUCTED(0)) && !der_read(&tbs, DER_CONTEXT_CONSTRUCTED(0), &skipped)) /* version */
        return false;
    return der_read(&tbs, DER_INTEGER, &skipped)     /* serial */
           && der_read(&tbs, DER_SEQUENCE, &skipped) /* signature algorithm */
           && der_read(&tbs, DER_SEQUENCE, &skipped) /* issuer */
           && der_read(&tbs, DER_SEQUENCE, &skipped) /* validity */
           && der_read_any(&tbs, &tag, &skipped, ret_subject) && tag == DER_SEQUENCE;
}

static bool no_memory(struct err *err) { return err_set(err, ERR_NO_MEMORY, "no memory for key lists"); }

static void sha256(struct bytes data, uint8_t ret[static 32])
{
    struct digest d;

    digest_compute(DIGEST_SHA256, data, &d);
    memcpy(ret, d.value, 32);
}

bool boot_key_from_der(struct arena *a, struct bytes der, const struct boot_reference *reference, struct boot_key *ret, struct err *err)
{
    static const uint8_t common_name[] = { 0x55, 0x04, 0x03 }; /* 2.5.4.3 */
    const struct known_certificate *known;
    struct bytes subject, cn;

    *ret = (struct boot_key){ .kind = KEY_CERTIFICATE, .data = der };
    sha256(der, ret->sha256);
    known = reference_find_known(reference, ret->sha256);
    if (known)
        ret->generation = known->generation;
    if (!certificate_parts(der, &ret->tbs, &subject)) {
        ret->tbs = BYTES_NONE;
        ret->name = "a certificate that cannot be read";
        return true;
    }
    if (name_find(subject, BYTES_OF(common_name), &cn))
        ret->name = text_for_people(a, cn);
    else
        ret->name = name_text(a, subject);
    return ret->name || no_memory(err);
}

/* EFI_TIME, UEFI 2.10 8.3. */
int64_t efi_time_ms(struct bytes efi_time)
{
    struct reader r = reader_over(efi_time);
    uint16_t year = 0;
    uint8_t month = 0, day = 0, hour = 0, minute = 0, second = 0;

    if (!read_u16le(&r, &year) || !read_u8(&r, &month) || !read_u8(&r, &day) || !read_u8(&r, &hour) || !read_u8(&r, &minute) ||
        !read_u8(&r, &second) || year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 60)
        return 0;
    return ((clock_days_from_date(year, month, day) * 24 + hour) * 60 + minute) * 60000 + second * 1000;
}

bool boot_key_read(struct arena *a, const struct signature *signature, const struct boot_reference *reference, struct boot_key *ret,
                   struct err *err)
{
    switch (signature->kind) {
    case SIGNATURE_X509:
        if (!boot_key_from_der(a, signature->data, reference, ret, err))
            return false;
        break;
    case SIGNATURE_SHA1:
    case SIGNATURE_SHA224:
    case SIGNATURE_SHA256:
    case SIGNATURE_SHA384:
    case SIGNATURE_SHA512:
        *ret = (struct boot_key){ .kind = KEY_IMAGE_HASH, .data = signature->data };
        break;
    case SIGNATURE_X509_SHA256:
    case SIGNATURE_X509_SHA384:
    case SIGNATURE_X509_SHA512:
        *ret = (struct boot_key){ .kind = KEY_CERTIFICATE_HASH,
                                  .data = signature->data,
                                  .signed_after_ms = efi_time_ms(signature->revoked_since) };
        break;
    default:
        *ret = (struct boot_key){ .kind = KEY_OTHER, .data = signature->data };
        break;
    }
    ret->owner = signature->owner.len == UUID_LEN ? signature->owner.data : NULL;
    if (ret->kind != KEY_CERTIFICATE) {
        if (ret->data.len == 32)
            memcpy(ret->sha256, ret->data.data, 32);
        else
            sha256(ret->data, ret->sha256);
    }
    return true;
}

bool boot_keys_read(struct arena *a, struct bytes content, const struct boot_reference *reference, struct boot_keys *ret, struct err *err)
{
    struct signature_lists lists;
    struct boot_key *items;

    if (!signature_lists_parse(a, content, &lists, err))
        return false;
    items = ARENA_ARRAY(a, lists.n ? lists.n : 1, struct boot_key);
    if (!items)
        return no_memory(err);
    for (size_t i = 0; i < lists.n; i++)
        if (!boot_key_read(a, &lists.items[i], reference, &items[i], err))
            return false;
    *ret = (struct boot_keys){ .measured = true, .items = items, .n = lists.n, .event = FINDING_NO_EVENT };
    return true;
}

void boot_key_member(const struct boot_key *key, uint8_t ret[static 32])
{
    struct digest d;
    uint8_t kind = (uint8_t)key->kind;
    struct bytes parts[] = { { &kind, 1 }, { key->sha256, 32 } };

    if (key->kind == KEY_IMAGE_HASH) { /* most of a dbx: spare the hashing */
        memcpy(ret, key->sha256, 32);
        return;
    }
    digest_compute_parts(DIGEST_SHA256, parts, ARRAY_LEN(parts), &d);
    memcpy(ret, d.value, 32);
}

static int compare_members(const void *a, const void *b) { return memcmp(a, b, 32); }

bool boot_keys_members(struct arena *a, const struct boot_keys *keys, struct bytes *ret, struct err *err)
{
    uint8_t *members = arena_array(a, keys->n ? keys->n : 1, 32);
    size_t n = 0;

    if (!members)
        return no_memory(err);
    for (size_t i = 0; i < keys->n; i++)
        boot_key_member(&keys->items[i], members + 32 * i);
    qsort(members, keys->n, 32, compare_members);
    for (size_t i = 0; i < keys->n; i++)
        if (!n || memcmp(members + 32 * (n - 1), members + 32 * i, 32) != 0)
            memmove(members + 32 * n++, members + 32 * i, 32);
    *ret = (struct bytes){ members, 32 * n };
    return true;
}

bool members_have(struct bytes members, const uint8_t member[static 32])
{
    return members.len >= 32 && bsearch(member, members.data, members.len / 32, 32, compare_members);
}

size_t members_missing(struct bytes some, struct bytes all)
{
    size_t missing = 0;

    for (size_t i = 0; i + 32 <= some.len; i += 32)
        missing += !members_have(all, some.data + i);
    return missing;
}

const struct boot_key *boot_keys_find_image(const struct boot_keys *list, const struct digest *digests, size_t n)
{
    for (size_t i = 0; i < list->n; i++)
        for (size_t k = 0; list->items[i].kind == KEY_IMAGE_HASH && k < n; k++)
            if (bytes_equal(list->items[i].data, digest_bytes(&digests[k])))
                return &list->items[i];
    return NULL;
}

void boot_key_tbs_sha256(const struct boot_key *key, uint8_t ret[static 32])
{
    memset(ret, 0, 32);
    if (key->tbs.len)
        sha256(key->tbs, ret);
}

/* UEFI 2.10, 32.4.1: EFI_CERT_X509_SHA256, _SHA384 and _SHA512. */
static bool is_digest_of(struct bytes digest, struct bytes tbs)
{
    static const enum digest_algorithm algorithms[] = { DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512 };

    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++)
        if (digest_len(algorithms[i]) == digest.len) {
            struct digest d;
            digest_compute(algorithms[i], tbs, &d);
            return bytes_equal(digest_bytes(&d), digest);
        }
    return false;
}

const struct boot_key *boot_keys_find_certificate(const struct boot_keys *list, const struct boot_key *certificate)
{
    if (!certificate->tbs.len)
        return NULL;
    for (size_t i = 0; i < list->n; i++) {
        const struct boot_key *key = &list->items[i];
        if (key->kind == KEY_CERTIFICATE && bytes_equal(key->tbs, certificate->tbs))
            return key;
        if (key->kind == KEY_CERTIFICATE_HASH && is_digest_of(key->data, certificate->tbs))
            return key;
    }
    return NULL;
}

static bool entry_as_revocation(const struct boot_key *key, struct revocation *ret)
{
    if (key->kind == KEY_CERTIFICATE) {
        boot_key_tbs_sha256(key, ret->digest);
        ret->len = 32;
        ret->what = key->name;
        return key->tbs.len != 0;
    }
    if ((key->kind != KEY_IMAGE_HASH && key->kind != KEY_CERTIFICATE_HASH) ||
        (key->data.len != 32 && key->data.len != 48 && key->data.len != 64))
        return false; /* SHA-1, SHA-224, keys: nothing that a measured digest could equal */
    memcpy(ret->digest, key->data.data, key->data.len);
    ret->len = (uint8_t)key->data.len;
    ret->signed_after_ms = key->signed_after_ms;
    return true;
}

bool boot_keys_reference(struct arena *a, const struct boot_keys *keys, enum revocation_list list, uint8_t architectures,
                         struct boot_reference *ret, struct err *err)
{
    struct revocation *images = ARENA_ARRAY(a, keys->n, struct revocation), *certificates = ARENA_ARRAY(a, keys->n, struct revocation);
    struct boot_reference made = { 0 }, one = { .images = images, .certificates = certificates };

    if (!images || !certificates)
        return err_set(err, ERR_NO_MEMORY, "no memory for reference data");
    for (size_t i = 0; i < keys->n; i++) {
        struct revocation r = { .list = list, .architectures = architectures };
        if (!entry_as_revocation(&keys->items[i], &r))
            continue;
        if (keys->items[i].kind == KEY_IMAGE_HASH)
            images[one.n_images++] = r;
        else
            certificates[one.n_certificates++] = r;
    }
    if (!reference_join(a, NULL, &one, &made, err)) /* sorted, without duplicates */
        return false;
    *ret = made;
    return true;
}
