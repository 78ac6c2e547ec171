#include "agent/files/file_part.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void close_at(FILE **file)
{
    if (*file)
        fclose(*file);
}

static bool refuse(struct err *err, const char *path)
{
    return err_set(err,
                   errno == ENOENT                     ? ERR_NOT_FOUND
                   : errno == EACCES || errno == EPERM ? ERR_DENIED
                                                       : ERR_IO,
                   "cannot read %s: %s", path, strerror(errno));
}

bool file_part_read(const char *path, uint64_t from, size_t most, struct bytes *ret, bool *ret_more, struct err *err)
{
    struct stat s = { 0 };
    FILE *file CLEANUP(close_at) = stat(path, &s) == 0 && S_ISFIFO(s.st_mode) ? NULL : fopen(path, "rb");
    size_t len = 0, capacity = 64 * 1024;
    uint8_t *data = NULL, *grown;

    if (!file && S_ISFIFO(s.st_mode)) /* nobody waits for its writer */
        return err_set(err, ERR_UNSUPPORTED, "cannot read %s: it is a pipe", path);
    if (!file || from > INT64_MAX || fseeko(file, (off_t)from, SEEK_SET))
        return refuse(err, path);
    for (;;) {
        grown = realloc(data, capacity);
        if (!grown) {
            free(data);
            return err_set(err, ERR_NO_MEMORY, "no memory to read %s", path);
        }
        data = grown;
        len += fread(data + len, 1, (capacity < most ? capacity : most) - len, file);
        if (len < capacity)
            break;
        capacity *= 2;
    }
    *ret_more = len == most && fgetc(file) != EOF;
    if (ferror(file)) {
        free(data);
        return refuse(err, path);
    }
    *ret = (struct bytes){ data, len };
    return true;
}
