#include "audit/files.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/bytes.h"

#define PREFIX "audit-"
#define SUFFIX ".jsonl"
enum { DIGITS = 18 };

const char *audit_file_name(struct arena *a, const char *folder, int64_t first_seq)
{
    return arena_printf(a, "%s/" PREFIX "%0*lld" SUFFIX, folder, DIGITS, (long long)first_seq);
}

static int is_log(const struct dirent *entry)
{
    struct bytes name = bytes_of_string(entry->d_name);

    if (name.len != sizeof PREFIX - 1 + DIGITS + sizeof SUFFIX - 1 || !bytes_starts_with(name, BYTES_LIT(PREFIX)) ||
        !bytes_ends_with(name, BYTES_LIT(SUFFIX)))
        return 0;
    for (size_t i = sizeof PREFIX - 1; i < sizeof PREFIX - 1 + DIGITS; i++)
        if (name.data[i] < '0' || name.data[i] > '9')
            return 0;
    return 1;
}

bool audit_files(struct arena *a, const char *folder, const char *const **ret, size_t *ret_n, struct err *err)
{
    struct dirent **entries;
    const char **paths;
    int n = scandir(folder, &entries, is_log, alphasort);
    bool fine = true;

    if (n < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "the folder %s cannot be read: %s", folder, strerror(errno));
    paths = ARENA_ARRAY(a, (size_t)n + 1, const char *);
    for (int i = 0; i < n; i++) {
        fine = fine && paths && (paths[i] = arena_printf(a, "%s/%s", folder, entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
    if (!fine)
        return err_set(err, ERR_NO_MEMORY, "no memory for the names of files");
    *ret = paths;
    *ret_n = (size_t)n;
    return true;
}
