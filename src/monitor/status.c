#include "monitor/monitor.h"
#include "base/uuid.h"
#include "json/parse.h"

bool monitor_find_vm(const struct monitor *monitor, struct arena *a, struct bytes name_or_uuid, struct store_vm *ret, struct err *err)
{
    char uuid[UUID_TEXT_LEN];
    const char *name;

    if (uuid_canonical(name_or_uuid, uuid))
        return store_vm_get(monitor->store, a, uuid, ret, err);
    name = arena_string(a, name_or_uuid);
    if (!name)
        return err_set(err, ERR_NO_MEMORY, "no memory for a name");
    return store_vm_by_name(monitor->store, a, name, ret, err);
}

bool monitor_request_vm(const struct monitor *monitor, const struct http_request *request, struct store_vm *ret, struct err *err)
{
    struct bytes name = http_param(request, "vm");

    if (monitor_find_vm(monitor, request->arena, name, ret, err))
        return true;
    return err->code == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "there is no VM named %.*s", BYTES_FMT(bytes_slice(name, 0, 64))) ||
                                            err_remedy(err, "docs/operations.md", "trueboot vm list")
                                      : false;
}

static int64_t later(int64_t a, int64_t b) { return a > b ? a : b; }

static void gather(const struct vm_status *s, int64_t last_settled, struct health_facts *ret)
{
    *ret = (struct health_facts){
        .monitored_since = s->vm.monitoring_enabled_ms,
        .has_vtpm = s->vm.vtpm,
        .power = s->vm.power == STORE_POWER_OFF       ? POWER_OFF
                 : s->vm.power == STORE_POWER_RUNNING ? POWER_RUNNING
                                                      : POWER_UNKNOWN,
        .power_since = s->vm.power_since_ms,
        .last_settled = last_settled,
    };
    if (s->has_contact)
        ret->last_contact = later(s->contact.last_heartbeat_ms, s->contact.last_report_ms);
    if (findings_worst(&s->judged.findings) >= SEVERITY_MEDIUM)
        ret->last = LAST_UNHEALTHY;
    if (!s->judged.any)
        return;
    ret->last_verified = s->judged.appraisal.time_ms;
    ret->newer_boot = s->has_contact && s->judged.appraisal.quote_verified && s->contact.reset_count > s->judged.appraisal.reset_count;
    ret->last_contact = later(ret->last_contact, ret->last_verified);
    ret->last = s->judged.verdict == VERDICT_HEALTHY     ? LAST_HEALTHY
                : s->judged.verdict == VERDICT_UNHEALTHY ? LAST_UNHEALTHY
                                                         : LAST_UNSETTLED;
}

/* Whether anything speaks of a boot after the one that was verified last. A restart counts: a TPM that was shut down with its state
 * starts the next boot without a reset. */
static bool is_before(const struct vm_memory *memory, const struct vm_status *s)
{
    const struct appraisal *newest = &s->judged.appraisal;

    if (!memory->has_counters)
        return false;
    return (s->has_contact && s->contact.reset_count > memory->reset_count) || newest->reset_count > memory->reset_count ||
           (newest->reset_count == memory->reset_count && newest->restart_count > memory->restart_count);
}

/* What must not be lost when the newest evidence says nothing: an Unhealthy stands (attack-suite.md S6). A Healthy does for its own boot
 * only: whoever controls a VM can make all its evidence such that nobody can judge it. */
static bool recall(const struct monitor *monitor, struct arena *a, const struct vm_status *s, struct health_facts *facts, struct err *err)
{
    struct vm_memory memory;

    if (!monitor_memory_get(monitor->store, a, s->vm.vm, &memory, err))
        return false;
    facts->settled_before = is_before(&memory, s);
    facts->last_settled = memory.has_settled ? memory.settled_ms : 0;
    if (memory.has_settled && memory.settled == VERDICT_UNHEALTHY)
        facts->last = LAST_UNHEALTHY;
    return true;
}

static bool judge_for_status(const struct monitor *monitor, struct arena *a, struct vm_status *s, struct err *err)
{
    if (monitor_judge(monitor, a, s->vm.vm, &s->judged, err))
        return true;
    if (!monitor_is_about_record(err))
        return false;
    s->judged = (struct judged){ .any = false };
    s->trouble = arena_string(a, bytes_of_string(err->text));
    if (!s->trouble)
        return err_set(err, ERR_NO_MEMORY, "no memory for a status");
    return monitor_duplicate(monitor, a, s->vm.vm, &s->judged.findings, err);
}

/* As enrolment writes it. */
static bool find_refused(const struct monitor *monitor, struct arena *a, struct vm_status *s, struct err *err)
{
    const char *key = arena_printf(a, STORE_SETTING_REFUSED, s->vm.vm);
    const struct json *note;
    struct bytes value;

    if (!key)
        return err_set(err, ERR_NO_MEMORY, "no memory for a status");
    if (!store_setting_get(monitor->store, a, key, &value, err)) {
        if (err->code != ERR_NOT_FOUND)
            return false;
        *err = ERR_INIT;
        return true;
    }
    if (!json_parse(a, value, NULL, &note, err) || !json_need_integer(note, "time", &s->refused_ms, err))
        return err_within(err, "%s", key);
    s->refused_sha256 = arena_string(a, json_text(json_get(note, "cert"), BYTES_NONE));
    return s->refused_sha256 || err_set(err, ERR_NO_MEMORY, "no memory for a status");
}

bool monitor_status(const struct monitor *monitor, struct arena *a, const struct store_vm *vm, int64_t now_ms, struct vm_status *ret,
                    struct err *err)
{
    struct vm_status *s = ARENA_NEW(a, struct vm_status); /* large: not on the stack */
    struct health_facts facts;

    if (!s)
        return err_set(err, ERR_NO_MEMORY, "no memory for a status");
    s->vm = *vm;
    s->has_contact = store_contact_get(monitor->store, a, vm->vm, &s->contact, err);
    if (!s->has_contact && err->code != ERR_NOT_FOUND)
        return false;
    if (!judge_for_status(monitor, a, s, err) || !find_refused(monitor, a, s, err))
        return false;
    gather(s, s->judged.any ? s->judged.appraisal.time_ms : 0, &facts);
    if ((s->trouble || facts.last == LAST_UNSETTLED) && !recall(monitor, a, s, &facts, err))
        return false;
    s->health = health_derive(&facts, monitor->times, now_ms);
    if (s->trouble && s->health.status != HEALTH_UNHEALTHY && s->health.status != HEALTH_NOT_MONITORED)
        s->health = (struct health){ .status = HEALTH_UNKNOWN, .reason = HEALTH_REASON_UNSETTLED };
    *ret = *s;
    return true;
}

/* ---- writing ---- */

static void write_reasons(struct json_out *out, struct arena *a, const struct vm_status *s, bool brief)
{
    json_begin_array(out, "reasons");
    for (size_t i = 0; i < s->judged.findings.n; i++) {
        const struct finding *f = &s->judged.findings.items[i];
        const struct finding_kind *kind = finding_kind(f->id);
        json_begin_object(out, NULL);
        json_put_string(out, "code", kind->id);
        json_put_string(out, "severity", severity_name(f->severity));
        json_put_string(out, "phase", phase_name(kind->phase));
        json_put_string(out, "message", f->text);
        if (f->follows)
            json_put_string(out, "follows", f->follows->id);
        if (f->pcr == FINDING_NO_PCR)
            json_put_null(out, "pcr");
        else
            json_put_integer(out, "pcr", f->pcr);
        if (f->event == FINDING_NO_EVENT)
            json_put_null(out, "eventIndex");
        else
            json_put_integer(out, "eventIndex", f->event);
        if (!brief) {
            json_put_string(out, "title", kind->title);
            json_put_string(out, "was", f->was);
            json_put_string(out, "is", f->is);
            json_put_string(out, "why", kind->why);
            json_put_string(out, "remedy", finding_remedy(a, kind, s->vm.name));
        }
        json_end(out);
    }
    json_end(out);
}

static void write_last_verdict(struct json_out *out, const struct vm_status *s)
{
    const struct appraisal *last = &s->judged.appraisal;

    json_begin_object(out, "lastVerdict");
    json_put_string(out, "verdict", verdict_name(s->judged.verdict));
    json_put_time(out, "timeUtc", last->time_ms);
    json_put_time(out, "sinceUtc", s->judged.since_ms);
    json_put_string(out, "appraisal", last->id);
    json_put_string(out, "provider", last->provider);
    json_put_string(out, "policyHash", last->policy_hash);
    json_put_string(out, "assurance", last->assurance);
    json_put_string(out, "tokenId", s->judged.token_id);
    json_put_integer(out, "resetCount", last->reset_count);
    json_put_integer(out, "restartCount", last->restart_count);
    json_put_string(out, "secureBoot", secure_boot_name(last->facts.secure_boot));
    json_put_string(out, "boot", last->facts.boot_summary);
    json_put_string(out, "kernel", last->facts.kernel_label);
    json_put_string(out, "commandLine", last->facts.command_line);
    json_put_string(out, "reference", last->reference);
    kernel_facts_write(out, &last->facts.running);
    json_begin_object(out, "phases");
    for (enum phase p = PHASE_FIRMWARE; p <= PHASE_OS; p++)
        json_put_string(out, phase_name(p), last->facts.phase_summary[p]);
    json_end(out);
    json_end(out);
}

static void put_notes(struct json_out *out, const char *lines)
{
    json_begin_array(out, "agentNotes");
    while (lines && *lines) {
        size_t len = strcspn(lines, "\n");

        json_put_bytes(out, NULL, (struct bytes){ (const uint8_t *)lines, len });
        lines += len + (lines[len] == '\n');
    }
    json_end(out);
}

static void write_refused(struct json_out *out, const struct vm_status *s)
{
    if (!s->refused_ms) {
        json_put_null(out, "refusedTpm");
        return;
    }
    json_begin_object(out, "refusedTpm");
    json_put_time(out, "timeUtc", s->refused_ms);
    json_put_string(out, "certificateSha256", s->refused_sha256);
    json_end(out);
}

static void write_ours(struct json_out *out, struct arena *a, const struct monitor *monitor, const struct vm_status *s, bool brief)
{
    json_begin_object(out, "trueboot");
    json_put_string(out, "vm", s->vm.name);
    json_put_string(out, "uuid", s->vm.vm);
    json_put_string(out, "profile", monitor->profile);
    json_put_string(out, "reasonCode", health_reason_code(s->health.reason));
    json_put_string(out, "reasonText", health_reason_text(s->health.reason));
    json_put_boolean(out, "stale", s->health.stale);
    json_put_time_or_null(out, "sinceUtc", s->health.since);
    json_put_time_or_null(out, "nextExpectedUtc", s->health.next_expected);
    json_put_string(out, "power", store_power_name(s->vm.power));
    json_begin_object(out, "configured");
    json_put_string(out, "securityType", s->vm.security_type);
    json_put_boolean(out, "secureBoot", s->vm.secure_boot);
    json_put_boolean(out, "vtpm", s->vm.vtpm);
    json_end(out);
    json_put_integer(out, "baselineVersion", s->judged.any ? s->judged.baseline_version : 0);
    json_put_time_or_null(out, "lastContactUtc", s->has_contact ? later(s->contact.last_heartbeat_ms, s->contact.last_report_ms) : 0);
    json_put_string(out, "bootId", s->has_contact ? s->contact.boot_id : NULL);
    json_put_string(out, "agentVersion", s->has_contact ? s->contact.agent_version : NULL);
    json_put_string(out, "agentState", s->has_contact ? s->contact.state : NULL);
    json_put_string(out, "agentError", s->has_contact ? s->contact.last_error : NULL);
    put_notes(out, s->has_contact ? s->contact.notes : NULL);
    write_refused(out, s);
    if (s->judged.any)
        write_last_verdict(out, s);
    write_reasons(out, a, s, brief);
    json_end(out);
}

static const char *kernel_of(const struct vm_status *s)
{
    if (s->has_contact && s->contact.kernel_version)
        return s->contact.kernel_version;
    return s->judged.any && s->judged.appraisal.facts.kernel_label ? s->judged.appraisal.facts.kernel_label : NULL;
}

/* What a person reads in one line: the worst finding's sentence, or why there is no verdict. */
static const char *error_message(const struct vm_status *s)
{
    const struct findings *findings = &s->judged.findings;
    enum severity worst = findings_worst(findings);

    if (s->health.status == HEALTH_HEALTHY)
        return NULL;
    if (s->trouble)
        return s->trouble;
    /* An Unhealthy that stands from before: the newest evidence's findings are not why. */
    if (s->health.reason == HEALTH_REASON_JUDGED && s->judged.any && s->judged.verdict == VERDICT_UNKNOWN)
        return health_reason_text(s->health.reason);
    if (s->health.reason == HEALTH_REASON_JUDGED || s->health.reason == HEALTH_REASON_UNSETTLED)
        for (size_t i = 0; i < findings->n; i++)
            if (findings->items[i].severity == worst)
                return findings->items[i].text;
    return health_reason_text(s->health.reason);
}

void monitor_status_write(struct json_out *out, struct arena *a, const struct monitor *monitor, const struct vm_status *s, bool brief)
{
    bool settled = s->judged.any && (s->health.status == HEALTH_HEALTHY || s->health.status == HEALTH_UNHEALTHY) &&
                   s->health.reason != HEALTH_REASON_NO_VTPM;
    const struct appraisal *last = &s->judged.appraisal;

    json_begin_object(out, NULL);
    json_put_string(out, "id", arena_printf(a, "/v1/vms/%s/status", s->vm.vm));
    json_put_string(out, "name", "default");
    json_put_string(out, "type", "microsoft.azurestackhci/virtualmachineinstances/attestationstatus");
    json_begin_object(out, "properties");
    json_put_string(out, "attestSecureBootEnabled",
                    settled && last->quote_verified ? secure_boot_name(last->facts.secure_boot) : "Unknown");
    json_put_string(out, "attestationCertValidated", !settled ? "Unknown" : last->ak_trusted ? "Valid" : "Invalid");
    json_put_string(out, "bootIntegrityValidated", !settled ? "Unknown" : s->health.status == HEALTH_HEALTHY ? "Valid" : "Invalid");
    json_put_string(out, "errorMessage", error_message(s));
    json_put_string(out, "healthStatus", health_status_name(s->health.status));
    json_put_string(out, "linuxKernelVersion", kernel_of(s));
    json_put_string(out, "provisioningState", "Succeeded");
    json_put_time_or_null(out, "timestamp", s->judged.any ? last->time_ms : 0);
    write_ours(out, a, monitor, s, brief);
    json_end(out);
    json_end(out);
}
