#include "http/client/proxy.h"
#include "http/client/date.h"
#include <stdlib.h>
#include "support/test.h"

#define P "http://proxy.example:3128"

TEST(the_proxy_is_chosen_in_the_documented_order)
{
    static const struct {
        const char *url, *proxy, *no_proxy, *https_proxy, *http_proxy, *exceptions, *want; /* want NULL: direct */
    } cases[] = {
        { "https://a.example/", NULL, NULL, NULL, NULL, NULL, NULL },
        { "https://a.example/", P, NULL, "http://other:1", NULL, NULL, P },
        { "https://a.example/", NULL, NULL, "http://other:1", "http://plain:2", NULL, "http://other:1" },
        { "http://a.example/", NULL, NULL, "http://other:1", "http://plain:2", NULL, "http://plain:2" },
        { "http://a.example/", NULL, NULL, "http://other:1", NULL, NULL, NULL },
        { "https://a.example/", "proxy.example:3128", NULL, NULL, NULL, NULL, P },
        { "https://a.example/", "http://proxy.example:3128/", NULL, NULL, NULL, NULL, P },
        { "https://a.example/", "http://proxy.example", NULL, NULL, NULL, NULL, "http://proxy.example:1080" },
        { "https://a.example/", "http://proxy.example:80", NULL, NULL, NULL, NULL, "http://proxy.example:80" },
        { "https://a.example/", "https://proxy.example", NULL, NULL, NULL, NULL, "https://proxy.example:443" },
        { "https://a.example/", "http://[fd00::1]:8080", NULL, NULL, NULL, NULL, "http://[fd00::1]:8080" },
        { "https://a.example/", "", NULL, "", NULL, NULL, NULL },
        /* exceptions: the settings' own list rules, else the environment's */
        { "https://a.example/", P, "a.example", NULL, NULL, NULL, NULL },
        { "https://a.example/", P, NULL, NULL, NULL, "a.example", NULL },
        { "https://a.example/", P, "b.example", NULL, NULL, "a.example", P },
        { "https://a.example/", P, "", NULL, NULL, "a.example", P },
        /* never */
        { "https://localhost:8443/", P, NULL, NULL, NULL, NULL, NULL },
        { "https://127.8.9.1/", P, NULL, NULL, NULL, NULL, NULL },
        { "https://[::1]:8443/", P, NULL, NULL, NULL, NULL, NULL },
        { "https://[::ffff:127.0.0.1]/", P, NULL, NULL, NULL, NULL, NULL },
        { "https://169.254.169.254/x", P, NULL, NULL, NULL, NULL, NULL },
        { "https://[fe80::1%25eth0]/", P, NULL, NULL, NULL, NULL, NULL },
        { "https://168.63.129.16/", P, NULL, NULL, NULL, NULL, NULL },
        { "https://168.63.129.17/", P, NULL, NULL, NULL, NULL, P },
        { "https://128.0.0.1/", P, NULL, NULL, NULL, NULL, P },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct proxy_settings settings = { .proxy = cases[i].proxy,
                                           .no_proxy = cases[i].no_proxy,
                                           .https_proxy = cases[i].https_proxy,
                                           .http_proxy = cases[i].http_proxy,
                                           .exceptions = cases[i].exceptions };
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        const char *got;
        bool dropped;

        REQUIRE_OK(proxy_choose(&settings, cases[i].url, &a, &got, &dropped, &err), err);
        CHECK_STRING(got ? got : "direct", cases[i].want ? cases[i].want : "direct");
        CHECK(!dropped);
        if (test_failed())
            test_note("case %zu: %s", i, cases[i].url);
    }
}

TEST(exceptions_are_suffixes_blocks_ports_and_a_star)
{
    static const struct {
        const char *url, *no_proxy;
        bool excepted;
    } cases[] = {
        { "https://host.example.org/", "example.org", true },
        { "https://HOST.Example.org/", "eXample.ORG", true },
        { "https://host.example.org/", ".example.org", true },
        { "https://host.example.org/", "*.example.org", true },
        { "https://example.org/", ".example.org", true },
        { "https://badexample.org/", "example.org", false },
        { "https://example.org.evil/", "example.org", false },
        { "https://example.org/", "*", true },
        { "https://10.1.2.3/", "*", true },
        { "https://example.org/", "", false },
        { "https://example.org/", " , ,other\t,example.org", true },
        { "https://example.org/", "a b example.org", true },
        { "https://example.org:8443/", "example.org:8443", true },
        { "https://example.org/", "example.org:443", true },
        { "https://example.org:8443/", "example.org:443", false },
        { "https://10.1.2.3/", "10.0.0.0/8", true },
        { "https://11.1.2.3/", "10.0.0.0/8", false },
        { "https://10.1.2.3/", "10.1.2.0/31", false },
        { "https://10.1.2.1/", "10.1.2.0/31", true },
        { "https://10.1.2.3/", "10.1.2.3", true },
        { "https://10.1.2.3/", "0.0.0.0/0", true },
        { "https://10.1.2.3/", "10.1.2.3/33", false },
        { "https://10.1.2.3/", "10.1.2.3/x", false },
        { "https://[fd00::1]:8443/", "fd00::/8", true },
        { "https://[fd00::1]:8443/", "fd00::1", true },
        { "https://[fd00::1]:8443/", "[fd00::1]:8443", true },
        { "https://[fd00::1]:8443/", "[fd00::1]:443", false },
        { "https://[fe00::1]:8443/", "fd00::/8", false },
        { "https://10.1.2.3/", "::/0", false },
        { "https://3.example/", "0.0.0.0/0", false }, /* a name is no address */
        { "https://x.2.3/", "2.3", true },
        { "not a url", "*", false },
        { "https://host.example.org./", "example.org", true }, /* the dot of a name written in full */
        { "https://host.example.org/", "example.org.", true },
        { "https://host.example.org:8443/", ".example.org:8443", true },
        { "https://host.example.org:8443/", ".example.org:8444", false },
        { "https://10.1.2.3:8443/", "10.1.2.3:8443", true },
        { "https://a.example/", "b.example,*", true },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_INT(proxy_is_excepted(cases[i].url, cases[i].no_proxy), cases[i].excepted);
        if (test_failed())
            test_note("case %zu: %s with %s", i, cases[i].url, cases[i].no_proxy);
    }
}

TEST(credentials_do_not_come_from_places_that_others_read)
{
    struct proxy_settings configured = { .proxy = "http://ann:s3cret@proxy.example:3128" };
    struct proxy_settings environment = { .https_proxy = "http://ann:s3cret@proxy.example:3128" };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const char *got;
    bool dropped;

    CHECK(!proxy_choose(&configured, "https://a.example/", &a, &got, &dropped, &err));
    CHECK_INT(err.code, ERR_MALFORMED);
    CHECK(!strstr(err.text, "s3cret"));
    REQUIRE_OK(proxy_choose(&environment, "https://a.example/", &a, &got, &dropped, &err), err);
    CHECK_STRING(got, P);
    CHECK(dropped);
    CHECK(!proxy_choose(&(struct proxy_settings){ .proxy = "socks5://ann:s3cret@x:1" }, "https://a.example/", &a, &got, &dropped, &err));
    CHECK(!strstr(err.text, "s3cret"));
    CHECK(!proxy_choose(&configured, "ftp://a.example/", &a, &got, &dropped, &err));
}

TEST(a_proxys_address_is_read_whole_or_refused_by_its_value_without_its_credentials)
{
    static const struct {
        const char *text, *url, *credentials; /* url NULL: refused */
    } rows[] = {
        { "http://proxy:3128", "http://proxy:3128", "" },
        { "proxy:3128/", "http://proxy:3128", "" },
        { "proxy", "http://proxy:1080", "" },
        { "HTTP://proxy:80", "http://proxy:80", "" },
        { "http://proxy:080", "http://proxy:80", "" },
        { "http://[fd00::1]:80", "http://[fd00::1]:80", "" },
        { "http://[fd00::1]", "http://[fd00::1]:1080", "" },
        { "https://proxy", "https://proxy:443", "" },
        { "10.0.0.1:8080", "http://10.0.0.1:8080", "" },
        { "http://[fd00::1]:3128", "http://[fd00::1]:3128", "" },
        { "[fd00::1]:3128", "http://[fd00::1]:3128", "" },
        { "http://u:p%40ss@[fd00::1]:3128", "http://[fd00::1]:3128", "u:p%40ss" },
        { "http://u:s3@cret@proxy:1", "http://proxy:1", "u:s3@cret" }, /* up to the last one */
        { "u@proxy:1", "http://proxy:1", "u" },
        { "socks5://proxy:1080", NULL, NULL },
        { "socks5://u:s3cret@proxy:1080", NULL, NULL },
        { "http://u:s3/cret@proxy:1080", NULL, NULL },
        { "http://u:s3cret@", NULL, NULL },
        { "http://", NULL, NULL },
        { "http://proxy:port", NULL, NULL },
        { "http://proxy:0", NULL, NULL },
        { "http://proxy:65536", NULL, NULL },
        { "http://proxy:", NULL, NULL },
        { "http://proxy:1/path", NULL, NULL },
        { "http://proxy:1?x", NULL, NULL },
        { "http://a b:1", NULL, NULL },
        { "http://proxy\n:1", NULL, NULL },
        { "http://fd00::1", "http://[fd00::1]:1080", "" }, /* one address, however it is written */
        { "http://a:b:c", NULL, NULL },
        { "http://[fd00::zz]:1", NULL, NULL },
        { "none", "http://none:1080", "" },
        { "<proxy>", NULL, NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct proxy_address got = { .url = "refused" };
        struct err err = ERR_INIT;

        CHECK_INT(proxy_address_read(rows[i].text, &a, &got, &err), rows[i].url != NULL);
        CHECK_STRING(got.url, rows[i].url ? rows[i].url : "refused");
        CHECK(rows[i].url ? bytes_equal_string(got.credentials, rows[i].credentials)
                          : err.code == ERR_MALFORMED && strstr(err.text, "is not http://HOST:PORT"));
        CHECK(!strstr(err.text, "s3") && !strchr(err.text, '\n'));
        if (test_failed()) {
            test_note("%s: %s", rows[i].text, err.text);
            break;
        }
    }
}

TEST(credentials_of_an_address_are_decoded_or_refused_without_a_word_of_them)
{
    static const struct {
        const char *encoded, *want; /* NULL: refused */
    } rows[] = {
        { "user:pass", "user:pass" },
        { "user", "user:" },
        { "user:", "user:" },
        { "us%40er:p%3aa%2Fs%25s", "us@er:p:a/s%s" },
        { "user:p:a:ss", "user:p:a:ss" },
        { "u%C3%A9:p", "u\xc3\xa9:p" },
        { ":s3cret", NULL },
        { "", NULL },
        { "us%3Aer:s3cret", NULL },
        { "user:s3cret%0a", NULL },
        { "user:s3cret%", NULL },
        { "user:s3cret%4", NULL },
        { "user:s3cret%zz", NULL },
        { "us%00er:s3cret", NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes got = BYTES_LIT("refused");
        struct err err = ERR_INIT;

        CHECK_INT(proxy_credentials_read(bytes_of_string(rows[i].encoded), &a, &got, &err), rows[i].want != NULL);
        CHECK(bytes_equal_string(got, rows[i].want ? rows[i].want : "refused"));
        CHECK(!strstr(err.text, "s3cret"));
        if (test_failed()) {
            test_note("%s", rows[i].encoded);
            break;
        }
    }
}

TEST(an_exception_that_excepts_nothing_is_found)
{
    static const struct {
        const char *list, *bad;
    } rows[] = {
        { "", "" },
        { "*", "" },
        { "localhost, .example.org *.example.net\texample.com:443,10.0.0.0/8,fd00::/8,::1,[fd00::1]:443,10.1.2.3,0.0.0.0/0", "" },
        { "example.org.", "" },
        { "b\xc3\xbc"
          "cher.example",
          "" },
        { "a,http://b.example,c", "http://b.example" },
        { "10.0.0.0/33", "10.0.0.0/33" },
        { "10.0.0/8", "10.0.0/8" },
        { "fd00::/129", "fd00::/129" },
        { "10.*", "10.*" },
        { "<local>", "<local>" },
        { "a:port", "a:port" },
        { "a;b", "a;b" },
        { ".", "." },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(bytes_equal_string(proxy_first_bad_exception(rows[i].list), rows[i].bad));
        if (test_failed()) {
            test_note("%s", rows[i].list);
            break;
        }
    }
}

TEST(of_two_spellings_of_a_variable_the_lower_one_counts_unless_it_is_empty)
{
    static const struct {
        const char *lower, *upper, *value, *name;
    } rows[] = { { "http://l:1", "http://u:1", "http://l:1", "https_proxy" },
                 { "", "http://u:1", "http://u:1", "HTTPS_PROXY" },
                 { NULL, "http://u:1", "http://u:1", "HTTPS_PROXY" },
                 { "http://l:1", "", "http://l:1", "https_proxy" },
                 { "", "", NULL, NULL },
                 { NULL, NULL, NULL, NULL } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static const char *const names[][2] = { { "https_proxy", "HTTPS_PROXY" }, { "no_proxy", "NO_PROXY" } };
        struct proxy_settings env = { 0 };

        for (size_t n = 0; n < ARRAY_LEN(names); n++) {
            unsetenv(names[n][0]);
            unsetenv(names[n][1]);
            if (rows[i].lower)
                setenv(names[n][0], rows[i].lower, 1);
            if (rows[i].upper)
                setenv(names[n][1], rows[i].upper, 1);
        }
        setenv("HTTP_PROXY", "http://cgi:1", 1);
        proxy_environment(&env);
        CHECK_STRING(env.https_proxy ? env.https_proxy : "none", rows[i].value ? rows[i].value : "none");
        CHECK_STRING(env.exceptions ? env.exceptions : "none", rows[i].value ? rows[i].value : "none");
        CHECK(!env.http_proxy);
        CHECK(!rows[i].name || strcmp(proxy_variable(), rows[i].name) == 0);
    }
    for (size_t i = 0; i < 5; i++)
        unsetenv((const char *const[]){ "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "HTTP_PROXY" }[i]);
}

TEST(addresses_are_split_or_refused)
{
    static const struct {
        const char *url, *host;
        unsigned port; /* 0: refused */
    } cases[] = {
        { "https://a.example", "a.example", 443 },
        { "http://a.example/x", "a.example", 80 },
        { "https://a:8443?q", "a", 8443 },
        { "https://u:p@a:1/", "a", 1 },
        { "https://[::1]:65535/", "::1", 65535 },
        { "https://a:65536/", "", 0 },
        { "https://a:0/", "", 0 },
        { "https://a:/", "", 0 },
        { "https://:1/", "", 0 },
        { "https://[::1/", "", 0 },
        { "https://[]:1/", "", 0 },
        { "https://", "", 0 },
        { "https://[::1]x/", "", 0 },
        { "gopher://a/", "", 0 },
        { "https://a:99999999999999/", "", 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_parts parts;
        bool split = url_split(cases[i].url, &parts);

        CHECK_INT(split, cases[i].port != 0);
        if (split)
            CHECK_BYTES(parts.host, bytes_of_string(cases[i].host));
        if (split)
            CHECK_INT(parts.port, cases[i].port);
    }
}

TEST(dates_of_answers_are_read_strictly)
{
    static const char *const same[] = { "Sat, 07 Nov 2026 22:17:45 GMT", "Saturday, 07-Nov-26 22:17:45 GMT", "Sat Nov  7 22:17:45 2026" };
    int64_t ms;

    REQUIRE(http_date_parse(BYTES_LIT("Sat, 21 Nov 2026 22:17:45 GMT"), &ms));
    CHECK_INT(ms, 1795299465000);
    CHECK(!http_date_parse(BYTES_LIT("Sat, 21 Nox 2026 22:17:45 GMT"), &ms));
    CHECK(!http_date_parse(BYTES_LIT("Sat, 41 Nov 2026 22:17:45 GMT"), &ms));
    CHECK(!http_date_parse(BYTES_LIT("Sat, 21 Nov 2026 22:17:45"), &ms));
    CHECK(!http_date_parse(BYTES_LIT("Sat, 21 Nov 2026 22:17:45 UTC"), &ms));
    CHECK(!http_date_parse(BYTES_LIT("Sat, 21 Nov 2026 22:17:45 GMT+1"), &ms));
    CHECK(!http_date_parse(BYTES_LIT("Sat, 21 Nov 2026 22:17:45\0GMT"), &ms));
    CHECK(!http_date_parse(BYTES_LIT("Saturday, 21-Nov-26 22:17:45"), &ms));
    CHECK(!http_date_parse(BYTES_LIT("Sat Nov 21 22:17:45"), &ms));
    CHECK(!http_date_parse(BYTES_NONE, &ms));
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        int64_t other = 0;

        CHECK(http_date_parse(bytes_of_string(same[i]), &other));
        CHECK_INT(other, INT64_C(1794089865000));
    }
}
