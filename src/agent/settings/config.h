/* agent/settings/config.h: what the agent is told, from the weakest word to the strongest:
 *
 *   defaults
 *   the hypervisor's fw_cfg item opt/org.trueboot/agent: {"endpoint":"https://10.0.2.2:8443","ca_pem":"PEM…"}; one server for all.
 *     Not measured and not trusted for anything but the way: a wrong server can deny service, not forge a verdict
 *   /etc/trueboot-agent/agent.conf, then agent.conf.d/ *.conf in the order of their names
 *   /etc/trueboot-agent/handler.conf, which the verb `enable` of a VM extension writes
 *   environment: TRUEBOOT_AGENT_ and the key in capitals, dots as underscores (TRUEBOOT_AGENT_ATTEST_ENDPOINT)
 *   command line: --set KEY=VALUE
 *
 * The file is strict: "key = value", one a line, "#" and ";" start a comment line, "[attest]" puts "attest." in front of the keys that
 * follow. An unknown key, a value of the wrong kind or a key given twice in one file is an error with file and line; an unknown key is
 * answered with the nearest known one (guest-agent.md 7.7). */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* clang-format off */
/*    key                     member                   kind      default  least most      help */
#define CONFIG_KEYS(X)                                                                                                              \
    X("attest.endpoint",      endpoint,                TEXT,     0,       0,    0,        "address of the attestation service, https://HOST:PORT") \
    X("attest.protocol",      protocol,                TEXT,     0,       0,    0,        "tpm, azureguest, or auto: tpm, then azureguest; without it as the profile wants") \
    X("attest.challenge",     challenge,               SWITCH,   1,       0,    1,        "azureguest: bind the monitor's nonce into the quote")  \
    X("attest.frequency",     frequency_seconds,       DURATION, 28800,   1,    2592000,  "pause between attestations when the server does not say; 8h, 30m, 45s") \
    X("attest.tenant",        tenant,                  TEXT,     0,       0,    0,        "label of the tenant at the attestation service")       \
    X("report.endpoint",      report_endpoint,         TEXT,     0,       0,    0,        "address of the monitor; without it attest.endpoint")   \
    X("report.format",        report_format,           TEXT,     0,       0,    0,        "trueboot, or compatible: the product's names, for other relying parties") \
    X("report.resource_id",   resource_id,             TEXT,     0,       0,    0,        "ArmID in compatible messages; without it the VM's UUID") \
    X("report.heartbeat",     heartbeat_seconds,       DURATION, 900,     1,    86400,    "pause between heartbeats when the server does not say") \
    X("report.auth",          report_auth,             TEXT,     0,       0,    0,        "key: the attestation key signs; custom: the same as report.custom_token = yes") \
    X("report.custom_token",  custom_token,            SWITCH,   0,       0,    1,        "compatible reports: log in with report.token_file, else by certificate, else with the attestation token") \
    X("report.token_file",    report_token_file,       TEXT,     0,       0,    0,        "file with the token for report.custom_token, closed to others") \
    X("report.alerts",        alerts,                  SWITCH,   1,       0,    1,        "no: the monitor is asked to record, and to alert nobody") \
    X("report.cluster_id",    cluster_id,              TEXT,     0,       0,    0,        "label: the cluster that this machine belongs to")      \
    X("report.cluster_tenant", cluster_tenant,         TEXT,     0,       0,    0,        "label: that cluster's tenant")                         \
    X("enroll.endpoint",      enroll_endpoint,         TEXT,     0,       0,    0,        "address for enrolment; without it attest.endpoint")    \
    X("enroll.token_file",    token_file,              TEXT,     0,       0,    0,        "file with a one-time enrolment token; removed when it was used") \
    X("enroll.iak",           iak,                     TEXT,     0,       0,    0,        "auto, require or never: let an initial attestation key vouch for ours, where the TPM has one") \
    X("enroll.new_tpm",       new_tpm,                 SWITCH,   0,       0,    1,        "a TPM that was made anew is a new machine: keep the old state aside and enrol again") \
    X("tpm.tcti",             tcti,                    TEXT,     0,       0,    0,        "TCTI string instead of /dev/tpmrm0, /dev/tpm0")        \
    X("tpm.profile",          profile,                 TEXT,     0,       0,    0,        "auto, azure, azurelocal or selfhosted: who provides the attestation key") \
    X("tpm.platform_issuers", platform_issuers,        TEXT,     0,       0,    0,        "parts of the names of a platform's certificate issuers, separated by ;") \
    X("ak.type",              ak_type,                 TEXT,     0,       0,    0,        "rsa or ecc: the attestation key that is made; azureguest wants rsa") \
    X("ak.handle",            ak_handle,               NUMBER,   0,       0x81000000, 0x81ffffff, "persistent handle of the attestation key")     \
    X("ak.handle_fallback",   ak_handle_fallback,      NUMBER,   0,       0x81000000, 0x81ffffff, "where the key goes when that handle is taken")  \
    X("ak.publish_nv",        publish_nv,              SWITCH,   1,       0,    1,        "keep a copy of the certificate in NV 0x01C101D0")      \
    X("log.firmware",         firmware_log,            TEXT,     0,       0,    0,        "path of the firmware's event log")                     \
    X("log.systemd",          systemd_log,             TEXT,     0,       0,    0,        "path of systemd's measurement log")                    \
    X("ima.enable",           ima,                     SWITCH,   0,       0,    1,        "send the kernel's IMA list")                           \
    X("ima.log",              ima_log,                 TEXT,     0,       0,    0,        "path of the binary IMA list")                          \
    X("net.allow_insecure_loopback", insecure_loopback, SWITCH, 0,        0,    1,        "take an http:// address of this very machine; for tests") \
    X("kernel.enable",        kernel,                  SWITCH,   1,       0,    1,        "send what the kernel says of its modules, where collect-logs runs") \
    X("kernel.root",          kernel_root,             TEXT,     0,       0,    0,        "folder in front of /proc, /sys and /dev, where collect-logs looks") \
    X("net.proxy",            proxy,                   TEXT,     0,       0,    0,        "proxy instead of the environment's")                   \
    X("net.ca_file",          ca_file,                 TEXT,     0,       0,    0,        "CA certificates (PEM) instead of the system's")        \
    X("net.proxy_credentials_file", proxy_credentials_file, TEXT, 0,      0,    0,        "file with the proxy's user:password, closed to others")       \
    X("net.client_cert_file", client_cert_file,        TEXT,     0,       0,    0,        "certificate (PEM) that is shown to the monitor, with its chain") \
    X("net.client_key_file",  client_key_file,         TEXT,     0,       0,    0,        "its key (PEM), closed to others")                             \
    X("net.no_proxy",         no_proxy,                TEXT,     0,       0,    0,        "names, addresses and CIDR blocks to reach without the proxy") \
    X("net.pins",             pins,                    TEXT,     0,       0,    0,        "SHA-256 of public keys (SPKI) that the server may have") \
    X("net.timeout_connect",  timeout_connect_seconds, DURATION, 10,      1,    300,      "for connecting")                                       \
    X("net.timeout_tls",      timeout_tls_seconds,     DURATION, 10,      1,    300,      "for the TLS handshake")                                \
    X("net.timeout_first_byte", timeout_first_byte_seconds, DURATION, 60, 1,    3600,     "for an answer to begin")                               \
    X("net.timeout_total",    timeout_total_seconds,   DURATION, 120,     1,    3600,     "for one request")                                      \
    X("debug.dump_evidence",  dump_evidence,           SWITCH,   0,       0,    1,        "keep the newest request with evidence as evidence.json in state.dir, mode 0600") \
    X("log.dir",              log_dir,                 TEXT,     0,       0,    0,        "folder for trueboot-agent.log; /var/log/trueboot-agent where it exists") \
    X("run.user",             user,                    TEXT,     0,       0,    0,        "who the daemon becomes when root starts it; trueboot-agent. root: nobody else, and that is meant") \
    X("run.sandbox",          sandbox,                 SWITCH,   1,       0,    1,        "let the daemon give up what it does not need")         \
    X("enable.strict",        strict,                  SWITCH,   0,       0,    1,        "enabling fails when there is no verdict within 5 minutes") \
    X("state.dir",            state_dir,               TEXT,     0,       0,    0,        "folder that outlives a reboot; /var/lib/trueboot-agent") \
    X("run.dir",              run_dir,                 TEXT,     0,       0,    0,        "folder for lock and status; /run/trueboot-agent")
/* clang-format on */

#define CONFIG_HOST_COPY \
    "host.json" /* in the run folder: collect-logs copies the item for the daemon, as the kernel shows it to root only */

enum config_kind { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_DURATION, CONFIG_SWITCH };

#define CONFIG_TYPE_TEXT     const char * /* NULL: not set */
#define CONFIG_TYPE_NUMBER   uint32_t     /* 0: not set */
#define CONFIG_TYPE_DURATION uint32_t     /* seconds */
#define CONFIG_TYPE_SWITCH   bool

struct agent_config {
#define X(key, member, kind, otherwise, least, most, help) CONFIG_TYPE_##kind member;
    CONFIG_KEYS(X)
#undef X
    struct bytes ca_pem; /* from fw_cfg; empty: none. net.ca_file wins */
    bool has_fw_cfg;
};

void config_defaults(struct agent_config *ret);
/* One key. `place` ("agent.conf:3", "--set") goes in front of the error. Text is copied into the arena. */
MUST_CHECK bool config_set(struct agent_config *config, struct arena *a, const char *place, struct bytes key, struct bytes value,
                           struct err *err);
/* A whole file's text. */
MUST_CHECK bool config_parse(struct agent_config *config, struct arena *a, const char *file_name, struct bytes text, struct err *err);
/* The fw_cfg item's JSON. */
MUST_CHECK bool config_parse_fw_cfg(struct agent_config *config, struct arena *a, struct bytes text, struct err *err);

struct config_places {  /* NULL: the usual path; "": do not look */
    const char *file;   /* /etc/trueboot-agent/agent.conf; when named, it has to be there */
    const char *root;   /* in front of /etc, /var and /run, but not of fw_cfg; NULL: none */
    const char *fw_cfg; /* usual_places.host_item, and its copy where that cannot be read */
};
/* Defaults, fw_cfg, file with drop-ins, handler.conf (unless a file is named), environment. Everything lives in the arena. */
MUST_CHECK bool config_load(struct agent_config *ret, struct arena *a, const struct config_places *places, struct err *err);
/* The same without handler.conf: what `enable` puts its own on top of. */
MUST_CHECK bool config_load_without_handler(struct agent_config *ret, struct arena *a, const struct config_places *places, struct err *err);

bool config_knows(const char *key);
/* The known key that is nearest to `key`; NULL when none is near. */
const char *config_nearest_key(struct bytes key);

struct config_key {
    const char *key;
    enum config_kind kind;
    uint32_t otherwise, least, most;
    const char *help;
};
const struct config_key *config_keys(size_t *ret_n); /* for the help text */
