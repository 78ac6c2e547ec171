#include "monitor/baselines_api.h"
#include "appraise/baseline.h"
#include "base/limits.h"
#include "json/parse.h"

static bool read_version(struct bytes text, int64_t *ret, struct err *err)
{
    int64_t version = 0;

    for (size_t i = 0; i < text.len && version < INT32_MAX; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return err_set(err, ERR_MALFORMED, "the version of a baseline is a number from 1 on");
        version = 10 * version + (text.data[i] - '0');
    }
    *ret = version;
    return version > 0 || err_set(err, ERR_MALFORMED, "the version of a baseline is a number from 1 on");
}

/* ?NAME=VERSION; *ret is 0 without it. */
static bool query_version(const struct http_request *request, const char *name, int64_t *ret, struct err *err)
{
    struct bytes text;

    *ret = 0;
    if (!http_query_count(request, name))
        return true;
    return http_query(request, name, &text, err) && (read_version(text, ret, err) || err_within(err, "%s", name));
}

/* Since when, by whom and why; how long. */
static void write_row(struct json_out *out, const struct store_baseline *row)
{
    json_put_integer(out, "version", row->version);
    json_put_time(out, "created", row->created_ms);
    json_put_string(out, "by", row->by);
    json_put_string(out, "reason", row->reason);
    json_put_string(out, "state", row->ended_ms ? "ended" : "accepted");
    json_put_boolean(out, "pinned", row->pinned);
    json_put_time_or_null(out, "until", row->ended_ms ? 0 : row->until_ms);
    if (!row->ended_ms) {
        json_put_null(out, "ended");
        return;
    }
    json_begin_object(out, "ended");
    json_put_time(out, "time", row->ended_ms);
    json_put_string(out, "by", row->ended_by);
    json_put_string(out, "reason", row->end_reason);
    json_end(out);
}

static bool find_row(const struct monitor *monitor, struct arena *a, const struct store_vm *vm, int64_t version, struct store_baseline *ret,
                     struct err *err)
{
    const struct store_baseline *rows;
    size_t n;

    if (version)
        return store_baseline_get(monitor->store, a, vm->vm, version, ret, err) ||
               (err->code == ERR_NOT_FOUND && err_set(err, ERR_NOT_FOUND, "%s has no baseline %lld", vm->name, (long long)version));
    if (!store_baseline_accepted(monitor->store, a, vm->vm, 1, &rows, &n, err))
        return false;
    if (n) {
        *ret = rows[0];
        return true;
    }
    return store_baseline_latest(monitor->store, a, vm->vm, ret, err) ||
           (err->code == ERR_NOT_FOUND && err_set(err, ERR_NOT_FOUND, "%s has no baseline yet: its first healthy boot makes it", vm->name));
}

bool baselines_get(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct monitor *monitor = context;
    struct store_baseline row;
    struct store_vm vm;
    struct json_out out;
    int64_t version;

    if (!monitor_request_vm(monitor, request, &vm, err) || !query_version(request, "version", &version, err) ||
        !find_row(monitor, request->arena, &vm, version, &row, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_put_string(&out, "vm", vm.name);
    write_row(&out, &row);
    json_put_raw(&out, "baseline", bytes_of_string(row.components));
    json_end(&out);
    return true;
}

/* What tells one accepted boot from another in a list: the last of each, as a chain ends with what runs. */
static const char *last_words(const struct boot_record *boot, enum component_kind kind)
{
    const char *words = NULL;

    for (size_t i = 0; i < boot->components.n; i++)
        if (boot->components.items[i].kind == kind)
            words = kind == COMPONENT_COMMAND_LINE ? boot->components.items[i].text : boot->components.items[i].name;
    return words;
}

static bool write_entry(struct json_out *out, struct arena *a, const struct store_baseline *row, struct err *err)
{
    struct baseline *baseline = ARENA_NEW(a, struct baseline);
    const struct json *v;

    if (!baseline)
        return err_set(err, ERR_NO_MEMORY, "no memory for a list of baselines");
    if (!json_parse(a, bytes_of_string(row->components), NULL, &v, err) || !baseline_read(a, v, baseline, err))
        return err_within(err, "baseline %lld of VM %s", (long long)row->version, row->vm);
    json_begin_object(out, NULL);
    write_row(out, row);
    json_put_string(out, "kernel", last_words(&baseline->boot, COMPONENT_KERNEL));
    json_put_string(out, "commandLine", last_words(&baseline->boot, COMPONENT_COMMAND_LINE));
    json_end(out);
    return true;
}

bool baselines_list(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    enum { PAGE = 20 };
    const struct monitor *monitor = context;
    const struct store_baseline *rows;
    struct store_vm vm;
    struct json_out out;
    int64_t after;
    size_t n;

    if (!monitor_request_vm(monitor, request, &vm, err) || !query_version(request, "after", &after, err) ||
        !store_baseline_list(monitor->store, request->arena, vm.vm, after, PAGE, &rows, &n, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++)
        if (!write_entry(&out, request->arena, &rows[i], err))
            return false;
    json_end(&out);
    json_put_string(&out, "next", n == PAGE ? arena_printf(request->arena, "%lld", (long long)rows[n - 1].version) : NULL);
    json_end(&out);
    return true;
}

/* ---- decisions ---- */

/* One decision of a person: the VM and the request's words; answered with what the VM is called after it. */
struct deciding {
    const struct monitor *monitor;
    struct store_vm vm;
    const struct json *body; /* NULL: none */
    const char *by, *reason;
    struct judged *judged;
};

static bool begin(const struct monitor *monitor, const struct http_request *request, const char *otherwise, struct deciding *ret,
                  struct err *err)
{
    struct bytes words = bytes_of_string(otherwise);

    *ret = (struct deciding){ .monitor = monitor, .judged = ARENA_NEW(request->arena, struct judged) };
    if (!ret->judged)
        return err_set(err, ERR_NO_MEMORY, "no memory for a decision");
    if (!monitor_request_vm(monitor, request, &ret->vm, err) || (request->body.len && !http_body_json(request, NULL, &ret->body, err)))
        return false;
    if (json_get(ret->body, "reason") && !json_need_words(ret->body, "reason", LIMIT_REASON_BYTES, &words, err))
        return false;
    ret->by = request->caller.subject ? request->caller.subject : "local";
    ret->reason = arena_string(request->arena, words);
    return ret->reason || err_set(err, ERR_NO_MEMORY, "no memory for a decision");
}

static bool finish(const struct deciding *d, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct vm_status *status = ARENA_NEW(request->arena, struct vm_status);
    struct json_out out;

    if (!status)
        return err_set(err, ERR_NO_MEMORY, "no memory for a status");
    if (!monitor_status(d->monitor, request->arena, &d->vm, d->monitor->now_ms(), status, err))
        return false;
    out = http_response_json(response, 200);
    monitor_status_write(&out, request->arena, d->monitor, status, false);
    return true;
}

static bool read_flag(const struct json *body, const char *name, bool *ret, struct err *err)
{
    const struct json *v = json_get(body, name);

    return !v || json_as_boolean(v, ret) || err_set(err, ERR_MALFORMED, "%s is not true or false", name) || err_at(err, "/%s", name);
}

/* Without the member it is the latest one's; a member that is no text is nobody's wish for that. */
static bool read_appraisal(const struct json *body, struct bytes *ret, struct err *err)
{
    *ret = BYTES_NONE;
    return !json_get(body, "appraisal") || json_need_string(body, "appraisal", ret, err);
}

static bool need_version(const struct json *body, int64_t *ret, struct err *err)
{
    if (!json_need_integer(body, "version", ret, err))
        return false;
    return *ret > 0 || err_set(err, ERR_MALFORMED, "version is not a number from 1 on") || err_at(err, "/version");
}

bool baselines_approve(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct approve_how how = { false, false };
    struct bytes appraisal;
    struct deciding d;

    return begin(context, request, "approved", &d, err) && read_flag(d.body, "replace", &how.replace, err) &&
           read_flag(d.body, "pin", &how.pin, err) && read_appraisal(d.body, &appraisal, err) &&
           monitor_approve(d.monitor, request->arena, d.vm.vm, appraisal, how, d.by, d.reason, d.judged, err) &&
           finish(&d, request, response, err);
}

bool baselines_reject_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct deciding d;
    int64_t version;

    return begin(context, request, "rejected", &d, err) && need_version(d.body, &version, err) &&
           monitor_reject(d.monitor, request->arena, d.vm.vm, version, d.by, d.reason, d.judged, err) && finish(&d, request, response, err);
}

bool baselines_pin_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    bool pinned = true;
    struct deciding d;
    int64_t version;

    return begin(context, request, "pinned", &d, err) && need_version(d.body, &version, err) && read_flag(d.body, "pinned", &pinned, err) &&
           monitor_pin(d.monitor, request->arena, d.vm.vm, version, pinned, d.judged, err) && finish(&d, request, response, err);
}
