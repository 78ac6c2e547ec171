/* agent/protocol/report_compat.h: reports for relying parties that expect the product's names (guest-agent.md 8.2). The layout is ours.
 *
 *   POST {report.endpoint}, as it is configured, Content-Type: application/json; any 2xx is taken. With report.custom_token
 *   (7.4: useCustomToken) "Authorization: Bearer …": report.token_file; without it, and without a certificate of our own, the attestation token
 *   {"ArmID":"…","HealthStatus":"Healthy"|"Unhealthy"|"PlatformError","AttestationToken":"<JWT>"|null,"AttestationUri":"…",
 *    "AttestationStatusMessage":"…","PlatformErrorMessage":"…",
 *    "Extensions":{"AgentVersion","BootId","ResetCount","RestartCount","Sequence","ErrorCode":n (as in the status of 6.9; 0: none),"ErrorName":"DNS"|null,
 *                  "AkName","VmUuid","NextReportUtc","AlertsDisabled":bool,"ClusterTenantId":"…"|null,"KernelVersion",
 *                  "TpmCleared":bool,"Kexec":bool,"Notes":[…],
 *                  "TokenRepeated":bool: sent before, with the same Sequence; the attestation service was not reached since. No new evidence,
 *                  "Missed":{"Count":n,"FirstTimeUtc","FirstCode","FirstMessage"}, where reports did not get through}}
 * ArmID is report.resource_id, else the cluster's id, else the VM's UUID. An answer may say "nextReportSeconds" as the monitor's do (7.3). */
#pragma once
#include "agent/failure/note.h"
#include "agent/protocol/report.h"

enum compat_health { COMPAT_HEALTHY, COMPAT_UNHEALTHY, COMPAT_PLATFORM_ERROR, COMPAT_NOTHING_NEW /* nothing is sent */ };

/* Nobody's word about this machine: the attestation service was not reached, or is in trouble. */
bool report_compat_is_about_the_way(const struct failure *failure);
/* `failure` NULL: a token is there. A service that cannot be reached is a platform error after the second cycle in a row: `failed_cycles` of them are over. */
enum compat_health report_compat_health(const struct failure *failure, unsigned failed_cycles);

struct compat_report {
    const char *resource_id; /* ArmID; NULL or "": the VM's UUID */
    const char *attest_uri;
    enum compat_health health;
    struct bytes token;            /* empty: null */
    bool token_repeated;           /* a relying party had it before */
    struct bytes bearer;           /* what we log in with; empty: nothing */
    const struct failure *failure; /* NULL: none */
    struct report_facts facts;
    struct report_missed missed;
    int64_t next_ms; /* when the next report is due at the latest; 0: not known */
    const char *vm_uuid, *ak_name;
    const struct notes *notes;
};

void report_compat_write(const struct compat_report *report, struct json_out *out);
MUST_CHECK bool report_compat_send(struct server *server, const struct compat_report *report, struct arena *a, struct report_answer *ret,
                                   struct failure *why);
