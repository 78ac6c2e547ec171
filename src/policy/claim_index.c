#include "policy/claim_index.h"

/* A type may be a value of megabytes that a rule made: its beginning and its length are enough to spread them. */
enum { HASHED_BYTES = 64, FIRST_CAPACITY = 4 };

struct claims_of_type {
    struct claims_of_type *next;
    struct bytes type;
    struct claim_list list;
};

bool claim_list_append(struct arena *a, struct claim_list *list, const struct policy_claim *claim)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : FIRST_CAPACITY;
        const struct policy_claim **grown = arena_grow(a, list->items, list->n, capacity, sizeof *grown);

        if (!grown)
            return false;
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n++] = claim;
    return true;
}

/* FNV-1a */
static size_t bucket_of(struct bytes type)
{
    uint32_t hash = UINT32_C(2166136261) ^ (uint32_t)type.len;

    for (size_t i = 0; i < type.len && i < HASHED_BYTES; i++)
        hash = (hash ^ type.data[i]) * UINT32_C(16777619);
    return (hash ^ hash >> 16) % CLAIM_INDEX_BUCKETS;
}

static struct claims_of_type *find(const struct claim_index *index, struct bytes type, size_t *ret_compared)
{
    struct claims_of_type *one = index->buckets[bucket_of(type)];

    for (; one; one = one->next) {
        ++*ret_compared;
        if (bytes_equal(one->type, type))
            break;
    }
    return one;
}

const struct claim_list *claim_index_find(const struct claim_index *index, struct bytes type, size_t *ret_compared)
{
    static const struct claim_list none;
    const struct claims_of_type *one = find(index, type, ret_compared);

    return one ? &one->list : &none;
}

bool claim_index_add(struct arena *a, struct claim_index *index, const struct policy_claim *claim, size_t *ret_compared)
{
    struct claims_of_type *one = find(index, claim->type, ret_compared), **bucket = &index->buckets[bucket_of(claim->type)];

    if (!one) {
        one = ARENA_NEW(a, struct claims_of_type);
        if (!one)
            return false;
        *one = (struct claims_of_type){ .next = *bucket, .type = claim->type };
        *bucket = one;
    }
    return claim_list_append(a, &one->list, claim);
}
