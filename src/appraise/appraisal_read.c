/* Reading appraisals back: our own signed records and baselines, and files that an operator hands in. */
#include "appraise/appraisal.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"

/* optional_text copies a string member; NULL when it is absent or null. */
static bool optional_text(struct arena *a, const struct json *v, const char *name, const char **ret, struct err *err)
{
    const struct json *member = json_get(v, name);

    *ret = NULL;
    if (!member || member->type == JSON_NULL)
        return true;
    if (member->type != JSON_STRING)
        return err_set(err, ERR_MALFORMED, "%s is not a string", name);
    *ret = arena_string(a, member->string);
    return *ret || err_set(err, ERR_NO_MEMORY, "no memory for %s", name);
}

static bool need_text(struct arena *a, const struct json *v, const char *name, const char **ret, struct err *err)
{
    struct bytes text;

    if (!json_need_string(v, name, &text, err))
        return false;
    *ret = arena_string(a, text);
    return *ret || err_set(err, ERR_NO_MEMORY, "no memory for %s", name);
}

static bool need_boolean(const struct json *v, const char *name, bool *ret, struct err *err)
{
    return json_as_boolean(json_get(v, name), ret) || err_set(err, ERR_MALFORMED, "%s is not true or false", name);
}

static bool need_integer(const struct json *v, const char *name, int64_t low, int64_t high, int64_t *ret, struct err *err)
{
    if (!json_need_integer(v, name, ret, err))
        return false;
    return (*ret >= low && *ret <= high) || err_set(err, ERR_MALFORMED, "%s is not %lld to %lld", name, (long long)low, (long long)high);
}

static bool need_time(const struct json *v, const char *name, int64_t *ret, struct err *err)
{
    return clock_parse(json_text(json_get(v, name), BYTES_NONE), ret) || err_set(err, ERR_MALFORMED, "%s is not an RFC 3339 time", name);
}

static bool read_digest(const char *name, struct bytes hex, struct digest *ret, struct err *err)
{
    ret->algorithm = digest_from_name(bytes_of_string(name));
    if (ret->algorithm == DIGEST_NONE)
        return err_set(err, ERR_UNSUPPORTED, "%s is no hash that we know", name);
    return hex_decode_into(hex, ret->value, digest_len(ret->algorithm)) || err_set(err, ERR_MALFORMED, "%s has a wrong value", name);
}

/* Register and event numbers are null where there is none. */
static bool optional_number(const struct json *v, const char *name, int64_t high, int64_t none, int64_t *ret, struct err *err)
{
    const struct json *member = json_get(v, name);

    *ret = none;
    return !member || member->type == JSON_NULL || need_integer(v, name, 0, high, ret, err);
}

static bool read_finding(struct arena *a, const struct json *v, struct findings *list, struct err *err)
{
    const char *text, *was, *is;
    enum severity severity;
    enum finding_id id;
    int64_t pcr, event;
    struct finding *f;

    if (!finding_id_from_text(json_text(json_get(v, "id"), BYTES_NONE), &id))
        return err_set(err, ERR_UNSUPPORTED, "id is no finding that we know");
    if (!severity_from_text(json_text(json_get(v, "severity"), BYTES_NONE), &severity))
        return err_set(err, ERR_MALFORMED, "severity is not info, low, medium, high or critical");
    if (!optional_number(v, "pcr", LIMIT_PCRS - 1, FINDING_NO_PCR, &pcr, err) ||
        !optional_number(v, "event", UINT32_MAX, FINDING_NO_EVENT, &event, err) || !need_text(a, v, "text", &text, err) ||
        !optional_text(a, v, "was", &was, err) || !optional_text(a, v, "is", &is, err))
        return false;
    f = findings_add(list, id, (int)pcr, event, "%s", text);
    f->severity = severity;
    f->text = text;
    f->was = was;
    f->is = is;
    if (json_get(v, "follows")) {
        if (!finding_id_from_text(json_text(json_get(v, "follows"), BYTES_NONE), &id))
            return err_set(err, ERR_UNSUPPORTED, "follows is no finding that we know");
        f->follows = finding_kind(id);
    }
    if (json_get(v, "unsettled"))
        return need_boolean(v, "unsettled", &f->unsettled, err);
    return true;
}

bool findings_read(struct arena *a, const struct json *v, struct findings *ret, struct err *err)
{
    struct findings list = { .arena = a };

    if (!v || v->type != JSON_ARRAY)
        return err_set(err, ERR_MALFORMED, "findings is not an array");
    for (size_t i = 0; i < v->array.n; i++)
        if (!read_finding(a, v->array.items[i], &list, err))
            return err_within(err, "findings[%zu]", i);
    *ret = list;
    return true;
}

static bool read_component_digests(struct arena *a, const struct json *v, struct component *c, struct err *err)
{
    const struct json *digests;
    struct digest *list;

    if (!json_need_object(v, "digests", &digests, err))
        return false;
    if (digests->object.n > LIMIT_PCR_BANKS)
        return err_set(err, ERR_LIMIT, "digests has %zu entries", digests->object.n);
    list = ARENA_ARRAY(a, digests->object.n, struct digest);
    if (!list)
        return err_set(err, ERR_NO_MEMORY, "no memory for digests");
    for (size_t i = 0; i < digests->object.n; i++) {
        const char *name = arena_string(a, digests->object.members[i].name);
        if (!name)
            return err_set(err, ERR_NO_MEMORY, "no memory for digests");
        if (!read_digest(name, json_text(digests->object.members[i].value, BYTES_NONE), &list[i], err))
            return err_within(err, "digests");
    }
    c->digests = list;
    c->n_digests = digests->object.n;
    return true;
}

static bool read_component(struct arena *a, const struct json *v, struct component *c, struct err *err)
{
    const struct json *accepts = json_get(v, "accepts"), *members = json_get(v, "members");
    int64_t pcr, event, revision = 0;

    if (!component_kind_from_text(json_text(json_get(v, "kind"), BYTES_NONE), &c->kind))
        return err_set(err, ERR_UNSUPPORTED, "kind is no component that we know");
    if (!phase_from_text(json_text(json_get(v, "phase"), BYTES_NONE), &c->phase))
        return err_set(err, ERR_MALFORMED, "phase is none of ours");
    if (accepts && !component_accepts_from_text(json_text(accepts, BYTES_NONE), &c->accepts))
        return err_set(err, ERR_MALFORMED, "accepts is not expected, alternative or any");
    if (!need_integer(v, "pcr", -1, LIMIT_PCRS - 1, &pcr, err) || !need_integer(v, "event", -1, UINT32_MAX, &event, err) ||
        !need_text(a, v, "key", &c->key, err) || !need_text(a, v, "name", &c->name, err) || !optional_text(a, v, "text", &c->text, err) ||
        !optional_text(a, v, "signer", &c->signer, err) || !read_component_digests(a, v, c, err))
        return false;
    if (members &&
        (members->type != JSON_STRING || !base64_decode(a, BASE64_URL, members->string, &c->members, err) || c->members.len % 32))
        return err_set(err, ERR_MALFORMED, "members is not base64url of 32-byte entries");
    if (json_get(v, "revision") && !need_integer(v, "revision", 0, UINT32_MAX, &revision, err))
        return false;
    c->pcr = (int)pcr;
    c->event = event;
    c->revision = (uint32_t)revision;
    return true;
}

static bool read_components(struct arena *a, const struct json *v, struct component_list *ret, struct err *err)
{
    const struct json *array;
    struct component *list;

    if (!json_need_array(v, "components", &array, err))
        return false;
    if (array->array.n > LIMIT_COMPONENTS)
        return err_set(err, ERR_LIMIT, "components has %zu entries, more than %d", array->array.n, LIMIT_COMPONENTS);
    list = ARENA_ARRAY(a, array->array.n, struct component);
    if (!list)
        return err_set(err, ERR_NO_MEMORY, "no memory for components");
    for (size_t i = 0; i < array->array.n; i++)
        if (!read_component(a, array->array.items[i], &list[i], err))
            return err_within(err, "components[%zu]", i);
    *ret = (struct component_list){ array->array.n, list };
    return true;
}

static bool read_bank(const struct json *values, struct pcr_bank *bank, struct err *err)
{
    for (size_t i = 0; i < values->object.n; i++) {
        const struct json_member *m = &values->object.members[i];
        unsigned index = 0;

        if (m->name.len == 0 || m->name.len > 2)
            return err_set(err, ERR_MALFORMED, "a register's number is wrong");
        for (size_t k = 0; k < m->name.len; k++) {
            if (m->name.data[k] < '0' || m->name.data[k] > '9')
                return err_set(err, ERR_MALFORMED, "a register's number is wrong");
            index = index * 10 + (m->name.data[k] - '0');
        }
        if (index >= LIMIT_PCRS || (bank->present & (1u << index)))
            return err_set(err, ERR_MALFORMED, "register %u is out of range or listed twice", index);
        if (!read_digest(digest_name(bank->algorithm), json_text(m->value, BYTES_NONE), &bank->value[index], err))
            return err_within(err, "register %u", index);
        bank->present |= 1u << index;
    }
    return true;
}

static bool read_registers(const struct json *v, struct pcr_set *ret, struct err *err)
{
    const struct json *banks;

    if (!json_need_object(v, "registers", &banks, err))
        return false;
    if (banks->object.n > LIMIT_PCR_BANKS)
        return err_set(err, ERR_LIMIT, "registers has %zu banks", banks->object.n);
    for (size_t i = 0; i < banks->object.n; i++) {
        const struct json_member *m = &banks->object.members[i];
        enum digest_algorithm algorithm = digest_from_name(m->name);

        if (algorithm == DIGEST_NONE || pcr_bank_find(ret, algorithm) || m->value->type != JSON_OBJECT)
            return err_set(err, ERR_MALFORMED, "registers: a bank is unknown, listed twice or no object");
        ret->banks[i].algorithm = algorithm;
        if (!read_bank(m->value, &ret->banks[i], err))
            return err_within(err, "registers");
        ret->n_banks = i + 1;
    }
    return true;
}

bool boot_record_read(struct arena *a, const struct json *v, struct boot_record *ret, struct err *err)
{
    struct boot_record *boot = ARENA_NEW(a, struct boot_record); /* large: not on the stack */

    if (!boot)
        return err_set(err, ERR_NO_MEMORY, "no memory for a boot record");
    if (!v || v->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "boot is not an object");
    if (!need_boolean(v, "hasLog", &boot->has_log, err) || !read_components(a, v, &boot->components, err) ||
        !read_registers(v, &boot->registers, err))
        return err_within(err, "boot");
    *ret = *boot;
    return true;
}

static enum fact fact_from_text(struct bytes text)
{
    for (enum fact f = FACT_UNKNOWN; f <= FACT_YES; f++)
        if (bytes_equal_string(text, fact_name(f)))
            return f;
    return FACT_UNKNOWN;
}

static enum secure_boot secure_boot_from_text(struct bytes text)
{
    for (enum secure_boot s = SECURE_BOOT_UNKNOWN; s <= SECURE_BOOT_ENABLED; s++)
        if (bytes_equal_string(text, secure_boot_name(s)))
            return s;
    return SECURE_BOOT_UNKNOWN;
}

static bool read_kernel_fact(struct arena *a, const struct json *v, const char *name, struct kernel_fact *ret, struct err *err)
{
    const struct json *fact;

    if (!json_need_object(v, name, &fact, err))
        return false;
    return (optional_text(a, fact, "is", &ret->text, err) && need_boolean(fact, "proved", &ret->proved, err)) ||
           err_within(err, "%s", name);
}

/* Records of earlier versions have none. */
static bool read_kernel_facts(struct arena *a, const struct json *facts, struct kernel_facts *ret, struct err *err)
{
    const struct json *v = json_get(facts, "kernelState");

    if (!v)
        return true;
    return (read_kernel_fact(a, v, "moduleSignatures", &ret->module_signatures, err) &&
            read_kernel_fact(a, v, "lockdown", &ret->lockdown, err) && read_kernel_fact(a, v, "modules", &ret->modules, err) &&
            read_kernel_fact(a, v, "taint", &ret->taint, err)) ||
           err_within(err, "kernelState");
}

static bool read_facts(struct arena *a, const struct json *v, struct appraisal_facts *f, struct err *err)
{
    const struct json *facts, *phases;

    if (!json_need_object(v, "facts", &facts, err) || !json_need_object(facts, "phases", &phases, err))
        return false;
    f->secure_boot = secure_boot_from_text(json_text(json_get(facts, "secureBoot"), BYTES_NONE));
    f->setup_mode = fact_from_text(json_text(json_get(facts, "setupMode"), BYTES_NONE));
    for (enum phase p = PHASE_FIRMWARE; p <= PHASE_OS; p++)
        if (!optional_text(a, phases, phase_name(p), &f->phase_summary[p], err))
            return false;
    return need_boolean(facts, "eventLog", &f->has_log, err) && optional_text(a, facts, "kernel", &f->kernel_label, err) &&
           optional_text(a, facts, "commandLine", &f->command_line, err) && optional_text(a, facts, "osRelease", &f->os_release, err) &&
           optional_text(a, facts, "boot", &f->boot_summary, err) && read_kernel_facts(a, facts, &f->running, err);
}

static bool read_tpm(const struct json *v, struct appraisal *r, struct err *err)
{
    const struct json *tpm;
    uint8_t version[8];
    int64_t clock, resets, restarts;

    if (!json_need_object(v, "tpm", &tpm, err) || !need_integer(tpm, "clock", 0, INT64_MAX, &clock, err) ||
        !need_integer(tpm, "resetCount", 0, UINT32_MAX, &resets, err) ||
        !need_integer(tpm, "restartCount", 0, UINT32_MAX, &restarts, err) || !need_boolean(tpm, "safe", &r->clock_safe, err))
        return false;
    if (!hex_decode_into(json_text(json_get(tpm, "firmwareVersion"), BYTES_NONE), version, sizeof version))
        return err_set(err, ERR_MALFORMED, "firmwareVersion is not 16 hexadecimal digits");
    for (size_t i = 0; i < sizeof version; i++)
        r->firmware_version = r->firmware_version << 8 | version[i];
    r->clock_ms = (uint64_t)clock;
    r->reset_count = (uint32_t)resets;
    r->restart_count = (uint32_t)restarts;
    return true;
}

static bool read_head(struct arena *a, const struct json *v, struct appraisal *r, struct err *err)
{
    struct bytes id = json_text(json_get(v, "id"), BYTES_NONE), vm = json_text(json_get(v, "vm"), BYTES_NONE);
    struct bytes decision = json_text(json_get(v, "decision"), BYTES_NONE);
    int64_t version;

    if (!need_integer(v, "version", 1, 1, &version, err) || !need_time(v, "time", &r->time_ms, err) ||
        (json_get(v, "asked") && !need_time(v, "asked", &r->asked_ms, err)))
        return false;
    if (id.len >= sizeof r->id)
        return err_set(err, ERR_MALFORMED, "id is too long");
    if (id.len)
        memcpy(r->id, id.data, id.len);
    if (vm.len && !uuid_canonical(vm, r->vm))
        return err_set(err, ERR_MALFORMED, "vm is not a UUID");
    if (!verdict_from_text(json_text(json_get(v, "verdict"), BYTES_NONE), &r->verdict))
        return err_set(err, ERR_MALFORMED, "verdict is not Healthy, Unhealthy or Unknown");
    r->decision = DECISION_NOT_RUN;
    for (enum decision d = DECISION_NOT_RUN; d <= DECISION_REFUSED; d++)
        if (bytes_equal_string(decision, decision_name(d)))
            r->decision = d;
    return optional_text(a, v, "provider", &r->provider, err) && optional_text(a, v, "policyHash", &r->policy_hash, err) &&
           optional_text(a, v, "reference", &r->reference, err) && need_boolean(v, "quoteVerified", &r->quote_verified, err) &&
           need_boolean(v, "akTrusted", &r->ak_trusted, err) && optional_text(a, v, "assurance", &r->assurance, err) &&
           read_digest("sha256", json_text(json_get(v, "evidence"), BYTES_NONE), &r->evidence_digest, err);
}

/* More was found than the list holds: such a list is never Healthy, read back neither. */
static bool read_overflow(const struct json *v, struct findings *findings, struct err *err)
{
    bool more = false;

    if (json_get(v, "moreFindings") && !need_boolean(v, "moreFindings", &more, err))
        return false;
    findings->overflow |= more;
    return true;
}

bool appraisal_read(struct arena *a, const struct json *v, struct appraisal *ret, struct err *err)
{
    struct appraisal *r = ARENA_NEW(a, struct appraisal); /* large: not on the stack */

    if (!r)
        return err_set(err, ERR_NO_MEMORY, "no memory for an appraisal");
    if (!v || v->type != JSON_OBJECT)
        return err_set(err, ERR_MALFORMED, "appraisal: not an object");
    if (!read_head(a, v, r, err) || !read_tpm(v, r, err) || !read_facts(a, v, &r->facts, err) ||
        !findings_read(a, json_get(v, "findings"), &r->findings, err) || !read_overflow(v, &r->findings, err) ||
        !boot_record_read(a, json_get(v, "boot"), &r->boot, err))
        return err_within(err, "appraisal");
    *ret = *r;
    return true;
}
