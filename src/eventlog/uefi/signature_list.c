#include "eventlog/uefi/signature_list.h"
#include "base/reader.h"

enum { LIST_HEADER = 28, EFI_TIME_LEN = 16 };

static const struct {
    const char *guid, *words;
    uint32_t len;
} kinds[] = { { "", "unknown signature type", 0 },
#define X(name, words, len, guid) { guid, words, len },
              SIGNATURE_KINDS(X)
#undef X
};

static enum signature_kind kind_of(struct bytes guid)
{
    for (size_t i = 1; i < ARRAY_LEN(kinds); i++)
        if (memcmp(guid.data, kinds[i].guid, UUID_LEN) == 0)
            return (enum signature_kind)i;
    return SIGNATURE_UNKNOWN;
}

struct list {
    enum signature_kind kind;
    uint32_t size; /* of one entry, owner included */
    struct reader entries;
    size_t n;
};

/* EFI_SIGNATURE_LIST: EFI_GUID, u32 list size (all of it), u32 header size, u32 entry size; header; entries. Attack L11: the header is
 * skipped, and every size is compared with what is left. */
static bool read_list(struct reader *r, struct list *list, struct err *err)
{
    size_t at = r->offset;
    struct bytes guid;
    uint32_t list_size, header_size;

    if (!read_bytes(r, UUID_LEN, &guid) || !read_u32le(r, &list_size) || !read_u32le(r, &header_size) || !read_u32le(r, &list->size))
        return err_set(err, ERR_TRUNCATED, "signature list's header at offset %zu", at);
    if (list_size < LIST_HEADER || !read_sub(r, list_size - LIST_HEADER, &list->entries))
        return err_set(err, ERR_MALFORMED, "signature list at offset %zu says it has %u bytes, %zu are left", at, list_size,
                       r->rest.len + LIST_HEADER);
    if (!read_skip(&list->entries, header_size))
        return err_set(err, ERR_MALFORMED, "signature list at offset %zu: a header of %u bytes is larger than the list", at, header_size);
    list->kind = kind_of(guid);
    if (list->size < UUID_LEN || list->entries.rest.len % list->size != 0)
        return err_set(err, ERR_MALFORMED, "signature list at offset %zu: %zu bytes do not divide into entries of %u", at,
                       list->entries.rest.len, list->size);
    if (kinds[list->kind].len && list->size - UUID_LEN != kinds[list->kind].len)
        return err_set(err, ERR_MALFORMED, "signature list at offset %zu: an entry of %u bytes is no %s", at, list->size - UUID_LEN,
                       kinds[list->kind].words);
    list->n = list->entries.rest.len / list->size;
    return true;
}

static bool count(struct bytes data, size_t *ret_lists, size_t *ret_signatures, struct err *err)
{
    struct reader r = reader_over(data);
    struct list list;

    *ret_lists = *ret_signatures = 0;
    while (!reader_done(&r)) {
        if (*ret_lists == LIMIT_SIGNATURE_LISTS)
            return err_set(err, ERR_LIMIT, "more than %d signature lists", LIMIT_SIGNATURE_LISTS);
        if (!read_list(&r, &list, err))
            return err_within(err, "list %zu", *ret_lists);
        if (list.n > LIMIT_SIGNATURES - *ret_signatures)
            return err_set(err, ERR_LIMIT, "more than %d signatures", LIMIT_SIGNATURES);
        ++*ret_lists;
        *ret_signatures += list.n;
    }
    return true;
}

bool signature_lists_recognize(struct bytes data)
{
    struct err ignored = ERR_INIT;
    size_t lists, signatures;

    return count(data, &lists, &signatures, &ignored) && lists > 0;
}

static bool is_revocation(enum signature_kind kind)
{
    return kind == SIGNATURE_X509_SHA256 || kind == SIGNATURE_X509_SHA384 || kind == SIGNATURE_X509_SHA512;
}

static bool read_signature(struct list *list, struct signature *s)
{
    if (!read_bytes(&list->entries, UUID_LEN, &s->owner) || !read_bytes(&list->entries, list->size - UUID_LEN, &s->data))
        return false;
    s->kind = list->kind;
    s->revoked_since = BYTES_NONE;
    if (is_revocation(s->kind)) {
        s->revoked_since = bytes_slice(s->data, s->data.len - EFI_TIME_LEN, EFI_TIME_LEN);
        s->data.len -= EFI_TIME_LEN;
    }
    return true;
}

bool signature_lists_parse(struct arena *a, struct bytes data, struct signature_lists *ret, struct err *err)
{
    struct reader r = reader_over(data);
    struct signature_lists lists = { 0 };
    struct list list;
    size_t n;

    if (!count(data, &lists.n_lists, &n, err))
        return false;
    lists.items = ARENA_ARRAY(a, n, struct signature);
    if (!lists.items)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu signatures", n);
    for (uint32_t i = 0; i < lists.n_lists && read_list(&r, &list, err); i++)
        for (size_t j = 0; j < list.n && read_signature(&list, &lists.items[lists.n]); j++)
            lists.items[lists.n++].list = i;
    *ret = lists;
    return true;
}

/* A DER SEQUENCE with a long length, as every certificate is. */
static bool looks_like_der(struct bytes data) { return data.len > 4 && data.data[0] == 0x30 && data.data[1] == 0x82; }

/* A digest of an image: told by its length. */
static enum signature_kind digest_kind(size_t len)
{
    static const enum signature_kind digests[] = { SIGNATURE_SHA1, SIGNATURE_SHA224, SIGNATURE_SHA256, SIGNATURE_SHA384, SIGNATURE_SHA512 };

    for (size_t i = 0; i < ARRAY_LEN(digests); i++)
        if (kinds[digests[i]].len == len)
            return digests[i];
    return SIGNATURE_UNKNOWN;
}

bool signature_from_authority(struct bytes data, struct signature *ret, struct err *err)
{
    struct bytes rest = bytes_slice(data, UUID_LEN, data.len);

    if (looks_like_der(data)) {
        *ret = (struct signature){ .kind = SIGNATURE_X509, .data = data };
        return true;
    }
    if (data.len <= UUID_LEN)
        return err_set(err, ERR_TRUNCATED, "an authority of %zu bytes holds no signature", data.len);
    *ret = (struct signature){ .kind = looks_like_der(rest) ? SIGNATURE_X509 : digest_kind(rest.len),
                               .owner = bytes_slice(data, 0, UUID_LEN),
                               .data = rest };
    return true;
}
