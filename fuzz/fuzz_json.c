/* What parses is written and parsed again to the same value; raw ranges lie in the input and parse to the same value. */
#include "fuzz.h"
#include "json/parse.h"
#include "json/write.h"

/* A value of two characters becomes a node, a pointer to it, and room for twice as many. */
enum { BYTES_PER_BYTE = 256, FIXED = 4 * 1024 };

static void check_raw(const struct json *v, const uint8_t *data, size_t size)
{
    ENSURE(v->raw.len && lies_within(v->raw, data, size));
    for (size_t i = 0; v->type == JSON_ARRAY && i < v->array.n; i++)
        check_raw(v->array.items[i], data, size);
    for (size_t i = 0; v->type == JSON_OBJECT && i < v->object.n; i++)
        check_raw(v->object.members[i].value, data, size);
}

static void check_round_trip(struct arena *a, const struct json *v, enum json_layout layout)
{
    static const struct json_options deepest = { .max_depth = 512 };
    struct err err = ERR_INIT;
    const struct json *again;
    char *text = json_to_string(a, v, layout);

    ENSURE(text);
    ENSURE(json_parse(a, bytes_of_string(text), &deepest, &again, &err));
    ENSURE(json_equal(v, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct json_options all[] = { { .max_depth = 512 }, { .refuse_duplicates = true }, { .allow_trailing = true } };

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        static struct arena a;
        struct err err = ERR_INIT;
        const struct json *v;

        arena_reset(&a);
        if (!json_parse(&a, (struct bytes){ data, size }, &all[i], &v, &err)) {
            ENSURE(err.code != ERR_NONE && err.text[0]);
            ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
            continue;
        }
        ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
        check_raw(v, data, size);
        check_round_trip(&a, v, JSON_COMPACT);
        check_round_trip(&a, v, JSON_INDENTED);
    }
    return 0;
}
