#include "monitor/health.h"
#include "support/test.h"

enum { T0 = 1000 * 1000 * 1000 }; /* some moment, in milliseconds */

static struct health_facts healthy_vm(void)
{
    return (struct health_facts){ .monitored_since = T0,
                                  .has_vtpm = true,
                                  .power = POWER_RUNNING,
                                  .power_since = T0,
                                  .last = LAST_HEALTHY,
                                  .last_verified = T0 + 20000,
                                  .last_settled = T0 + 20000,
                                  .last_contact = T0 + 20000 };
}

static void check_at(const struct health_facts *f, int64_t now, enum health_status status, enum health_reason reason)
{
    struct health h = health_derive(f, &health_times_default, now);
    CHECK_STRING(health_status_name(h.status), health_status_name(status));
    CHECK_INT(h.reason, reason);
}

static const int64_t minute = 60 * 1000, hour = 60 * 60 * 1000;

TEST(a_vm_that_nobody_watches_has_no_health)
{
    struct health_facts f = healthy_vm();
    f.monitored_since = 0;
    check_at(&f, T0 + hour, HEALTH_NOT_MONITORED, HEALTH_REASON_NOT_ENABLED);
}

TEST(a_vm_without_a_vtpm_is_unhealthy_whatever_else_is_true)
{
    struct health_facts f = healthy_vm();
    f.has_vtpm = false;
    check_at(&f, T0 + minute, HEALTH_UNHEALTHY, HEALTH_REASON_NO_VTPM);
}

TEST(an_old_healthy_does_not_stay_when_the_vm_falls_silent)
{
    struct health_facts f = healthy_vm();
    check_at(&f, T0 + hour, HEALTH_HEALTHY, HEALTH_REASON_NONE);
    check_at(&f, T0 + hour + minute, HEALTH_UNKNOWN, HEALTH_REASON_SILENT);
    check_at(&f, T0 + 1000 * hour, HEALTH_UNKNOWN, HEALTH_REASON_SILENT);
}

TEST(unhealthy_never_decays_into_unknown)
{
    struct health_facts f = healthy_vm();
    f.last = LAST_UNHEALTHY;
    check_at(&f, T0 + minute, HEALTH_UNHEALTHY, HEALTH_REASON_JUDGED);
    check_at(&f, T0 + 1000 * hour, HEALTH_UNHEALTHY, HEALTH_REASON_JUDGED);
    f.power = POWER_OFF;
    check_at(&f, T0 + minute, HEALTH_UNHEALTHY, HEALTH_REASON_JUDGED);
}

TEST(a_verdict_of_the_boot_before_says_nothing_about_this_one)
{
    struct health_facts f = healthy_vm();
    f.power_since = T0 + hour;
    f.last_contact = T0 + hour;
    check_at(&f, T0 + hour + 9 * minute, HEALTH_PENDING, HEALTH_REASON_STARTING);
    check_at(&f, T0 + hour + 11 * minute, HEALTH_UNKNOWN, HEALTH_REASON_BOOT_OVERDUE);
}

TEST(a_vm_that_never_attested_is_pending_and_then_unknown)
{
    struct health_facts f = { .monitored_since = T0, .has_vtpm = true, .power = POWER_UNKNOWN };
    check_at(&f, T0 + 10 * minute, HEALTH_PENDING, HEALTH_REASON_STARTING);
    check_at(&f, T0 + 10 * minute + 1, HEALTH_UNKNOWN, HEALTH_REASON_NEVER_ATTESTED);
}

TEST(a_late_report_is_stale_before_it_is_unknown)
{
    struct health_facts f = healthy_vm();
    struct health h;

    f.last_contact = T0 + 10 * hour;
    h = health_derive(&f, &health_times_default, T0 + 10 * hour);
    CHECK(h.status == HEALTH_HEALTHY && h.stale);
    f.last_contact = T0 + 17 * hour;
    check_at(&f, T0 + 17 * hour, HEALTH_UNKNOWN, HEALTH_REASON_REPORT_OVERDUE);
}

TEST(evidence_that_cannot_be_judged_is_not_held_against_the_vm_at_once_nor_for_ever)
{
    struct health_facts f = healthy_vm();

    f.last = LAST_UNSETTLED;
    f.last_verified = f.last_contact = T0 + hour;
    check_at(&f, T0 + hour, HEALTH_HEALTHY, HEALTH_REASON_NONE);
    f.last_contact = f.last_verified = T0 + 10 * hour;
    check_at(&f, T0 + 10 * hour, HEALTH_UNKNOWN, HEALTH_REASON_UNSETTLED);
    f.last_settled = 0;
    f.last_contact = f.last_verified = T0 + hour;
    check_at(&f, T0 + hour, HEALTH_UNKNOWN, HEALTH_REASON_UNSETTLED);
}

TEST(evidence_that_cannot_be_judged_lets_no_verdict_of_a_boot_before_stand)
{
    struct health_facts f = healthy_vm();

    f.last = LAST_UNSETTLED;
    f.last_verified = f.last_contact = T0 + hour;
    f.power_since = f.last_settled; /* the very moment counts as this boot */
    check_at(&f, T0 + hour, HEALTH_HEALTHY, HEALTH_REASON_NONE);
    f.power_since = f.last_settled + 1;
    check_at(&f, T0 + hour, HEALTH_UNKNOWN, HEALTH_REASON_UNSETTLED);
    f.power = POWER_UNKNOWN;
    check_at(&f, T0 + hour, HEALTH_HEALTHY, HEALTH_REASON_NONE);
    f.settled_before = true;
    check_at(&f, T0 + hour, HEALTH_UNKNOWN, HEALTH_REASON_UNSETTLED);
}

TEST(a_powered_off_vm_is_unknown_and_says_so)
{
    struct health_facts f = healthy_vm();
    f.power = POWER_OFF;
    f.power_since = T0 + hour;
    check_at(&f, T0 + 100 * hour, HEALTH_UNKNOWN, HEALTH_REASON_POWERED_OFF);
}

TEST(a_clock_that_went_back_does_not_keep_a_verdict_alive)
{
    struct health_facts f = healthy_vm();
    check_at(&f, T0 - 24 * hour, HEALTH_UNKNOWN, HEALTH_REASON_CLOCK);
}

TEST(a_boot_that_the_agent_speaks_of_but_nobody_judged_is_not_healthy)
{
    struct health_facts f = healthy_vm();
    f.power = POWER_UNKNOWN;
    f.newer_boot = true;
    check_at(&f, T0 + hour, HEALTH_UNKNOWN, HEALTH_REASON_BOOT_OVERDUE);
}
