#include "agent/protocol/report_compat.h"
#include "extension/outcome.h"

static const char *const health_names[] = { "Healthy", "Unhealthy", "PlatformError", "" };

bool report_compat_is_about_the_way(const struct failure *failure)
{
    return failure_is_network(failure->id) || failure->id == FAILURE_SERVER_TROUBLE || failure->id == FAILURE_BAD_ANSWER;
}

enum compat_health report_compat_health(const struct failure *failure, unsigned failed_cycles)
{
    if (!failure)
        return COMPAT_HEALTHY;
    if (failure->id == FAILURE_REFUSED)
        return COMPAT_UNHEALTHY;
    return report_compat_is_about_the_way(failure) && failed_cycles < 2 ? COMPAT_NOTHING_NEW : COMPAT_PLATFORM_ERROR;
}

static void put_missed(const struct report_missed *missed, struct json_out *out)
{
    if (!missed->count)
        return;
    json_begin_object(out, "Missed");
    json_put_integer(out, "Count", missed->count);
    json_put_time(out, "FirstTimeUtc", missed->first_ms);
    json_put_string(out, "FirstCode", missed->first_code);
    json_put_string(out, "FirstMessage", missed->first_message);
    json_end(out);
}

static void put_extensions(const struct compat_report *r, struct json_out *out)
{
    json_begin_object(out, "Extensions");
    json_put_string(out, "AgentVersion", TRUEBOOT_VERSION);
    json_put_string(out, "BootId", r->facts.boot_id);
    if (r->facts.has_counters) {
        json_put_integer(out, "ResetCount", r->facts.reset_count);
        json_put_integer(out, "RestartCount", r->facts.restart_count);
    }
    json_put_integer(out, "Sequence", (int64_t)r->facts.sequence);
    json_put_integer(out, "ErrorCode", r->failure ? outcome_of(failure_name(r->failure->id))->code : 0);
    json_put_string(out, "ErrorName", r->failure ? failure_name(r->failure->id) : NULL);
    json_put_string(out, "AkName", r->ak_name);
    json_put_string(out, "VmUuid", r->vm_uuid);
    if (r->next_ms)
        json_put_time(out, "NextReportUtc", r->next_ms);
    json_put_boolean(out, "AlertsDisabled", r->facts.alerts_disabled);
    json_put_string(out, "ClusterTenantId", r->facts.cluster_tenant);
    json_put_string(out, "KernelVersion", r->facts.kernel_version);
    json_put_boolean(out, "TpmCleared", notes_find(r->notes, FAILURE_TPM_CLEARED) != NULL);
    json_put_boolean(out, "Kexec", notes_find(r->notes, FAILURE_KEXEC) != NULL);
    json_put_boolean(out, "TokenRepeated", r->token_repeated);
    notes_put(out, "Notes", r->notes);
    put_missed(&r->missed, out);
    json_end(out);
}

static const char *arm_id(const struct compat_report *r)
{
    const char *choices[] = { r->resource_id, r->facts.cluster_id };

    for (size_t i = 0; i < ARRAY_LEN(choices); i++)
        if (choices[i] && *choices[i])
            return choices[i];
    return r->vm_uuid;
}

void report_compat_write(const struct compat_report *r, struct json_out *out)
{
    const char *text = r->failure ? r->failure->text : "";

    json_begin_object(out, NULL);
    json_put_string(out, "ArmID", arm_id(r));
    json_put_string(out, "HealthStatus", health_names[r->health]);
    if (r->token.len)
        json_put_bytes(out, "AttestationToken", r->token);
    else
        json_put_null(out, "AttestationToken");
    json_put_string(out, "AttestationUri", r->attest_uri);
    json_put_string(out, "AttestationStatusMessage", r->health == COMPAT_UNHEALTHY ? text : "");
    json_put_string(out, "PlatformErrorMessage", r->health == COMPAT_PLATFORM_ERROR ? text : "");
    put_extensions(r, out);
    json_end(out);
}

bool report_compat_send(struct server *server, const struct compat_report *report, struct arena *a, struct report_answer *ret,
                        struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_REPORT_BODY_BYTES };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct server_answer answer;
    const char *authorization = NULL;

    *ret = (struct report_answer){ 0 };
    if (report->health == COMPAT_NOTHING_NEW)
        return true;
    report_compat_write(report, &out);
    if (!writer_ok(&w))
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    if (report->bearer.len && !(authorization = arena_printf(a, "Bearer %.*s", BYTES_FMT(report->bearer))))
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    if (!server_post(server, "", writer_bytes(&w), authorization, a, &answer, why))
        return false;
    if (answer.status / 100 == 2) {
        ret->next_report_seconds = report_next_seconds(answer.json);
        return true;
    }
    server_refusal(&answer, why);
    if (why->id == FAILURE_REFUSED)
        why->id = FAILURE_REPORT_REFUSED;
    return failure_within(why, "report");
}
