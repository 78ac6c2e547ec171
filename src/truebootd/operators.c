#define _GNU_SOURCE
#include "truebootd/operators.h"
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include "base/arena.h"

enum { ENTRY_FIRST = 4096, ENTRY_MAX = 1024 * 1024, GROUPS_FIRST = 64, GROUPS_MOST = 65536 };

/* getgrnam and getpwuid answer in one place for all threads: one caller would be taken for another. */

static bool find_group(struct arena *a, const char *name, gid_t *ret)
{
    struct group entry, *found = NULL;
    int code = ERANGE;

    for (size_t size = ENTRY_FIRST; code == ERANGE && size <= ENTRY_MAX; size *= 4) {
        char *text = arena_alloc(a, size);
        if (!text)
            return false;
        code = getgrnam_r(name, &entry, text, size, &found);
    }
    if (code != 0 || !found)
        return false;
    *ret = entry.gr_gid;
    return true;
}

static const char *find_user(struct arena *a, uid_t uid)
{
    struct passwd entry, *found = NULL;
    int code = ERANGE;

    for (size_t size = ENTRY_FIRST; code == ERANGE && size <= ENTRY_MAX; size *= 4) {
        char *text = arena_alloc(a, size);
        if (!text)
            return NULL;
        code = getpwuid_r(uid, &entry, text, size, &found);
    }
    return code == 0 && found ? entry.pw_name : NULL;
}

bool operators_include(const char *group, uid_t uid, gid_t gid)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    int n = GROUPS_FIRST, room;
    gid_t wanted, *groups;
    const char *user;

    if (!find_group(&a, group, &wanted))
        return false;
    if (gid == wanted)
        return true;
    user = find_user(&a, uid);
    if (!user)
        return false;
    do {
        room = n;
        groups = ARENA_ARRAY(&a, (size_t)room, gid_t);
        if (!groups)
            return false;
    } while (getgrouplist(user, gid, groups, &n) < 0 && n > room && n <= GROUPS_MOST);
    for (int i = 0; i < n && n <= room; i++)
        if (groups[i] == wanted)
            return true;
    return false;
}
