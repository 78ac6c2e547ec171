/* vmhost/process.h: running other programs, to their end or detached, and telling later whether one of ours still lives.
 *
 * Children get no descriptor of ours but the three standard ones, LC_ALL=C and TZ=UTC. */
#pragma once
#include <sys/types.h>
#include "base/arena.h"
#include "base/err.h"

struct process_job {
    const char *const *argv; /* argv[0] is a path; ends with NULL */
    const char *dir;         /* to run in; NULL: ours */
    const char *const *env;  /* further "NAME=value" strings, ends with NULL; may be NULL */
    struct bytes input;      /* its standard input */
    int timeout_ms;
};

enum { PROCESS_OUTPUT_MAX = 256 * 1024 };

/* process_run waits for the end. *ret_output (may be NULL) is what it wrote to standard output and error, cut at PROCESS_OUTPUT_MAX. An exit
 * code other than 0, a signal or the time limit is ERR_IO with the program's name and its last line. */
MUST_CHECK bool process_run(const struct process_job *job, struct arena *a, struct bytes *ret_output, struct err *err);

/* A process that outlives us: its number alone would name somebody else's process some day. */
struct process_id {
    pid_t pid;
    unsigned long long start_time; /* clock ticks after the host's start: field 22 of /proc/PID/stat */
    char boot[40];                 /* /proc/sys/kernel/random/boot_id */
};

/* process_start runs the program in a session of its own, output appended to `log` (a path relative to `dir`). True when the program was
 * executed; whether it then stays is the caller's question. */
MUST_CHECK bool process_start(const char *const argv[], const char *dir, const char *log, struct process_id *ret, struct err *err);

bool process_is_alive(const struct process_id *id); /* a zombie is not */
/* On some unix socket: its file is there a moment before anybody listens, and who connects then is refused. */
bool process_listens(const struct process_id *id);
/* process_signal sends only if the process is alive by all three marks. */
bool process_signal(const struct process_id *id, int signal);
/* process_wait polls until it is gone: true, or timeout_ms are over: false. */
bool process_wait(const struct process_id *id, int timeout_ms);

/* One line in a file: "PID STARTTIME BOOTID". */
MUST_CHECK bool process_save(const char *path, const struct process_id *id, struct err *err);
MUST_CHECK bool process_load(const char *path, struct process_id *ret); /* false: no such file, or no such line */
MUST_CHECK bool process_id_parse(struct bytes text, struct process_id *ret);

/* The last line of `text` with something in it, made safe to show; "" if none. NULL: no memory. */
char *process_last_line(struct arena *a, struct bytes text);
