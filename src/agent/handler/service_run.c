/* Other programs, to their end. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agent/handler/service.h"

/* A handler's environment may lack PATH, and root does not search where others write. TRUEBOOT_AGENT_TOOLS: a test's own programs. */
static bool find_program(const char *name, char ret[static 512], struct err *err)
{
    const char *own = getenv("TRUEBOOT_AGENT_TOOLS");
    const char *const folders[] = { own ? own : "/usr/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        if (snprintf(ret, 512, "%s/%s", folders[i], name) < 512 && access(ret, X_OK) == 0)
            return true;
    return err_set(err, ERR_NOT_FOUND, "there is no program %s on this machine", name);
}

bool service_run_program(const char *const *arguments, int *ret_status, struct err *err)
{
    char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C", program[512];
    char *environment[] = { path, locale, NULL };
    posix_spawn_file_actions_t files;
    int status, problem;
    pid_t pid;

    if (!find_program(arguments[0], program, err))
        return false;
    if (posix_spawn_file_actions_init(&files))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    /* What it lists is nobody's answer: a VM agent shows the first 3200 characters of ours. */
    problem = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!problem)
        problem = posix_spawn(&pid, program, &files, NULL, (char *const *)arguments, environment);
    posix_spawn_file_actions_destroy(&files);
    if (problem)
        return err_set(err, ERR_IO, "cannot run %s: %s", program, strerror(problem));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(err, ERR_IO, "cannot wait for %s: %s", program, strerror(errno));
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

static bool runs_systemd(void)
{
    struct stat st;

    return stat("/run/systemd/system", &st) == 0 && S_ISDIR(st.st_mode);
}

const struct service_manager service_managers[] = {
    { "systemd", &service_systemd_ops }, { "direct", &service_direct_ops }, { "none", &service_none_ops }, { NULL, NULL }
};
const char service_manager_names[] = "auto, systemd, direct or none";

const char *service_usual_manager(void) { return runs_systemd() ? "systemd" : "direct"; }
