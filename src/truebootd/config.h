/* truebootd/config.h: the server's settings: defaults, then /etc/trueboot/truebootd.conf, then the drop-ins truebootd.conf.d/NAME.conf in order of name, then the
 * command line, which wins (architecture.md 8). Every key is a row of config_keys.h; an unknown one is an error that names its place and the
 * nearest known one. */
#pragma once
#include <limits.h>
#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "monitor/health.h"

enum { LOG_REQUESTS_ERRORS, LOG_REQUESTS_ALL };
enum { AUDIT_FAILURE_CONTINUE, AUDIT_FAILURE_REFUSE };

struct config {
    struct arena *arena; /* of all texts */
    /* what the keys say; CHOICE members are the word's place in its list */
    const char *data_dir, *listen, *socket_path, *url;
    int64_t profile_choice, threads;
    int64_t log_level, log_format, log_requests;
    int64_t connections, connections_per_address, request_seconds, answer_seconds, body_memory;
    bool tpm_v1, enrolment_token, signer_dates;
    const char *tls_certificate, *tls_key, *tls_ca;
    int64_t attest_per_second, attest_burst, requests_per_second, requests_burst, vm_per_minute, vm_burst;
    bool audit_enabled, metrics_open;
    int64_t audit_file_size, audit_keep_days, audit_checkpoint_records, audit_on_failure;
    const char *oidc_issuer, *oidc_audience, *oidc_discovery, *oidc_jwks_url, *oidc_jwks_file, *oidc_ca_file;
    const char *oidc_role_claims, *oidc_reader, *oidc_enroller, *oidc_auditor, *oidc_policy_admin, *oidc_security_admin, *oidc_contributor,
        *oidc_owner;
    int64_t oidc_default_role, oidc_refresh, oidc_stale, oidc_floor, oidc_timeout;

    /* what follows from them */
    char data[PATH_MAX]; /* everything lives below */
    char socket[PATH_MAX];
    const char *profile; /* "default", "demo" */
    const struct health_times *times;
};

enum config_outcome { CONFIG_RUN, CONFIG_DONE /* help or version was printed */, CONFIG_WRONG /* err says why */ };

/* config_read does all of it; again for SIGHUP. Texts lie in `a`, which must outlive *ret. */
enum config_outcome config_read(struct arena *a, int argc, char *const *argv, struct config *ret, struct err *err);

/* config_reload takes the LIVE settings of `fresh` over into `config`. *ret_waiting names the others that differ ("server.listen, …"); NULL: none.
 * Both must have texts in arenas that live on. */
void config_reload(struct config *config, const struct config *fresh, struct arena *a, const char **ret_waiting);

/* ---- for tests and documentation ---- */

void config_defaults(struct arena *a, struct config *ret);
/* One setting by "section.key", as --set does; `place` is for errors. */
MUST_CHECK bool config_set(struct config *config, const char *place, struct bytes section, struct bytes key, struct bytes value,
                           struct err *err);
/* A file and its drop-ins (FILE.d); an absent `file` is NOT_FOUND. */
MUST_CHECK bool config_read_files(struct config *config, const char *file, struct err *err);

struct config_key {
    const char *section, *key, *standard, *choices, *help;
    bool live;
};
extern const struct config_key config_keys[];
extern const size_t config_n_keys;
