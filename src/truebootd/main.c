#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "truebootd/server.h"

/* Blocked before any thread starts, so that only sigwait() sees them. */
static void block_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGTERM);
    sigaddset(ret, SIGINT);
    sigprocmask(SIG_BLOCK, ret, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
    static struct config config;
    static struct server server;
    struct err err = ERR_INIT;
    sigset_t signals;
    int received;

    switch (config_read(argc, argv, &config)) {
    case CONFIG_DONE:
        return 0;
    case CONFIG_WRONG:
        return 2;
    case CONFIG_RUN:
        break;
    }
    block_signals(&signals);
    if (!server_start(&config, &server, &err)) {
        fprintf(stderr, "truebootd: %s\n", err.text);
        return 1;
    }
    log_event(LOG_INFO, "ready", "url", server.attestation.issuer, "listen", config.listen, "socket", config.socket, "data", config.data,
              "profile", config.profile, NULL);
    sigwait(&signals, &received);
    log_event(LOG_INFO, "stopping", "signal", received == SIGINT ? "SIGINT" : "SIGTERM", NULL);
    server_stop(&server);
    return 0;
}
