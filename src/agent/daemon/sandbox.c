#define _GNU_SOURCE
#include "agent/daemon/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent/daemon/syscalls.h"
#include "agent/files/folder.h"
#include "base/file.h"

enum { STATE_FILES_MAX = 256 };

static bool refuse(struct err *err, const char *what) { return err_set(err, ERR_IO, "cannot %s: %s", what, strerror(errno)); }

/* The group that may use the TPM: that of its node, else by name. */
static gid_t tpm_group(gid_t otherwise)
{
    static const char *const nodes[] = { "/dev/tpmrm0", "/dev/tpm0" };
    const struct group *tss;
    struct stat st;

    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        if (stat(nodes[i], &st) == 0 && st.st_gid)
            return st.st_gid;
    tss = getgrnam("tss");
    return tss ? tss->gr_gid : otherwise;
}

/* What an earlier run as root left is the user's now; one level, and no link is followed. */
static bool give_folder(const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    int fd CLEANUP(folder_close_at) = -1;
    const char **names;
    size_t n;

    if (!folder_make(path, mode, uid, gid, err) || !folder_open(path, &fd, err) || !folder_list(fd, &a, STATE_FILES_MAX, &names, &n, err))
        return false;
    for (size_t i = 0; i < n; i++)
        if (fchownat(fd, names[i], uid, gid, AT_SYMLINK_NOFOLLOW))
            return refuse(err, "give away the agent's state");
    return true;
}

bool sandbox_become(const char *user, const struct places *places, struct err *err)
{
    const struct passwd *entry = getpwnam(user);
    gid_t groups[1];
    uid_t uid;
    gid_t gid;

    if (!entry)
        return err_set(err, ERR_NOT_FOUND, "there is no user %s", user);
    uid = entry->pw_uid;
    gid = entry->pw_gid;
    if (uid == 0)
        return err_set(err, ERR_DENIED, "the user %s is root", user);
    if (!give_folder(places->state_dir, 0700, uid, gid, err) || !give_folder(places->log_dir, 0750, uid, gid, err))
        return false;
    groups[0] = tpm_group(gid);
    if (setgroups(1, groups) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
        return refuse(err, "become another user");
    if (setuid(0) == 0)
        return err_set(err, ERR_INTERNAL, "root's power could be taken back");
    return true;
}

static bool load_filter(bool kill_instead, struct err *err)
{
    static const char *const allowed[] = {
#define X(name) #name,
        DAEMON_SYSCALLS(X)
#undef X
    };
    scmp_filter_ctx filter = seccomp_init(kill_instead ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
    int problem = filter ? 0 : -ENOMEM;

    if (filter)
        (void)!seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list, where the library can */
    for (size_t i = 0; i < ARRAY_LEN(allowed) && !problem; i++) {
        int number = seccomp_syscall_resolve_name(allowed[i]);

        if (number >= 0)
            problem = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    }
    if (!problem)
        problem = seccomp_load(filter);
    seccomp_release(filter);
    return problem ? err_set(err, ERR_IO, "cannot load the system call filter: %s", strerror(-problem)) : true;
}

bool sandbox_enter(bool kill_instead, struct err *err)
{
    const struct rlimit none = { 0, 0 };

    if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return refuse(err, "give up new privileges");
    return load_filter(kill_instead, err);
}
