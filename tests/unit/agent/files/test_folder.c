#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "base/file.h"
#include "support/test.h"

struct ground {
    char dir[32];
    int fd;
};

static void ground_done(struct ground *g)
{
    char command[64];

    close(g->fd);
    snprintf(command, sizeof command, "rm -rf %s", g->dir);
    (void)!system(command);
}

static bool ground_make(struct ground *g)
{
    struct err err = ERR_INIT;

    snprintf(g->dir, sizeof g->dir, "/tmp/trueboot-folder-XXXXXX");
    return mkdtemp(g->dir) && folder_open_ours(g->dir, &g->fd, &err);
}

static const char *in(const struct ground *g, const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", g->dir, name);
    return path;
}

TEST(a_file_is_written_and_read_with_its_mode)
{
    struct ground g CLEANUP(ground_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct folder_file file;
    struct stat st;

    REQUIRE(ground_make(&g));
    REQUIRE_OK(folder_write(g.fd, g.fd, "one", BYTES_LIT("first"), 0600, &err), err);
    REQUIRE_OK(folder_write(g.fd, g.fd, "one", BYTES_LIT("second"), 0640, &err), err);
    REQUIRE_OK(folder_read(g.fd, "one", 6, &a, &file, &err), err);
    CHECK_BYTES(file.content, BYTES_LIT("second"));
    CHECK(file.modified_ms > 0);
    CHECK(stat(in(&g, "one"), &st) == 0 && (st.st_mode & 0777) == 0640);
}

TEST(what_is_no_plain_file_of_one_name_is_not_read)
{
    struct ground g CLEANUP(ground_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct folder_file file;

    REQUIRE(ground_make(&g));
    REQUIRE(symlink("/etc/passwd", in(&g, "link")) == 0);
    REQUIRE(mkfifo(in(&g, "pipe"), 0600) == 0);
    REQUIRE(mkdir(in(&g, "dir"), 0700) == 0);
    REQUIRE_OK(folder_write(g.fd, g.fd, "twice", BYTES_LIT("x"), 0600, &err), err);
    REQUIRE(linkat(g.fd, "twice", g.fd, "again", 0) == 0);
    CHECK(!folder_read(g.fd, "link", 65536, &a, &file, &err));
    CHECK(!folder_read(g.fd, "pipe", 65536, &a, &file, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!folder_read(g.fd, "dir", 65536, &a, &file, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!folder_read(g.fd, "twice", 65536, &a, &file, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!folder_read(g.fd, "absent", 65536, &a, &file, &err) && err.code == ERR_NOT_FOUND);
}

TEST(a_file_may_be_as_large_as_the_limit_and_not_larger)
{
    struct ground g CLEANUP(ground_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct folder_file file;

    REQUIRE(ground_make(&g));
    REQUIRE_OK(folder_write(g.fd, g.fd, "f", BYTES_LIT("12345"), 0600, &err), err);
    CHECK(folder_read(g.fd, "f", 5, &a, &file, &err));
    CHECK(!folder_read(g.fd, "f", 4, &a, &file, &err) && err.code == ERR_LIMIT);
}

TEST(writing_replaces_a_link_and_does_not_follow_it)
{
    struct ground g CLEANUP(ground_done);
    struct bytes text CLEANUP(file_free) = BYTES_NONE;
    struct err err = ERR_INIT;
    struct stat st;

    REQUIRE(ground_make(&g));
    REQUIRE_OK(folder_write(g.fd, g.fd, "victim", BYTES_LIT("keep"), 0600, &err), err);
    REQUIRE(symlink("victim", in(&g, "status.json")) == 0);
    REQUIRE_OK(folder_write(g.fd, g.fd, "status.json", BYTES_LIT("new"), 0600, &err), err);
    CHECK(lstat(in(&g, "status.json"), &st) == 0 && S_ISREG(st.st_mode));
    REQUIRE_OK(file_read(in(&g, "victim"), 10, &text, &err), err);
    CHECK_BYTES(text, BYTES_LIT("keep"));
}

TEST(a_folder_behind_a_link_or_of_somebody_else_is_not_opened)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    int fd = -1;

    REQUIRE(ground_make(&g));
    REQUIRE(symlink("/tmp", in(&g, "link")) == 0);
    CHECK(!folder_open(in(&g, "link"), &fd, &err));
    if (geteuid() == 0) {
        REQUIRE(mkdir(in(&g, "theirs"), 0777) == 0 && chown(in(&g, "theirs"), 65534, 65534) == 0);
        CHECK(!folder_open_ours(in(&g, "theirs"), &fd, &err) && err.code == ERR_UNTRUSTED);
    } else {
        CHECK(!folder_open_ours("/", &fd, &err) && err.code == ERR_UNTRUSTED);
    }
}

TEST(names_are_listed_in_order_and_up_to_a_limit)
{
    static const char *const made[] = { "c", "a", ".hidden", "b" };
    struct ground g CLEANUP(ground_done);
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const char **names;
    size_t n;

    REQUIRE(ground_make(&g));
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        REQUIRE_OK(folder_write(g.fd, g.fd, made[i], BYTES_LIT("x"), 0600, &err), err);
    REQUIRE_OK(folder_list(g.fd, &a, 8, &names, &n, &err), err);
    REQUIRE(n == 3);
    CHECK_STRING(names[0], "a");
    CHECK_STRING(names[2], "c");
    REQUIRE_OK(folder_list(g.fd, &a, 2, &names, &n, &err), err);
    CHECK_INT(n, 2);
}

TEST(a_folder_goes_with_all_that_is_in_it_and_nothing_beside_it)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    char command[400];

    REQUIRE(ground_make(&g));
    snprintf(command, sizeof command,
             "cd %s && mkdir -p kept one/two/three && touch kept/file one/.hidden one/two/three/file && ln -s ../kept one/link && mkfifo "
             "one/pipe",
             g.dir);
    REQUIRE(system(command) == 0);
    REQUIRE_OK(folder_remove(in(&g, "one"), &err), err);
    CHECK(!file_exists(in(&g, "one")));
    CHECK(file_exists(in(&g, "kept/file")));
    REQUIRE_OK(folder_remove(in(&g, "one"), &err), err); /* gone already */
    REQUIRE(symlink("kept", in(&g, "link")) == 0);
    CHECK(!folder_remove(in(&g, "link"), &err));
    CHECK(file_exists(in(&g, "kept/file")));
}

TEST(what_is_in_a_folder_can_be_given_to_another_user)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    char command[400];
    struct stat st;

    REQUIRE(ground_make(&g));
    if (geteuid() != 0)
        return;
    snprintf(
        command, sizeof command,
        "cd %s && mkdir -p one/spool && touch beside one/file one/spool/file one/twice && ln one/twice other && ln -s ../beside one/link",
        g.dir);
    REQUIRE(system(command) == 0);
    REQUIRE_OK(folder_give(in(&g, "one"), 4321, 4321, &err), err);
    CHECK(stat(in(&g, "one/file"), &st) == 0 && st.st_uid == 4321);
    CHECK(stat(in(&g, "one/spool/file"), &st) == 0 && st.st_gid == 4321);
    CHECK(stat(in(&g, "beside"), &st) == 0 && st.st_uid == 0);
    CHECK(stat(in(&g, "other"), &st) == 0 && st.st_uid == 0);
}
