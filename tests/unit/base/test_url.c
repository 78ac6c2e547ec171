#include "base/url.h"
#include "support/test.h"

TEST(an_address_has_a_scheme_a_host_perhaps_a_port_and_no_secrets)
{
    static const struct {
        const char *text;
        bool https, either;
    } rows[] = {
        { "https://a", true, true },
        { "HTTPS://a.example:8443/x?y=z", true, true },
        { "https://[::1]:8443", true, true },
        { "https://[::1]", true, true },
        { "http://127.0.0.1:8080", false, true },
        { "https://a:1", true, true },
        { "https://a:65535", true, true },
        { "https://a:0", false, false },
        { "https://a:65536", false, false },
        { "https://a:99999999999", false, false },
        { "https://a:", false, false },
        { "https://a:b", false, false },
        { "https://", false, false },
        { "https:///x", false, false },
        { "https://:8443", false, false },
        { "https:/a", false, false },
        { "https", false, false },
        { "", false, false },
        { "a.example:8443", false, false },
        { "ftp://a", false, false },
        { "https://user:word@a", false, false },
        { "https://a/#x", false, false },
        { "https://a b", false, false },
        { "https://a/\n", false, false },
        { "https://a/\xc3\xa9", false, false },
        { "https://a%2f", false, false },
        { "https://a.example.", true, true },
        { "https://a_b.example", true, true },
        { "https://[2001:DB8::8:800:200C:417A]/x", true, true },
        { "https://[1:2:3:4:5:6:7:8]", true, true },
        { "https://[::]:1", true, true },
        { "https://[::ffff:192.0.2.1]", true, true },
        { "https://[1:2:3:4:5:6:192.0.2.1]", true, true },
        { "https://[::1", false, false },
        { "https://::1", false, false },
        { "https://[::1]x", false, false },
        { "https://[::1]:", false, false },
        { "https://[]", false, false },
        { "https://[zz]", false, false },
        { "https://[1:2:3:4:5:6:7]", false, false },
        { "https://[1:2:3:4:5:6:7:8:9]", false, false },
        { "https://[1::2::3]", false, false },
        { "https://[1:::2]", false, false },
        { "https://[:1]", false, false },
        { "https://[1:]", false, false },
        { "https://[12345::]", false, false },
        { "https://[::1.2.3]", false, false },
        { "https://[::a.1.1.1]", false, false },
        { "https://[1.2.3.4]", false, false },
        { "https://[fe80::1%25eth0]", false, false },
        { "https://a..b", false, false },
        { "https://.a", false, false },
        { "https://.", false, false },
        { "https://a[1]", false, false },
        { "https://a:1:2", false, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = ERR_INIT;
        if (url_check(bytes_of_string(rows[i].text), URL_HTTPS, &err) != rows[i].https)
            test_note("%s: %s", rows[i].text, err.text);
        CHECK(url_check(bytes_of_string(rows[i].text), URL_HTTPS, &err) == rows[i].https);
        CHECK(url_check(bytes_of_string(rows[i].text), URL_HTTP_OR_HTTPS, &err) == rows[i].either);
        CHECK(rows[i].either || (err.code == ERR_MALFORMED && err.text[0]));
    }
}

TEST(an_address_may_be_as_long_as_the_limit_and_no_longer)
{
    char text[URL_MAX + 2];
    struct err err = ERR_INIT;

    memset(text, 'a', sizeof text);
    memcpy(text, "https://a/", 10);
    CHECK(url_check((struct bytes){ (const uint8_t *)text, URL_MAX }, URL_HTTPS, &err));
    CHECK(!url_check((struct bytes){ (const uint8_t *)text, URL_MAX + 1 }, URL_HTTPS, &err) && err.code == ERR_LIMIT);
}

TEST(a_hosts_name_and_its_labels_have_limits_of_their_own)
{
    char text[320] = "https://";
    struct err err = ERR_INIT;

    memset(text + 8, 'a', 64);
    CHECK(url_check((struct bytes){ (const uint8_t *)text, 8 + 63 }, URL_HTTPS, &err));
    CHECK(!url_check((struct bytes){ (const uint8_t *)text, 8 + 64 }, URL_HTTPS, &err));
    for (size_t i = 0; i < 300; i++)
        text[8 + i] = i % 2 ? '.' : 'a';
    CHECK(url_check((struct bytes){ (const uint8_t *)text, 8 + 253 }, URL_HTTPS, &err));
    CHECK(!url_check((struct bytes){ (const uint8_t *)text, 8 + 255 }, URL_HTTPS, &err));
}

TEST(an_address_is_shown_without_what_stands_in_front_of_an_at_sign)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        { "https://h:1/p", "https://h:1/p" },
        { "no address", "no address" },
        { "http://u:p@h:1", "http://***@h:1" },
        { "u:p@h", "***@h" },
        { "http://u:p@q/r@h", "http://***@h" },
        { "u:http://p@h", "***@h" },
        { "@", "@" },
        { "", "" },
    };
    struct arena a CLEANUP(arena_done) = { 0 };
    char longer[300];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_STRING(url_shown(&a, bytes_of_string(rows[i].text)), rows[i].shown);
    memset(longer, 'a', sizeof longer);
    CHECK_INT(strlen(url_shown(&a, (struct bytes){ (const uint8_t *)longer, sizeof longer })), 80);
    CHECK(!strchr(url_shown(&a, BYTES_LIT("http://a\033[31m")), '\033'));
}
