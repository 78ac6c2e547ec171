/* diagnose/checks.h: the one table of checks, of the agent and of the command line. Ids are an API: stable, shown, searched for.
 *
 * Sources: guest-agent.md 10 (groups and what each looks at), control-plane.md 6.2 (codes CFG, TPM, SB, CLK, NET, PXY, TLS, HTTP, AUTH,
 * ATT, SVC). */
#pragma once

/* What a failed check makes the most probable cause. In the order in which they are believed: a machine without a TPM has nothing to
 * attest, whatever its network does. */
/* clang-format off */
#define CAUSES(X)                                             \
    X(NO_TPM,      "no TPM")                                  \
    X(TPM,         "the TPM")                                 \
    X(PERMISSIONS, "permissions")                             \
    X(AK,          "the attestation key or its certificate")  \
    X(LOG,         "the event log")                           \
    X(TIME,        "the time")                                \
    X(DNS,         "name resolution (DNS)")                   \
    X(FIREWALL,    "a firewall or the network's path")        \
    X(PROXY,       "the proxy")                               \
    X(TLS,         "TLS")                                     \
    X(REFUSAL,     "the verifier refuses")                    \
    X(OTHER,       "the configuration or this machine")

enum cause {
#define X(name, text) CAUSE_##name,
    CAUSES(X)
#undef X
    CAUSE_COUNT
};

/*    name             id         group         cause        title */
#define CHECKS(X)                                                                                            \
    X(CONFIG,          "CFG.01",  "System",     OTHER,       "configuration")                                 \
    X(OS,              "SYS.01",  "System",     OTHER,       "operating system and architecture")             \
    X(PRIVILEGE,       "SYS.02",  "System",     PERMISSIONS, "user and groups")                               \
    X(VIRTUAL,         "SYS.03",  "System",     OTHER,       "virtualisation")                                \
    X(UEFI,            "SYS.04",  "System",     LOG,         "booted by UEFI firmware")                       \
    X(LOCKDOWN,        "SYS.05",  "System",     OTHER,       "kernel lockdown (the guest's own words)")       \
    X(SPACE,           "SYS.06",  "System",     OTHER,       "free space")                                    \
    X(LSM,             "SYS.07",  "System",     PERMISSIONS, "SELinux and AppArmor")                          \
    X(SECURE_BOOT,     "SB.01",   "System",     OTHER,       "Secure Boot (a hint; the verifier decides)")    \
    X(MOK,             "SB.02",   "System",     OTHER,       "shim's validation (a hint)")                    \
    X(CLOCK_SYNC,      "CLK.02",  "System",     TIME,        "clock synchronised")                            \
    X(TPM_NODE,        "TPM.01",  "TPM",        NO_TPM,      "device node and permissions")                   \
    X(TPM_VERSION,     "TPM.02",  "TPM",        NO_TPM,      "version, manufacturer, firmware")               \
    X(TPM_BANKS,       "TPM.03",  "TPM",        TPM,         "allocated banks")                               \
    X(TPM_LOCKOUT,     "TPM.04",  "TPM",        TPM,         "lockout counters")                              \
    X(TPM_SLOTS,       "TPM.05",  "TPM",        TPM,         "free slots")                                    \
    X(TPM_NV,          "TPM.06",  "TPM",        TPM,         "NV limits")                                     \
    X(TPM_HIERARCHIES, "TPM.07",  "TPM",        TPM,         "hierarchies")                                   \
    X(TPM_CLOCK,       "TPM.08",  "TPM",        TPM,         "clock and counters")                            \
    X(EK_CERT,         "KEY.01",  "Keys",       AK,          "endorsement certificates")                      \
    X(IAK,             "KEY.06",  "Keys",       AK,          "initial attestation key (IAK)")                 \
    X(AK,              "KEY.02",  "Keys",       AK,          "attestation key")                               \
    X(AK_CERT,         "KEY.03",  "Keys",       AK,          "attestation key's certificate")                 \
    X(TRIAL_QUOTE,     "KEY.04",  "Keys",       AK,          "trial quote, verified here")                    \
    X(TRIAL_KEY,       "KEY.05",  "Keys",       AK,          "trial encryption key, certified, round trip")   \
    X(LOG_FIRMWARE,    "LOG.01",  "Logs",       LOG,         "firmware's event log")                          \
    X(LOG_REPLAY,      "LOG.02",  "Logs",       LOG,         "replay against the registers")                  \
    X(LOG_IMA,         "LOG.03",  "Logs",       LOG,         "IMA's list")                                    \
    X(MODE,            "HND.01",  "Handler",    OTHER,       "mode")                                          \
    X(HANDLER_ENV,     "HND.02",  "Handler",    OTHER,       "HandlerEnvironment.json")                       \
    X(HANDLER_SET,     "HND.03",  "Handler",    OTHER,       "settings of the current sequence")              \
    X(HANDLER_SECRET,  "HND.04",  "Handler",    OTHER,       "protected settings can be decrypted")           \
    X(HANDLER_STATUS,  "HND.05",  "Handler",    OTHER,       "age of status and heartbeat")                   \
    X(HANDLER_EVENTS,  "HND.06",  "Handler",    OTHER,       "events waiting")                                \
    X(AGENT_STATUS,    "AGT.01",  "Service",    OTHER,       "what the agent last did")                       \
    X(UNIT,            "UNIT.01", "Service",    OTHER,       "unit loaded and active")                        \
    X(UNIT_RESTARTS,   "UNIT.02", "Service",    OTHER,       "restarts and watchdog")                         \
    X(UNIT_DENIALS,    "UNIT.03", "Service",    PERMISSIONS, "the sandbox's refusals")                        \
    X(UNIT_VERSION,    "UNIT.04", "Service",    OTHER,       "version that runs and version installed")       \
    X(PROXY_CHOICE,    "PXY.01",  "Network",    PROXY,       "which proxy, and why")                          \
    X(RESOLVE,         "NET.01",  "Network",    DNS,         "name resolution")                               \
    X(ROUTE,           "NET.02",  "Network",    FIREWALL,    "route, interface, MTU")                         \
    X(CONNECT,         "NET.03",  "Network",    FIREWALL,    "TCP connection")                                \
    X(FILTERS,         "NET.04",  "Network",    FIREWALL,    "filters of this machine")                       \
    X(PROXY_CONNECT,   "PXY.02",  "Network",    PROXY,       "the proxy connects us")                         \
    X(TLS,             "TLS.01",  "Network",    TLS,         "TLS: version, chain, name, validity, key")      \
    X(HTTP,            "HTTP.01", "Network",    REFUSAL,     "the server answers as ours does")               \
    X(TIME,            "CLK.01",  "Network",    TIME,        "this clock and the server's")                   \
    X(UPLOAD,          "TLS.02",  "Network",    FIREWALL,    "large upload (MTU)")                            \
    X(ADMITTED,        "AUTH.01", "Network",    REFUSAL,     "attestation endpoint takes requests")           \
    X(ATTEST,          "ATT.01",  "End to end", REFUSAL,     "one attestation, not reported")                 \
    X(REPORT,          "REP.01",  "End to end", REFUSAL,     "a report, judged and not recorded")             \
    X(SERVER,          "SVC.01",  "Server",     OTHER,       "the server runs")                               \
    X(SERVER_CERT,     "SVC.02",  "Server",     TLS,         "the server's certificates")                     \
    X(SERVER_VM,       "SVC.03",  "Server",     OTHER,       "the VM in the inventory")                       \
    X(SERVER_ENROLLED, "SVC.04",  "Server",     AK,          "the VM's identity")                             \
    X(SERVER_HEARD,    "SVC.05",  "Server",     FIREWALL,    "heard from the agent")                          \
    X(SERVER_ERROR,    "SVC.06",  "Server",     OTHER,       "what the agent last complained about")          \
    X(SERVER_VERDICT,  "SVC.07",  "Server",     REFUSAL,     "the last verdict")
/* clang-format on */

enum check {
#define X(name, id, group, cause, title) CHECK_##name,
    CHECKS(X)
#undef X
        CHECK_COUNT
};

struct check_row {
    const char *id, *group, *title;
    enum cause cause;
};
const struct check_row *check_row(enum check check);
const char *cause_text(enum cause cause);
