/* agent/protocol/report_compat.h: reports for relying parties that expect the product's names (guest-agent.md 8.2). The layout is ours.
 *
 *   POST {report.endpoint}, as it is configured, Content-Type: application/json; any 2xx is taken. With report.custom_token
 *   (7.4: useCustomToken) "Authorization: Bearer …": report.token_file; without it, and without a certificate of our own, the attestation token
 *   {"ArmID":"…","HealthStatus":"Healthy"|"Unhealthy"|"PlatformError","AttestationToken":"<JWT>"|null,"AttestationUri":"…",
 *    "AttestationStatusMessage":"…","PlatformErrorMessage":"…",
 *    "Extensions":{"AgentVersion","BootId","ResetCount","RestartCount","Sequence","ErrorCode","AkName","VmUuid","KernelVersion",
 *                  "TpmCleared":bool,"Kexec":bool,"Notes":[…]}} */
#pragma once
#include "agent/failure/note.h"
#include "agent/protocol/report.h"

enum compat_health { COMPAT_HEALTHY, COMPAT_UNHEALTHY, COMPAT_PLATFORM_ERROR, COMPAT_NOTHING_NEW /* nothing is sent */ };

/* `failure` NULL: a token is there. A service that cannot be reached is a platform error from the second cycle in a row on. */
enum compat_health report_compat_health(const struct failure *failure, unsigned failed_cycles);

struct compat_report {
    const char *resource_id; /* ArmID; NULL or "": the VM's UUID */
    const char *attest_uri;
    enum compat_health health;
    struct bytes token;            /* empty: null */
    struct bytes bearer;           /* what we log in with; empty: nothing */
    const struct failure *failure; /* NULL: none */
    struct report_facts facts;
    const char *vm_uuid, *ak_name;
    const struct notes *notes;
};

void report_compat_write(const struct compat_report *report, struct json_out *out);
MUST_CHECK bool report_compat_send(struct server *server, const struct compat_report *report, struct arena *a, struct failure *why);
