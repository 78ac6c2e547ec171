#define _GNU_SOURCE
#include "vmhost/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/utf8.h"

static void sleep_ms(int ms) { nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL); }

static void close_at(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* In the child, after fork. Leaves errno in `report` when the program cannot be executed. */
static _Noreturn void become(const char *const argv[], const char *const env[], const char *dir, int in, int out, int report)
{
    if ((!dir || chdir(dir) == 0) && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0 &&
        close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
        for (int s = 1; s < NSIG; s++)
            signal(s, SIG_DFL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        setenv("LC_ALL", "C", 1);
        setenv("TZ", "UTC", 1);
        for (size_t i = 0; env && env[i]; i++)
            putenv((char *)(uintptr_t)env[i]);
        execv(argv[0], (char *const *)(uintptr_t)argv);
    }
    int why = errno;
    ssize_t n = write(report, &why, sizeof why);
    _exit(n == sizeof why ? 127 : 126);
}

static bool could_not(const char *program, int why, struct err *err)
{
    return err_set(err, why == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s cannot be started: %s", program, strerror(why));
}

static int input_file(struct bytes input, struct err *err)
{
    int fd = input.len ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t done = 0; fd >= 0 && done < input.len;) {
        ssize_t n = write(fd, input.data + done, input.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            close(fd);
            fd = -1;
            break;
        }
        done += (size_t)n;
    }
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    else
        (void)err_set(err, ERR_IO, "no input for a program could be prepared: %s", strerror(errno));
    return fd;
}

char *process_last_line(struct arena *a, struct bytes text)
{
    text = bytes_trim(text);
    size_t from = text.len;
    while (from > 0 && text.data[from - 1] != '\n')
        from--;
    struct bytes line = bytes_trim(bytes_slice(text, from, SIZE_MAX));
    return text_for_people(a, bytes_slice(line, 0, 200));
}

/* Reads `from` until it is closed or the time is over; what does not fit is read and dropped. */
static bool collect(int from, int64_t deadline, struct writer *out)
{
    uint8_t buffer[8192];

    for (;;) {
        int64_t left = deadline - clock_monotonic_ms();
        struct pollfd p = { .fd = from, .events = POLLIN };
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        ssize_t n = read(from, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return true;
        size_t room = PROCESS_OUTPUT_MAX - out->len;
        write_bytes(out, (struct bytes){ buffer, (size_t)n < room ? (size_t)n : room });
    }
}

/* Waits for `child` until the deadline, then ends its process group. */
static bool reap(pid_t child, int64_t deadline, int *ret_status)
{
    for (bool late = false;;) {
        pid_t got = waitpid(child, ret_status, late ? 0 : WNOHANG);
        if (got == child)
            return !late;
        if (got < 0 && errno != EINTR)
            return false;
        if (!late && clock_monotonic_ms() >= deadline) {
            late = true;
            kill(-child, SIGKILL);
        } else if (!late) {
            sleep_ms(2);
        }
    }
}

bool process_run(const struct process_job *job, struct arena *a, struct bytes *ret_output, struct err *err)
{
    CLEANUP(writer_done) struct writer out = { .limit = PROCESS_OUTPUT_MAX };
    CLEANUP(close_at) int in = input_file(job->input, err);
    int64_t deadline = clock_monotonic_ms() + job->timeout_ms;
    int pipe_fd[2], report[2], why = 0, status = 0;

    if (in < 0)
        return false;
    if (pipe2(pipe_fd, O_CLOEXEC) < 0)
        return err_set(err, ERR_IO, "no pipe: %s", strerror(errno));
    CLEANUP(close_at) int out_read = pipe_fd[0], out_write = pipe_fd[1];
    if (pipe2(report, O_CLOEXEC) < 0)
        return err_set(err, ERR_IO, "no pipe: %s", strerror(errno));
    CLEANUP(close_at) int report_read = report[0], report_write = report[1];
    pid_t child = fork();
    if (child < 0)
        return err_set(err, ERR_IO, "no new process: %s", strerror(errno));
    if (child == 0) {
        setpgid(0, 0);
        become(job->argv, job->env, job->dir, in, out_write, report_write);
    }
    close(out_write);
    close(report_write);
    out_write = report_write = -1;
    bool failed = read(report_read, &why, sizeof why) == sizeof why;
    bool in_time = failed || collect(out_read, deadline, &out);
    if (!in_time)
        kill(-child, SIGKILL);
    in_time = reap(child, deadline, &status) && in_time;
    if (failed)
        return could_not(job->argv[0], why, err);
    const char *last = process_last_line(a, writer_bytes(&out));
    if (!last || !writer_ok(&out))
        return err_set(err, ERR_NO_MEMORY, "no memory");
    if (!in_time)
        return err_set(err, ERR_IO, "%s did not finish within %d s. %s", job->argv[0], job->timeout_ms / 1000, last);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, ERR_IO, "%s failed (%s %d): %s", job->argv[0], WIFEXITED(status) ? "exit" : "signal",
                       WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), last);
    if (ret_output && !arena_copy(a, writer_bytes(&out), ret_output))
        return err_set(err, ERR_NO_MEMORY, "no memory");
    return true;
}

static bool boot_id(char out[static 40])
{
    CLEANUP(file_free) struct bytes text = BYTES_NONE;
    struct err err = ERR_INIT;

    if (!file_read("/proc/sys/kernel/random/boot_id", 64, &text, &err))
        return false;
    struct bytes trimmed = bytes_trim(text);
    if (trimmed.len == 0 || trimmed.len >= 40)
        return false;
    memcpy(out, trimmed.data, trimmed.len);
    out[trimmed.len] = '\0';
    return true;
}

/* Field 22 of /proc/PID/stat, counted after the program's name, which may hold anything. A zombie has none: it is over. */
static bool start_time(pid_t pid, unsigned long long *ret)
{
    CLEANUP(file_free) struct bytes text = BYTES_NONE;
    struct err err = ERR_INIT;
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    if (!file_read(path, 4096, &text, &err))
        return false;
    size_t at = text.len;
    while (at > 0 && text.data[at - 1] != ')')
        at--;
    char rest[2048] = { 0 };
    struct bytes fields = bytes_slice(text, at, sizeof rest - 1);
    if (fields.len)
        memcpy(rest, fields.data, fields.len);
    char state = 0;
    return sscanf(rest, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state, ret) == 2 &&
           state != 'Z' && state != 'X';
}

/* The middle process: makes the session, forks the program and reports its number; the program is then nobody's child but init's. */
static _Noreturn void launch(const char *const argv[], const char *dir, int in, int log, int report, int number)
{
    setsid();
    pid_t child = fork();
    if (child == 0)
        become(argv, NULL, dir, in, log, report);
    if (child < 0) {
        int why = errno;
        _exit(write(report, &why, sizeof why) == sizeof why ? 1 : 2);
    }
    _exit(write(number, &child, sizeof child) == sizeof child ? 0 : 1);
}

bool process_start(const char *const argv[], const char *dir, const char *log, struct process_id *ret, struct err *err)
{
    struct process_id id = { 0 };
    int report[2], number[2], why = 0, status;

    CLEANUP(close_at) int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(close_at) int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CLEANUP(close_at) int out = at < 0 ? -1 : openat(at, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (in < 0 || out < 0)
        return err_set(err, ERR_IO, "the log %s/%s cannot be written: %s", dir, log, strerror(errno));
    if (pipe2(report, O_CLOEXEC) < 0)
        return err_set(err, ERR_IO, "no pipe: %s", strerror(errno));
    CLEANUP(close_at) int report_read = report[0], report_write = report[1];
    if (pipe2(number, O_CLOEXEC) < 0)
        return err_set(err, ERR_IO, "no pipe: %s", strerror(errno));
    CLEANUP(close_at) int number_read = number[0], number_write = number[1];
    pid_t middle = fork();
    if (middle < 0)
        return err_set(err, ERR_IO, "no new process: %s", strerror(errno));
    if (middle == 0)
        launch(argv, dir, in, out, report_write, number_write);
    close(report_write);
    close(number_write);
    report_write = number_write = -1;
    bool failed = read(report_read, &why, sizeof why) == sizeof why;
    bool numbered = read(number_read, &id.pid, sizeof id.pid) == sizeof id.pid;
    while (waitpid(middle, &status, 0) < 0 && errno == EINTR)
        ;
    if (failed)
        return could_not(argv[0], why, err);
    if (!numbered || !boot_id(id.boot) || !start_time(id.pid, &id.start_time))
        return err_set(err, ERR_IO, "%s ended at once; see %s/%s", argv[0], dir, log);
    *ret = id;
    return true;
}

bool process_is_alive(const struct process_id *id)
{
    unsigned long long started;
    char boot[40];

    return id->pid > 1 && boot_id(boot) && strcmp(boot, id->boot) == 0 && start_time(id->pid, &started) && started == id->start_time;
}

/* The kernel's list of unix sockets: is the one with this inode one that connections are taken from? */
static bool is_listening(unsigned long inode)
{
    enum { ACCEPTS = 0x10000 };
    FILE *sockets = fopen("/proc/net/unix", "re");
    unsigned long flags, number;
    char line[300];
    bool found = false;

    while (sockets && !found && fgets(line, sizeof line, sockets))
        found = sscanf(line, "%*s %*s %*s %lx %*s %*s %lu", &flags, &number) == 2 && number == inode && (flags & ACCEPTS);
    if (sockets)
        fclose(sockets);
    return found;
}

bool process_listens(const struct process_id *id)
{
    const struct dirent *entry;
    char path[64], target[64];
    unsigned long inode;
    bool found = false;
    DIR *fds;

    snprintf(path, sizeof path, "/proc/%ld/fd", (long)id->pid);
    fds = opendir(path);
    while (fds && !found && (entry = readdir(fds)) != NULL) {
        ssize_t n = readlinkat(dirfd(fds), entry->d_name, target, sizeof target - 1);

        target[n > 0 ? n : 0] = 0;
        found = sscanf(target, "socket:[%lu]", &inode) == 1 && is_listening(inode);
    }
    if (fds)
        closedir(fds);
    return found;
}

bool process_signal(const struct process_id *id, int signal) { return process_is_alive(id) && kill(id->pid, signal) == 0; }

bool process_wait(const struct process_id *id, int timeout_ms)
{
    int64_t deadline = clock_monotonic_ms() + timeout_ms;

    while (process_is_alive(id)) {
        if (clock_monotonic_ms() >= deadline)
            return false;
        sleep_ms(20);
    }
    return true;
}

bool process_save(const char *path, const struct process_id *id, struct err *err)
{
    char line[128];
    int n = snprintf(line, sizeof line, "%ld %llu %s\n", (long)id->pid, id->start_time, id->boot);

    return file_write(path, (struct bytes){ (const uint8_t *)line, (size_t)n }, 0600, err);
}

bool process_id_parse(struct bytes text, struct process_id *ret)
{
    struct process_id id = { 0 };
    char line[128];
    long pid;
    int end = 0;

    if (text.len == 0 || text.len >= sizeof line || memchr(text.data, '\0', text.len))
        return false;
    memcpy(line, text.data, text.len);
    line[text.len] = '\0';
    if (sscanf(line, "%10ld %20llu %39s %n", &pid, &id.start_time, id.boot, &end) != 3 || (size_t)end != text.len)
        return false;
    if (pid <= 1 || pid > INT32_MAX)
        return false;
    id.pid = (pid_t)pid;
    *ret = id;
    return true;
}

bool process_load(const char *path, struct process_id *ret)
{
    CLEANUP(file_free) struct bytes text = BYTES_NONE;
    struct err err = ERR_INIT;

    return file_read(path, 128, &text, &err) && process_id_parse(text, ret);
}
