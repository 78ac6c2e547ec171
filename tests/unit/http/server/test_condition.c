#include "http/server/condition.h"
#include "support/test.h"

TEST(a_request_goes_on_only_for_the_state_that_it_names)
{
    static const struct {
        const char *method, *match, *none_match, *etag;
        unsigned status; /* 0: it goes on */
    } rows[] = {
        { "GET", NULL, NULL, "\"1-2\"", 0 },
        { "PUT", NULL, NULL, NULL, 0 },
        { "PUT", "\"1-2\"", NULL, "\"1-2\"", 0 },
        { "PUT", " \"0-1\" ,\t\"1-2\"", NULL, "\"1-2\"", 0 },
        { "PUT", "*", NULL, "\"1-2\"", 0 },
        { "PUT", "\"1-1\"", NULL, "\"1-2\"", 412 },
        { "PUT", "W/\"1-2\"", NULL, "\"1-2\"", 412 }, /* a weak one never matches strongly */
        { "PUT", "1-2", NULL, "\"1-2\"", 412 },
        { "PUT", "\"1-2\"x", NULL, "\"1-2\"", 412 },
        { "PUT", "\"1-2", NULL, "\"1-2\"", 412 },
        { "PUT", "", NULL, "\"1-2\"", 412 },
        { "PUT", ",", NULL, "\"1-2\"", 412 },
        { "PUT", "*", NULL, NULL, 412 },
        { "DELETE", "\"1-2\"", NULL, NULL, 412 },
        { "PUT", NULL, "*", NULL, 0 },
        { "PUT", NULL, "*", "\"1-2\"", 412 },
        { "PUT", NULL, "\"1-1\"", "\"1-2\"", 0 },
        { "GET", NULL, "\"1-2\"", "\"1-2\"", 304 },
        { "GET", NULL, "\"9\", W/\"1-2\"", "\"1-2\"", 304 },
        { "GET", NULL, "\"1-1\"", "\"1-2\"", 0 },
        { "GET", NULL, "", "\"1-2\"", 0 },
        { "GET", "\"1-1\"", "\"1-2\"", "\"1-2\"", 412 }, /* If-Match counts first */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct http_field fields[2];
        struct http_request request = { .arena = &a, .method = rows[i].method, .headers = { fields, 0 } };
        struct http_response response = { .arena = &a };

        if (rows[i].match)
            fields[request.headers.n++] = (struct http_field){ BYTES_LIT("if-match"), bytes_of_string(rows[i].match) };
        if (rows[i].none_match)
            fields[request.headers.n++] = (struct http_field){ BYTES_LIT("IF-NONE-MATCH"), bytes_of_string(rows[i].none_match) };
        CHECK(http_condition_holds(&request, &response, rows[i].etag) == (rows[i].status == 0));
        CHECK_INT(response.status, rows[i].status);
        CHECK((response.body.len > 0) == (rows[i].status == 412));
        writer_done(&response.body);
    }
}

TEST(a_field_that_is_sent_twice_is_one_list)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct http_field fields[] = { { BYTES_LIT("If-Match"), BYTES_LIT("\"1\"") }, { BYTES_LIT("If-Match"), BYTES_LIT("\"2\"") } };
    struct http_request request = { .arena = &a, .method = "PUT", .headers = { fields, ARRAY_LEN(fields) } };
    struct http_response response = { .arena = &a };

    CHECK(http_condition_holds(&request, &response, "\"2\""));
    CHECK(!http_condition_holds(&request, &response, "\"3\""));
    writer_done(&response.body);
}

TEST(what_was_made_anew_has_another_etag)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    CHECK_STRING(http_etag(&a, 255, 3), "\"ff-3\"");
    CHECK(strcmp(http_etag(&a, 1, 1), http_etag(&a, 2, 1)) != 0);
}
