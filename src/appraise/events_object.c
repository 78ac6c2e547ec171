#include "appraise/events_object.h"
#include <stdlib.h>
#include "base/base64.h"
#include "base/utf8.h"
#include "eventlog/software/sipa.h"

void object_put(struct object_builder *o, struct bytes name, const struct json *value)
{
    if (!value || !name.data)
        o->bad = true;
    if (!o->bad && o->n == o->capacity) {
        size_t capacity = o->capacity ? 2 * o->capacity : 4;
        struct json_member *items = arena_grow(o->a, o->items, o->n, capacity, sizeof *items);
        o->bad = !items;
        if (items) {
            o->items = items;
            o->capacity = capacity;
        }
    }
    if (!o->bad)
        o->items[o->n++] = (struct json_member){ name, value };
}

const struct json *object_done(struct object_builder *o) { return o->bad ? NULL : json_object(o->a, o->items, o->n); }

const struct json *base64url_value(struct arena *a, struct bytes b)
{
    const char *text = base64_in(a, BASE64_URL, b);

    return text ? json_string_of(a, text) : NULL;
}

const struct json *utf16_value(struct arena *a, struct bytes utf16)
{
    bool clean;
    const char *text = utf8_from_utf16le(a, utf16, &clean);

    return text ? json_string_of(a, text) : NULL;
}

/* ---- Windows' records ---- */

struct entry {
    uint32_t id;
    size_t place; /* among its siblings */
    const struct sipa_type *type;
    const struct json *value;
};

/* The content of one aggregate, or the top level. */
struct frame {
    struct entry *entries;
    size_t n, capacity;
};

struct sipa_building {
    struct arena *a;
    struct frame frames[LIMIT_EVENT_NESTING + 1];
    unsigned depth;
    bool bad;
};

static const struct json *raw_object(struct arena *a, struct bytes payload)
{
    struct object_builder o = { .a = a };

    object_put(&o, BYTES_LIT("RawData"), base64url_value(a, payload));
    return object_done(&o);
}

static const struct json *value_object(struct arena *a, uint32_t id, uint64_t value)
{
    const char *name = sipa_value_name(id, value);
    struct object_builder o = { .a = a };

    object_put(&o, BYTES_LIT("Value"), json_unsigned(a, value));
    if (name)
        object_put(&o, BYTES_LIT("String"), json_string_of(a, name));
    return object_done(&o);
}

static const struct json *record_value(struct arena *a, const struct sipa_record *record)
{
    enum sipa_form form = record->type ? record->type->form : SIPA_BYTES;
    uint64_t number;
    bool flag;

    if (form == SIPA_BYTES)
        return base64url_value(a, record->payload);
    if (form == SIPA_TEXT)
        return utf16_value(a, record->payload);
    if (form == SIPA_BOOLEAN && sipa_boolean(record, &flag))
        return json_boolean(flag);
    if ((form == SIPA_INTEGER || form == SIPA_VALUE) && sipa_integer(record, &number))
        return form == SIPA_INTEGER ? json_unsigned(a, number) : value_object(a, record->id, number);
    return raw_object(a, record->payload);
}

static void frame_put(struct sipa_building *b, const struct sipa_record *record, const struct json *value)
{
    struct frame *f = &b->frames[b->depth];

    if (f->n == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 8;
        struct entry *entries = arena_grow(b->a, f->entries, f->n, capacity, sizeof *entries);
        b->bad |= !entries;
        if (!entries)
            return;
        f->entries = entries;
        f->capacity = capacity;
    }
    b->bad |= !value;
    f->entries[f->n] = (struct entry){ record->id, f->n, record->type, value };
    f->n++;
}

static int by_id(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int by_place(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return (x->place > y->place) - (x->place < y->place);
}

static bool is_always_array(const struct entry *e)
{
    if (!e->type)
        return (e->id & SIPA_AGGREGATE) != 0;
    return e->type->form == SIPA_ARRAY || e->type->form == SIPA_RAW_ARRAY;
}

/* Joins what has the same id, in the order of first appearance. Sorting keeps a guest's million records from costing their square. */
static size_t join(struct sipa_building *b, struct frame *f)
{
    size_t n = 0;

    if (f->n)
        qsort(f->entries, f->n, sizeof *f->entries, by_id);
    for (size_t i = 0, end; i < f->n; i = end) {
        struct entry joined = f->entries[i];
        for (end = i + 1; end < f->n && f->entries[end].id == joined.id;)
            end++;
        if (end - i > 1 || is_always_array(&joined)) {
            const struct json **items = ARENA_ARRAY(b->a, end - i, const struct json *);
            for (size_t k = i; items && k < end; k++)
                items[k - i] = f->entries[k].value;
            joined.value = items ? json_array(b->a, items, end - i) : NULL;
            b->bad |= !joined.value;
        }
        f->entries[n++] = joined;
    }
    if (n)
        qsort(f->entries, n, sizeof *f->entries, by_place);
    return n;
}

static void frame_into(struct sipa_building *b, struct frame *f, struct object_builder *o)
{
    size_t n = join(b, f);

    for (size_t i = 0; i < n && !b->bad; i++) {
        const struct entry *e = &f->entries[i];
        const char *key = e->type ? e->type->key : arena_printf(b->a, "EVENT_0x%08X", e->id);
        object_put(o, key ? bytes_of_string(key) : BYTES_NONE, e->value);
    }
    b->bad |= o->bad;
}

static bool enter(void *context, const struct sipa_record *record)
{
    struct sipa_building *b = context;

    if (record->id & SIPA_AGGREGATE)
        b->frames[++b->depth] = (struct frame){ 0 };
    else
        frame_put(b, record, record_value(b->a, record));
    return !b->bad;
}

static bool leave(void *context, const struct sipa_record *record)
{
    struct sipa_building *b = context;
    struct object_builder o = { .a = b->a };

    frame_into(b, &b->frames[b->depth--], &o);
    frame_put(b, record, object_done(&o));
    return !b->bad;
}

bool sipa_object(struct object_builder *o, struct bytes records)
{
    struct sipa_building b = { .a = o->a };
    const struct sipa_visitor visitor = { enter, leave, &b };
    struct err ignored = ERR_INIT;

    if (!sipa_walk(records, &visitor, &ignored))
        return false;
    if (!b.bad)
        frame_into(&b, &b.frames[0], o);
    o->bad |= b.bad;
    return true;
}
