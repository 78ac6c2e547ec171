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
    X("tls",     "certificate",             tls_certificate,        TEXT,     "",              0,     4000,       START, NULL,                 "a file with a certificate of your own and its chain, PEM; read again when it changes, and at SIGHUP (default: one of our CA, renewed in time)") \
    X("tls",     "key",                     tls_key,                TEXT,     "",              0,     4000,       START, NULL,                 "the file with its key, PEM") \
    X("tls",     "ca",                      tls_ca,                 TEXT,     "",              0,     4000,       START, NULL,                 "a file with the CA that agents and clients are told to trust, PEM: DATA/ca.pem (default: our own CA)") \
    X("attestation", "tpm_v1",              tpm_v1,                 SWITCH,   "no",            0,     0,          START, NULL,                 "the shared provider answers messages of version 1 of the TPM protocol, of old Windows clients") \
    X("attestation", "enrolment_token",     enrolment_token,        SWITCH,   "no",            0,     0,          START, NULL,                 "whoever enrols at the shared provider the first time needs a one-time token (trueboot enrolment-token create)") \
    X("attestation", "signer_dates",        signer_dates,           SWITCH,   "yes",           0,     0,          START, NULL,                 "certificates of policy signers count only between their dates; no: for test certificates that have expired") \
    X("log",     "level",                   log_level,              CHOICE,   "info",          0,     0,          LIVE,  "debug|info|warning|error", "what is less important is not written to standard error") \
    X("log",     "format",                  log_format,             CHOICE,   "text",          0,     0,          LIVE,  "text|json",          "key=value, or one JSON object a line") \
    X("log",     "requests",                log_requests,           CHOICE,   "errors",        0,     0,          LIVE,  "errors|all",         "which requests are logged; the audit log has them all") \
    X("limits",  "connections",             connections,            NUMBER,   "1024",          16,    100000,     START, NULL,                 "open at once") \
    X("limits",  "connections_per_address", connections_per_address, NUMBER,  "256",           1,     100000,     START, NULL,                 "open at once from one address (IPv6: one /64)") \
    X("limits",  "request_seconds",         request_seconds,        DURATION, "30",            1,     3600,       START, NULL,                 "until a request must have arrived completely, whatever trickles in") \
    X("limits",  "body_memory",             body_memory,            SIZE,     "256m",          134217728, 17179869184, START, NULL,              "for bodies of large requests, all together, an eighth of it for one address; more is answered with 503") \
    X("limits",  "answer_seconds",          answer_seconds,         DURATION, "10",            1,     3600,       START, NULL,                 "for the answer, once a request has arrived; what would come later is 503, and nothing of it is stored") \
    X("limits",  "attest_per_second",       attest_per_second,      NUMBER,   "20",            0,     1000000,    LIVE,  NULL,                 "calls of /attest and /enroll from one address (IPv6: one /64); 0: no limit") \
    X("limits",  "attest_burst",            attest_burst,           NUMBER,   "60",            1,     1000000,    LIVE,  NULL,                 "of these at once") \
    X("limits",  "requests_per_second",     requests_per_second,    NUMBER,   "1000",          0,     1000000,    LIVE,  NULL,                 "other calls from one address; 0: no limit") \
    X("limits",  "requests_burst",          requests_burst,         NUMBER,   "2000",          1,     1000000,    LIVE,  NULL,                 "of these at once") \
    X("limits",  "vm_per_minute",           vm_per_minute,          NUMBER,   "60",            0,     1000000,    LIVE,  NULL,                 "attestations, and signed reports, of one VM (one attestation key); 0: no limit") \
    X("limits",  "vm_burst",                vm_burst,               NUMBER,   "30",            1,     1000000,    LIVE,  NULL,                 "of these at once") \
    X("audit",   "enabled",                 audit_enabled,          SWITCH,   "yes",           0,     0,          START, NULL,                 "keep an audit log in DATA/audit") \
    X("audit",   "file_size",               audit_file_size,        SIZE,     "64m",           65536, 1073741824, LIVE,  NULL,                 "a further file begins at this size, and each day") \
    X("audit",   "keep_days",               audit_keep_days,        NUMBER,   "90",            0,     36500,      LIVE,  NULL,                 "older files are removed, which is a record of its own; 0: never") \
    X("audit",   "checkpoint_records",      audit_checkpoint_records, NUMBER, "1000",          1,     1000000,    LIVE,  NULL,                 "records between two signed checkpoints; one comes a minute after a record anyhow") \
    X("audit",   "on_failure",              audit_on_failure,       CHOICE,   "continue",      0,     0,          LIVE,  "continue|refuse",    "while it cannot be written: go on and count what is missing, or refuse changes by people (503)") \
    X("metrics", "open",                    metrics_open,           SWITCH,   "no",            0,     0,          START, NULL,                 "/metrics for anybody; otherwise a reader") \
    X("oidc",    "issuer",                  oidc_issuer,            TEXT,     "",              0,     1000,       START, NULL,                 "whose tokens are taken: iss, exactly; none without it") \
    X("oidc",    "audience",                oidc_audience,          TEXT,     "",              0,     2000,       START, NULL,                 "what a token must be meant for (aud): one of these words") \
    X("oidc",    "discovery",               oidc_discovery,         TEXT,     "",              0,     1000,       START, NULL,                 "address of the issuer's document (default: ISSUER/.well-known/openid-configuration)") \
    X("oidc",    "jwks_url",                oidc_jwks_url,          TEXT,     "",              0,     1000,       START, NULL,                 "address of its keys, instead of discovery") \
    X("oidc",    "jwks_file",               oidc_jwks_file,         TEXT,     "",              0,     4000,       START, NULL,                 "a file of its keys, instead of asking it; read anew at SIGHUP") \
    X("oidc",    "ca_file",                 oidc_ca_file,           TEXT,     "",              0,     4000,       START, NULL,                 "CA certificates for the issuer's addresses (default: the system's)") \
    X("oidc",    "role_claims",             oidc_role_claims,       TEXT,     "roles groups scp scope", 1, 1000,  START, NULL,                 "claims that hold roles: texts of words, or arrays of texts") \
    X("oidc",    "reader",                  oidc_reader,            TEXT,     "trueboot.reader", 0,   4000,       START, NULL,                 "values that make a reader, separated by commas") \
    X("oidc",    "enroller",                oidc_enroller,          TEXT,     "trueboot.enroller", 0, 4000,   START, NULL,                 "values that make an enroller") \
    X("oidc",    "auditor",                 oidc_auditor,           TEXT,     "trueboot.auditor", 0, 4000,   START, NULL,                 "values that make an auditor") \
    X("oidc",    "policy_admin",            oidc_policy_admin,      TEXT,     "trueboot.policy-admin", 0, 4000,   START, NULL,                 "values that make a policy-admin") \
    X("oidc",    "security_admin",          oidc_security_admin,    TEXT,     "trueboot.security-admin", 0, 4000, START, NULL,                 "values that make a security-admin") \
    X("oidc",    "contributor",             oidc_contributor,       TEXT,     "trueboot.contributor", 0, 4000,    START, NULL,                 "values that make a contributor") \
    X("oidc",    "owner",                   oidc_owner,             TEXT,     "trueboot.owner", 0,    4000,       START, NULL,                 "values that make an owner") \
    X("oidc",    "default_role",            oidc_default_role,      CHOICE,   "none",          0,     0,          START, "none|reader|contributor|owner", "of a genuine token that holds none of these values: tokens whose roles are kept elsewhere, as the cloud's") \
    X("oidc",    "refresh",                 oidc_refresh,           DURATION, "1h",            10,    604800,     START, NULL,                 "between two fetches of the keys") \
    X("oidc",    "stale",                   oidc_stale,             DURATION, "1d",            60,    2592000,    START, NULL,                 "how long keys count while the issuer does not answer") \
    X("oidc",    "floor",                   oidc_floor,             DURATION, "30",            1,     3600,       START, NULL,                 "at least so long between two fetches that unknown keys, or failures, cause") \
    X("oidc",    "timeout",                 oidc_timeout,           DURATION, "3",             1,     60,         START, NULL,                 "of one request to the issuer")
/* clang-format on */
