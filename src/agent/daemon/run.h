/* agent/daemon/run.h: the daemon: when to attest, when to beat, how long to wait (guest-agent.md 1.3, 8.3).
 *
 * It never ends because of the TPM or the server: it waits and tries again, and beats meanwhile so that silence keeps its meaning.
 * One instance at a time: flock on RUN_DIR/lock. After every step RUN_DIR/out/status.json is written:
 *   {"schema":1,"agentVersion":"…","pid":n,"privileged":bool,"startedTime":…,"state":"starting"|"idle"|"attesting"|"backoff"|"degraded","vmId":"…"|null,"bootId":"…",
 *    "endpoint":"…"|null,"tpm":"device:/dev/tpmrm0"|null,"akName":"000b…"|null,"lastVerdict":"accepted"|"refused"|null,
 *    "lastVerdictTime":…|null,"lastReportTime":…|null,"lastHeartbeatTime":…|null,"nextAttestationTime":…|null,"failedCycles":n,
 *    "failure":{"code","reason","message"}|null,"failingSince":…|null,"lastFailureTime":…|null,"stateNote":"…"|null,
 *    "notes":[{"code","reason","message"}, …]}
 * RUN_DIR/out/changed is written when more than its times changed: the publisher's occasion. RUN_DIR/out/heartbeat.json is touched once a minute as long as the loop is alive (pulse.h); what is worth telling goes to
 * RUN_DIR/out/events/ (telemetry.h). SIGUSR1 attests at once; so does a file RUN_DIR/attest-now at the start.
 * Timers run on the clock that counts suspended time; the wall clock may jump. */
#pragma once
#include "agent/failure/decide.h"
#include "agent/session/session.h"

enum {
    RUN_EXIT_OK = 0,
    RUN_EXIT_RELOAD = -1 /* SIGHUP: start again with the configuration of now */,
    RUN_EXIT_INTERNAL = 68,
    RUN_EXIT_LOCKED = 69
};

struct run_options {
    bool no_start_delay;
    void (*published)(void *context); /* after each change of OUT, and about once a minute; may be NULL */
    void *context;
    unsigned cycles; /* stop after so many cycles, failed ones included; 0: never. For tests and scripts */
};

/* Until SIGTERM or SIGINT, whose handlers it sets. Logs to standard error. Returns an exit code. */
int run_daemon(const struct agent_config *config, const struct run_options *options);
