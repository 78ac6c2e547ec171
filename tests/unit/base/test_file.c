/* Whole files in and out: each way to write leaves the whole content, the mode and nothing else behind. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "support/test.h"

struct folder {
    char name[40], path[60], before[70];
};

static bool make_folder(struct folder *f)
{
    snprintf(f->name, sizeof f->name, "/tmp/trueboot-file-XXXXXX");
    if (!mkdtemp(f->name))
        return false;
    snprintf(f->path, sizeof f->path, "%s/x.json", f->name);
    snprintf(f->before, sizeof f->before, "%s.before", f->path);
    return true;
}

static void check_content(const char *path, struct bytes want)
{
    struct bytes got CLEANUP(file_free) = BYTES_NONE;
    struct stat s;
    struct err err = ERR_INIT;

    REQUIRE_OK(file_read(path, 1000, &got, &err), err);
    CHECK_BYTES(got, want);
    REQUIRE(stat(path, &s) == 0);
    CHECK_INT(s.st_mode & 0777, 0600);
}

/* Longer, shorter, empty: nothing of what was there before shows. */
TEST(every_way_to_write_leaves_the_whole_new_content)
{
    static bool (*const ways[])(const char *, struct bytes, mode_t, struct err *) = { file_write, file_replace, file_rewrite };
    const struct bytes contents[] = { BYTES_LIT("first"), BYTES_LIT("and a longer one"), BYTES_LIT("short"), BYTES_NONE, BYTES_LIT("x") };
    struct err err = ERR_INIT;

    for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
        struct folder f;

        REQUIRE(make_folder(&f));
        for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
            REQUIRE_OK(ways[way](f.path, contents[i], 0600, &err), err);
            check_content(f.path, contents[i]);
        }
        CHECK(unlink(f.path) == 0);
        CHECK_INT(unlink(f.before) == 0, ways[way] == file_rewrite);
        CHECK(rmdir(f.name) == 0); /* no temporary file stays */
    }
}

TEST(what_was_rewritten_stays_beside_it_until_the_next_time)
{
    struct folder f;
    char elsewhere[60];
    struct err err = ERR_INIT;

    REQUIRE(make_folder(&f));
    REQUIRE_OK(file_write(f.path, BYTES_LIT("one"), 0600, &err) && file_rewrite(f.path, BYTES_LIT("two"), 0600, &err), err);
    check_content(f.path, BYTES_LIT("two"));
    check_content(f.before, BYTES_LIT("one"));
    REQUIRE_OK(file_rewrite(f.path, BYTES_LIT("three"), 0600, &err), err);
    check_content(f.path, BYTES_LIT("three"));
    check_content(f.before, BYTES_LIT("two"));
    snprintf(elsewhere, sizeof elsewhere, "%s/elsewhere", f.name);
    CHECK(unlink(f.before) == 0 && symlink(elsewhere, f.before) == 0); /* a link that somebody put there is taken away, not followed */
    REQUIRE_OK(file_rewrite(f.path, BYTES_LIT("four"), 0600, &err), err);
    check_content(f.path, BYTES_LIT("four"));
    check_content(f.before, BYTES_LIT("three"));
    CHECK(!file_exists(elsewhere));
    CHECK(unlink(f.path) == 0 && unlink(f.before) == 0 && rmdir(f.name) == 0);
}

TEST(what_is_put_in_place_is_the_same_file_of_any_size_and_no_link)
{
    struct stat before, after;
    struct folder f;
    struct err err = ERR_INIT;

    REQUIRE(make_folder(&f));
    REQUIRE_OK(file_put_in_place(f.path, BYTES_LIT("one"), 0600, &err), err);
    REQUIRE(stat(f.path, &before) == 0 && chmod(f.path, 0644) == 0);
    REQUIRE_OK(file_put_in_place(f.path, BYTES_LIT("twenty"), 0600, &err), err);
    check_content(f.path, BYTES_LIT("twenty"));
    REQUIRE_OK(file_put_in_place(f.path, BYTES_LIT("2"), 0600, &err), err);
    check_content(f.path, BYTES_LIT("2"));
    REQUIRE(stat(f.path, &after) == 0);
    CHECK(after.st_ino == before.st_ino && (after.st_mode & 07777) == 0600);
    CHECK_INT(link(f.path, f.before), 0); /* somebody else's name for it */
    CHECK(!file_put_in_place(f.path, BYTES_LIT("three"), 0600, &err) && err.code == ERR_UNTRUSTED);
    CHECK(unlink(f.path) == 0 && symlink(f.before, f.path) == 0);
    CHECK(!file_put_in_place(f.path, BYTES_LIT("three"), 0600, &err));
    CHECK(unlink(f.path) == 0 && mkfifo(f.path, 0600) == 0);
    CHECK(!file_put_in_place(f.path, BYTES_LIT("three"), 0600, &err));
    check_content(f.before, BYTES_LIT("2"));
    CHECK(unlink(f.path) == 0 && unlink(f.before) == 0 && rmdir(f.name) == 0);
}

TEST(what_is_overwritten_stays_the_same_file_and_nothing_else_is_overwritten)
{
    static const uint8_t sector[FILE_SECTOR_BYTES + 1] = { 0 }, most[FILE_OVERWRITE_MAX + FILE_SECTOR_BYTES] = { 0 };
    struct stat before, after;
    struct folder f;
    struct err err = ERR_INIT;

    REQUIRE(make_folder(&f));
    CHECK(!file_overwrite(f.path, BYTES_LIT("one"), &err)); /* there is nothing */
    REQUIRE_OK(file_write(f.path, BYTES_LIT("one"), 0600, &err), err);
    REQUIRE(stat(f.path, &before) == 0);
    REQUIRE_OK(file_overwrite(f.path, BYTES_LIT("two"), &err), err);
    check_content(f.path, BYTES_LIT("two"));
    REQUIRE(stat(f.path, &after) == 0);
    CHECK_INT(after.st_ino, before.st_ino);
    CHECK(!file_overwrite(f.path, BYTES_LIT("four"), &err) && err.code == ERR_UNSUPPORTED);
    CHECK(!file_overwrite(f.path, BYTES_LIT("to"), &err) && err.code == ERR_UNSUPPORTED);
    check_content(f.path, BYTES_LIT("two"));
    REQUIRE_OK(file_write(f.path, (struct bytes){ sector, FILE_SECTOR_BYTES }, 0600, &err), err);
    REQUIRE_OK(file_overwrite(f.path, (struct bytes){ sector, FILE_SECTOR_BYTES }, &err), err);
    REQUIRE_OK(file_write(f.path, BYTES_OF(sector), 0600, &err), err);
    CHECK(!file_overwrite(f.path, BYTES_OF(sector), &err) && err.code == ERR_UNSUPPORTED); /* its last byte is another's sector */
    REQUIRE_OK(file_write(f.path, (struct bytes){ most, FILE_OVERWRITE_MAX }, 0600, &err), err);
    REQUIRE_OK(file_overwrite(f.path, (struct bytes){ most, FILE_OVERWRITE_MAX }, &err), err);
    REQUIRE_OK(file_write(f.path, BYTES_OF(most), 0600, &err), err);
    CHECK(!file_overwrite(f.path, BYTES_OF(most), &err) && err.code == ERR_UNSUPPORTED);
    CHECK(unlink(f.path) == 0 && symlink(f.before, f.path) == 0);
    REQUIRE_OK(file_write(f.before, BYTES_LIT("one"), 0600, &err), err);
    CHECK(!file_overwrite(f.path, BYTES_LIT("two"), &err)); /* a link is not followed */
    CHECK(unlink(f.path) == 0 && unlink(f.before) == 0 && rmdir(f.name) == 0);
}

TEST(a_pipe_that_nobody_writes_to_is_empty_and_one_that_is_written_to_is_read_whole)
{
    struct bytes got CLEANUP(file_free) = BYTES_NONE, piped CLEANUP(file_free) = BYTES_NONE;
    struct err err = ERR_INIT;
    struct folder f;
    char path[40];
    int fds[2];

    REQUIRE(make_folder(&f) && mkfifo(f.path, 0600) == 0);
    REQUIRE_OK(file_read(f.path, 1000, &got, &err), err);
    CHECK_INT(got.len, 0);
    unlink(f.path);
    rmdir(f.name);

    REQUIRE(pipe(fds) == 0);
    if (fork() == 0) { /* as the shell's <(…) does */
        close(fds[0]);
        usleep(20000);
        _exit(write(fds[1], "late", 4) != 4);
    }
    close(fds[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
    REQUIRE_OK(file_read(path, 1000, &piped, &err), err);
    CHECK_BYTES(piped, BYTES_LIT("late"));
    close(fds[0]);
}
