/* http/server/listen.h: listening sockets, with errors that say what to do. Private to src/http. */
#pragma once
#include <sys/types.h>
#include "base/err.h"

/* "ADDRESS:PORT", "[IPV6]:PORT", ":PORT". *ret_port is the one in use. */
MUST_CHECK bool listen_tcp(const char *where, int *ret_fd, unsigned *ret_port, struct err *err);
/* A socket file that nobody answers at is replaced. gid (gid_t)-1 leaves the group. */
MUST_CHECK bool listen_unix(const char *path, mode_t mode, gid_t gid, int *ret_fd, struct err *err);
