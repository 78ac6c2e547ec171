/* What became of a file that was read: the same on every system. */
#include <stdlib.h>
#include "base/file.h"

void file_free(struct bytes *content)
{
    free((void *)(uintptr_t)content->data);
    *content = BYTES_NONE;
}

bool file_read_in(struct arena *a, const char *path, size_t limit, struct bytes *ret, struct err *err)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE;

    if (!file_read(path, limit, &content, err))
        return false;
    if (!arena_copy(a, content, ret))
        return err_set(err, ERR_NO_MEMORY, "no memory for %s", path);
    return true;
}
