/* What an agent says, by the handlers that take it: heartbeats and reports of an enrolled VM. Nothing it says makes it Healthy. */
#include <unistd.h>
#include "base/limits.h"
#include "fuzz.h"
#include "monitor/report.h"

#define VM "11111111-2222-4333-8444-000000000001"

enum { BYTES_PER_BYTE = 256, FIXED = 512 * 1024 };

static int64_t noon(void) { return INT64_C(1795262400000); }

static char folder[] = "/tmp/trueboot-fuzz-XXXXXX";

static void remove_folder(void)
{
    static const char *const names[] = { "db", "db-wal", "db-shm" };
    char file[64];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(file, sizeof file, "%s/%s", folder, names[i]);
        unlink(file);
    }
    rmdir(folder);
}

static const struct monitor *the_monitor(void)
{
    static struct monitor monitor = { .times = &health_times_default, .profile = "default", .now_ms = noon };
    const struct store_vm vm = {
        .vm = VM, .name = "vm", .created_ms = 1, .security_type = "TrustedLaunch", .vtpm = true, .monitoring_enabled_ms = noon()
    };
    struct err err = ERR_INIT;
    char file[64];

    if (monitor.store)
        return &monitor;
    ENSURE(mkdtemp(folder) && atexit(remove_folder) == 0 && snprintf(file, sizeof file, "%s/db", folder) > 0);
    ENSURE(store_open(file, &monitor.store, &err) && store_vm_create(monitor.store, &vm, &err) && monitor_init(&monitor, &err));
    return &monitor;
}

static void call(bool (*handler)(void *, const struct http_request *, struct http_response *, struct err *), struct arena *a,
                 struct bytes body)
{
    static const struct http_field vm = { BYTES_LIT("vm"), BYTES_LIT(VM) };
    const struct http_request request = { .arena = a, .method = "POST", .params = { &vm, 1 }, .body = body, .caller = { HTTP_AGENT, VM } };
    struct http_response response = { .arena = a, .status = 200 };
    struct err err = ERR_INIT;

    if (handler((void *)the_monitor(), &request, &response, &err))
        ENSURE(response.status == 202 || response.status == 400);
    else
        ENSURE(err.code == ERR_MALFORMED || err.code == ERR_TRUNCATED || err.code == ERR_LIMIT);
    writer_done(&response.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct vm_status *status;
    struct store_vm vm;
    struct err err = ERR_INIT;

    arena_reset(&a);
    status = ARENA_NEW(&a, struct vm_status);
    call(report_heartbeat, &a, (struct bytes){ data, size });
    call(report_receive, &a, (struct bytes){ data, size });
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    ENSURE(status && store_vm_get(the_monitor()->store, &a, VM, &vm, &err));
    ENSURE(monitor_status(the_monitor(), &a, &vm, noon(), status, &err) && status->health.status == HEALTH_PENDING);
    return 0;
}
