/* truebootd/config_keys.h: every setting of the server, once: the parser, --help-config, docs/operations.md (a test compares) and reloading
 * come from this list. Private to src/truebootd.
 *
 * Kinds: TEXT · SWITCH (yes, no) · NUMBER · DURATION in seconds (45s, 30m, 8h, 7d) · SIZE in bytes (64k, 16m, 1g) · CHOICE: the words are
 * `choices`, in the order of the enum that the member is compared with. `least` and `most` are in the kind's unit. LIVE settings follow SIGHUP;
 * the others hold from the start. */
#pragma once

/* clang-format off */
/*    section    key                        member                  kind      default          least  most        when   choices               what it is */
#define CONFIG_KEYS(X)                                                                                                                                      \
    X("server",  "data",                    data_dir,               TEXT,     "",              0,     4000,       START, NULL,                 "folder where everything is kept: database, keys, ca.pem, audit log (default: /var/lib/trueboot for root, the XDG folder for others)") \
    X("server",  "listen",                  listen,                 TEXT,     "0.0.0.0:8443",  1,     256,        START, NULL,                 "ADDRESS:PORT for TLS") \
    X("server",  "socket",                  socket_path,            TEXT,     "",              0,     100,        START, NULL,                 "local socket (default: /run/trueboot/truebootd.sock for root; with a data folder of one's own: DATA/truebootd.sock)") \
    X("server",  "url",                     url,                    TEXT,     "",              0,     1000,       START, NULL,                 "name that goes into tokens as issuer (default: made from listen)") \
    X("server",  "profile",                 profile_choice,         CHOICE,   "default",       0,     0,          START, "default|demo",       "demo shortens every interval and deadline to seconds; it is shown in each status") \
    X("server",  "threads",                 threads,                NUMBER,   "0",             0,     64,         START, NULL,                 "that answer requests; 0: two per processor, at least four") \
    X("log",     "level",                   log_level,              CHOICE,   "info",          0,     0,          LIVE,  "debug|info|warning|error", "what is less important is not written to standard error") \
    X("log",     "format",                  log_format,             CHOICE,   "text",          0,     0,          LIVE,  "text|json",          "key=value, or one JSON object a line") \
    X("log",     "requests",                log_requests,           CHOICE,   "errors",        0,     0,          LIVE,  "errors|all",         "which requests are logged; the audit log has them all") \
    X("limits",  "connections",             connections,            NUMBER,   "1024",          16,    100000,     START, NULL,                 "open at once") \
    X("limits",  "connections_per_address", connections_per_address, NUMBER,  "256",           1,     100000,     START, NULL,                 "open at once from one address (IPv6: one /64)") \
    X("limits",  "request_seconds",         request_seconds,        DURATION, "30",            1,     3600,       START, NULL,                 "until a request must have arrived completely, whatever trickles in") \
    X("limits",  "attest_per_second",       attest_per_second,      NUMBER,   "20",            0,     1000000,    LIVE,  NULL,                 "calls of /attest and /enroll from one address (IPv6: one /64); 0: no limit") \
    X("limits",  "attest_burst",            attest_burst,           NUMBER,   "60",            1,     1000000,    LIVE,  NULL,                 "of these at once") \
    X("limits",  "requests_per_second",     requests_per_second,    NUMBER,   "1000",          0,     1000000,    LIVE,  NULL,                 "other calls from one address; 0: no limit") \
    X("limits",  "requests_burst",          requests_burst,         NUMBER,   "2000",          1,     1000000,    LIVE,  NULL,                 "of these at once") \
    X("limits",  "vm_per_minute",           vm_per_minute,          NUMBER,   "60",            0,     1000000,    LIVE,  NULL,                 "attestations, and signed reports, of one VM (one attestation key); 0: no limit") \
    X("limits",  "vm_burst",                vm_burst,               NUMBER,   "30",            1,     1000000,    LIVE,  NULL,                 "of these at once")
/* clang-format on */
