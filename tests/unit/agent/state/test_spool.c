/* Reports that could not be delivered, a failure that lasts, and routes. */
#include <stdio.h>
#include <stdlib.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include "agent/daemon/routes.h"
#include "agent/failure/outage.h"
#include "agent/state/spool.h"

#include "base/file.h"
#include "support/test.h"

struct folder {
    char dir[64];
    struct arena arena;
};

static void folder_done(struct folder *f)
{
    char command[100];

    arena_done(&f->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    if (f->dir[0] && system(command) != 0)
        test_note("%s stays", f->dir);
}

#define FOLDER(f)                                                                   \
    CLEANUP(folder_done) struct folder f = { .dir = "/tmp/trueboot-spool-XXXXXX" }; \
    REQUIRE(mkdtemp(f.dir))

static int count_files(const struct folder *f)
{
    char command[160];
    FILE *pipe;
    int n = -1;

    snprintf(command, sizeof command, "ls %s/spool 2>/dev/null | grep -cv first", f->dir);
    pipe = popen(command, "r");
    if (pipe) {
        if (fscanf(pipe, "%d", &n) != 1)
            n = -1;
        pclose(pipe);
    }
    return n;
}

static void put(const struct folder *f, int64_t time_ms, const char *token, enum failure_id failure, const char *message)
{
    const struct spool_report report = { .time_ms = time_ms,
                                         .token = token ? bytes_of_string(token) : BYTES_NONE,
                                         .until_ms = time_ms + 1000,
                                         .appraisal = BYTES_LIT("a-1"),
                                         .failure = failure,
                                         .message = message };

    spool_put(f->dir, &report);
}

TEST(the_newest_report_comes_back_with_the_count_and_the_first_error)
{
    struct spool_summary s;
    FOLDER(f);

    spool_look(f.dir, &f.arena, &s);
    CHECK(s.count == 0 && !s.has_newest);
    put(&f, 1000, NULL, FAILURE_DNS, "no name");
    put(&f, 2000, "token-2", FAILURE_NONE, NULL);
    put(&f, 3000, "token-3", FAILURE_CONNECT_TIMEOUT, "no answer");
    spool_look(f.dir, &f.arena, &s);
    CHECK_INT(s.count, 3);
    CHECK_INT(s.first_ms, 1000);
    CHECK_STRING(s.first_code, "DNS");
    CHECK_STRING(s.first_message, "no name");
    CHECK(s.has_newest && s.newest.time_ms == 3000 && s.newest.until_ms == 4000);
    CHECK_BYTES(s.newest.token, BYTES_LIT("token-3"));
    CHECK_BYTES(s.newest.appraisal, BYTES_LIT("a-1"));
    spool_clear(f.dir);
    spool_look(f.dir, &f.arena, &s);
    CHECK(s.count == 0 && !s.has_newest && !s.first_code);
}

TEST(sixteen_reports_stay_and_the_oldest_go_but_are_counted)
{
    struct spool_summary s;
    FOLDER(f);

    for (int i = 1; i <= LIMIT_SPOOL_REPORTS; i++)
        put(&f, i, NULL, FAILURE_TIMEOUT, "late");
    CHECK_INT(count_files(&f), LIMIT_SPOOL_REPORTS);
    for (int i = 1; i <= 5; i++)
        put(&f, LIMIT_SPOOL_REPORTS + i, NULL, FAILURE_TIMEOUT, "late");
    CHECK_INT(count_files(&f), LIMIT_SPOOL_REPORTS);
    spool_look(f.dir, &f.arena, &s);
    CHECK_INT(s.count, LIMIT_SPOOL_REPORTS + 5);
    CHECK_INT(s.first_ms, 1);
    CHECK_INT(s.newest.time_ms, LIMIT_SPOOL_REPORTS + 5);
}

TEST(the_folder_never_grows_beyond_its_bytes)
{
    char path[120];
    struct spool_summary s;
    struct err err = ERR_INIT;
    FOLDER(f);
    struct bytes big = { arena_alloc(&f.arena, LIMIT_SPOOL_BYTES - 100), LIMIT_SPOOL_BYTES - 100 };

    REQUIRE(big.data);
    put(&f, 5, NULL, FAILURE_TIMEOUT, "late");
    snprintf(path, sizeof path, "%s/spool/%016x.json", f.dir, 1);
    REQUIRE_OK(file_write(path, big, 0600, &err), err);
    put(&f, 6, "t", FAILURE_TIMEOUT, "late");
    CHECK(!file_exists(path));
    spool_look(f.dir, &f.arena, &s);
    CHECK_INT(s.newest.time_ms, 6);
}

TEST(damaged_files_are_passed_over_and_removed)
{
    static const char *const damaged[] = {
        "", "{", "[]", "{\"schema\":1}", "{\"timeUtc\":\"yesterday\"}", "{\"timeUtc\":\"2026-01-01T00:00:00Z\",\"token\":\"t\"}", "\xff\xfe"
    };
    struct spool_summary s;
    struct err err = ERR_INIT;
    char path[120];
    FOLDER(f);

    put(&f, 1, "good", FAILURE_TIMEOUT, "late");
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        snprintf(path, sizeof path, "%s/spool/%016x.json", f.dir, (unsigned)(100 + i));
        REQUIRE_OK(file_write(path, bytes_of_string(damaged[i]), 0600, &err), err);
    }
    snprintf(path, sizeof path, "%s/spool/first.json", f.dir);
    REQUIRE_OK(file_write(path, BYTES_LIT("{\"count\":-5,\"timeUtc\":7"), 0600, &err), err);
    spool_look(f.dir, &f.arena, &s);
    CHECK(s.has_newest && bytes_equal_string(s.newest.token, "good"));
    CHECK(s.count >= 1);
    CHECK_INT(count_files(&f), 1);
}

TEST(without_a_folder_there_is_no_spool_and_no_trouble)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct spool_report report = { .time_ms = 1 };
    struct spool_summary s;

    spool_put(NULL, &report);
    spool_put("", &report);
    spool_put("/proc/nowhere", &report);
    spool_look("/proc/nowhere", &a, &s);
    CHECK(!s.count && !s.has_newest);
    spool_clear("/proc/nowhere");
}

TEST(an_endless_outage_writes_a_bounded_log)
{
    enum { MINUTE = 60000 };
    struct outage o = { 0 };
    unsigned lines = 0, warnings = 0, untold = 0, last = 0, hours[4] = { 0 };

    for (int64_t now = 1; now < 48LL * 60 * MINUTE; now += MINUTE) { /* two days, a failure a minute */
        unsigned warned;

        if (outage_tell(&o, FAILURE_CONNECT_TIMEOUT, now, &untold)) {
            lines++;
            last = untold;
        }
        warned = outage_warning(&o, now);
        if (warned && warnings < ARRAY_LEN(hours))
            hours[warnings] = warned;
        warnings += warned > 0;
    }
    CHECK(lines >= 47 && lines <= 49);
    CHECK_INT(last, 59);
    CHECK_INT(warnings, 3);
    CHECK(hours[0] == 1 && hours[1] == 8 && hours[2] == 24);
    CHECK(outage_tell(&o, FAILURE_DNS, 49LL * 60 * MINUTE, &untold)); /* another failure is news */
    outage_heard(&o, 49LL * 60 * MINUTE);
    CHECK(!outage_warning(&o, 50LL * 60 * MINUTE - 1));
    CHECK(!outage_tell(&o, FAILURE_DNS, 50LL * 60 * MINUTE - 1, &untold)); /* no news all the same */
    CHECK_INT(outage_warning(&o, 50LL * 60 * MINUTE), 1);
    outage_end(&o);
    CHECK(!outage_warning(&o, 100LL * 60 * MINUTE));
    CHECK(outage_tell(&o, FAILURE_DNS, 100LL * 60 * MINUTE, &untold));
}

TEST(a_route_is_acted_on_soon_but_not_every_time)
{
    struct routes w = { .fd = -1, .acted_ms = -ROUTES_EVERY_MS };

    CHECK_INT(routes_due(&w, 0), 5000);
    w.acted_ms = 5000;
    CHECK_INT(routes_due(&w, 6000), 65000);
    w.acted_ms = 65000; /* that one is to come: a link that flaps does not put it off */
    CHECK_INT(routes_due(&w, 7000), 65000);
    CHECK_INT(routes_due(&w, 64999), 65000);
    CHECK_INT(routes_due(&w, 65000), 125000);
    w.acted_ms = 5000;
    CHECK_INT(routes_due(&w, 61000), 66000);
}

/* One message with a route in it. */
static struct bytes route(uint8_t *at, uint16_t type, uint8_t dst_len, uint8_t kind, uint8_t table)
{
    struct nlmsghdr header = { .nlmsg_len = sizeof header + sizeof(struct rtmsg), .nlmsg_type = type };
    struct rtmsg r = { .rtm_family = 2, .rtm_dst_len = dst_len, .rtm_type = kind, .rtm_table = table };

    memcpy(at, &header, sizeof header);
    memcpy(at + sizeof header, &r, sizeof r);
    return (struct bytes){ at, NLMSG_ALIGN(header.nlmsg_len) };
}

TEST(only_a_new_default_route_of_the_main_table_counts)
{
    uint8_t buffer[256];
    struct bytes one = route(buffer, RTM_NEWROUTE, 0, RTN_UNICAST, RT_TABLE_MAIN), two;

    CHECK(routes_name_default(one));
    CHECK(!routes_name_default(route(buffer, RTM_DELROUTE, 0, RTN_UNICAST, RT_TABLE_MAIN)));
    CHECK(!routes_name_default(route(buffer, RTM_NEWROUTE, 24, RTN_UNICAST, RT_TABLE_MAIN)));
    CHECK(!routes_name_default(route(buffer, RTM_NEWROUTE, 0, RTN_UNREACHABLE, RT_TABLE_MAIN)));
    CHECK(!routes_name_default(route(buffer, RTM_NEWROUTE, 0, RTN_UNICAST, RT_TABLE_LOCAL)));
    one = route(buffer, RTM_NEWROUTE, 24, RTN_UNICAST, RT_TABLE_MAIN);
    two = route(buffer + one.len, RTM_NEWROUTE, 0, RTN_UNICAST, RT_TABLE_MAIN);
    CHECK(routes_name_default((struct bytes){ buffer, one.len + two.len }));
    for (size_t len = 0; len < one.len + two.len; len++) {
        struct bytes cut = exact_copy((struct bytes){ buffer, len });

        CHECK(!routes_name_default(cut));
        free((void *)(uintptr_t)cut.data);
    }
    memset(buffer, 0, sizeof buffer); /* lengths of nothing must not loop */
    CHECK(!routes_name_default(BYTES_OF(buffer)));
    memset(buffer, 0xff, sizeof buffer);
    CHECK(!routes_name_default(BYTES_OF(buffer)));
}
