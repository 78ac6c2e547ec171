#include <pwd.h>
#include <unistd.h>
#include "agent/files/places.h"

bool places_user(const char *name, uid_t *ret_uid, gid_t *ret_gid)
{
    const struct passwd *entry = getpwnam(name);

    *ret_uid = entry ? entry->pw_uid : geteuid();
    *ret_gid = entry ? entry->pw_gid : getegid();
    return entry != NULL;
}
