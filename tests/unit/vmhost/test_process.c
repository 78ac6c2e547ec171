#include "support/test.h"
#include "vmhost/process.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"

static bool run(const char *script, int timeout_ms, struct arena *a, struct bytes *ret, struct err *err)
{
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };

    return process_run(&(struct process_job){ .argv = argv, .input = BYTES_LIT("in"), .timeout_ms = timeout_ms }, a, ret, err);
}

TEST(a_program_gets_its_input_and_gives_its_output)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes out;

    REQUIRE_OK(run("cat; echo x; echo y >&2; echo $LC_ALL", 10000, &a, &out, &err), err);
    CHECK_BYTES(out, BYTES_LIT("inx\ny\nC\n"));
}

TEST(a_program_that_fails_is_named_with_its_last_line)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;

    CHECK(!run("echo first; printf 'the \\033 reason\\n\\n'; exit 3", 10000, &a, NULL, &err));
    CHECK_INT(err.code, ERR_IO);
    CHECK(strstr(err.text, "/bin/sh") && strstr(err.text, "exit 3") && strstr(err.text, "the \\x1b reason") && !strstr(err.text, "first"));
}

TEST(a_program_that_does_not_end_is_ended)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    int64_t before = clock_monotonic_ms();
    struct err err = ERR_INIT;

    CHECK(!run("sleep 60 & sleep 60", 200, &a, NULL, &err));
    CHECK(strstr(err.text, "did not finish"));
    CHECK(clock_monotonic_ms() - before < 50000); /* nobody waited for the one in the background */
}

TEST(more_output_than_we_keep_does_not_block_the_program)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct err err = ERR_INIT;
    struct bytes out;

    REQUIRE_OK(run("head -c 1000000 /dev/zero", 30000, &a, &out, &err), err);
    CHECK_INT(out.len, PROCESS_OUTPUT_MAX);
}

TEST(a_program_that_is_not_there_is_an_error)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    const char *const argv[] = { "/nonexistent/program", NULL };
    struct err err = ERR_INIT;
    struct process_id id;

    CHECK(!process_run(&(struct process_job){ .argv = argv, .timeout_ms = 1000 }, &a, NULL, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    CHECK(!process_start(argv, "/tmp", "trueboot-test-process.log", &id, &err));
    CHECK_INT(err.code, ERR_NOT_FOUND);
    unlink("/tmp/trueboot-test-process.log");
}

TEST(a_started_process_is_known_by_number_start_time_and_boot)
{
    const char *const argv[] = { "/bin/sleep", "60", NULL };
    struct err err = ERR_INIT;
    struct process_id id, other;

    REQUIRE_OK(process_start(argv, "/tmp", "trueboot-test-process.log", &id, &err), err);
    CHECK(process_is_alive(&id));
    other = id;
    other.start_time++;
    CHECK(!process_is_alive(&other) && !process_signal(&other, SIGKILL));
    other = id;
    other.boot[0] ^= 1;
    CHECK(!process_is_alive(&other) && !process_signal(&other, SIGKILL));
    CHECK(process_is_alive(&id) && !process_wait(&id, 50));
    CHECK(process_signal(&id, SIGKILL) && process_wait(&id, 60000) && !process_is_alive(&id));
    unlink("/tmp/trueboot-test-process.log");
}

TEST(a_process_record_reads_back_and_a_damaged_one_does_not)
{
    static const char *const bad[] = { "",      "1 2 x\n",   "0 2 x\n", "-5 2 x\n",           "12",
                                       "12 13", "12 13 x y", "x 13 b",  "99999999999999 1 b", "12 13 x\n\001" };
    struct process_id id = { .pid = 4711, .start_time = 123456789012ULL, .boot = "15cbca76-325b-47d0-a3e3-674b1b245e2f" }, got;
    char path[] = "/tmp/trueboot-record.XXXXXX";
    struct err err = ERR_INIT;
    int fd = mkstemp(path);

    REQUIRE(fd >= 0);
    close(fd);
    REQUIRE_OK(process_save(path, &id, &err), err);
    REQUIRE(process_load(path, &got));
    CHECK(got.pid == id.pid && got.start_time == id.start_time);
    CHECK_STRING(got.boot, id.boot);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        test_note("%zu", i);
        CHECK(!process_id_parse(bytes_of_string(bad[i]), &got));
    }
    unlink(path);
    CHECK(!process_load(path, &got));
}

TEST(a_process_that_listens_is_told_from_one_that_has_only_bound)
{
    static const char *const programs[] = {
        "import socket,time; s = socket.socket(socket.AF_UNIX); s.bind('\\0trueboot-test-%d' % __import__('os').getpid()); time.sleep(60)",
        "import socket,time; s = socket.socket(socket.AF_UNIX); s.bind('\\0trueboot-test-%d' % __import__('os').getpid()); s.listen(); "
        "time.sleep(60)"
    };
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        const char *const argv[] = { "/usr/bin/python3", "-c", programs[i], NULL };
        struct process_id id;
        int64_t end = clock_monotonic_ms() + (i ? 50000 : 500);
        bool listens = false;

        REQUIRE_OK(process_start(argv, "/tmp", "trueboot-test-process.log", &id, &err), err);
        while (!(listens = process_listens(&id)) && clock_monotonic_ms() < end)
            nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000000L }, NULL);
        CHECK_INT(listens, i == 1);
        CHECK(process_signal(&id, SIGKILL) && process_wait(&id, 60000));
        CHECK(!process_listens(&id));
    }
}
