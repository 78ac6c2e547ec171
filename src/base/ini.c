#include "base/ini.h"
#include "base/distance.h"
#include "base/limits.h"
#include "base/utf8.h"

/* ---- the nearest word ---- */

const char *nearest_word(struct bytes written, const char *const *words, size_t n)
{
    const char *nearest = NULL;
    unsigned best = DISTANCE_NEAR;

    for (size_t i = 0; i < n; i++) {
        unsigned d = distance_between(written, words[i]);

        if (d < best) {
            best = d;
            nearest = words[i];
        }
    }
    return nearest;
}

/* ---- files ---- */

struct ini_reader {
    struct arena *arena;
    const char *file;
    struct ini_entry entry;
    bool (*take)(void *context, const struct ini_entry *entry, struct err *err);
    void *context;
};

static bool read_line(struct ini_reader *r, struct bytes line, struct err *err)
{
    size_t equals = bytes_find(line, BYTES_LIT("="));

    if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';')
        return true;
    if (line.data[0] == '[') {
        r->entry.section = bytes_trim(bytes_slice(line, 1, line.len - 2));
        if (line.len < 3 || line.data[line.len - 1] != ']' || r->entry.section.len == 0)
            return err_set(err, ERR_MALFORMED, "%s: a section is written [NAME]", r->entry.place);
        return true;
    }
    if (equals == SIZE_MAX || equals == 0)
        return err_set(err, ERR_MALFORMED, "%s: neither [SECTION] nor KEY = VALUE", r->entry.place);
    if (r->entry.section.len == 0)
        return err_set(err, ERR_MALFORMED, "%s: a key stands before the first [SECTION]", r->entry.place);
    r->entry.key = bytes_trim(bytes_slice(line, 0, equals));
    r->entry.value = bytes_trim(bytes_slice(line, equals + 1, line.len));
    return r->take(r->context, &r->entry, err);
}

static bool is_text(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((line.data[i] < 0x20 && line.data[i] != '\t' && line.data[i] != '\r') || line.data[i] == 0x7f)
            return false;
    return utf8_is_valid(line);
}

bool ini_read(struct arena *a, const char *file, struct bytes text,
              bool (*take)(void *context, const struct ini_entry *entry, struct err *err), void *context, struct err *err)
{
    struct ini_reader r = { .arena = a, .file = file, .take = take, .context = context };

    if (text.len > LIMIT_CONFIG_BYTES)
        return err_set(err, ERR_LIMIT, "%s: larger than %d bytes", file, LIMIT_CONFIG_BYTES);
    for (unsigned number = 1; text.len > 0; number++) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        struct bytes line = bytes_slice(text, 0, end);

        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.len);
        r.entry.place = arena_printf(a, "%s:%u", file, number);
        if (!r.entry.place)
            return err_set(err, ERR_NO_MEMORY, "no memory for %s", file);
        if (!is_text(line))
            return err_set(err, ERR_MALFORMED, "%s: not text in UTF-8", r.entry.place);
        if (!read_line(&r, bytes_trim(line), err))
            return false;
    }
    return true;
}
