/* agent/windows/access.h: who may read and write our folders, by access lists (guest-agent.md 11.3, in Windows' words).
 *
 * The daemon runs with a write-restricted token: it can write only what is given to its service's own SID, S-1-5-80-…, which follows from the
 * service's name (SHA-1 of it in capitals, UTF-16LE). The system and its administrators may do everything, nobody else anything. */
#pragma once
#include <wchar.h>
#include "base/err.h"

enum { ACCESS_SID_MAX = 80 };
/* "S-1-5-80-…" */
void access_service_sid(const wchar_t *service, char ret[static ACCESS_SID_MAX]);

enum access_kind {
    ACCESS_READ,  /* the daemon may read: configuration, secrets' folder */
    ACCESS_WRITE, /* … and make, change and remove files: state, run, logs */
    ACCESS_NONE,  /* the system and administrators alone */
};
/* The whole list, in place of what is inherited; files below inherit it. */
MUST_CHECK bool access_set(const char *folder, enum access_kind kind, struct err *err);

/* Adds to a folder of others what the daemon needs, or takes it away again. A folder that is not there is no error. */
MUST_CHECK bool access_grant(const char *folder, enum access_kind kind, struct err *err);
void access_revoke(const char *folder);
