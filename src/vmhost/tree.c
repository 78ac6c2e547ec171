#define _GNU_SOURCE
#include "vmhost/tree.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include "base/compiler.h"

enum { OPEN_FOLDERS = 16 };

static int remove_one(const char *path, UNUSED const struct stat *st, UNUSED int type, UNUSED struct FTW *at) { return remove(path); }

bool tree_remove(const char *path, struct err *err)
{
    if (nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) == 0 || errno == ENOENT)
        return true;
    return err_set(err, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
}
