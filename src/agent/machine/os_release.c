#include "agent/machine/os_release.h"
#include <stdio.h>
#include "base/file.h"
#include "base/utf8.h"

/* The value of `key` in a line "KEY=value", quotes taken off; false when this is another line. */
static bool value_of(struct bytes line, const char *key, struct bytes *ret)
{
    struct bytes prefix = bytes_of_string(key), value;

    if (!bytes_starts_with(line, prefix))
        return false;
    value = bytes_trim(bytes_slice(line, prefix.len, line.len));
    if (value.len >= 2 && (value.data[0] == '"' || value.data[0] == '\'') && value.data[value.len - 1] == value.data[0])
        value = bytes_slice(value, 1, value.len - 2);
    *ret = value;
    return true;
}

static size_t read_number(struct bytes text, size_t at, uint32_t *ret)
{
    uint32_t n = 0;

    for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9' && n < 100000; at++)
        n = n * 10 + (uint32_t)(text.data[at] - '0');
    *ret = n;
    return at;
}

static void take_version(struct os_release *os, struct bytes text)
{
    uint32_t major, minor = 0;
    size_t at = read_number(text, 0, &major);

    if (!major)
        return;
    if (at < text.len && text.data[at] == '.')
        read_number(text, at + 1, &minor);
    os->major = major;
    os->minor = minor;
}

static void take_name(struct os_release *os, struct bytes text)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const char *safe = text.len ? text_for_people(&a, text) : NULL;

    if (safe)
        snprintf(os->name, sizeof os->name, "%s", safe);
}

void os_release_parse(struct bytes text, struct os_release *ret)
{
    *ret = (struct os_release){ .type = "Linux", .build = "NotApplication", .name = "Linux", .major = 1 };
    while (text.len) {
        size_t end = bytes_find(text, BYTES_LIT("\n"));
        struct bytes line = bytes_slice(text, 0, end == SIZE_MAX ? text.len : end), value;

        if (value_of(line, "NAME=", &value))
            take_name(ret, value);
        if (value_of(line, "VERSION_ID=", &value))
            take_version(ret, value);
        text = bytes_slice(text, line.len + 1, text.len);
    }
}

#ifdef _WIN32

/* All of them say 10.0, Windows 11 and the servers since 2016, too. */
void os_release_read(struct os_release *ret)
{
    *ret = (struct os_release){ .type = "Windows", .build = "NotApplicable", .name = "Microsoft", .major = 10, .is_windows = true };
}

#else

void os_release_read(struct os_release *ret)
{
    static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };
    struct bytes text CLEANUP(file_free) = BYTES_NONE;
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(paths) && !text.len; i++)
        if (!file_read(paths[i], 65536, &text, &err))
            text = BYTES_NONE;
    os_release_parse(text, ret);
}

#endif
