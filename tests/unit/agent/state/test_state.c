#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent/state/state.h"
#include "base/file.h"
#include "support/test.h"

struct folder {
    char dir[64], state[80];
};

static void folder_remove(struct folder *f)
{
    char line[100];

    snprintf(line, sizeof line, "rm -rf '%s'", f->dir);
    CHECK_INT(system(line), 0);
}

static bool folder_make(struct folder *f)
{
    snprintf(f->dir, sizeof f->dir, P_tmpdir "/trueboot-state.XXXXXX");
    if (!mkdtemp(f->dir))
        return false;
    snprintf(f->state, sizeof f->state, "%s/agent", f->dir);
    return true;
}

static void fill(struct agent_state *s)
{
    s->ak = (struct ak_record){ .known = true, .rotation = 2, .handle = 0x81000003, .name = { .len = 34, .value = { 0, 0x0b, 7 } } };
    write_string(&s->ak_cert, "certificate");
    snprintf(s->vm_id, sizeof s->vm_id, "0c5c3a34-6f0b-4f33-9c0e-61a1b2c3d4e5");
    snprintf(s->boot_id, sizeof s->boot_id, "11111111-6f0b-4f33-9c0e-61a1b2c3d4e5");
    s->counter = 1764000000123;
    s->sequence = 9;
    s->reset_count = 5;
    s->first_seen_ms = 1764000000000;
    s->ak.asked = true;
    notes_add(&s->boot_notes, FAILURE_KEXEC, "another kernel");
}

TEST(state_comes_back_as_it_was_saved)
{
    struct folder f CLEANUP(folder_remove) = { 0 };
    struct agent_state s, t;

    REQUIRE(folder_make(&f));
    state_load(&s, f.state);
    CHECK(!s.in_memory && !s.ak.known && !s.ak_cert.len);
    fill(&s);
    state_save_identity(&s);
    state_save_progress(&s);
    CHECK_STRING(s.note, "");
    state_load(&t, f.state);
    CHECK(t.ak.known && t.ak.rotation == 2 && t.ak.handle == 0x81000003);
    CHECK_BYTES(tpm_name_bytes(&t.ak.name), tpm_name_bytes(&s.ak.name));
    CHECK_BYTES(writer_bytes(&t.ak_cert), BYTES_LIT("certificate"));
    CHECK_STRING(t.vm_id, s.vm_id);
    CHECK_STRING(t.boot_id, s.boot_id);
    CHECK_INT(t.counter, s.counter);
    CHECK_INT(t.sequence, 9);
    CHECK_INT(t.reset_count, 5);
    CHECK_INT(t.first_seen_ms, s.first_seen_ms);
    CHECK(t.ak.asked && t.boot_notes.n == 1 && notes_find(&t.boot_notes, FAILURE_KEXEC));
    state_done(&s);
    state_done(&t);
}

static void overwrite(const struct folder *f, const char *name, const char *text)
{
    char path[200];
    struct err err;

    snprintf(path, sizeof path, "%s/%s", f->state, name);
    CHECK(file_write(path, bytes_of_string(text), 0600, &err));
}

static ino_t file_of(const struct folder *f)
{
    struct stat s = { 0 };
    char path[200];

    snprintf(path, sizeof path, "%s/state.json", f->state);
    CHECK(stat(path, &s) == 0);
    return s.st_ino;
}

static void check_saved(const struct folder *f, const struct agent_state *want)
{
    struct agent_state t;

    state_look(&t, f->state);
    CHECK_INT(t.counter, want->counter);
    CHECK_INT(t.sequence, want->sequence);
    CHECK_INT(t.clock_ms, want->clock_ms);
    CHECK_INT(t.reset_count, want->reset_count);
    CHECK_STRING(t.last_verdict, want->last_verdict);
    CHECK_STRING(t.note, "");
    state_done(&t);
}

/* Another file is one that was waited for until it was on the disk (base/test_file.c). */
TEST(only_what_must_outlive_a_machine_that_stops_is_waited_for)
{
    struct folder f CLEANUP(folder_remove) = { 0 };
    struct agent_state s;
    ino_t file;

    REQUIRE(folder_make(&f));
    state_load(&s, f.state);
    fill(&s);
    state_save_progress(&s);
    for (int i = 0; i < 3; i++) {
        file = file_of(&f);
        s.counter += 999999999; /* other digits, the same size */
        s.sequence += 90;
        s.clock_ms += 123456;
        state_save_progress(&s);
        CHECK_INT(file_of(&f), file);
        check_saved(&f, &s);
        s.reset_count++;
        snprintf(s.last_verdict, sizeof s.last_verdict, "%s", i == 1 ? "refused" : "accepted");
        state_save_progress(&s);
        CHECK(file_of(&f) != file);
        check_saved(&f, &s);
    }
    overwrite(&f, "state.json", "{}"); /* by somebody else */
    state_save_progress(&s);
    check_saved(&f, &s);
    state_done(&s);
    state_load(&s, f.state); /* another process: it does not know what is on the disk */
    file = file_of(&f);
    state_save_progress(&s);
    CHECK(file_of(&f) != file);
    state_done(&s);
}

TEST(a_damaged_file_is_set_aside_and_a_newer_one_left_alone)
{
    static const char *const damaged[] = { "", "{", "[]", "{\"schema\":\"one\"}", "{\"schema\":1}", "{\"schema\":1,\"name\":\"zz\"}" };
    struct folder f CLEANUP(folder_remove) = { 0 };
    struct agent_state s;
    char bad[200];

    REQUIRE(folder_make(&f));
    for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
        state_load(&s, f.state);
        fill(&s);
        state_save_identity(&s);
        state_done(&s);
        overwrite(&f, "ak.json", damaged[i]);
        state_load(&s, f.state);
        CHECK(!s.ak.known && !s.in_memory);
        CHECK(strstr(s.note, "ak.json was damaged"));
        snprintf(bad, sizeof bad, "%s/ak.json.bad", f.state);
        CHECK(file_exists(bad));
        state_done(&s);
    }
    overwrite(&f, "state.json", "{\"schema\":2,\"counter\":7}");
    state_load(&s, f.state);
    CHECK(s.in_memory && s.newer && strstr(s.note, "newer version"));
    fill(&s);
    state_save_progress(&s);
    state_done(&s);
    state_load(&s, f.state);
    CHECK(strstr(s.note, "newer version"));
    state_done(&s);
}

TEST(what_is_no_file_of_ours_is_set_aside_and_never_waited_for)
{
    static const char *const ways[] = { "mkdir", "mkfifo", "ln -s /etc/passwd", "truncate -s 300000" };
    static const char *const names[] = { "ak.json", "ak.crt", "identity.json", "state.json" };
    struct folder f CLEANUP(folder_remove) = { 0 };
    struct agent_state s;
    char path[200], line[300];

    REQUIRE(folder_make(&f));
    for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            state_load(&s, f.state);
            fill(&s);
            state_save_identity(&s);
            state_save_progress(&s);
            state_done(&s);
            snprintf(path, sizeof path, "%s/%s", f.state, names[i]);
            CHECK_INT(unlink(path), 0);
            snprintf(line, sizeof line, "%s '%s'", ways[w], path);
            CHECK_INT(system(line), 0);
            state_load(&s, f.state);
            CHECK(s.damaged && !s.in_memory && strstr(s.note, names[i]));
            CHECK_INT(s.identity_lost, i < 3);
            fill(&s);
            state_save_identity(&s);
            state_save_progress(&s);
            CHECK(!s.in_memory && !s.identity_lost);
            state_done(&s);
            state_load(&s, f.state);
            CHECK(!s.damaged && s.ak.known && s.ak_cert.len && s.vm_id[0] && s.counter);
            state_done(&s);
            snprintf(line, sizeof line, "rm -rf '%s.bad'", path);
            CHECK_INT(system(line), 0);
        }
    }
}

TEST(without_a_folder_the_state_lives_in_memory)
{
    struct agent_state s;

    state_load(&s, "");
    CHECK(s.in_memory);
    fill(&s);
    state_save_identity(&s);
    CHECK_STRING(s.note, "");
    state_done(&s);
    state_load(&s, "/proc/nowhere");
    CHECK(s.in_memory && s.note[0]);
    state_done(&s);
}

TEST(erasing_leaves_nothing_behind)
{
    struct folder f CLEANUP(folder_remove) = { 0 };
    struct err err = ERR_INIT;
    struct agent_state s;

    REQUIRE(folder_make(&f));
    state_load(&s, f.state);
    fill(&s);
    state_save_identity(&s);
    state_save_progress(&s);
    state_done(&s);
    REQUIRE_OK(state_erase(f.state, &err), err);
    CHECK_INT(rmdir(f.state), 0);
    REQUIRE_OK(state_erase(f.state, &err), err);
}
