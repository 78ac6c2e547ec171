#include "run.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "json/parse.h"
#include "support/test.h"

enum { OUTPUT_MAX = 64 * 1024 * 1024 };

static char folder[64];

static int remove_one(const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *where UNUSED) { return remove(path); }

static void remove_folder(void) { (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

const char *temporary_file(struct arena *a, const char *name, struct bytes content)
{
    struct err err = ERR_INIT;
    const char *path;

    if (!folder[0]) {
        const char *tmp = getenv("TMPDIR");
        snprintf(folder, sizeof folder, "%.40s/trueboot-cli-XXXXXX", tmp && *tmp ? tmp : "/tmp");
        if (!mkdtemp(folder) || atexit(remove_folder) != 0)
            return NULL;
    }
    path = arena_printf(a, "%s/%s", folder, name);
    return path && file_write(path, content, 0600, &err) ? path : NULL;
}

void command_add(struct command *c, const char *first, ...)
{
    va_list args;

    va_start(args, first);
    for (const char *s = first; s && c->n + 1 < RUN_ARGUMENTS_MAX; s = va_arg(args, const char *))
        c->arguments[c->n++] = s;
    va_end(args);
}

static void be_child(const char *program, const struct command *c, const char *in, const char *out, const char *error)
{
    const char *argv[RUN_ARGUMENTS_MAX + 2] = { program };
    static const int flags[] = { O_RDONLY, O_WRONLY | O_TRUNC, O_WRONLY | O_TRUNC };
    const char *const paths[] = { in, out, error };

    memcpy(argv + 1, c->arguments, c->n * sizeof c->arguments[0]);
    for (int i = 0; i < 3; i++) {
        int fd = open(paths[i], flags[i]);
        if (fd < 0 || dup2(fd, i) < 0)
            _exit(126);
    }
    execv(program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

struct ran run(struct arena *a, const struct command *c, const char *input)
{
    const char *program = getenv("TRUEBOOT_PROGRAM"), *in = input ? temporary_file(a, "stdin", bytes_of_string(input)) : "/dev/null";
    const char *out = temporary_file(a, "stdout", BYTES_NONE), *error = temporary_file(a, "stderr", BYTES_NONE);
    struct ran r = { .code = -1 };
    struct err err = ERR_INIT;
    int status = 0;
    pid_t pid;

    if (!program || !in || !out || !error) {
        test_note("TRUEBOOT_PROGRAM is not set, or there is no temporary folder");
        return r;
    }
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        be_child(program, c, in, out, error);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (pid < 0 || !file_read_in(a, out, OUTPUT_MAX, &r.out, &err) || !file_read_in(a, error, OUTPUT_MAX, &r.error, &err))
        return r;
    r.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return r;
}

const struct json *run_json(struct arena *a, const struct ran *r)
{
    const struct json *v = NULL;
    struct err err = ERR_INIT;

    if (json_parse(a, r->out, NULL, &v, &err))
        return v;
    test_note("exit code %d, %s; standard error: %.*s", r->code, err.text, BYTES_FMT(r->error));
    return NULL;
}
