/* vmhost/tree.h: a folder with everything in it, removed. Symbolic links are removed, not followed. */
#pragma once
#include "base/err.h"

/* True also when it is not there. */
MUST_CHECK bool tree_remove(const char *path, struct err *err);
