/* agent/files/folder.h on Windows: what is tried here needs no other user. */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent/files/folder.h"
#include "agent/windows/access.h"
#include "base/file.h"
#include "base/path.h"
#include "support/test.h"

struct ground {
    struct arena a;
    char dir[256];
    int fd;
};

static bool ground_make(struct ground *g)
{
    struct err err = ERR_INIT;
    char *temporary;

    *g = (struct ground){ .fd = -1 };
    temporary = path_copy(&g->a, bytes_of_string(getenv("TEMP") ? getenv("TEMP") : "C:\\windows\\temp"));
    snprintf(g->dir, sizeof g->dir, "%s/trueboot-folder-%lu", temporary, (unsigned long)GetCurrentProcessId());
    return folder_make(g->dir, 0700, 0, 0, &err) && folder_open_ours(g->dir, &g->fd, &err);
}

static void ground_done(struct ground *g)
{
    struct err err = ERR_INIT;

    folder_close_at(&g->fd);
    CHECK(folder_remove(g->dir, &err));
    CHECK(!file_exists(g->dir));
    arena_done(&g->a);
}

TEST(what_is_written_is_read_and_taken_away)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    struct folder_file file;
    int64_t modified = 0;

    REQUIRE(ground_make(&g));
    REQUIRE(folder_write(g.fd, g.fd, "one", BYTES_LIT("first"), 0600, &err));
    REQUIRE(folder_write(g.fd, g.fd, "one", BYTES_LIT("second\r\n"), 0600, &err)); /* in its place, and byte by byte */
    REQUIRE(folder_read(g.fd, "one", 100, &g.a, &file, &err));
    CHECK_STRING(arena_string(&g.a, file.content), "second\r\n");
    CHECK(folder_modified(g.fd, "one", &modified) && modified / 1000000 == file.modified_ms);
    CHECK(folder_unlink(g.fd, "one", &err) && folder_unlink(g.fd, "one", &err)); /* gone is gone */
    CHECK(!folder_read(g.fd, "one", 100, &g.a, &file, &err) && err.code == ERR_NOT_FOUND);
}

TEST(a_file_is_read_up_to_its_limit_and_not_past_it)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    struct folder_file file;

    REQUIRE(ground_make(&g));
    REQUIRE(folder_write(g.fd, g.fd, "ten", BYTES_LIT("0123456789"), 0600, &err));
    CHECK(folder_read(g.fd, "ten", 10, &g.a, &file, &err) && file.content.len == 10);
    CHECK(!folder_read(g.fd, "ten", 9, &g.a, &file, &err) && err.code == ERR_LIMIT);
}

TEST(a_name_with_a_second_one_and_a_folder_are_no_plain_files)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    char one[300], two[300];
    struct folder_file file;
    int64_t modified;
    int fd = -1;

    REQUIRE(ground_make(&g));
    REQUIRE(folder_write(g.fd, g.fd, "one", BYTES_LIT("x"), 0600, &err));
    snprintf(one, sizeof one, "%s/one", g.dir);
    snprintf(two, sizeof two, "%s/two", g.dir);
    if (!CreateHardLinkA(two, one, NULL))
        return test_skip("no second names on this file system");
    CHECK(!folder_read(g.fd, "two", 100, &g.a, &file, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!folder_modified(g.fd, "two", &modified));
    CHECK(!folder_open(one, &fd, &err));
}

TEST(names_are_listed_in_order_without_those_that_hide)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    const char **names;
    size_t n = 0;

    REQUIRE(ground_make(&g));
    REQUIRE(folder_write(g.fd, g.fd, "b", BYTES_NONE, 0600, &err) && folder_write(g.fd, g.fd, "a", BYTES_NONE, 0600, &err) &&
            folder_write(g.fd, g.fd, ".c", BYTES_NONE, 0600, &err));
    REQUIRE(folder_list(g.fd, &g.a, 10, &names, &n, &err));
    REQUIRE(n == 2);
    CHECK_STRING(names[0], "a");
    CHECK_STRING(names[1], "b");
}

TEST(a_folder_keeps_its_number_when_it_gets_another_name)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    char one[300], two[300], file[320];
    int fd = -1;

    REQUIRE(ground_make(&g));
    snprintf(one, sizeof one, "%s/one", g.dir);
    snprintf(two, sizeof two, "%s/two", g.dir);
    snprintf(file, sizeof file, "%s/f", two);
    REQUIRE(folder_make(one, 0700, 0, 0, &err) && folder_open(one, &fd, &err));
    if (!MoveFileA(one, two)) {
        folder_close_at(&fd);
        return test_skip("an open folder cannot be renamed here");
    }
    REQUIRE(folder_make(one, 0700, 0, 0, &err));
    if (folder_write(fd, fd, "f", BYTES_LIT("x"), 0600, &err) && !file_exists(file))
        test_skip("Wine names an open folder by what it was called");
    folder_close_at(&fd);
}

/* The one SID of the kind that is printed everywhere: NT SERVICE\TrustedInstaller. */
TEST(a_services_sid_follows_from_its_name)
{
    char sid[ACCESS_SID_MAX];

    access_service_sid(L"TrustedInstaller", sid);
    CHECK_STRING(sid, "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464");
}

TEST(an_access_list_is_set_added_to_and_taken_back)
{
    struct ground g CLEANUP(ground_done);
    struct err err = ERR_INIT;
    char absent[300];

    REQUIRE(ground_make(&g));
    snprintf(absent, sizeof absent, "%s/absent", g.dir);
    CHECK(access_set(g.dir, ACCESS_WRITE, &err) && access_set(g.dir, ACCESS_READ, &err) && access_set(g.dir, ACCESS_NONE, &err));
    CHECK(access_grant(g.dir, ACCESS_READ, &err));
    access_revoke(g.dir);
    CHECK(access_grant(absent, ACCESS_READ, &err)); /* nothing to do */
    CHECK(!access_set(absent, ACCESS_READ, &err));
}
