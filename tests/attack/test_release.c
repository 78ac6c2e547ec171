/* Attack suite S10: the database of every version that there was, opened by this one. What counts is what the service says of its VMs. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "store/sqlite_connection.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

static bool says(struct bytes text, const char *word) { return bytes_find(text, bytes_of_string(word)) != SIZE_MAX; }

static bool script(sqlite3 *db, const char *text)
{
    char *why = NULL;
    bool fine = sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK;

    if (!fine)
        test_note("%s: %s", text, why ? why : "?");
    sqlite3_free(why);
    return fine;
}

static bool is_there_today(struct arena *a, sqlite3 *db, const char *table, const char *column)
{
    sqlite3_stmt *s = NULL;
    bool there = sqlite3_prepare_v2(db, arena_printf(a, "SELECT 1 FROM pragma_table_info('%s', 'today') WHERE name = '%s'", table, column),
                                    -1, &s, NULL) == SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_ROW;

    sqlite3_finalize(s);
    return there;
}

/* Every row, in the columns that the old version had; 0 in one that went since (contacts.ak_counter_boot was never anything else). */
static bool copy_table(struct arena *a, sqlite3 *old, const char *table)
{
    struct writer columns CLEANUP(writer_done) = { 0 }, values CLEANUP(writer_done) = { 0 };
    sqlite3_stmt *info = NULL;

    if (sqlite3_prepare_v2(old, arena_printf(a, "PRAGMA main.table_info(%s)", table), -1, &info, NULL) != SQLITE_OK)
        return false;
    while (sqlite3_step(info) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(info, 1);

        write_printf(&columns, "%s%s", columns.len ? ", " : "", name);
        write_printf(&values, "%s%s", values.len ? ", " : "", is_there_today(a, old, table, name) ? name : "0");
    }
    sqlite3_finalize(info);
    return script(old, arena_printf(a, "DELETE FROM main.%s; INSERT INTO main.%s (%.*s) SELECT %.*s FROM today.%s", table, table,
                                    BYTES_FMT(writer_bytes(&columns)), BYTES_FMT(writer_bytes(&values)), table));
}

static bool copy_all(struct arena *a, const char *old_file, const char *today)
{
    const char *tables[64];
    sqlite3_stmt *list = NULL;
    sqlite3 *old = NULL;
    size_t n = 0;
    bool fine =
        sqlite3_open(old_file, &old) == SQLITE_OK &&
        script(old, arena_printf(a, "PRAGMA foreign_keys = OFF; ATTACH '%s' AS today", today)) &&
        sqlite3_prepare_v2(
            old, "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%schema%'", -1,
            &list, NULL) == SQLITE_OK;

    while (fine && n < ARRAY_LEN(tables) && sqlite3_step(list) == SQLITE_ROW)
        tables[n++] = arena_printf(a, "%s", (const char *)sqlite3_column_text(list, 0));
    sqlite3_finalize(list);
    for (size_t i = 0; fine && i < n; i++)
        fine = copy_table(a, old, tables[i]);
    sqlite3_close(old);
    return fine && n > 5;
}

/* The server's database as the first `version` steps of the schema would hold it, in place of today's; then a start. */
static bool restart_with_version(struct fixture *f, size_t version)
{
    const char *today = fixture_path(f, "test.db"), *old = fixture_path(f, "old.db");
    struct store *store = NULL;
    struct err err = ERR_INIT;

    store_close(f->store);
    f->store = NULL;
    if (!sqlite_store_open(old, migrations, version, &store, &err)) {
        test_note("%s", err.text);
        return false;
    }
    store_close(store);
    if (!copy_all(&f->a, old, today) || unlink(today) || rename(old, today) || !store_open(today, &f->store, &err)) {
        test_note("version %zu: %s", version, err.text);
        return false;
    }
    f->attestation.store = f->monitor.store = f->management.store = f->store;
    return true;
}

TEST(S10_the_database_of_every_version_opens_migrates_and_goes_on_judging)
{
    for (size_t version = 1; version <= n_migrations; version++) {
        FIXTURE(f);
        struct test_vm *sound = fixture_vm(&f, "sound"), *evil = fixture_vm(&f, "evil");
        struct answer answer;

        CHECK(attest_once(&f, sound, NULL) && attest_once(&f, evil, NULL));
        fixture_ask(&f, &answer, "GET", "/v1/status", NULL); /* judged, and a baseline learned */
        fixture_time += 60000;
        REQUIRE(fixture_reboot(&f, evil, &(struct boot_shape){ .secure_boot_off = true }));
        (void)attest_once(&f, evil, NULL);
        fixture_ask(&f, &answer, "GET", "/v1/status", NULL);
        REQUIRE(says(answer.body, "\"Unhealthy\"") && says(answer.body, "\"Healthy\""));

        REQUIRE(restart_with_version(&f, version));
        fixture_ask(&f, &answer, "GET", "/v1/vms/sound/status", NULL);
        CHECK(answer.status == 200 && says(answer.body, "\"healthStatus\":\"Healthy\"") && says(answer.body, "\"baselineVersion\":1"));
        fixture_ask(&f, &answer, "GET", "/v1/vms/evil/status", NULL);
        CHECK(answer.status == 200 && says(answer.body, "\"healthStatus\":\"Unhealthy\""));
        fixture_time += 60000;
        CHECK(attest_once(&f, sound, NULL)); /* the identity holds */
        REQUIRE(fixture_reboot(&f, sound, &(struct boot_shape){ .command_line = "/vmlinuz-6.1 root=/dev/vda1 ro audit=0" }));
        fixture_time += 60000;
        (void)attest_once(&f, sound, NULL);
        fixture_ask(&f, &answer, "GET", "/v1/vms/sound/status", NULL);
        CHECK(says(answer.body, "boot.cmdline_changed")); /* and so does the baseline */
        sound->boot.clock.reset_count--;
        fixture_time += 60000;
        (void)attest_once(&f, sound, NULL);
        fixture_ask(&f, &answer, "GET", "/v1/vms/sound/status", NULL);
        CHECK(says(answer.body, "tpm.rollback"));
        if (test_failed()) {
            test_note("version %zu: %.*s", version, (int)(answer.body.len < 1500 ? answer.body.len : 1500), (const char *)answer.body.data);
            return;
        }
    }
}
