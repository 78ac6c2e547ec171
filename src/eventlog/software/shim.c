#include "eventlog/software/shim.h"
#include "base/reader.h"

static const struct {
    const char *name;
    enum shim_kind kind;
} names[] = {
    { "MokList", SHIM_MOK_LIST },        { "MokListX", SHIM_MOK_LIST_X },     { "MokListTrusted", SHIM_MOK_LIST_TRUSTED },
    { "MokSBState", SHIM_MOK_SB_STATE }, { "MokDBState", SHIM_MOK_DB_STATE }, { "SbatLevel", SHIM_SBAT_LEVEL },
    { "MokPolicy", SHIM_MOK_POLICY },
};

enum { SHIM_PCR = 14 };

enum shim_kind shim_event_kind(const struct event *event)
{
    struct bytes name = event->data;

    if (event->pcr != SHIM_PCR || event->type != EVENT_TYPE(EV_IPL))
        return SHIM_NOT;
    if (name.len && name.data[name.len - 1] == 0)
        name.len--;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (bytes_equal_string(name, names[i].name))
            return names[i].kind;
    return SHIM_OTHER;
}

bool shim_flag_value(enum digest_algorithm algorithm, struct bytes digest, uint8_t *ret)
{
    for (uint8_t value = 0; value < 2; value++) {
        struct digest expected;
        digest_compute(algorithm, (struct bytes){ &value, 1 }, &expected);
        if (algorithm != DIGEST_NONE && bytes_equal(digest_bytes(&expected), digest)) {
            *ret = value;
            return true;
        }
    }
    return false;
}

enum { MAX_SBAT_ENTRIES = 256, MAX_SBAT_NAME = 64 };

/* Cuts up to (and over) the next `by`; false at the end of the text. */
static bool cut(struct bytes *rest, uint8_t by, struct bytes *ret)
{
    size_t n = 0;

    if (rest->len == 0)
        return false;
    while (n < rest->len && rest->data[n] != by)
        n++;
    *ret = bytes_slice(*rest, 0, n);
    *rest = bytes_slice(*rest, n + (n < rest->len), rest->len);
    return true;
}

static bool parse_generation(struct bytes text, uint32_t *ret)
{
    uint32_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || value > (UINT32_MAX - 9) / 10)
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *ret = value;
    return text.len > 0;
}

static bool is_component(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] <= ' ' || name.data[i] >= 0x7f)
            return false;
    return name.len > 0 && name.len <= MAX_SBAT_NAME;
}

static bool parse_line(struct bytes line, struct sbat_entry *entry, struct bytes *date)
{
    struct bytes generation = BYTES_NONE;

    if (!cut(&line, ',', &entry->component) || !is_component(entry->component))
        return false;
    if (!cut(&line, ',', &generation) || !parse_generation(generation, &entry->generation))
        return false;
    if (!cut(&line, ',', date))
        *date = BYTES_NONE;
    return true;
}

bool sbat_level_parse(struct arena *a, struct bytes text, struct sbat_level *ret, struct err *err)
{
    struct sbat_level level = { 0 };
    struct bytes rest = text, line;
    size_t lines = 0;

    while (rest.len && rest.data[rest.len - 1] == 0)
        rest.len--;
    text = rest;
    while (cut(&rest, '\n', &line))
        lines++;
    if (lines > MAX_SBAT_ENTRIES)
        return err_set(err, ERR_LIMIT, "SBAT level of %zu lines, at most %d are read", lines, MAX_SBAT_ENTRIES);
    level.entries = ARENA_ARRAY(a, lines, struct sbat_entry);
    if (!level.entries)
        return err_set(err, ERR_NO_MEMORY, "no memory for an SBAT level");
    for (rest = text, lines = 1; cut(&rest, '\n', &line); lines++) {
        struct bytes date;
        line = bytes_trim(line);
        if (line.len == 0)
            continue;
        if (!parse_line(line, &level.entries[level.n], &date))
            return err_set(err, ERR_MALFORMED, "SBAT level, line %zu: component,generation expected", lines);
        if (level.n == 0 && bytes_equal_string(level.entries[0].component, "sbat"))
            level.date = date;
        level.n++;
    }
    if (level.n == 0)
        return err_set(err, ERR_MALFORMED, "empty SBAT level");
    *ret = level;
    return true;
}

uint32_t sbat_level_generation(const struct sbat_level *level, const char *component)
{
    for (size_t i = 0; i < level->n; i++)
        if (bytes_equal_string(level->entries[i].component, component))
            return level->entries[i].generation;
    return 0;
}
