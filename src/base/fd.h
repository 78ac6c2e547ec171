/* fd.h: POSIX file descriptors (not built for Windows; defined in file.c). */
#pragma once
#include "base/bytes.h"
#include "base/compiler.h"

/* Writes all of content, also in pieces and across signals; false with errno set when the descriptor takes no more. */
MUST_CHECK bool fd_write_all(int fd, struct bytes content);
