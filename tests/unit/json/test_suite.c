/* The well-known JSON parsing suite: y_ must parse, n_ must not, i_ may do either. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/file.h"
#include "json/parse.h"
#include "json/write.h"
#include "support/test.h"

static const struct json_options deepest = { .max_depth = 512 };

/* Returns whether it parsed; what parsed must survive writing and reading. */
static bool parses(struct bytes text)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct err err = ERR_INIT;
    const struct json *v, *again;
    char *written;

    if (!json_parse(&a, text, &deepest, &v, &err)) {
        CHECK(err.code != ERR_NONE && err.text[0]);
        return false;
    }
    written = json_to_string(&a, v, JSON_COMPACT);
    CHECK(written && json_parse(&a, bytes_of_string(written), &deepest, &again, &err) && json_equal(v, again));
    return true;
}

TEST(the_json_test_suite_is_met)
{
    const char *folder_name = shared_data("json-test-suite");
    DIR *folder = folder_name ? opendir(folder_name) : NULL;
    struct dirent *entry;
    unsigned accepted = 0, refused = 0, either = 0, either_accepted = 0;

    if (!folder)
        SKIP("json-test-suite is not in the shared data");
    while ((entry = readdir(folder)) != NULL) {
        char path[4096];
        struct bytes text = BYTES_NONE, copy;
        struct err err = ERR_INIT;
        bool parsed;

        if (entry->d_name[0] == '.' || entry->d_name[1] != '_')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder_name, entry->d_name);
        if (!file_read(path, SIZE_MAX / 4, &text, &err)) {
            CHECK_STRING(err.text, "");
            continue;
        }
        copy = exact_copy(text);
        parsed = parses(copy);
        if (entry->d_name[0] != 'i')
            CHECK_INT(parsed, entry->d_name[0] == 'y');
        if (entry->d_name[0] != 'i' && parsed != (entry->d_name[0] == 'y'))
            test_note("  in %s", entry->d_name);
        accepted += entry->d_name[0] == 'y';
        refused += entry->d_name[0] == 'n';
        either += entry->d_name[0] == 'i';
        either_accepted += entry->d_name[0] == 'i' && parsed;
        free((void *)copy.data);
        file_free(&text);
    }
    closedir(folder);
    test_note("%u accepted, %u refused, %u of %u undefined ones accepted", accepted, refused, either_accepted, either);
    CHECK(accepted > 90 && refused > 180 && either > 30);
}
