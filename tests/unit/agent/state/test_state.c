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
    s->ak_nv_index = 0x01c101d0;
    s->ak_created_ms = 1763000000000;
    memset(s->ek_public_sha256, 'a', 64);
    memset(s->machine_id_sha256, 'b', 64);
    snprintf(s->ek_cert_serial, sizeof s->ek_cert_serial, "00ff");
    snprintf(s->ek_cert_subject, sizeof s->ek_cert_subject, "CN=web1:0c5c3a34");
    snprintf(s->backoff, sizeof s->backoff, "IN_CYCLE");
    s->due_boot_clock_ms = 77000;
    s->due_ms = 1764000300000;
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
    CHECK_INT(t.ak_nv_index, 0x01c101d0);
    CHECK_INT(t.ak_created_ms, s.ak_created_ms);
    CHECK_STRING(t.ek_public_sha256, s.ek_public_sha256);
    CHECK_STRING(t.machine_id_sha256, s.machine_id_sha256);
    CHECK_STRING(t.ek_cert_serial, "00ff");
    CHECK_STRING(t.ek_cert_subject, "CN=web1:0c5c3a34");
    CHECK_STRING(t.backoff, "IN_CYCLE");
    CHECK_INT(t.due_boot_clock_ms, 77000);
    CHECK_INT(t.due_ms, s.due_ms);
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

/* Another file is one that was waited for until it was on the disk (tests/unit/base/test_file.c). */
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

static struct bytes content_of(const struct folder *f, const char *name)
{
    struct bytes content = BYTES_NONE;
    char path[200];
    struct err err;

    snprintf(path, sizeof path, "%s/%s", f->state, name);
    (void)!file_read(path, 1 << 20, &content, &err);
    return content;
}

/* A machine that stops while state.json is on its way to the disk: each sector is of one write or of the other. */
TEST(state_of_which_some_sectors_are_older_is_read_all_the_same)
{
    struct folder f CLEANUP(folder_remove) = { 0 };
    struct bytes older CLEANUP(file_free) = BYTES_NONE, newer CLEANUP(file_free) = BYTES_NONE;
    struct agent_state s, t;
    uint8_t mixed[FILE_OVERWRITE_MAX];
    char path[200];
    struct err err;

    REQUIRE(folder_make(&f));
    state_load(&s, f.state);
    fill(&s);
    state_save_progress(&s);
    older = content_of(&f, "state.json");
    s.counter = s.sequence = s.clock_ms = INT64_MAX;
    s.backoff[0] = 0;
    memset(s.token_id, '"', sizeof s.token_id - 1);
    memset(s.token_sha256, 'c', 64);
    s.token_until_ms = s.last_verdict_ms = s.due_ms = s.due_boot_clock_ms = INT64_C(253402300799999);
    state_save_progress(&s);
    newer = content_of(&f, "state.json");
    REQUIRE(newer.len == older.len && newer.len >= 3 * FILE_SECTOR_BYTES && newer.len <= sizeof mixed);
    snprintf(path, sizeof path, "%s/state.json", f.state);
    for (unsigned which = 0; which < 1u << (newer.len / FILE_SECTOR_BYTES); which++) {
        for (size_t at = 0; at < newer.len; at++)
            mixed[at] = (which >> at / FILE_SECTOR_BYTES & 1 ? newer : older).data[at];
        REQUIRE_OK(file_write(path, (struct bytes){ mixed, newer.len }, 0600, &err), err);
        state_look(&t, f.state);
        CHECK_STRING(t.note, "");
        CHECK(t.counter == s.counter || t.counter == 1764000000123);
        CHECK(strcmp(t.token_id, s.token_id) == 0 || !t.token_id[0]);
        CHECK(t.boot_notes.n == 1 && t.reset_count == 5);
        state_done(&t);
    }
    state_done(&s);
}

/* Of a boot with many marks, too: only what is larger than file_overwrite takes is written anew. */
TEST(marks_of_a_boot_do_not_make_each_cycle_wait_for_the_disk)
{
    struct folder f CLEANUP(folder_remove) = { 0 };
    struct agent_state s;
    ino_t file;

    REQUIRE(folder_make(&f));
    state_load(&s, f.state);
    fill(&s);
    for (int i = 1; i <= 8; i++)
        notes_add(&s.boot_notes, (enum failure_id)i, "%0*d", NOTE_TEXT_LEN - 1, i);
    state_save_progress(&s);
    file = file_of(&f);
    s.counter++;
    state_save_progress(&s);
    CHECK_INT(file_of(&f), file);
    for (int i = 9; i <= NOTES_MAX; i++)
        notes_add(&s.boot_notes, (enum failure_id)i, "%0*d", NOTE_TEXT_LEN - 1, i);
    state_save_progress(&s);
    file = file_of(&f);
    s.counter++;
    state_save_progress(&s);
    CHECK(file_of(&f) != file);
    check_saved(&f, &s);
    state_done(&s);
}

static void give_token(struct agent_state *s, const char *token, int64_t until_ms)
{
    s->token_until_ms = until_ms;
    state_keep_token(s, bytes_of_string(token));
    state_save_progress(s);
}

static bool there(const struct folder *f, const char *name)
{
    char path[200];

    snprintf(path, sizeof path, "%s/%s", f->state, name);
    return file_exists(path);
}

static void check_token(const struct folder *f, const char *want)
{
    struct bytes content CLEANUP(file_free) = content_of(f, "token.jwt");
    struct stat st = { 0 };
    char path[200];

    snprintf(path, sizeof path, "%s/token.jwt", f->state);
    CHECK(stat(path, &st) == 0 && (st.st_mode & 07777) == 0600);
    CHECK_BYTES(content, bytes_of_string(want));
}

TEST(the_last_token_is_kept_for_its_owner_until_it_expires)
{
    struct folder f CLEANUP(folder_remove) = { 0 };
    const int64_t later = INT64_C(4000000000000), past = 1000;
    struct agent_state s;

    REQUIRE(folder_make(&f));
    state_load(&s, f.state);
    give_token(&s, "a.long.one", later);
    check_token(&f, "a.long.one");
    give_token(&s, "b.c.d", later);
    check_token(&f, "b.c.d");
    state_drop_old_token(&s, later - 1);
    check_token(&f, "b.c.d");
    state_drop_old_token(&s, later);
    CHECK(!there(&f, "token.jwt"));
    give_token(&s, "e.f.g", 0); /* it does not say when it expires */
    CHECK(!there(&f, "token.jwt"));
    give_token(&s, "h.i.j", later);
    state_done(&s);
    state_load(&s, f.state); /* another process finds the last one */
    state_check_token(&s);
    check_token(&f, "h.i.j");
    state_drop_old_token(&s, later); /* and knows when it is over */
    CHECK(!there(&f, "token.jwt"));
    give_token(&s, "k.l.m", past);
    state_done(&s);
    state_load(&s, f.state); /* nobody was there when it expired */
    state_check_token(&s);
    CHECK(!there(&f, "token.jwt"));
    state_done(&s);
}

TEST(a_token_that_is_torn_or_another_is_nothing)
{
    static const char *const others[] = { "", "a.b", "a.b.cX", "A.b.c", "x.y.z" };
    struct folder f CLEANUP(folder_remove) = { 0 };
    struct agent_state s;
    char line[200];

    REQUIRE(folder_make(&f));
    for (size_t i = 0; i < ARRAY_LEN(others) + 1; i++) {
        state_load(&s, f.state);
        give_token(&s, "a.b.c", INT64_C(4000000000000));
        state_done(&s);
        if (i < ARRAY_LEN(others)) {
            overwrite(&f, "token.jwt", others[i]);
        } else { /* a link to something that is not ours: the link goes, and nothing else */
            snprintf(line, sizeof line, "cd '%s' && echo mine >../other && ln -sf ../other token.jwt", f.state);
            CHECK_INT(system(line), 0);
        }
        state_load(&s, f.state);
        state_check_token(&s);
        CHECK(!s.has_token && !there(&f, "token.jwt"));
        state_done(&s);
    }
    CHECK(there(&f, "../other"));
}

static void list_folder(const struct folder *f, char *ret, size_t size)
{
    char line[200];
    FILE *p;
    size_t n;

    snprintf(line, sizeof line, "cd '%s' && find . -type f | sort | xargs sha256sum", f->state);
    p = popen(line, "r");
    REQUIRE(p != NULL);
    n = fread(ret, 1, size - 1, p);
    ret[n] = 0;
    CHECK_INT(pclose(p), 0);
}

/* A version that goes back leaves what the newer one wrote, whichever file says so, and whatever else lies there. */
TEST(beside_a_newer_file_nothing_is_written_renamed_or_removed)
{
    static const char *const names[] = { "ak.json", "identity.json", "state.json" };
    struct folder f CLEANUP(folder_remove) = { 0 };
    char before[4000], after[4000];
    struct agent_state s;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        REQUIRE(folder_make(&f));
        state_load(&s, f.state);
        fill(&s);
        state_save_identity(&s);
        give_token(&s, "a.b.c", INT64_C(4000000000000));
        state_done(&s);
        overwrite(&f, names[(i + 1) % 3], "damaged");
        overwrite(&f, names[i], "{\"schema\":99,\"name\":[1]}");
        overwrite(&f, "token.jwt", "another");
        list_folder(&f, before, sizeof before);
        state_load(&s, f.state);
        CHECK(s.newer && s.in_memory && !s.damaged && strstr(s.note, names[i]));
        state_check_token(&s);
        fill(&s);
        state_save_identity(&s);
        give_token(&s, "d.e.f", INT64_C(4000000000000));
        state_drop_old_token(&s, INT64_C(5000000000000));
        CHECK_INT(s.counter, 1764000000123); /* it goes on in memory */
        state_done(&s);
        list_folder(&f, after, sizeof after);
        CHECK_STRING(after, before);
        folder_remove(&f);
    }
}

TEST(a_damaged_file_is_set_aside_and_a_newer_one_left_alone)
{
    static const char *const damaged[] = {
        "", "{", "[]", "{\"schema\":\"one\"}", "{\"schema\":1}", "{\"schema\":1,\"name\":\"zz\"}", "{\"schema\":0}", "{\"schema\":-1}"
    };
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
    give_token(&s, "a.b.c", INT64_C(4000000000000));
    state_done(&s);
    REQUIRE_OK(state_erase(f.state, &err), err);
    CHECK_INT(rmdir(f.state), 0);
    REQUIRE_OK(state_erase(f.state, &err), err);
}
