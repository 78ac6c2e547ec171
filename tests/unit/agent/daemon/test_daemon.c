/* What the daemon does besides attesting: log file, pulse, service manager, events, collected logs. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "agent/daemon/logfile.h"
#include "agent/daemon/notify.h"
#include "agent/daemon/pulse.h"
#include "agent/daemon/telemetry.h"
#include "agent/evidence/evidence.h"
#include "agent/machine/collect.h"
#include "agent/machine/kernel_look.h"
#include "agent/settings/config.h"
#include "base/file.h"
#include "base/log.h"
#include "extension/event.h"
#include "support/test.h"

#define BOOT_ID "0c5c3a34-6f0b-4f33-9c0e-61a1b2c3d4e5"

struct ground {
    char dir[32];
    struct arena a;
};

static void ground_done(struct ground *g)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf %s", g->dir);
    (void)!system(command);
    arena_done(&g->a);
}

static bool ground_make(struct ground *g)
{
    *g = (struct ground){ .dir = "/tmp/trueboot-daemon-XXXXXX" };
    return mkdtemp(g->dir) != NULL;
}

static const char *below(struct ground *g, const char *name) { return arena_printf(&g->a, "%s/%s", g->dir, name); }

static struct bytes read_text(struct ground *g, const char *name)
{
    struct bytes text = BYTES_NONE;
    struct err err = ERR_INIT;

    (void)!file_read_in(&g->a, below(g, name), 1 << 20, &text, &err);
    return text;
}

TEST(a_line_of_the_log_file_has_time_level_component_and_pairs)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    struct bytes text;
    char component[48];

    REQUIRE(ground_make(&g));
    REQUIRE_OK(logfile_open(g.dir, &err), err);
    log_event(LOG_WARNING, "cycle\nfailed", "why", "a \"b\"\n", NULL);
    logfile_close();
    log_event(LOG_WARNING, "after", NULL);
    text = read_text(&g, "trueboot-agent.log");
    snprintf(component, sizeof component, " WARNING trueboot-agent[%d] cycle failed why=", (int)getpid());
    CHECK(bytes_find(text, bytes_of_string(component)) != SIZE_MAX);
    CHECK(text.len > 24 && text.data[10] == 'T' && text.data[text.len - 1] == '\n');
    CHECK(bytes_find(bytes_slice(text, 0, text.len - 1), BYTES_LIT("\n")) == SIZE_MAX);
    CHECK(bytes_find(text, BYTES_LIT("after")) == SIZE_MAX);
}

TEST(the_log_file_is_turned_over_and_three_are_kept)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    struct stat st;
    FILE *big;

    REQUIRE(ground_make(&g));
    for (unsigned i = 0; i < LOGFILE_KEPT + 2; i++) {
        big = fopen(below(&g, "trueboot-agent.log"), "w");
        REQUIRE(big && fprintf(big, "%u", i) > 0 && ftruncate(fileno(big), LOGFILE_BYTES - 1) == 0);
        fclose(big);
        REQUIRE_OK(logfile_open(g.dir, &err), err);
        log_event(LOG_ERROR, "one more", NULL);
        logfile_close();
        CHECK(stat(below(&g, "trueboot-agent.log"), &st) == 0 && st.st_size == 0);
    }
    CHECK(stat(below(&g, "trueboot-agent.log.1"), &st) == 0 && st.st_size >= LOGFILE_BYTES);
    CHECK(stat(below(&g, "trueboot-agent.log.2"), &st) == 0);
    CHECK(stat(below(&g, "trueboot-agent.log.3"), &st) != 0);
}

TEST(a_log_file_is_not_written_through_a_link)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;

    REQUIRE(ground_make(&g));
    REQUIRE(symlink(below(&g, "victim"), below(&g, "trueboot-agent.log")) == 0);
    CHECK(!logfile_open(g.dir, &err));
    CHECK(!file_exists(below(&g, "victim")));
    CHECK(!logfile_open(below(&g, "absent"), &err) && err.code == ERR_NOT_FOUND);
}

/* A service manager's end of the channel. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

TEST(the_service_manager_hears_that_we_live)
{
    struct ground g CLEANUP(ground_done);
    struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    struct pulse *pulse;
    char heard[64] = "";
    struct stat st;
    int fd;

    REQUIRE(ground_make(&g));
    fd = listen_at(below(&g, "notify"));
    REQUIRE(fd >= 0);
    setenv("NOTIFY_SOCKET", below(&g, "notify"), 1);
    notify_open();
    notify_send("READY=1");
    CHECK(recv(fd, heard, sizeof heard - 1, 0) == 7 && strcmp(heard, "READY=1") == 0);
    pulse = pulse_start(g.dir);
    REQUIRE(pulse != NULL);
    memset(heard, 0, sizeof heard);
    CHECK(recv(fd, heard, sizeof heard - 1, 0) == 10 && strcmp(heard, "WATCHDOG=1") == 0);
    utimensat(-100, below(&g, "heartbeat.json"), old, 0);
    pulse_beat(pulse); /* too soon after the last one */
    CHECK(recv(fd, heard, sizeof heard - 1, 0) < 0);
    CHECK(stat(below(&g, "heartbeat.json"), &st) == 0 && st.st_mtime == 1000);
    pulse_busy(pulse, 1000);
    pulse_idle(pulse);
    pulse_stop(pulse);
    unsetenv("NOTIFY_SOCKET");
    close(fd);
}

TEST(a_watchdog_is_fed_three_times_before_it_bites)
{
    static const struct {
        const char *usec, *pid; /* NULL: not given */
        int64_t watchdog_ms, period_ms;
    } cases[] = {
        { NULL, NULL, 0, 60000 },      { "180000000", NULL, 180000, 60000 }, { "15000000", NULL, 15000, 5000 },
        { "15000000", "1", 0, 60000 }, { "15000000x", NULL, 0, 60000 },      { "", NULL, 0, 60000 },
        { "0", NULL, 0, 60000 },       { "-3000000", NULL, 0, 60000 },       { "600000000", NULL, 600000, 60000 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (cases[i].usec)
            setenv("WATCHDOG_USEC", cases[i].usec, 1);
        if (cases[i].pid)
            setenv("WATCHDOG_PID", cases[i].pid, 1);
        CHECK_INT(notify_watchdog_ms(), cases[i].watchdog_ms);
        CHECK_INT(pulse_period_ms(), cases[i].period_ms);
    }
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

TEST(events_have_valid_names_and_stay_few)
{
    struct ground g CLEANUP(ground_done);
    struct telemetry t = { .operation = "boot" };
    struct err err = ERR_INIT;
    char command[96];
    FILE *list;
    unsigned n = 0;
    char name[300];

    REQUIRE(ground_make(&g));
    t.out_dir = g.dir;
    telemetry_event(&t, "Warning", "Attest", "nobody listens"); /* there is no folder */
    REQUIRE(file_make_dirs(below(&g, "events"), 0755, &err));
    for (unsigned i = 0; i < 2 * LIMIT_EVENTS_PER_HOUR; i++)
        telemetry_event(&t, "Warning", "Attest", "one more");
    snprintf(command, sizeof command, "ls %s/events", g.dir);
    list = popen(command, "r");
    REQUIRE(list != NULL);
    while (fscanf(list, "%299s", name) == 1) {
        CHECK(event_name_is_valid(name));
        n++;
    }
    pclose(list);
    CHECK(n > 0 && n <= LIMIT_EVENTS_PER_HOUR + 1); /* the hour may turn meanwhile */
}

TEST(logs_are_collected_for_the_boot_they_belong_to)
{
    struct ground g CLEANUP(ground_done);
    struct places p;
    struct err err = ERR_INIT;
    struct collected found;
    struct collect_sources sources;
    struct stat st;

    REQUIRE(ground_make(&g));
    REQUIRE_OK(places_init(&p, &g.a, g.dir, NULL, NULL, &err), err);
    CHECK(file_write(below(&g, "log"), BYTES_LIT("events"), 0400, &err) &&
          file_write(below(&g, "boot"), BYTES_LIT(BOOT_ID "\n"), 0444, &err) &&
          file_write(below(&g, "uuid"), BYTES_LIT("6F1C1E58-7A0E-4A52-9D5C-1F6A2B3C4D5E\n"), 0400, &err));
    sources = (struct collect_sources){ .firmware_log = below(&g, "log"), .boot_id = below(&g, "boot"), .product_uuid = below(&g, "uuid") };
    CHECK(!collect_find(&g.a, p.run_dir, BOOT_ID, &found));
    REQUIRE_OK(collect_logs(&p, &sources, geteuid(), getegid(), 1000, &err), err);
    CHECK(collect_find(&g.a, p.run_dir, BOOT_ID, &found));
    CHECK_STRING(found.product_uuid, "6f1c1e58-7a0e-4a52-9d5c-1f6a2b3c4d5e");
    CHECK(!file_exists(found.ima_log));
    CHECK(stat(found.firmware_log, &st) == 0 && (st.st_mode & 0777) == 0640 && st.st_size == 6);
    CHECK(!collect_find(&g.a, p.run_dir, "11111111-2222-4333-8444-000000000001", &found)); /* another boot */

    sources.firmware_log = below(&g, "absent");
    sources.with_ima = true;
    sources.ima_log = below(&g, "log");
    REQUIRE_OK(collect_logs(&p, &sources, geteuid(), getegid(), 1000, &err), err);
    CHECK(collect_find(&g.a, p.run_dir, BOOT_ID, &found) && found.ima_log && file_exists(found.ima_log));
    CHECK(!file_exists(found.firmware_log)); /* it was there before, and is not true any more */
    CHECK(bytes_find(read_text(&g, "run/trueboot-agent/ids.json"), BYTES_LIT("\"reason\"")) != SIZE_MAX);
}

static bool put_in(struct ground *g, const char *name, const char *text);

/* guest-agent.md 15 no. 11: who may not read securityfs beside the collector looks nowhere when there are no copies. */
TEST(where_a_unit_collects_nobody_else_looks_for_logs)
{
    struct ground g CLEANUP(ground_done);
    struct places p;
    struct collected found;
    struct collect_sources sources;
    struct err err = ERR_INIT;

    REQUIRE(ground_make(&g));
    REQUIRE_OK(places_init(&p, &g.a, g.dir, NULL, NULL, &err), err);
    collect_sources_of(&g.a, g.dir, p.run_dir, BOOT_ID, &found);
    CHECK(!found.firmware_log && !found.ima_log); /* the usual places */
    REQUIRE(put_in(&g, "lib/systemd/system/trueboot-agent-collect.service", "[Service]\n"));
    collect_sources_of(&g.a, g.dir, p.run_dir, BOOT_ID, &found);
    CHECK_STRING(found.firmware_log, "");
    CHECK_STRING(found.ima_log, "");
    REQUIRE(put_in(&g, "log", "events") && put_in(&g, "boot", BOOT_ID "\n"));
    sources = (struct collect_sources){ .firmware_log = below(&g, "log"), .boot_id = below(&g, "boot") };
    REQUIRE_OK(collect_logs(&p, &sources, geteuid(), getegid(), 1000, &err), err);
    collect_sources_of(&g.a, g.dir, p.run_dir, BOOT_ID, &found);
    CHECK(strstr(found.firmware_log, "/bios.log") && strstr(found.ima_log, "/ima.bin"));
}

static bool put_in(struct ground *g, const char *name, const char *text)
{
    char path[300], *slash;
    struct err err = ERR_INIT;

    snprintf(path, sizeof path, "%s", below(g, name));
    slash = strrchr(path, '/');
    *slash = 0;
    return file_make_dirs(path, 0755, &err) && file_write(below(g, name), bytes_of_string(text), 0644, &err);
}

TEST(what_the_kernel_says_of_its_modules_is_collected_with_the_logs)
{
    struct ground g CLEANUP(ground_done);
    struct places p;
    struct err err = ERR_INIT;
    struct collected found;
    struct collect_sources sources;
    struct evidence_sources where;
    struct evidence_logs logs;
    struct failure why = FAILURE_INIT;
    char log[12000];

    REQUIRE(ground_make(&g));
    REQUIRE_OK(places_init(&p, &g.a, g.dir, NULL, NULL, &err), err);
    snprintf(log, sizeof log,
             "6,1,2,-;%08000d\n5,2,3,-;evil: loading of unsigned module is rejected\n6,3,4,-;%03000d\n13,4,5,-;fake: loading of unsigned "
             "module is rejected\n",
             0, 0);
    REQUIRE(put_in(&g, "k/proc/sys/kernel/tainted", "8192\n") && put_in(&g, "k/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n") &&
            put_in(&g, "k/proc/sys/kernel/modules_disabled", "0\n") && put_in(&g, "k/sys/module/module/parameters/sig_enforce", "N\n") &&
            put_in(&g, "k/sys/module/loop/taint", "\n") && put_in(&g, "k/sys/module/foreign/taint", "OE\n") &&
            put_in(&g, "k/sys/kernel/security/lockdown", "none [integrity] confidentiality\n") && put_in(&g, "k/dev/kmsg", log));
    sources = (struct collect_sources){
        .firmware_log = "", .boot_id = below(&g, "boot"), .product_uuid = "", .kernel_root = below(&g, "k"), .with_kernel = true
    };
    REQUIRE(put_in(&g, "boot", BOOT_ID "\n"));
    REQUIRE_OK(collect_logs(&p, &sources, geteuid(), getegid(), 1000, &err), err);
    REQUIRE(collect_find(&g.a, p.run_dir, BOOT_ID, &found) && found.kernel_state);
    where = (struct evidence_sources){ .firmware_log = "", .systemd_log = "", .kernel_state = found.kernel_state };
    REQUIRE(evidence_collect_logs(&where, &g.a, &logs, &why) && logs.kernel);
    CHECK_STRING(logs.kernel->release, "6.1.0-18-amd64");
    CHECK(logs.kernel->lockdown == LOCKDOWN_INTEGRITY && logs.kernel->sig_enforce == KERNEL_SWITCH_OFF &&
          logs.kernel->modules_disabled == KERNEL_SWITCH_OFF && logs.kernel->has_taint &&
          logs.kernel->taint == 1u << KERNEL_TAINT_UNSIGNED);
    CHECK(logs.kernel->n_tainting == 1 && logs.kernel->n_refused == 1 && !logs.kernel->more);
    CHECK_STRING(logs.kernel->tainting[0].name, "foreign");
    CHECK_STRING(logs.kernel->refused[0].name, "evil");

    sources.with_kernel = false;
    REQUIRE_OK(collect_logs(&p, &sources, geteuid(), getegid(), 1000, &err), err);
    CHECK(collect_find(&g.a, p.run_dir, BOOT_ID, &found) && !found.kernel_state);
}

TEST(the_hypervisors_item_reaches_a_daemon_that_may_not_read_it)
{
    struct collect_sources sources = { .firmware_log = "", .boot_id = "", .product_uuid = "" };
    struct ground g CLEANUP(ground_done);
    struct config_places where;
    struct agent_config c;
    struct err err = ERR_INIT;
    struct places p;

    REQUIRE(ground_make(&g));
    REQUIRE_OK(places_init(&p, &g.a, g.dir, NULL, NULL, &err), err);
    REQUIRE(put_in(&g, "item", "{\"endpoint\":\"https://10.0.2.2:8443\",\"ca_pem\":\"c\"}"));
    sources.host_item = below(&g, "item");
    REQUIRE_OK(collect_logs(&p, &sources, geteuid(), getegid(), 1000, &err), err);
    where = (struct config_places){ .root = g.dir, .fw_cfg = below(&g, "closed") };
    REQUIRE_OK(config_load(&c, &g.a, &where, &err), err);
    CHECK(c.has_fw_cfg && c.endpoint);
    CHECK_STRING(c.endpoint, "https://10.0.2.2:8443");

    where.fw_cfg = ""; /* told not to look */
    REQUIRE_OK(config_load(&c, &g.a, &where, &err), err);
    CHECK(!c.has_fw_cfg);

    sources.host_item = below(&g, "closed"); /* the hypervisor says nothing any more */
    where.fw_cfg = sources.host_item;
    REQUIRE_OK(collect_logs(&p, &sources, geteuid(), getegid(), 1000, &err), err);
    REQUIRE_OK(config_load(&c, &g.a, &where, &err), err);
    CHECK(!c.has_fw_cfg && !c.endpoint);
}

TEST(a_kernel_that_tells_nothing_is_a_kernel_of_which_nothing_is_known)
{
    struct ground g CLEANUP(ground_done);
    struct kernel_state s;

    REQUIRE(ground_make(&g));
    kernel_look(below(&g, "nowhere"), &s);
    CHECK(!s.release[0] && s.lockdown == LOCKDOWN_UNKNOWN && s.sig_enforce == KERNEL_SWITCH_UNKNOWN &&
          s.modules_disabled == KERNEL_SWITCH_UNKNOWN && !s.has_taint && !s.n_tainting && !s.n_refused && !s.more);
    REQUIRE(put_in(&g, "k/proc/sys/kernel/tainted", "4294967296\n") && put_in(&g, "k/proc/sys/kernel/osrelease", "6.1\n"));
    kernel_look(below(&g, "k"), &s);
    CHECK(!s.has_taint && s.modules_disabled == KERNEL_SWITCH_ON); /* a kernel without modules */
}

TEST(of_a_list_that_is_longer_than_a_message_the_stretch_that_is_asked_for_is_copied)
{
    struct ground g CLEANUP(ground_done);
    struct places p;
    struct err err = ERR_INIT;
    struct collect_sources sources;
    static const struct {
        const char *request, *content;
        int from, more;
    } rows[] = {
        { "ima 2 3\n", "234", 2, 1 },  { "ima 7 100\n", "789", 7, 0 },
        { "1\n", "0123456789", 0, 0 }, { "ima 3\n", "0123456789", 0, 0 },
        { "ima -1 5\n", "", -1, 0 },   { "ima 0 0\n", "0123456789", 0, 0 },
        { "ima 99 5\n", "", 99, 0 },   { "../../etc/passwd", "0123456789", 0, 0 },
    };

    REQUIRE(ground_make(&g));
    REQUIRE_OK(places_init(&p, &g.a, g.dir, NULL, NULL, &err), err);
    REQUIRE(put_in(&g, "boot", BOOT_ID "\n") && put_in(&g, "list", "0123456789"));
    sources = (struct collect_sources){
        .firmware_log = "", .boot_id = below(&g, "boot"), .product_uuid = "", .ima_log = below(&g, "list"), .with_ima = true
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t from = 77;
        bool more = false;
        REQUIRE(put_in(&g, "run/trueboot-agent/out/collect-request", rows[i].request));
        REQUIRE_OK(collect_logs(&p, &sources, geteuid(), getegid(), 1000, &err), err);
        if (rows[i].from < 0)
            continue; /* the file cannot be read from there: no copy */
        REQUIRE(collect_ima_part(p.run_dir, &from, &more));
        CHECK(from == (uint64_t)rows[i].from && more == rows[i].more);
        CHECK_BYTES(read_text(&g, "run/trueboot-agent/ima.bin"), bytes_of_string(rows[i].content));
    }
}
