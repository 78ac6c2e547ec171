/* Plain containers: the daemon and the publisher as processes of their own, each with its id in a file of the run folder. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "agent/handler/service.h"
#include "base/file.h"

enum { STOP_MS = 12 * 1000, POLL_MS = 50 };

static const struct job {
    const char *pid_file;
    const char *arguments[5];
} jobs[] = { { "agent.pid", { "trueboot-agent", "run", NULL } },
             { "publish.pid", { "trueboot-agent", "publish", "--every", "60", NULL } } };

static bool pid_path(const struct service_control *c, const struct job *job, char ret[static 1024], struct err *err)
{
    /* Not in the run folder, which is the daemon's: it would choose whom we end. */
    return snprintf(ret, 1024, "%s/%s", c->places->publish_dir, job->pid_file) < 1024 ? true : err_set(err, ERR_LIMIT, "path too long");
}

/* Is it still ours? Process ids are given out again. */
static bool is_our_program(pid_t pid)
{
    struct bytes command CLEANUP(file_free) = BYTES_NONE;
    struct err err = ERR_INIT;
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    return file_read(path, 65536, &command, &err) && bytes_starts_with(command, BYTES_LIT("trueboot-agent\0"));
}

static pid_t running(const struct service_control *c, const struct job *job)
{
    struct bytes text CLEANUP(file_free) = BYTES_NONE;
    struct err err = ERR_INIT;
    char path[1024], number[16];
    int pid;

    if (!pid_path(c, job, path, &err) || !file_read(path, sizeof number - 1, &text, &err))
        return 0;
    snprintf(number, sizeof number, "%.*s", BYTES_FMT(text));
    pid = atoi(number);
    return pid > 1 && kill(pid, 0) == 0 && is_our_program(pid) ? pid : 0;
}

static void become(const struct job *job, const char *program)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || chdir("/"))
        _exit(127);
    close_range(3, ~0U, 0);
    execv(program, (char *const *)job->arguments);
    _exit(127);
}

static const char *program_of(const struct service_control *c, char ret[static 1024])
{
    if (snprintf(ret, 1024, "%s/trueboot-agent", c->places->program_dir) < 1024 && file_exists(ret))
        return ret;
    return "/proc/self/exe";
}

/* Twice, so that it is nobody's child: its id comes back through a pipe. */
static bool launch(struct service_control *c, const struct job *job, struct err *err)
{
    char path[1024], program[1024], number[16];
    int pipes[2], status;
    pid_t child, pid = 0;
    ssize_t n;

    if (running(c, job))
        return true;
    if (!pid_path(c, job, path, err) || pipe2(pipes, O_CLOEXEC))
        return err_set(err, ERR_IO, "cannot start the daemon: %s", strerror(errno));
    child = fork();
    if (child == 0) {
        pid = fork();
        if (pid == 0)
            become(job, program_of(c, program));
        _exit(write(pipes[1], &pid, sizeof pid) == sizeof pid && pid > 0 ? 0 : 1);
    }
    close(pipes[1]);
    n = child > 0 ? read(pipes[0], &pid, sizeof pid) : -1;
    close(pipes[0]);
    if (child > 0)
        waitpid(child, &status, 0);
    if (n != sizeof pid || pid <= 0)
        return err_set(err, ERR_IO, "cannot start the daemon");
    snprintf(number, sizeof number, "%d\n", (int)pid);
    return folder_put(path, bytes_of_string(number), 0644, err);
}

static bool end(struct service_control *c, const struct job *job, struct err *err)
{
    const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
    pid_t pid = running(c, job);
    char path[1024];

    if (!pid_path(c, job, path, err))
        return false;
    if (pid)
        kill(pid, SIGTERM);
    for (int waited = 0; pid && running(c, job); waited += POLL_MS) {
        if (waited >= STOP_MS)
            kill(pid, SIGKILL);
        nanosleep(&pause, NULL);
    }
    unlink(path);
    return true;
}

static bool units_changed(struct service_control *c UNUSED, struct err *err UNUSED) { return true; }

static bool start(struct service_control *c, struct err *err)
{
    if (!folder_make(c->places->publish_dir, 0755, geteuid(), getegid(), err))
        return false;
    return launch(c, &jobs[0], err) && launch(c, &jobs[1], err);
}

static bool reload(struct service_control *c, struct err *err)
{
    pid_t pid = running(c, &jobs[0]);

    if (!pid || kill(pid, SIGHUP))
        return err_set(err, ERR_NOT_FOUND, "the daemon does not run");
    return true;
}

static bool stop(struct service_control *c, struct err *err) { return end(c, &jobs[1], err) && end(c, &jobs[0], err); }

static bool is_active(struct service_control *c) { return running(c, &jobs[0]) != 0; }

const struct service_ops service_direct_ops = { units_changed, start, reload, stop, stop, is_active };
