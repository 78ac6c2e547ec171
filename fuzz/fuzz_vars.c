/* OVMF's variable store, as a guest's firmware may have left it: parse, views inside the input, write and parse again. */
#include "fuzz.h"
#include "vmhost/vars.h"

/* A header of 32 bytes becomes an item; the image is copied where it is written. */
enum { BYTES_PER_BYTE = 16, FIXED = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes image = { data, size }, once, again;
    static struct arena a;
    struct err err = ERR_INIT;
    struct vars v, u;

    arena_reset(&a);
    if (!vars_parse(&a, image, &v, &err)) {
        ENSURE(err.code != ERR_NONE);
        return 0;
    }
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    ENSURE(v.store <= size && v.store_len <= size - v.store);
    for (size_t i = 0; i < v.n; i++)
        ENSURE(lies_within(v.items[i].name, data, size) && lies_within(v.items[i].data, data, size) &&
               lies_within(v.items[i].rest_of_header, data, size));
    if (!vars_write(&v, &a, &once, &err)) {
        ENSURE(err.code != ERR_NONE);
        return 0;
    }
    ENSURE(once.len == size);
    ENSURE(vars_parse(&a, once, &u, &err) && u.n == v.n);
    ENSURE(vars_write(&u, &a, &again, &err) && bytes_equal(once, again));
    return 0;
}
