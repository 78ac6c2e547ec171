#include "diagnose/bundle.h"
#include <sys/stat.h>
#include "diagnose/tar.h"
#include "fake_root.h"

#define SECRET "s3cret-9f8e7d"
#define TOKEN  "eyJhbGciOiJSUzI1NiJ9.eyJzZWNyZXQiOiJzM2NyZXQtOWY4ZTdkIn0.c2lnbmF0dXJl"

/* Secrets in every place where one could lie, legitimate or not. */
static const struct {
    const char *path, *text;
} planted[] = {
    { "/etc/trueboot-agent/agent.conf",
      "attest.endpoint = https://a\nnet.proxy = http://ann:" SECRET "@proxy:1\nenroll.token_file = /etc/t\npassword = " SECRET " x\n" },
    { "/etc/trueboot-agent/agent.conf.d/10-a.conf", "# Bearer " TOKEN "\nsome.secret=" SECRET "\n" },
    { "/etc/trueboot-agent/agent.conf.d/20-b.txt", SECRET },
    { "/etc/trueboot-agent/handler.conf", "report.endpoint = https://from-the-settings\nnet.proxy_password = " SECRET "\n" },
    { "/etc/trueboot-agent/handler.json", "{\"statusFile\":\"/s/0.status\",\"token\":\"" TOKEN "\"}" },
    { "/etc/trueboot-agent/proxy.credentials", "ann:" SECRET },
    { "/var/lib/trueboot-agent/token.jwt", TOKEN },
    { "/var/lib/trueboot-agent/spool/1.json", "{\"token\":\"" TOKEN "\"}" },
    { "/var/lib/trueboot-agent/state.json", "{\"bootId\":\"b\",\"token\":\"" TOKEN "\",\"secret\":\"" SECRET "\"}" },
    { "/var/lib/trueboot-agent/identity.json", "{\"vmUuid\":\"public-uuid\"}" },
    { "/run/trueboot-agent/status.json",
      "{\"state\":\"idle\",\"failure\":{\"message\":\"https://u:" SECRET "@host/ Bearer " SECRET "\"}}" },
    { "/run/trueboot-agent/secrets/reporting", SECRET },
    { "/var/log/trueboot-agent/trueboot-agent.log", "line one\nAuthorization: TrueBoot-AK " TOKEN "\npassword: " SECRET
                                                    "\n-----BEGIN PRIVATE KEY-----\n" SECRET "\n-----END PRIVATE KEY-----\nlast line\n" },
};

TEST(a_bundle_holds_what_helps_and_no_secret)
{
    CLEANUP(bundle_done) struct bundle b = { 0 };
    struct err err = ERR_INIT;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes tar;
    char path[200], command[400];
    FAKE_ROOT(f);

    for (size_t i = 0; i < ARRAY_LEN(planted); i++)
        REQUIRE(fake_put_text(&f, planted[i].path, planted[i].text));
    diagnosis_add(&f.d, CHECK_OS, RESULT_FAIL, "with Bearer " TOKEN);
    bundle_init(&b, &f.d, 1700000000000);
    bundle_add_machine(&b, &f.places, "/etc/trueboot-agent/agent.conf");
    bundle_add_public(&b, "ak.crt", BYTES_LIT("\x30\x03\x02\x01\x01"));
    snprintf(path, sizeof path, "%s/bundle.tar", f.dir);
    REQUIRE_OK(bundle_write(&b, path, &err), err);
    REQUIRE_OK(file_read_in(&a, path, 1 << 20, &tar, &err), err);
    CHECK(bytes_find(tar, BYTES_LIT(SECRET)) == SIZE_MAX);
    CHECK(bytes_find(tar, BYTES_LIT("eyJhbGci")) == SIZE_MAX);
    CHECK(bytes_find(tar, BYTES_LIT("c2lnbmF0dXJl")) == SIZE_MAX);
    CHECK(bytes_find(tar, BYTES_LIT("public-uuid")) != SIZE_MAX && bytes_find(tar, BYTES_LIT("https://a")) != SIZE_MAX);
    CHECK(bytes_find(tar, BYTES_LIT("last line")) != SIZE_MAX && bytes_find(tar, BYTES_LIT("/etc/t\n")) == SIZE_MAX);
    CHECK(bytes_find(tar, BYTES_LIT("https://from-the-settings")) != SIZE_MAX && bytes_find(tar, BYTES_LIT("/s/0.status")) != SIZE_MAX);
    CHECK_INT(b.n, 11);
    snprintf(command, sizeof command,
             "cd %s && tar xf bundle.tar && test -s trueboot-diagnose/diagnosis.json && test $(wc -c < trueboot-diagnose/ak.crt) = 5",
             f.dir);
    CHECK_INT(system(command), 0);
}

TEST(only_the_last_two_thousand_lines_of_a_log_are_taken)
{
    CLEANUP(bundle_done) struct bundle b = { 0 };
    struct writer log CLEANUP(writer_done) = { 0 };
    FAKE_ROOT(f);

    for (int i = 1; i <= 5000; i++)
        write_printf(&log, "line %d.\n", i);
    REQUIRE(fake_put(&f, "/var/log/trueboot-agent/trueboot-agent.log", writer_bytes(&log)));
    bundle_init(&b, &f.d, 0);
    bundle_add_machine(&b, &f.places, "/etc/trueboot-agent/agent.conf");
    CHECK(bytes_find(writer_bytes(&b.tar), BYTES_LIT("line 3001.\n")) != SIZE_MAX);
    CHECK(bytes_find(writer_bytes(&b.tar), BYTES_LIT("line 3000.\n")) == SIZE_MAX);
    CHECK(bytes_find(writer_bytes(&b.tar), BYTES_LIT("line 5000.")) != SIZE_MAX);
}

/* Just before a rotation the file has all but 5 MiB, just after it next to nothing. */
TEST(a_log_that_is_about_to_be_rotated_or_just_was_is_in_the_bundle)
{
    CLEANUP(bundle_done) struct bundle b = { 0 }, after = { 0 };
    struct writer log CLEANUP(writer_done) = { 0 };
    FAKE_ROOT(f);

    for (int i = 1; log.len < (5 << 20) - 100; i++)
        write_printf(&log, "line %d of many that are as long as usual, with a name=value or two.\n", i);
    write_string(&log, "the last of the old\n");
    REQUIRE(fake_put(&f, "/var/log/trueboot-agent/trueboot-agent.log", writer_bytes(&log)));
    bundle_init(&b, &f.d, 0);
    bundle_add_machine(&b, &f.places, "/etc/trueboot-agent/agent.conf");
    CHECK(bytes_find(writer_bytes(&b.tar), BYTES_LIT("the last of the old")) != SIZE_MAX);

    REQUIRE(fake_put(&f, "/var/log/trueboot-agent/trueboot-agent.log.1", writer_bytes(&log)));
    REQUIRE(fake_put_text(&f, "/var/log/trueboot-agent/trueboot-agent.log", "the first of the new\n"));
    bundle_init(&after, &f.d, 0);
    bundle_add_machine(&after, &f.places, "/etc/trueboot-agent/agent.conf");
    CHECK(bytes_find(writer_bytes(&after.tar), BYTES_LIT("the last of the old")) != SIZE_MAX);
    CHECK(bytes_find(writer_bytes(&after.tar), BYTES_LIT("the first of the new")) != SIZE_MAX);
    CHECK(bytes_find(writer_bytes(&after.tar), BYTES_LIT("line 1 of many")) == SIZE_MAX);
}

TEST(what_is_no_file_is_not_replaced_by_a_bundle)
{
    CLEANUP(bundle_done) struct bundle b = { 0 };
    struct err err = ERR_INIT;
    char path[200];
    struct stat st;
    FAKE_ROOT(f);

    snprintf(path, sizeof path, "%s/pipe", f.dir);
    REQUIRE(mkfifo(path, 0600) == 0);
    bundle_init(&b, &f.d, 0);
    CHECK(!bundle_write(&b, path, &err) && strstr(err.text, "pipe"));
    CHECK(lstat(path, &st) == 0 && S_ISFIFO(st.st_mode));
}

TEST(names_too_long_for_the_format_are_refused)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    char name[101];

    memset(name, 'a', 100);
    name[99] = 0;
    tar_add(&w, name, BYTES_LIT("x"), 0);
    CHECK(writer_ok(&w) && w.len == 1024);
    name[99] = 'a';
    name[100] = 0;
    tar_add(&w, name, BYTES_LIT("x"), 0);
    CHECK(!writer_ok(&w));
}
