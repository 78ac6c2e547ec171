/* Device paths: nodes consume input, text is safe to show. */
#include "fuzz.h"
#include "base/utf8.h"
#include "eventlog/uefi/device_path.h"

static bool is_safe(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((uint8_t)*c < 0x20 || (uint8_t)*c == 0x7f)
            return false;
    return utf8_is_valid(bytes_of_string(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct bytes path = { data, size };
    struct device_path_node node;
    struct err err = ERR_INIT;
    char *text;
    bool sound;

    arena_reset(&a);
    while (path.len) {
        size_t before = path.len;
        if (!device_path_next(&path, &node, &sound))
            break;
        ENSURE(sound && path.len < before && lies_within(node.data, data, size));
    }
    if (device_path_text(&a, (struct bytes){ data, size }, &text, &err))
        ENSURE(is_safe(text));
    else
        ENSURE(err.code == ERR_TRUNCATED && err.text[0]);
    text = device_path_file(&a, (struct bytes){ data, size });
    ENSURE(text && is_safe(text));
    ENSURE(a.used <= 4096 + 64 * size); /* every UTF-16 unit may become \u{nnnn}, in three copies */
    return 0;
}
