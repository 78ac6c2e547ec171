#include "agent/protocol/report_compat.h"

static const char *const health_names[] = { "Healthy", "Unhealthy", "PlatformError", "" };

static bool is_about_the_way(const struct failure *failure)
{
    return failure_retry(failure->id) == RETRY_IN_CYCLE && failure->id != FAILURE_TPM_MEMORY;
}

enum compat_health report_compat_health(const struct failure *failure, unsigned failed_cycles)
{
    if (!failure)
        return COMPAT_HEALTHY;
    if (failure->id == FAILURE_REFUSED)
        return COMPAT_UNHEALTHY;
    return is_about_the_way(failure) && failed_cycles < 2 ? COMPAT_NOTHING_NEW : COMPAT_PLATFORM_ERROR;
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
    json_put_string(out, "ErrorCode", r->failure ? failure_name(r->failure->id) : NULL);
    json_put_string(out, "AkName", r->ak_name);
    json_put_string(out, "VmUuid", r->vm_uuid);
    json_put_string(out, "KernelVersion", r->facts.kernel_version);
    json_put_boolean(out, "TpmCleared", notes_find(r->notes, FAILURE_TPM_CLEARED) != NULL);
    json_put_boolean(out, "Kexec", notes_find(r->notes, FAILURE_KEXEC) != NULL);
    notes_put(out, "Notes", r->notes);
    json_end(out);
}

void report_compat_write(const struct compat_report *r, struct json_out *out)
{
    const char *text = r->failure ? r->failure->text : "";

    json_begin_object(out, NULL);
    json_put_string(out, "ArmID", r->resource_id && *r->resource_id ? r->resource_id : r->vm_uuid);
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

bool report_compat_send(struct server *server, const struct compat_report *report, struct arena *a, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_REPORT_BODY_BYTES };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    struct server_answer answer;
    const char *authorization = NULL;

    if (report->health == COMPAT_NOTHING_NEW)
        return true;
    report_compat_write(report, &out);
    if (!writer_ok(&w))
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    if (report->bearer.len && !(authorization = arena_printf(a, "Bearer %.*s", BYTES_FMT(report->bearer))))
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    if (!server_post(server, "", writer_bytes(&w), authorization, a, &answer, why))
        return false;
    if (answer.status / 100 == 2)
        return true;
    server_refusal(&answer, why);
    if (why->id == FAILURE_REFUSED)
        why->id = FAILURE_REPORT_REFUSED;
    return failure_within(why, "report");
}
