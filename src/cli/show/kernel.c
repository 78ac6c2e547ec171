#include "cli/show/kernel.h"
#include "cli/frame/table.h"

void kernel_show(struct cli *cli, const struct json *state, void (*line)(const char *title, const char *text))
{
    static const struct {
        const char *member, *title;
    } rows[] = { { "moduleSignatures", "Signed modules" }, { "lockdown", "Lockdown" }, { "modules", "Modules" }, { "taint", "Taint" } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct json *fact = json_get(state, rows[i].member);
        const char *is = show_member(cli, fact, "is");
        bool proved = false;

        if (!is || !*is)
            continue;
        line(rows[i].title, json_as_boolean(json_get(fact, "proved"), &proved) && proved
                                ? is
                                : arena_printf(&cli->arena, "%s (the guest's own words)", is));
    }
}
