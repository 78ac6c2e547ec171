/* truebootd/config.h: what the server was told on its command line, completed with the places of architecture.md 8. */
#pragma once
#include <limits.h>
#include "base/arena.h"
#include "base/err.h"
#include "monitor/health.h"

struct config {
    char data[PATH_MAX]; /* everything lives below */
    char socket[PATH_MAX];
    const char *listen;  /* ADDR:PORT */
    const char *url;     /* what clients call it; NULL: made from `listen` */
    const char *profile; /* "default", "demo" */
    const struct health_times *times;
    bool verbose;
};

enum config_outcome { CONFIG_RUN, CONFIG_DONE /* help or version was printed */, CONFIG_WRONG };

enum config_outcome config_read(int argc, char **argv, struct config *ret);
