#include "agent/files/secret_file.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"

static bool is_one_word(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return text.len > 0;
}

bool secret_file_check(const char *key, const char *path, enum failure_id id, struct failure *why)
{
    struct stat s;

    if (stat(path, &s) != 0)
        return failure_set(why, id, "%s: %s", key, strerror(errno));
    return secret_file_is_shared(path) ? failure_set(why, id, "%s may be read by others: %s", key, secret_file_remedy) : true;
}

bool secret_file_read(const char *key, const char *path, size_t max, struct arena *a, struct bytes *ret, struct failure *why)
{
    struct err err = ERR_INIT;
    struct bytes text;

    if (!secret_file_check(key, path, FAILURE_BAD_SETTINGS, why))
        return false;
    if (!file_read_in(a, path, max, &text, &err))
        return failure_set(why, FAILURE_BAD_SETTINGS, "%s cannot be read: %s", key, err_slug(err.code));
    text = bytes_trim(text);
    if (!is_one_word(text))
        return failure_set(why, FAILURE_BAD_SETTINGS, "%s does not hold one word of printable characters", key);
    *ret = text;
    return true;
}
