#include "monitor/health.h"
#include "base/compiler.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, CLOCK_TOLERANCE = 2 * MINUTE };

const struct health_times health_times_default = {
    .interval = 8 * HOUR,
    .grace = HOUR,
    .boot_deadline = 10 * MINUTE,
    .heartbeat = 15 * MINUTE,
    .silence = HOUR,
};

/* Long enough for a boot in software emulation on a busy machine, short enough to watch a VM fall silent. */
const struct health_times health_times_demo = {
    .interval = 60 * SECOND,
    .grace = 30 * SECOND,
    .boot_deadline = 240 * SECOND,
    .heartbeat = 4 * SECOND,
    .silence = 15 * SECOND,
};

static struct health verdict(enum health_status status, enum health_reason reason, int64_t since)
{
    return (struct health){ .status = status, .reason = reason, .since = since };
}

/* A verdict belongs to a boot: one that was given before the VM was last started says nothing about this boot. */
static bool judged_this_boot(const struct health_facts *f)
{
    return f->last_verified > 0 && !f->newer_boot && (f->power != POWER_RUNNING || f->last_verified >= f->power_since);
}

/* The same of the verdict that evidence nobody could judge leaves standing. */
static bool settled_this_boot(const struct health_facts *f)
{
    return f->last_settled > 0 && !f->settled_before && (f->power != POWER_RUNNING || f->last_settled >= f->power_since);
}

static bool lies_in_the_future(const struct health_facts *f, int64_t now)
{
    return f->last_contact > now + CLOCK_TOLERANCE || f->last_verified > now + CLOCK_TOLERANCE;
}

static struct health before_the_first_report(const struct health_facts *f, const struct health_times *t, int64_t now)
{
    int64_t began = f->power == POWER_RUNNING && f->power_since > f->monitored_since ? f->power_since : f->monitored_since;
    int64_t due = began + t->boot_deadline;

    if (now <= due) {
        struct health pending = verdict(HEALTH_PENDING, HEALTH_REASON_STARTING, began);
        pending.next_expected = due;
        return pending;
    }
    return verdict(HEALTH_UNKNOWN, f->last_verified ? HEALTH_REASON_BOOT_OVERDUE : HEALTH_REASON_NEVER_ATTESTED, due);
}

static struct health while_running(const struct health_facts *f, const struct health_times *t, int64_t now)
{
    int64_t expected = f->last_verified + t->interval;
    struct health healthy = verdict(HEALTH_HEALTHY, HEALTH_REASON_NONE, f->last_verified);

    if (now - f->last_contact > t->silence)
        return verdict(HEALTH_UNKNOWN, HEALTH_REASON_SILENT, f->last_contact + t->silence);
    /* Evidence that cannot be judged leaves the last verdict standing only as long as it would have stood anyway. */
    if (f->last == LAST_UNSETTLED && (!settled_this_boot(f) || now - f->last_settled > t->interval + t->grace))
        return verdict(HEALTH_UNKNOWN, HEALTH_REASON_UNSETTLED, f->last_verified);
    if (now - f->last_settled > 2 * t->interval)
        return verdict(HEALTH_UNKNOWN, HEALTH_REASON_REPORT_OVERDUE, f->last_settled + 2 * t->interval);
    healthy.stale = now > expected + t->grace;
    healthy.next_expected = expected;
    return healthy;
}

struct health health_derive(const struct health_facts *f, const struct health_times *t, int64_t now)
{
    if (f->monitored_since == 0)
        return verdict(HEALTH_NOT_MONITORED, HEALTH_REASON_NOT_ENABLED, 0);
    if (!f->has_vtpm)
        return verdict(HEALTH_UNHEALTHY, HEALTH_REASON_NO_VTPM, f->monitored_since);
    if (f->last == LAST_UNHEALTHY)
        return verdict(HEALTH_UNHEALTHY, HEALTH_REASON_JUDGED, f->last_verified);
    if (f->power == POWER_OFF)
        return verdict(HEALTH_UNKNOWN, HEALTH_REASON_POWERED_OFF, f->power_since);
    if (lies_in_the_future(f, now))
        return verdict(HEALTH_UNKNOWN, HEALTH_REASON_CLOCK, now);
    if (!judged_this_boot(f))
        return before_the_first_report(f, t, now);
    return while_running(f, t, now);
}

const char *health_status_name(enum health_status status)
{
    static const char *const names[] = { "NotMonitored", "Pending", "Healthy", "Unhealthy", "Unknown" };
    return (unsigned)status < ARRAY_LEN(names) ? names[status] : "Unknown";
}

static const struct {
    const char *code, *text;
} reasons[] = {
#define X(name, code_, text_) [HEALTH_REASON_##name] = { code_, text_ },
    HEALTH_REASONS(X)
#undef X
};

const char *health_reason_code(enum health_reason reason) { return reasons[(unsigned)reason < ARRAY_LEN(reasons) ? reason : 0].code; }

const char *health_reason_text(enum health_reason reason) { return reasons[(unsigned)reason < ARRAY_LEN(reasons) ? reason : 0].text; }
