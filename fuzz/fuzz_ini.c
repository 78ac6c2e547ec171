/* Configuration files: every entry lies inside the text, has a section and a key, and its place; a refusal says where. */
#include "fuzz.h"
#include "base/ini.h"

struct seen {
    struct bytes text;
    size_t n;
};

static bool take(void *context, const struct ini_entry *entry, struct err *err UNUSED)
{
    struct seen *seen = context;
    const struct bytes parts[] = { entry->section, entry->key, entry->value };

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        ENSURE(parts[i].len == 0 || (parts[i].data >= seen->text.data && parts[i].data + parts[i].len <= seen->text.data + seen->text.len));
        ENSURE(parts[i].len == 0 || !memchr(parts[i].data, '\n', parts[i].len));
    }
    ENSURE(entry->section.len > 0 && entry->key.len > 0 && strchr(entry->place, ':'));
    seen->n++;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = { { data, size }, 0 };
    struct err err = ERR_INIT;
    static struct arena a;

    arena_reset(&a);
    if (!ini_read(&a, "x.conf", seen.text, take, &seen, &err))
        ENSURE((err.code == ERR_MALFORMED && strstr(err.text, "x.conf:")) || err.code == ERR_LIMIT);
    ENSURE(seen.n <= size / 3);
    return 0;
}
