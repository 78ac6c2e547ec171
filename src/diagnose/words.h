/* diagnose/words.h: what people type, and where things lie, on the system that this program is built for. */
#pragma once

struct machine_words {
    const char *config_file;   /* agent.conf */
    const char *config_folder; /* what a file's name is put behind, with its separator */
    const char *be_privileged; /* "run as root" */
    const char *only_ours;     /* how a file is closed to others: "chmod 0600" */
    const char *set_clock;
    const char *start_service, *restart_service, *ask_publisher;
    const char *no_log; /* why there may be no firmware log, and what helps */
    const char *hosts_file;
};
extern const struct machine_words machine_words;
