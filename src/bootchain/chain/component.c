#include "bootchain/chain/component.h"
#include "base/hex.h"

struct kind_row {
    const char *slug, *words;
};

static const struct kind_row kinds[] = {
#define X(name, slug_, phase_, words_) [COMPONENT_##name] = { .slug = slug_, .words = words_ },
    COMPONENT_KINDS(X)
#undef X
};

static const enum phase phases[] = {
#define X(name, slug_, phase_, words_) [COMPONENT_##name] = PHASE_##phase_,
    COMPONENT_KINDS(X)
#undef X
};

static const char *const accepts_slugs[] = { "expected", "alternative", "any" };

const char *component_kind_slug(enum component_kind kind) { return kinds[(size_t)kind < ARRAY_LEN(kinds) ? kind : COMPONENT_OTHER].slug; }

const char *component_kind_words(enum component_kind kind) { return kinds[(size_t)kind < ARRAY_LEN(kinds) ? kind : COMPONENT_OTHER].words; }

enum phase component_kind_phase(enum component_kind kind) { return phases[(size_t)kind < ARRAY_LEN(phases) ? kind : COMPONENT_OTHER]; }

bool component_kind_from_text(struct bytes slug, enum component_kind *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (bytes_equal_string(slug, kinds[i].slug)) {
            *ret = (enum component_kind)i;
            return true;
        }
    return false;
}

const char *component_accepts_slug(enum component_accepts accepts)
{
    return accepts_slugs[(size_t)accepts < ARRAY_LEN(accepts_slugs) ? accepts : COMPONENT_EXPECTED];
}

bool component_accepts_from_text(struct bytes slug, enum component_accepts *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(accepts_slugs); i++)
        if (bytes_equal_string(slug, accepts_slugs[i])) {
            *ret = (enum component_accepts)i;
            return true;
        }
    return false;
}

const struct digest *component_digest(const struct component *c, enum digest_algorithm algorithm)
{
    for (size_t i = 0; i < c->n_digests; i++)
        if (c->digests[i].algorithm == algorithm)
            return &c->digests[i];
    return NULL;
}

bool component_comparable(const struct component *a, const struct component *b)
{
    if (!a->n_digests || !b->n_digests)
        return true;
    for (size_t i = 0; i < a->n_digests; i++)
        if (component_digest(b, a->digests[i].algorithm))
            return true;
    return false;
}

bool component_same_content(const struct component *a, const struct component *b)
{
    bool common = false;

    if (!a->n_digests && !b->n_digests)
        return true;
    for (size_t i = 0; i < a->n_digests; i++) {
        const struct digest *other = component_digest(b, a->digests[i].algorithm);
        if (!other)
            continue;
        if (!digest_equal(&a->digests[i], other))
            return false;
        common = true;
    }
    return common;
}

const char *component_digest_text(struct arena *a, const struct component *c)
{
    char *hex;

    if (!c->n_digests)
        return "-";
    hex = hex_in(a, digest_bytes(&c->digests[0]));
    return hex ? arena_printf(a, "%s:%s", digest_name(c->digests[0].algorithm), hex) : NULL;
}
