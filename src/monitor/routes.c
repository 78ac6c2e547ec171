/* The monitor's routes: agents report, people look and approve. */
#include "base/limits.h"
#include "monitor/baselines_api.h"
#include "monitor/report.h"

static bool get_status(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct monitor *monitor = context;
    struct vm_status *status = ARENA_NEW(request->arena, struct vm_status);
    struct store_vm vm;
    struct json_out out;

    if (!status)
        return err_set(err, ERR_NO_MEMORY, "no memory for a status");
    if (!monitor_request_vm(monitor, request, &vm, err) || !monitor_status(monitor, request->arena, &vm, monitor->now_ms(), status, err))
        return false;
    out = http_response_json(response, 200);
    monitor_status_write(&out, request->arena, monitor, status, false);
    return true;
}

/* All VMs in order of name, a page at a time: {"value":[…],"next":name|null}; ?after=NAME goes on. */
static bool list_status(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    enum { PAGE = 100 };
    const struct monitor *monitor = context;
    struct vm_status *status = ARENA_NEW(request->arena, struct vm_status);
    const struct store_vm *vms;
    struct bytes after = BYTES_NONE;
    struct json_out out;
    size_t n;

    if (!status)
        return err_set(err, ERR_NO_MEMORY, "no memory for a list");
    if (http_query_count(request, "after") && !http_query(request, "after", &after, err))
        return false;
    if (!store_vm_list(monitor->store, request->arena, after.len ? arena_string(request->arena, after) : NULL, PAGE, &vms, &n, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++) {
        if (!monitor_status(monitor, request->arena, &vms[i], monitor->now_ms(), status, err))
            return false;
        monitor_status_write(&out, request->arena, monitor, status, true);
    }
    json_end(&out);
    json_put_string(&out, "next", n == PAGE ? vms[n - 1].name : NULL);
    json_end(&out);
    return true;
}

/* What is kept of a VM's boots, newest first: the records' own words. */
static bool list_appraisals(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    enum { PAGE = 100 };
    const struct monitor *monitor = context;
    const struct store_appraisal *rows;
    struct store_vm vm;
    struct json_out out;
    size_t n;

    if (!monitor_request_vm(monitor, request, &vm, err) ||
        !store_appraisal_list(monitor->store, request->arena, vm.vm, (struct store_cursor){ 0 }, PAGE, &rows, &n, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&out, NULL);
        json_put_string(&out, "id", rows[i].id);
        json_put_time(&out, "time", rows[i].time_ms);
        json_put_string(&out, "verdict", rows[i].verdict);
        json_put_integer(&out, "resetCount", rows[i].reset_count);
        json_put_integer(&out, "restartCount", rows[i].restart_count);
        json_put_string(&out, "evidence", rows[i].evidence_sha256);
        json_put_bytes(&out, "record", rows[i].record);
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return true;
}

/* The evidence file of an appraisal ("latest" for the newest), for `trueboot verify` and for carrying elsewhere. */
static bool get_evidence(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct monitor *monitor = context;
    struct bytes id = http_param(request, "appraisal"), evidence;
    struct store_appraisal row;
    struct store_vm vm;
    const char *wanted;

    if (!monitor_request_vm(monitor, request, &vm, err))
        return false;
    if (bytes_equal_string(id, "latest")) {
        if (!store_appraisal_latest(monitor->store, request->arena, vm.vm, &row, err))
            return false;
        wanted = row.id;
    } else {
        wanted = arena_string(request->arena, id);
    }
    if (!wanted || !store_evidence_get(monitor->store, request->arena, vm.vm, wanted, &evidence, err))
        return false;
    write_bytes(&response->body, evidence);
    return true;
}

const struct http_route monitor_routes[] = {
    { "POST", "/report/v1/{vm}/nonce", HTTP_AGENT, LIMIT_SMALL_BODY_BYTES, HTTP_JSON_OPTIONAL, report_nonce, 0 },
    { "POST", "/report/v1/{vm}/heartbeat", HTTP_AGENT, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, report_heartbeat, 0 },
    { "POST", "/report/v1/{vm}", HTTP_AGENT, LIMIT_REPORT_BODY_BYTES, HTTP_JSON, report_receive, 0 },
    { "GET", "/v1/status", HTTP_READER, 0, HTTP_NO_BODY, list_status, 0 },
    { "GET", "/v1/vms/{vm}/status", HTTP_READER, 0, HTTP_NO_BODY, get_status, 0 },
    { "GET", "/v1/vms/{vm}/baseline", HTTP_READER, 0, HTTP_NO_BODY, baselines_get, 0 },
    { "GET", "/v1/vms/{vm}/baselines", HTTP_READER, 0, HTTP_NO_BODY, baselines_list, 0 },
    { "POST", "/v1/vms/{vm}/baseline:approve", HTTP_SECURITY_ADMIN, LIMIT_SMALL_BODY_BYTES, HTTP_JSON_OPTIONAL, baselines_approve, 0 },
    { "POST", "/v1/vms/{vm}/baseline:reject", HTTP_SECURITY_ADMIN, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, baselines_reject_one, 0 },
    { "POST", "/v1/vms/{vm}/baseline:pin", HTTP_SECURITY_ADMIN, LIMIT_SMALL_BODY_BYTES, HTTP_JSON, baselines_pin_one, 0 },
    { "GET", "/v1/vms/{vm}/appraisals", HTTP_READER, 0, HTTP_NO_BODY, list_appraisals, 0 },
    { "GET", "/v1/vms/{vm}/appraisals/{appraisal}/evidence", HTTP_READER, 0, HTTP_NO_BODY, get_evidence, 0 },
};
const size_t monitor_n_routes = ARRAY_LEN(monitor_routes);
