/* diagnose/machine.h: the checks of this machine: system, handler, service. Nothing is changed; what cannot be read is SKIP, with why. What asks the
 * system itself is NAME.c for Linux and NAME_windows.c for Windows. */
#pragma once
#include "diagnose/diagnosis.h"
#include "diagnose/words.h"

struct machine_places { /* every path is taken below `root` ("" for the machine itself) */
    const char *root;
    const char *state_dir, *run_dir, *log_dir;
    const char *handler_record; /* /etc/trueboot-agent/handler.json */
    const char *handler_conf;   /* /etc/trueboot-agent/handler.conf */
    bool may_run;               /* systemctl and journalctl may be asked */
    bool nobody_runs;           /* the daemon's lock is free: what lies in run_dir is what the last one left */
};

void machine_check_system(struct diagnosis *d, const struct machine_places *places); /* system.c */
/* handler.c; `settings` makes the checks of the settings that belong to a status file: reading them is others' business. */
void machine_check_handler(struct diagnosis *d, const struct machine_places *places,
                           void (*settings)(struct diagnosis *d, const struct machine_places *places, const char *config_folder,
                                            const char *status_file));
void machine_check_service(struct diagnosis *d, const struct machine_places *places); /* service.c, service_windows.c */
void machine_check_status(struct diagnosis *d,
                          const struct machine_places *places); /* service_status.c: what the agent left behind, for the former */

/* A small file's text, trimmed; empty when it cannot be read or is larger than `limit`. */
struct bytes machine_read(struct diagnosis *d, const struct machine_places *places, size_t limit, const char *fmt, ...) PRINTF_LIKE(4, 5);
bool machine_has(struct diagnosis *d, const struct machine_places *places, const char *path);

/* Runs a program for at most `seconds`, with no input; what it writes to standard output (cut at `limit`), empty when it cannot be run. */
struct bytes machine_run(struct diagnosis *d, const char *const argv[], size_t limit, unsigned seconds);

/* What the system's own log has of the agent; empty where it keeps none, or may not be asked. */
struct bytes machine_journal(struct diagnosis *d, const struct machine_places *places, size_t limit);

/* The last line of the kernel's log that is wanted, cut at 400 bytes; NULL: none. *ret_readable false: the log is not for us. */
const char *machine_last_kernel_line(struct diagnosis *d, const struct machine_places *places, bool (*wants)(const char *line),
                                     bool *ret_readable);
