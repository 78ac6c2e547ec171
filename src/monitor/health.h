/* monitor/health.h: what a VM's health is right now: a pure function of stored facts and the clock.
 *
 * Nothing ever sets a health; no timer runs. A crashed server, a stopped clock or a silent VM cannot leave an old "Healthy"
 * standing (architecture.md decision 3). Rules: control-plane.md 4.2, first match wins. Two principles hold everywhere:
 * infrastructure trouble never makes Unhealthy, and Unhealthy never decays into Unknown. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum health_status { HEALTH_NOT_MONITORED, HEALTH_PENDING, HEALTH_HEALTHY, HEALTH_UNHEALTHY, HEALTH_UNKNOWN };

enum power_state { POWER_UNKNOWN, POWER_RUNNING, POWER_OFF };

/* clang-format off */
/*   name               code                 what a person reads */
#define HEALTH_REASONS(X)                                                                                                  \
    X(NONE,             "",                  "")                                                                           \
    X(NOT_ENABLED,      "NotMonitored",      "integrity monitoring is not enabled for this VM")                            \
    X(NO_VTPM,          "tpm.none",          "this VM has no virtual TPM: nothing can be attested")                        \
    X(JUDGED,           "Judged",            "the last boot that was judged breaks a rule")                                \
    X(NEVER_ATTESTED,   "NeverAttested",     "nothing has been attested yet, and the time for the first report is over")   \
    X(STARTING,         "Starting",          "the VM is booting; its first report is not due yet")                         \
    X(POWERED_OFF,      "PoweredOff",        "the VM is off")                                                              \
    X(BOOT_OVERDUE,     "AgentSilent",       "the VM was started, but no report about this boot arrived in time")          \
    X(SILENT,           "AgentSilent",       "nothing has been heard from the agent in this VM for too long")              \
    X(REPORT_OVERDUE,   "ReportOverdue",     "the agent is alive, but no attestation was accepted for too long")           \
    X(UNSETTLED,        "NotJudged",         "the last evidence could not be judged")                                      \
    X(CLOCK,            "ClockSkew",         "stored times lie in the future: this server's clock went back")
/* clang-format on */

enum health_reason {
#define X(name, code, text) HEALTH_REASON_##name,
    HEALTH_REASONS(X)
#undef X
};

/* All in milliseconds. */
struct health_times {
    int64_t interval;      /* between attestations */
    int64_t grace;         /* how late a report may be before the verdict is called stale */
    int64_t boot_deadline; /* from power-on, or from enabling, to the first report */
    int64_t heartbeat;     /* between heartbeats */
    int64_t silence;       /* without any contact until the agent counts as silent */
};

extern const struct health_times health_times_default; /* 8 h, 1 h, 10 min, 15 min, 1 h */
extern const struct health_times health_times_demo;    /* profile "demo": seconds instead */

/* What the store knows. Times are milliseconds since 1970, 0 for never. */
struct health_facts {
    int64_t monitored_since;
    bool has_vtpm;
    enum power_state power;
    int64_t power_since;
    bool newer_boot;      /* the agent speaks of a boot after the one that was judged */
    bool settled_before;  /* what was settled last was a boot before the newest that the TPM or the agent speaks of */
    int64_t last_contact; /* heartbeat, report or evidence, whichever came last */
    enum { LAST_NONE, LAST_HEALTHY, LAST_UNHEALTHY, LAST_UNSETTLED } last;
    int64_t last_verified; /* when the last judged evidence was appraised */
    int64_t last_settled;  /* the same, of the last that was Healthy or Unhealthy */
};

struct health {
    enum health_status status;
    enum health_reason reason;
    bool stale;            /* Healthy, but the next report is late */
    int64_t since;         /* when the deadline that decided ran out, or the deciding fact arose; 0 if unknown */
    int64_t next_expected; /* 0 when none is */
};

struct health health_derive(const struct health_facts *facts, const struct health_times *times, int64_t now_ms);

const char *health_status_name(enum health_status status); /* "Healthy", …; "NotMonitored" */
const char *health_reason_code(enum health_reason reason);
const char *health_reason_text(enum health_reason reason);
