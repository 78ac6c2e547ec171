/* base/handle_windows.h: what Windows' own sides of our files do alike with a handle. Only for files *_windows.c. */
#pragma once
#include <windows.h>
#include "base/bytes.h"
#include "base/err.h"

/* handle_write_all writes all of it, and waits until it is on the disk. False: GetLastError() says why. */
MUST_CHECK bool handle_write_all(HANDLE file, struct bytes content);
