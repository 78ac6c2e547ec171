#include "base/limits.h"
#include "extension/environment.h"
#include "support/test.h"

static bool parse(struct arena *a, const char *text, struct handler_environment *ret, struct err *err)
{
    return handler_environment_parse(a, bytes_of_string(text), ret, err);
}

/* DRIVE is "C:" on Windows, "" elsewhere. */
#define FOLDERS                                                                                                        \
    "\"logFolder\":\"" DRIVE "/var/log/azure/E.T\",\"configFolder\":\"" DRIVE "/c\",\"statusFolder\":\"" DRIVE "/s\"," \
    "\"heartbeatFile\":\"" DRIVE "/h\""

TEST(the_folders_are_read_with_and_without_a_byte_order_mark)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct handler_environment e;

    REQUIRE_OK(parse(&a,
                     "\xef\xbb\xbf[{\"name\":\"E.T\",\"version\":1.0,\"handlerEnvironment\":{" FOLDERS ",\"eventsFolder\":\"" DRIVE
                     "/e\",\"x\":1}}]",
                     &e, &err),
               err);
    CHECK_STRING(e.log_folder, DRIVE "/var/log/azure/E.T");
    CHECK_STRING(e.config_folder, DRIVE "/c");
    CHECK_STRING(e.status_folder, DRIVE "/s");
    CHECK_STRING(e.heartbeat_file, DRIVE "/h");
    CHECK_STRING(e.events_folder, DRIVE "/e");
}

TEST(a_path_is_absolute_by_the_rule_of_the_system_and_has_slashes)
{
    static const char on_windows[] =
        "[{\"handlerEnvironment\":{\"logFolder\":\"C:\\\\WindowsAzure\\\\Logs\\\\Plugins\\\\E.T\\\\1.0\","
        "\"configFolder\":\"C:\\\\Packages\\\\Plugins\\\\E.T\\\\1.0\\\\RuntimeSettings\",\"statusFolder\":\"D:/s\","
        "\"heartbeatFile\":\"c:\\\\status\\\\HeartBeat.Json\"}}]";
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct handler_environment e;

    if (!*DRIVE) {
        CHECK(!parse(&a, on_windows, &e, &err));
        return;
    }
    REQUIRE_OK(parse(&a, on_windows, &e, &err), err);
    CHECK_STRING(e.log_folder, "C:/WindowsAzure/Logs/Plugins/E.T/1.0");
    CHECK_STRING(e.config_folder, "C:/Packages/Plugins/E.T/1.0/RuntimeSettings");
    CHECK_STRING(e.status_folder, "D:/s");
    CHECK_STRING(e.heartbeat_file, "c:/status/HeartBeat.Json");
    CHECK(!parse(&a, "[{\"handlerEnvironment\":{\"logFolder\":\"/var/log\"}}]", &e, &err));
    CHECK(!parse(&a, "[{\"handlerEnvironment\":{\"logFolder\":\"C:relative\"}}]", &e, &err));
}

TEST(the_events_folder_is_optional_and_has_an_older_name)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct handler_environment e;

    REQUIRE_OK(parse(&a, "[{\"handlerEnvironment\":{" FOLDERS "}}]", &e, &err), err);
    CHECK(!e.events_folder);
    REQUIRE_OK(parse(&a, "[{\"handlerEnvironment\":{" FOLDERS ",\"eventsFolder_preview\":\"" DRIVE "/p\"}}]", &e, &err), err);
    CHECK_STRING(e.events_folder, DRIVE "/p");
}

/* guest-agent.md 6.13: what an Arc-like manager leaves out is not known. */
TEST(an_environment_without_a_list_around_it_and_without_a_heartbeat_is_taken)
{
    static const char *const texts[] = {
        "{\"handlerEnvironment\":{\"logFolder\":\"" DRIVE "/l\",\"configFolder\":\"" DRIVE "/c\",\"statusFolder\":\"" DRIVE "/s\"}}",
        "[{\"handlerEnvironment\":{\"logFolder\":\"" DRIVE "/l\",\"configFolder\":\"" DRIVE "/c\",\"statusFolder\":\"" DRIVE
        "/s\",\"heartbeatFile\":null}},{}]",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct handler_environment e;

        REQUIRE_OK(parse(&a, texts[i], &e, &err), err);
        CHECK_STRING(e.status_folder, DRIVE "/s");
        CHECK(!e.heartbeat_file);
    }
}

TEST(slashes_at_a_folders_end_are_cut)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    struct handler_environment e;

    REQUIRE_OK(parse(&a,
                     "[{\"handlerEnvironment\":{\"logFolder\":\"" DRIVE "/l//\",\"configFolder\":\"" DRIVE "/\",\"statusFolder\":\"" DRIVE
                     "/s/\",\"eventsFolder\":\"" DRIVE "/l/events/\"}}]",
                     &e, &err),
               err);
    CHECK_STRING(e.log_folder, DRIVE "/l");
    CHECK_STRING(e.config_folder, DRIVE "/");
    CHECK_STRING(e.status_folder, DRIVE "/s");
    CHECK_STRING(e.events_folder, DRIVE "/l/events");
}

TEST(a_broken_environment_is_refused_and_says_where)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "", "HandlerEnvironment.json" },
        { "[{\"handlerEnvironment\":{", "HandlerEnvironment.json" },
        { "[]", "an array of one object is expected" },
        { "{}", "handlerEnvironment" },
        { "null", "an array of one object is expected" },
        { "[[]]", "an array of one object is expected" },
        { "[{\"handlerEnvironment\":{" FOLDERS ",\"heartbeatFile\":7}}]", "heartbeatFile" },
        { "[{}]", "handlerEnvironment" },
        { "[{\"handlerEnvironment\":{\"logFolder\":\"" DRIVE "/l\"}}]", "configFolder" },
        { "[{\"handlerEnvironment\":{\"logFolder\":\"relative\"}}]", "logFolder is no absolute path" },
        { "[{\"handlerEnvironment\":{\"logFolder\":\"" DRIVE "/a\\u0000b\"}}]", "logFolder is no absolute path" },
        { "[{\"handlerEnvironment\":{" FOLDERS ",\"eventsFolder\":\"e\"}}]", "eventsFolder is no absolute path" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct err err = ERR_INIT;
        struct handler_environment e;

        CHECK(!parse(&a, cases[i].text, &e, &err));
        test_note("%s", err.text);
        CHECK(strstr(err.text, cases[i].says) != NULL);
    }
}
