#include "appraise/appraisal.h"
#include <stdio.h>

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = { "Healthy", "Unhealthy", "Unknown" };
    return (unsigned)verdict < ARRAY_LEN(names) ? names[verdict] : "Unknown";
}

bool verdict_from_text(struct bytes text, enum verdict *ret)
{
    for (enum verdict v = VERDICT_HEALTHY; v <= VERDICT_UNKNOWN; v++)
        if (bytes_equal_string(text, verdict_name(v))) {
            *ret = v;
            return true;
        }
    return false;
}

const char *decision_name(enum decision decision)
{
    static const char *const names[] = { "notRun", "permitted", "refused" };

    return names[decision];
}

void facts_write(struct json_out *out, const struct appraisal_facts *facts)
{
    json_put_string(out, "secureBoot", secure_boot_name(facts->secure_boot));
    json_put_string(out, "setupMode", fact_name(facts->setup_mode));
    json_put_string(out, "kernel", facts->kernel_label);
    json_put_string(out, "commandLine", facts->command_line);
    json_put_string(out, "osRelease", facts->os_release);
    json_put_string(out, "boot", facts->boot_summary);
    json_put_boolean(out, "eventLog", facts->has_log);
    json_begin_object(out, "phases");
    for (enum phase p = PHASE_FIRMWARE; p <= PHASE_OS; p++)
        json_put_string(out, phase_name(p), facts->phase_summary[p]);
    json_end(out);
    kernel_facts_write(out, &facts->running);
}

void findings_write(struct json_out *out, const char *name, const struct findings *findings)
{
    json_begin_array(out, name);
    for (size_t i = 0; i < findings->n; i++) {
        const struct finding *f = &findings->items[i];
        json_begin_object(out, NULL);
        json_put_string(out, "id", finding_kind(f->id)->id);
        json_put_string(out, "severity", severity_name(f->severity));
        json_put_string(out, "phase", phase_name(finding_kind(f->id)->phase));
        if (f->pcr == FINDING_NO_PCR)
            json_put_null(out, "pcr");
        else
            json_put_integer(out, "pcr", f->pcr);
        if (f->event == FINDING_NO_EVENT)
            json_put_null(out, "event");
        else
            json_put_integer(out, "event", f->event);
        json_put_string(out, "was", f->was);
        json_put_string(out, "is", f->is);
        json_put_string(out, "text", f->text);
        json_put_string(out, "why", finding_kind(f->id)->why);
        json_put_string(out, "remedy", finding_kind(f->id)->remedy);
        if (f->unsettled)
            json_put_boolean(out, "unsettled", true);
        if (f->follows)
            json_put_string(out, "follows", f->follows->id);
        json_end(out);
    }
    json_end(out);
}

static void component_write(struct json_out *out, const struct component *c)
{
    json_begin_object(out, NULL);
    json_put_string(out, "kind", component_kind_slug(c->kind));
    json_put_string(out, "phase", phase_name(c->phase));
    if (c->accepts != COMPONENT_EXPECTED)
        json_put_string(out, "accepts", component_accepts_slug(c->accepts));
    json_put_integer(out, "pcr", c->pcr);
    json_put_integer(out, "event", c->event);
    json_put_string(out, "key", c->key);
    json_put_string(out, "name", c->name);
    if (c->text)
        json_put_string(out, "text", c->text);
    if (c->signer)
        json_put_string(out, "signer", c->signer);
    json_begin_object(out, "digests");
    for (size_t i = 0; i < c->n_digests; i++)
        json_put_hex(out, digest_name(c->digests[i].algorithm), digest_bytes(&c->digests[i]));
    json_end(out);
    if (c->members.len)
        json_put_base64url(out, "members", c->members);
    if (c->revision)
        json_put_integer(out, "revision", c->revision);
    json_end(out);
}

static void registers_write(struct json_out *out, const struct pcr_set *registers)
{
    static const char *const numbers[LIMIT_PCRS] = { "0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "10", "11",
                                                     "12", "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23" };
    json_begin_object(out, "registers");
    for (size_t b = 0; b < registers->n_banks; b++) {
        const struct pcr_bank *bank = &registers->banks[b];
        json_begin_object(out, digest_name(bank->algorithm));
        for (unsigned i = 0; i < LIMIT_PCRS; i++)
            if (bank->present & (1u << i))
                json_put_hex(out, numbers[i], digest_bytes(&bank->value[i]));
        json_end(out);
    }
    json_end(out);
}

void boot_record_write(struct json_out *out, const char *name, const struct boot_record *boot)
{
    json_begin_object(out, name);
    json_put_boolean(out, "hasLog", boot->has_log);
    json_begin_array(out, "components");
    for (size_t i = 0; i < boot->components.n; i++)
        component_write(out, &boot->components.items[i]);
    json_end(out);
    registers_write(out, &boot->registers);
    json_end(out);
}

void appraisal_write(struct json_out *out, const struct appraisal *a)
{
    char firmware_version[17];

    snprintf(firmware_version, sizeof firmware_version, "%016llx", (unsigned long long)a->firmware_version);
    json_put_integer(out, "version", 1);
    json_put_string(out, "id", a->id);
    json_put_string(out, "vm", a->vm[0] ? a->vm : NULL);
    json_put_string(out, "provider", a->provider);
    json_put_time(out, "time", a->time_ms);
    if (a->asked_ms)
        json_put_time(out, "asked", a->asked_ms);
    json_put_string(out, "verdict", verdict_name(a->verdict));
    json_put_string(out, "decision", decision_name(a->decision));
    json_put_string(out, "policyHash", a->policy_hash);
    json_put_boolean(out, "quoteVerified", a->quote_verified);
    json_put_boolean(out, "akTrusted", a->ak_trusted);
    json_put_string(out, "assurance", a->assurance);
    json_put_hex(out, "evidence", digest_bytes(&a->evidence_digest));
    json_put_string(out, "reference", a->reference);
    json_begin_object(out, "tpm");
    json_put_integer(out, "clock", (int64_t)(a->clock_ms & INT64_MAX));
    json_put_integer(out, "resetCount", a->reset_count);
    json_put_integer(out, "restartCount", a->restart_count);
    json_put_boolean(out, "safe", a->clock_safe);
    json_put_string(out, "firmwareVersion", firmware_version);
    json_end(out);
    json_begin_object(out, "facts");
    facts_write(out, &a->facts);
    json_end(out);
    findings_write(out, "findings", &a->findings);
    if (a->findings.overflow)
        json_put_boolean(out, "moreFindings", true);
    boot_record_write(out, "boot", &a->boot);
}
