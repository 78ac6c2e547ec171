/* OVMF's variable store, as a guest's firmware may have left it: parse, views inside the input, write and parse again. */
#include "fuzz.h"
#include "vmhost/vars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes image = { data, size }, once, again;
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct vars v, u;

    if (!vars_parse(&a, image, &v, &err)) {
        ENSURE(err.code != ERR_NONE);
        return 0;
    }
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
