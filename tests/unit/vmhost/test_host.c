#include "support/test.h"
#include "vmhost/host.h"
#include "vmhost/qmp.h"
#include "vmhost/tree.h"
#include "vmhost/vm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"

/* A scratch folder with a host whose every place lies in it. */
struct scratch {
    struct arena arena;
    char dir[40];
    struct vm_host host;
};

static void scratch_done(struct scratch *s)
{
    struct err err = ERR_INIT;

    if (s->dir[0])
        CHECK(tree_remove(s->dir, &err));
    arena_done(&s->arena);
}

static char *in(struct scratch *s, const char *name)
{
    char *path = arena_printf(&s->arena, "%s/%s", s->dir, name);
    return path ? path : s->dir;
}

static bool scratch_init(struct scratch *s)
{
    strcpy(s->dir, "/tmp/trueboot-host.XXXXXX");
    if (!mkdtemp(s->dir))
        return false;
    s->host =
        (struct vm_host){ .data_dir = in(s, "data"), .parts_dir = in(s, "parts"), .guest_dir = in(s, "guest"), .agent = in(s, "agent") };
    return true;
}

static bool put(struct scratch *s, const char *folder, const char *name, const char *text)
{
    struct err err = ERR_INIT;
    char *dir = in(s, folder), *path = arena_printf(&s->arena, "%s/%s", dir, name);

    return file_make_dirs(dir, 0700, &err) && path && file_write(path, bytes_of_string(text), 0700, &err);
}

static const char *missing_sentence(struct scratch *s, struct host_parts *parts, const char *what)
{
    struct host_missing *missing = NULL;
    struct err err = ERR_INIT;
    size_t n = 0;

    CHECK(host_look(&s->host, &s->arena, parts, &missing, &n, &err));
    for (size_t i = 0; i < n; i++)
        if (strcmp(missing[i].what, what) == 0)
            return missing[i].sentence;
    return NULL;
}

TEST(what_is_missing_is_said_with_the_remedy)
{
    CLEANUP(scratch_done) struct scratch s = { 0 };
    struct host_parts parts;
    struct err err = ERR_INIT;

    REQUIRE(scratch_init(&s));
    const char *chain = missing_sentence(&s, &parts, "boot chain"), *agent = missing_sentence(&s, &parts, "trueboot-agent"),
               *guest = missing_sentence(&s, &parts, "guest files");
    REQUIRE(chain && agent && guest);
    CHECK(strstr(chain, "guest/fetch_guest_parts") && strstr(chain, s.host.parts_dir));
    CHECK(strstr(agent, s.host.agent) && strstr(agent, "make"));
    CHECK(strstr(guest, "TRUEBOOT_GUEST_DIR"));
    CHECK(!host_need(&s.host, &s.arena, &parts, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
}

TEST(the_newest_kernel_of_the_unpacked_packages_is_taken)
{
    CLEANUP(scratch_done) struct scratch s = { 0 };
    struct host_parts parts;

    REQUIRE(scratch_init(&s));
    REQUIRE(put(&s, "parts/usr/lib/shim", "shimx64.efi.signed", "") && put(&s, "parts/usr/lib/shim", "mmx64.efi.signed", "") &&
            put(&s, "parts/usr/lib/grub/x86_64-efi-signed", "grubx64.efi.signed", "") &&
            put(&s, "parts/boot", "vmlinuz-6.1.0-9-cloud-amd64", "") && put(&s, "parts/boot", "vmlinuz-6.1.0-56-cloud-amd64", "") &&
            put(&s, "parts/lib/modules/6.1.0-56-cloud-amd64/kernel", "x", ""));
    CHECK(!missing_sentence(&s, &parts, "boot chain"));
    CHECK_STRING(parts.kernel_version, "6.1.0-56-cloud-amd64");
    CHECK(parts.kernel && strstr(parts.kernel, "/boot/vmlinuz-6.1.0-56-cloud-amd64"));
    CHECK(parts.modules && strstr(parts.modules, "6.1.0-56-cloud-amd64/kernel"));
}

TEST(modules_of_a_merged_usr_are_found_beside_the_kernel_that_they_are_of)
{
    CLEANUP(scratch_done) struct scratch s = { 0 };
    struct host_parts parts;

    REQUIRE(scratch_init(&s));
    REQUIRE(put(&s, "parts/usr/lib/shim", "shimx64.efi.signed", "") && put(&s, "parts/usr/lib/shim", "mmx64.efi.signed", "") &&
            put(&s, "parts/usr/lib/grub/x86_64-efi-signed", "grubx64.efi.signed", "") &&
            put(&s, "parts/boot", "vmlinuz-6.1.0-56-cloud-amd64", "") && put(&s, "parts/boot", "vmlinuz-6.12.117+deb13-cloud-amd64", "") &&
            put(&s, "parts/lib/modules/6.1.0-56-cloud-amd64/kernel", "x", ""));
    CHECK(missing_sentence(&s, &parts, "boot chain") != NULL); /* the newest kernel's are not there */
    REQUIRE(put(&s, "parts/usr/lib/modules/6.12.117+deb13-cloud-amd64/kernel", "x", ""));
    CHECK(!missing_sentence(&s, &parts, "boot chain"));
    CHECK(parts.modules && strstr(parts.modules, "/usr/lib/modules/6.12.117+deb13-cloud-amd64/kernel"));
}

TEST(a_host_without_vms_has_an_empty_list)
{
    CLEANUP(scratch_done) struct scratch s = { 0 };
    struct vm_config *all, one;
    struct err err = ERR_INIT;
    enum vm_state state;
    size_t n = 1;

    REQUIRE(scratch_init(&s));
    REQUIRE_OK(vm_list(&s.host, &s.arena, &all, &n, &err), err);
    CHECK_INT(n, 0);
    CHECK(!vm_get(&s.host, &s.arena, "web1", &one, &err) && err.code == ERR_NOT_FOUND);
    CHECK(!vm_get_state(&s.host, "web1", &state, &err) && err.code == ERR_NOT_FOUND);
    CHECK(!vm_start(&s.host, "web1", &err) && err.code == ERR_NOT_FOUND && strstr(err.text, "trueboot vm list"));
    CHECK(!vm_delete(&s.host, "../data", &err) && err.code == ERR_MALFORMED);
}

static char *config_of(struct scratch *s, const char *name, const char *uuid)
{
    struct vm_config config = { .name = name, .security_type = VM_TRUSTED_LAUNCH, .memory_mib = 512, .cmdline = "" };
    snprintf(config.uuid, sizeof config.uuid, "%s", uuid);
    char *text = vm_config_write(&s->arena, &config);
    return text ? text : s->dir;
}

TEST(vms_are_listed_by_name_and_a_damaged_one_is_shown_and_can_be_deleted)
{
    CLEANUP(scratch_done) struct scratch s = { 0 };
    struct vm_config *all;
    struct err err = ERR_INIT;
    size_t n = 0;

    REQUIRE(scratch_init(&s));
    REQUIRE(put(&s, "data/vms/b", "vm.json", config_of(&s, "b", "36f677f5-8e50-420a-b53a-1c97c6a6f044")) &&
            put(&s, "data/vms/a", "vm.json", "{") && put(&s, "data/vms/.new.x", "vm.json", "{") &&
            put(&s, "data/vms/c", "vm.json", config_of(&s, "other", "36f677f5-8e50-420a-b53a-1c97c6a6f045")));
    REQUIRE_OK(vm_list(&s.host, &s.arena, &all, &n, &err), err);
    REQUIRE(n == 3);
    CHECK_STRING(all[0].name, "a");
    CHECK_STRING(all[0].uuid, "");
    CHECK_STRING(all[1].name, "b");
    CHECK_STRING(all[1].uuid, "36f677f5-8e50-420a-b53a-1c97c6a6f044");
    CHECK_STRING(all[2].uuid, "");
    CHECK(!vm_get(&s.host, &s.arena, "c", &all[0], &err) && strstr(err.text, "renamed or copied"));
    REQUIRE_OK(vm_delete(&s.host, "a", &err) && vm_delete(&s.host, "b", &err), err);
    CHECK(vm_list(&s.host, &s.arena, &all, &n, &err) && n == 1);
}

TEST(the_record_of_a_process_that_is_gone_means_off)
{
    CLEANUP(scratch_done) struct scratch s = { 0 };
    struct err err = ERR_INIT;
    enum vm_state state = VM_RUNNING;

    REQUIRE(scratch_init(&s));
    REQUIRE(put(&s, "data/vms/b", "vm.json", config_of(&s, "b", "36f677f5-8e50-420a-b53a-1c97c6a6f044")));
    /* Our own number, but another process: start time and boot do not agree. */
    REQUIRE(put(&s, "data/vms/b", "qemu.pid", arena_printf(&s.arena, "%ld 1 not-this-boot\n", (long)getpid())));
    CHECK(vm_get_state(&s.host, "b", &state, &err) && state == VM_OFF);
    CHECK(vm_stop(&s.host, "b", 0, &err));
    CHECK(!vm_set_link(&s.host, "b", false, &err) && err.code == ERR_CONFLICT && strstr(err.text, "is off"));
}

/* Plays QEMU: says `greeting`, then one answer after each line it gets. */
static pid_t play(const char *dir, const char *greeting, const char *const answers[])
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/qmp.sock", dir);
    if (listening < 0 || bind(listening, (const struct sockaddr *)&address, sizeof address) != 0 || listen(listening, 1) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        char line[4096];
        alarm(20);
        int fd = accept(listening, NULL, NULL);
        bool fine = write(fd, greeting, strlen(greeting)) >= 0;
        for (size_t i = 0; fine && answers[i] && read(fd, line, sizeof line) > 0; i++)
            fine = write(fd, answers[i], strlen(answers[i])) >= 0;
        _exit(0);
    }
    close(listening);
    return child;
}

TEST(qemu_is_asked_and_its_events_are_passed_over)
{
    static const char *const answers[] = {
        "{\"return\": {}}\r\n", "{\"event\": \"POWERDOWN\"}\r\n{\"event\": \"X\"}\r\n{\"return\": {\"status\": \"running\"}}\r\n",
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such card\"}}\r\n", NULL
    };
    CLEANUP(scratch_done) struct scratch s = { 0 };
    CLEANUP(qmp_done) struct qmp q = QMP_INIT;
    struct err err = ERR_INIT;
    const struct json *answer;

    REQUIRE(scratch_init(&s));
    pid_t child = play(s.dir, "{\"QMP\": {\"version\": {}}}\r\n", answers);
    REQUIRE(child > 0);
    REQUIRE_OK(qmp_open(&q, s.dir, &err), err);
    REQUIRE_OK(qmp_command(&q, "query-status", NULL, &answer, &err), err);
    CHECK(json_is_string(json_get(answer, "status"), "running"));
    CHECK(!qmp_command(&q, "set_link", "{\"name\":\"x\"}", NULL, &err));
    CHECK(err.code == ERR_IO && strstr(err.text, "no such card"));
    CHECK(!qmp_command(&q, "quit", NULL, NULL, &err) && err.code == ERR_UNREACHABLE);
    waitpid(child, NULL, 0);
}

TEST(nobody_who_speaks_qmp_is_an_error)
{
    CLEANUP(scratch_done) struct scratch s = { 0 };
    CLEANUP(qmp_done) struct qmp absent = QMP_INIT;
    CLEANUP(qmp_done) struct qmp other = QMP_INIT;
    struct err err = ERR_INIT;

    REQUIRE(scratch_init(&s));
    CHECK(!qmp_open(&absent, s.dir, &err) && err.code == ERR_UNREACHABLE);
    pid_t child = play(s.dir, "SSH-2.0\n", (const char *const[]){ NULL });
    REQUIRE(child > 0);
    CHECK(!qmp_open(&other, s.dir, &err) && err.code == ERR_MALFORMED);
    waitpid(child, NULL, 0);
}
