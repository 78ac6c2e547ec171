/* agent/protocol/report.h: telling the monitor: nonce, report, heartbeat (guest-agent.md 8, architecture.md 8).
 *
 * Every call carries `Authorization: TrueBoot-AK <compact JWS>`, signed by the AK inside the TPM (RS256; ES256 by an ECC key):
 *   header  {"alg":"RS256","kid":b64u SHA-256 of the AK Name (34 bytes: 000b || digest)}
 *   payload {"vm":"uuid","htm":"POST","htu":"/report/v1/{vm}","bh":b64u SHA-256 of the body's bytes,"iat":seconds,"ctr":n}
 * htu is the path of the request line, without query (with the endpoint's own path in front, if it has one). ctr is
 * max(last + 1, milliseconds since 1970): it grows within a boot and across boots, without state on disk.
 * Content-Type is application/json; bodies:
 *
 *   POST {endpoint}/report/v1/{vm}/nonce      {}
 *     200 {"nonce":b64u, …}
 *   POST {endpoint}/report/v1/{vm}
 *     {"token":"<JWT>"|null,"bootId":"uuid","bootTimeUtc":"RFC 3339","agentVersion":"0.1.0","kernelVersion":"6.1.0-…",
 *      "eventLogRef":"sha256:hex"|null,"sequence":n,"appraisal":"id"|null,"resetCount":n,"restartCount":n,
 *      "clusterId":"…","clusterTenantId":"…","alertsDisabled":true,   (each only when the settings say so: labels)
 *      "failure":null|{"code":"AK_REPLACED","reason":"TPM.IdentityChanged","message":"…","number":6401?},
 *      "missed":{"count":n,"firstTimeUtc":"…","firstCode":"DNS"|null,"firstMessage":"…"|null}?,      after an outage
 *      "notes":[{"code":"LOG_REPLAY","reason":"…","message":"…"}, …],      what was noticed and stopped nothing
 *      "dryRun":true?}                                                     only judged; answered as else, nothing is recorded
 *   POST {endpoint}/report/v1/{vm}/heartbeat
 *     {"bootId":"uuid","sequence":n,"state":"idle"|"attesting"|"backoff"|"degraded","lastError":null|{same as failure},
 *      "resetCount":n|null,"restartCount":n|null,"agentVersion":"0.1.0"}
 *     each 202 (200 is taken too) {"nextReportSeconds":n,"nextHeartbeatSeconds":n,"profile":"demo"?,"nonce":b64u}; every member optional; an
 *     empty body is taken too. "attestNow":true asks for an attestation at once.
 *
 * Errors: {"error":{"code":"…","message":"…"}}.
 *   401, 404, or 403 with code IdentityUnknown, UnknownVm, VmNotFound, UnknownKey or AkUnknown: FAILURE_IDENTITY_UNKNOWN, enrol again.
 *   400/409 with a code that contains "Nonce": FAILURE_NONCE, fetch a new one and attest again.
 *   Other 400: FAILURE_REPORT_REFUSED.
 *   iat follows the Date header of the last answer when our clock is more than half a minute off; a 401 that
 *   taught us so is FAILURE_CLOCK_SKEW. Other 403:
 *   FAILURE_NOT_AUTHORISED. 409 IdentityDuplicated: FAILURE_CLONE. 408, 429, 5xx: FAILURE_SERVER_TROUBLE with Retry-After. */
#pragma once
#include "agent/failure/note.h"
#include "agent/protocol/server.h"
#include "agent/tpm/ak.h"

struct reporter {
    const char *vm_id; /* UUID text */
    uint64_t *counter; /* last ctr used; grows */
};

struct report_facts {
    const char *boot_id;
    int64_t boot_time_ms;
    const char *kernel_version;
    uint64_t sequence;
    bool has_counters; /* reset and restart count known */
    uint32_t reset_count, restart_count;
    const char *cluster_id, *cluster_tenant; /* labels of a report; NULL: not given */
    bool alerts_disabled;
    const struct notes *notes; /* NULL: none */
};

struct report_missed { /* what could not be sent before this report */
    unsigned count;    /* 0: nothing */
    int64_t first_ms;
    const char *first_code, *first_message; /* NULL: not known */
};

struct report_body {
    struct report_facts facts;
    struct report_missed missed;
    struct bytes token;            /* empty: null */
    struct bytes appraisal;        /* empty: null */
    const char *event_log_sha256;  /* hex, NULL or "": null */
    const struct failure *failure; /* NULL: none */
    bool dry_run;                  /* judged, and not recorded */
};

struct heartbeat_body {
    struct report_facts facts;
    const char *state;
    const struct failure *last_error; /* NULL: none */
};

/* A server may ask for more than was configured, but not for all of our time (7.3, 11.4); one with the profile "demo", whose intervals are
 * all shortened, says so in its answers and may. */
enum { REPORT_LEAST_SECONDS = 300, HEARTBEAT_LEAST_SECONDS = 60 };

struct report_answer {
    unsigned next_report_seconds;    /* 0: not said; never below REPORT_LEAST_SECONDS */
    unsigned next_heartbeat_seconds; /* the same with HEARTBEAT_LEAST_SECONDS */
    bool attest_now;
    struct bytes nonce; /* decoded, in the arena; empty: none */
};

/* What an answer says of the next report, within its limits; 0: nothing. */
unsigned report_next_seconds(const struct json *answer);

MUST_CHECK bool report_fetch_nonce(struct tpm_device *tpm, const struct ak *ak, struct server *server, struct reporter *who,
                                   struct arena *a, struct report_answer *ret, struct failure *why);
MUST_CHECK bool report_send(struct tpm_device *tpm, const struct ak *ak, struct server *server, struct reporter *who,
                            const struct report_body *body, struct arena *a, struct report_answer *ret, struct failure *why);
MUST_CHECK bool report_heartbeat(struct tpm_device *tpm, const struct ak *ak, struct server *server, struct reporter *who,
                                 const struct heartbeat_body *body, struct arena *a, struct report_answer *ret, struct failure *why);

/* The compact JWS for one request, signed in the TPM. For tests and other callers. */
MUST_CHECK bool report_sign_request(struct tpm_device *tpm, const struct ak *ak, struct reporter *who, const char *method, const char *path,
                                    struct bytes body, int64_t now_ms, struct arena *a, char **ret, struct failure *why);
