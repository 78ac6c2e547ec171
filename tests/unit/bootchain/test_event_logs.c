/* Real firmware logs of other people's machines: what the walk says of each, and that none deviates from itself. */
#include <dirent.h>
#include <stdlib.h>
#include "base/file.h"
#include "boot_sample.h"
#include "bootchain/chain/plain.h"
#include "support/test.h"

static void show(struct arena *a, const char *name, const struct boot_sample *s)
{
    if (!getenv("TRUEBOOT_TEST_VERBOSE"))
        return;
    test_note("==== %s: %s", name, plain_boot_summary(a, &s->chain));
    for (enum phase p = PHASE_FIRMWARE; p <= PHASE_OS; p++)
        test_note("  %s: %s", phase_title(p), plain_phase_summary(a, &s->chain, p));
    for (size_t i = 0; i < s->findings.n; i++)
        test_note("  %s %s pcr %d event %lld: %s", severity_name(s->findings.items[i].severity), finding_kind(s->findings.items[i].id)->id,
                  s->findings.items[i].pcr, (long long)s->findings.items[i].event, s->findings.items[i].text);
    for (size_t i = 0; getenv("TRUEBOOT_TEST_VERBOSE")[0] == '2' && i < s->chain.components.n; i++) {
        const struct component *c = &s->chain.components.items[i];
        test_note("    %d %s | %s | %s | %s", c->pcr, component_kind_slug(c->kind), c->key, c->name, c->text ? c->text : "");
    }
}

static bool read_one(struct arena *a, const char *folder, const char *name, struct boot_sample *ret)
{
    struct bytes log;
    struct err err = ERR_INIT;
    const char *quoted = arena_printf(a, "%s/%s/pcrs.json", folder, name), *path = arena_printf(a, "%s/%s/eventlog.bin", folder, name);

    if (quoted && file_exists(quoted))
        return sample_read(a, arena_printf(a, "%s/%s", folder, name), SAMPLE_SHA256, NULL, ret);
    return path && file_read_in(a, path, LIMIT_LOG_BYTES, &log, &err) && sample_from_log(a, log, NULL, ret);
}

TEST(no_public_log_deviates_from_itself)
{
    const char *folder = shared_data("event-logs");
    DIR *dir = folder ? opendir(folder) : NULL;
    struct dirent *entry;
    unsigned n = 0;

    if (!dir)
        SKIP("no shared data");
    while ((entry = readdir(dir)) != NULL) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct boot_sample *s = ARENA_NEW(&a, struct boot_sample);
        struct findings differences = { .arena = &a };
        struct err err = ERR_INIT;
        if (entry->d_name[0] == '.')
            continue;
        if (!s || !read_one(&a, folder, entry->d_name, s)) {
            test_note("%s is no log", entry->d_name);
            continue;
        }
        show(&a, entry->d_name, s);
        CHECK(bootchain_compare(&a, &s->record, &s->record, &s->chain, NULL, &differences, &err));
        if (differences.n)
            test_note("%s: %s", entry->d_name, differences.items[0].text);
        CHECK_INT(differences.n, 0);
        n++;
    }
    closedir(dir);
    CHECK(n >= 18);
}
