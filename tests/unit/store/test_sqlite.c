#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "store/sqlite_connection.h"
#include "store_fixture.h"

TEST(every_statement_is_understood_by_the_database)
{
    FIXTURE(f);
    struct sqlite_connection *connection;
    struct sql_value params[24];

    REQUIRE_OK(sqlite_connection_open(f.file, true, &connection, &f.err), f.err);
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        params[i] = (struct sql_value){ .type = SQL_INTEGER, .integer = 1 };
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        bool ok = false;

        /* The connection may only read: what writes is understood first and refused then. */
        for (size_t n = 0; n < ARRAY_LEN(params) && !ok; n++)
            ok = sqlite_connection_run(connection, (enum statement)i, params, n, NULL, NULL, &f.err)
                     ? statements[i].kind == SQL_READ
                     : statements[i].kind == SQL_WRITE && f.err.code == ERR_IO;
        CHECK(ok);
        if (!ok)
            test_note("%s: %s", statements[i].name, f.err.text);
    }
    sqlite_connection_close(connection);
}

TEST(the_files_are_for_nobody_else)
{
    FIXTURE(f);
    static const char *const endings[] = { "", "-wal", "-shm" };

    REQUIRE(vm_add(&f, VM_A, "a"));
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        char path[128];
        struct stat st = { 0 };

        snprintf(path, sizeof path, "%s%s", f.file, endings[i]);
        CHECK_INT(stat(path, &st), 0);
        CHECK_INT(st.st_mode & 0777, 0600);
    }
    REQUIRE(chmod(f.file, 0644) == 0 && fixture_reopen(&f));
    struct stat st = { 0 };
    CHECK(stat(f.file, &st) == 0 && (st.st_mode & 0777) == 0600);
}

/* ---- migrations ---------------------------------------------------------------------------------------------------- */

static const struct migration second = { "a further column", "ALTER TABLE vms ADD COLUMN note TEXT;" };
static const struct migration broken = { "a mistake", "ALTER TABLE vms ADD COLUMN other TEXT; ALTER TABLE nothing ADD COLUMN x TEXT;" };

TEST(a_database_made_by_the_first_migration_is_opened_and_brought_up_to_date)
{
    CLEANUP(fixture_done) struct fixture f = { 0 };
    struct migration further[64];
    struct store_vm got;

    REQUIRE(n_migrations < ARRAY_LEN(further));
    memcpy(further, migrations, n_migrations * sizeof *further);
    further[n_migrations] = second;

    REQUIRE(fixture_folder(&f));
    REQUIRE_OK(sqlite_store_open(f.file, migrations, 1, &f.store, &f.err), f.err);
    REQUIRE(vm_add(&f, VM_A, "a"));
    CHECK(fixture_reopen(&f)); /* by today's list */
    for (int i = 0; i < 2; i++) {
        store_close(f.store);
        f.store = NULL;
        REQUIRE_OK(sqlite_store_open(f.file, further, n_migrations + 1, &f.store, &f.err), f.err);
        CHECK(store_vm_get(f.store, &f.arena, VM_A, &got, &f.err) && strcmp(got.name, "a") == 0);
    }
}

/* Before the step that lets several boots be accepted beside each other, the newest was the only one; what was judged by it stands. */
TEST(the_newest_baseline_of_an_old_database_is_the_only_one_that_is_accepted)
{
    CLEANUP(fixture_done) struct fixture f = { 0 };
    static const char old_rows[] =
        "INSERT INTO baselines (vm, version, components, created_ms, by_whom, reason) VALUES ('" VM_A "', 1, '{}', 0, 'a', 'first');"
        "INSERT INTO baselines (vm, version, components, created_ms, by_whom, reason) VALUES ('" VM_A "', 2, '{}', 20, 'b', 'second');"
        "INSERT INTO baselines (vm, version, components, created_ms, by_whom, reason) VALUES ('" VM_A "', 3, '{}', 30, 'c', 'third');"
        "INSERT INTO baselines (vm, version, components, created_ms, by_whom, reason) VALUES ('" VM_B "', 1, '{}', 5, 'd', 'only');"
        "INSERT INTO judgements (vm, appraisal_id, baseline_version, verdict, reason, judged_ms, findings, since_ms) "
        "VALUES ('" VM_A "', '1', 3, 'Healthy', '', 40, '[]', 40);";
    const size_t before = 10;
    struct migration older[64];
    const struct store_baseline *list;
    struct store_judgement judgement;
    struct store_baseline got;
    int64_t changes;
    size_t n;

    REQUIRE(n_migrations > before && n_migrations < ARRAY_LEN(older));
    CHECK_STRING(migrations[before].what, "several accepted boots of a VM");
    memcpy(older, migrations, before * sizeof *older);
    older[before] = (struct migration){ "rows of that time", old_rows };
    REQUIRE(fixture_folder(&f));
    REQUIRE_OK(sqlite_store_open(f.file, older, before + 1, &f.store, &f.err), f.err);
    store_close(f.store);
    f.store = NULL;
    memcpy(&older[before + 1], &migrations[before], (n_migrations - before) * sizeof *older);
    REQUIRE_OK(sqlite_store_open(f.file, older, n_migrations + 1, &f.store, &f.err), f.err);
    REQUIRE(store_baseline_accepted(f.store, &f.arena, VM_A, 10, &list, &n, &f.err) && n == 1);
    CHECK(list[0].version == 3 && !list[0].pinned && list[0].until_ms == 0);
    REQUIRE(store_baseline_get(f.store, &f.arena, VM_A, 1, &got, &f.err));
    CHECK_INT(got.ended_ms, 20);
    REQUIRE(got.end_reason && got.ended_by);
    REQUIRE(store_baseline_get(f.store, &f.arena, VM_A, 2, &got, &f.err));
    CHECK_INT(got.ended_ms, 30);
    REQUIRE(store_baseline_accepted(f.store, &f.arena, VM_B, 10, &list, &n, &f.err) && n == 1);
    REQUIRE(store_judgement_latest(f.store, &f.arena, VM_A, &judgement, &f.err));
    REQUIRE(store_baseline_changes(f.store, VM_A, &changes, &f.err));
    CHECK_INT(judgement.baseline_changes, changes);
}

/* A request that was seen before the step that made one counter of counter and boot is still seen after it. */
TEST(the_counter_of_an_old_database_goes_on)
{
    CLEANUP(fixture_done) struct fixture f = { 0 };
    static const char old_rows[] =
        "INSERT INTO contacts (vm, last_heartbeat_ms, last_report_ms, reset_count, restart_count, ak_counter_boot, ak_counter) "
        "VALUES ('" VM_A "', 0, 0, 3, 1, 0, 1764000000000);";
    const size_t before = 11;
    struct migration older[64];
    struct store_contact got;

    REQUIRE(n_migrations > before && n_migrations < ARRAY_LEN(older));
    CHECK_STRING(migrations[before].what, "one counter of signed requests for all boots");
    memcpy(older, migrations, before * sizeof *older);
    REQUIRE(fixture_folder(&f));
    REQUIRE_OK(sqlite_store_open(f.file, older, before, &f.store, &f.err), f.err);
    REQUIRE(vm_add(&f, VM_A, "a"));
    store_close(f.store);
    f.store = NULL;
    older[before] = (struct migration){ "rows of that time", old_rows };
    memcpy(&older[before + 1], &migrations[before], (n_migrations - before) * sizeof *older);
    REQUIRE_OK(sqlite_store_open(f.file, older, n_migrations + 1, &f.store, &f.err), f.err);
    REQUIRE_OK(store_contact_get(f.store, &f.arena, VM_A, &got, &f.err), f.err);
    CHECK(got.ak_counter == 1764000000000 && got.reset_count == 3);
    CHECK(!store_counter_advance(f.store, VM_A, 1764000000000, &f.err) && f.err.code == ERR_DENIED);
    CHECK(store_counter_advance(f.store, VM_A, 1764000000001, &f.err));
}

TEST(a_newer_schema_is_refused_in_one_sentence)
{
    CLEANUP(fixture_done) struct fixture f = { 0 };
    struct migration three[] = { migrations[0], migrations[1], second };

    REQUIRE(fixture_folder(&f));
    REQUIRE(sqlite_store_open(f.file, three, 3, &f.store, &f.err));
    store_close(f.store);
    f.store = NULL;
    CHECK(!sqlite_store_open(f.file, three, 2, &f.store, &f.err) && f.err.code == ERR_UNSUPPORTED);
    CHECK(strstr(f.err.text, "newer trueboot (schema 3, this one knows 2)") != NULL);
    test_note("%s", f.err.text);
}

TEST(a_migration_that_fails_leaves_the_schema_as_it_was)
{
    CLEANUP(fixture_done) struct fixture f = { 0 };
    struct migration bad[] = { migrations[0], migrations[1], second, broken };

    REQUIRE(fixture_folder(&f));
    REQUIRE(sqlite_store_open(f.file, bad, 2, &f.store, &f.err));
    store_close(f.store);
    f.store = NULL;
    CHECK(!sqlite_store_open(f.file, bad, 4, &f.store, &f.err));
    test_note("%s", f.err.text);
    REQUIRE_OK(sqlite_store_open(f.file, bad, 3, &f.store, &f.err), f.err); /* step 3 was rolled back with it, and runs now */
}

/* ---- trouble ------------------------------------------------------------------------------------------------------- */

TEST(a_damaged_file_is_named_as_such)
{
    FIXTURE(f);
    uint8_t junk[4096];
    int fd;

    memset(junk, 0xa5, sizeof junk);
    store_close(f.store);
    f.store = NULL;
    fd = open(f.file, O_WRONLY);
    REQUIRE(fd >= 0);
    CHECK(pwrite(fd, junk, sizeof junk, 0) == (ssize_t)sizeof junk);
    close(fd);
    CHECK(!store_open(f.file, &f.store, &f.err) && f.err.code == ERR_IO);
    CHECK(strstr(f.err.text, "backup") != NULL);
    test_note("%s", f.err.text);
}

TEST(damage_inside_the_file_is_found_when_read)
{
    FIXTURE(f);
    uint8_t junk[4096];
    struct stat st;
    struct store_vm got;
    int fd;

    REQUIRE(vm_add(&f, VM_A, "a"));
    store_close(f.store); /* writes the log back into the file */
    f.store = NULL;
    memset(junk, 0xa5, sizeof junk);
    fd = open(f.file, O_WRONLY);
    REQUIRE(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 4096; at < st.st_size; at += 4096)
        CHECK(pwrite(fd, junk, sizeof junk, at) == (ssize_t)sizeof junk);
    close(fd);
    CHECK(!store_open(f.file, &f.store, &f.err) || !store_vm_get(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK(f.err.code == ERR_IO);
    test_note("%s", f.err.text);
}

TEST(a_folder_that_is_not_there_is_named)
{
    struct store *store;
    struct err err = ERR_INIT;

    CHECK(!store_open("/nonexistent/trueboot.db", &store, &err) && err.code == ERR_IO);
    CHECK(!store_open("/dev/null", &store, &err) && err.code == ERR_IO);
}

/* In a child: the system refuses files beyond a size, as a full disk would. */
static int fill_up(const char *file)
{
    struct rlimit small = { 512 * 1024, 512 * 1024 };
    struct store_appraisal row = appraisal_row(VM_A, NULL, 0), got;
    static uint8_t blob[32 * 1024];
    struct arena a = { 0 };
    struct store *store;
    struct err err = ERR_INIT;
    char id[STORE_ID_TEXT_LEN] = "";
    unsigned stored = 0;
    bool held = true;

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &small) != 0 || !store_open(file, &store, &err))
        return 2;
    row.id = id;
    do {
        stored++;
        snprintf(id, sizeof id, "%032x", stored);
        row.time_ms = stored;
    } while (stored < 1000 && store_appraisal_add(store, &row, BYTES_OF(blob), 1000, &err));
    held = err.code == ERR_IO && strstr(err.text, file) && store_appraisal_latest(store, &a, VM_A, &got, &err) && got.time_ms == stored - 1;
    arena_done(&a);
    store_close(store);
    return held ? 0 : 1;
}

TEST(when_the_disk_is_full_nothing_is_half_stored_and_the_error_says_so)
{
    CLEANUP(fixture_done) struct fixture f = { 0 };
    int status = -1;
    pid_t child;

    REQUIRE(fixture_folder(&f));
    child = fork();
    if (child == 0)
        _exit(fill_up(f.file));
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(fixture_reopen(&f)); /* with the limit gone it goes on */
    CHECK(vm_add(&f, VM_A, "a"));
}

static bool write_and_die(struct store *tx, void *context UNUSED, struct err *err)
{
    struct store_vm row = vm_row(VM_B, "b");
    struct store_appraisal appraisal = appraisal_row(VM_B, "00000000000000000000000000000001", 1);

    if (store_vm_create(tx, &row, err) && store_appraisal_add(tx, &appraisal, BYTES_LIT("e"), 1, err))
        raise(SIGKILL);
    return false;
}

TEST(a_process_killed_inside_a_transaction_leaves_nothing_of_it_and_all_before_it)
{
    CLEANUP(fixture_done) struct fixture f = { 0 };
    struct store_appraisal appraisal;
    struct store_vm got;
    int status = -1;
    pid_t child;

    REQUIRE(fixture_folder(&f));
    child = fork();
    if (child == 0) {
        if (fixture_reopen(&f) && vm_add(&f, VM_A, "a") && store_transaction(f.store, write_and_die, NULL, &f.err))
            _exit(1);
        _exit(2);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    REQUIRE_OK(fixture_reopen(&f), f.err);
    CHECK(store_vm_get(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK(!store_vm_get(f.store, &f.arena, VM_B, &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(!store_appraisal_latest(f.store, &f.arena, VM_B, &appraisal, &f.err) && f.err.code == ERR_NOT_FOUND);
    CHECK(vm_add(&f, VM_B, "b"));
}

TEST(several_processes_that_open_a_new_database_at_once_all_find_it_ready)
{
    enum { PROCESSES = 6 };
    CLEANUP(fixture_done) struct fixture f = { 0 };
    pid_t children[PROCESSES];
    int64_t count;

    REQUIRE(fixture_folder(&f));
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char vm[UUID_TEXT_LEN], name[16];
            bool ok;

            snprintf(vm, sizeof vm, "00000000-0000-4000-8000-%012d", i);
            snprintf(name, sizeof name, "vm%d", i);
            ok = fixture_reopen(&f) && vm_add(&f, vm, name);
            if (!ok)
                test_note("%s", f.err.text);
            store_close(f.store);
            fflush(stdout);
            _exit(!ok);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;

        CHECK(waitpid(children[i], &status, 0) == children[i] && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    REQUIRE(fixture_reopen(&f));
    CHECK(store_vm_count(f.store, &count, &f.err) && count == PROCESSES);
}

/* ---- transactions -------------------------------------------------------------------------------------------------- */

static bool two_writes(struct store *tx, void *context, struct err *err)
{
    struct store_vm row = vm_row(VM_A, "a"), got;
    struct arena a = { 0 };
    bool seen;

    if (!store_vm_create(tx, &row, err))
        return false;
    seen = store_vm_get(tx, &a, VM_A, &got, err); /* its own write */
    arena_done(&a);
    return seen && store_setting_put(tx, "k", BYTES_LIT("v"), err) && (*(bool *)context || err_set(err, ERR_UNTRUSTED, "changed my mind"));
}

TEST(a_transaction_is_all_or_nothing)
{
    FIXTURE(f);
    struct store_vm got;
    struct bytes value;
    bool keep = false;

    CHECK(!store_transaction(f.store, two_writes, &keep, &f.err) && f.err.code == ERR_UNTRUSTED);
    CHECK(!store_vm_get(f.store, &f.arena, VM_A, &got, &f.err) && !store_setting_get(f.store, &f.arena, "k", &value, &f.err));
    keep = true;
    REQUIRE_OK(store_transaction(f.store, two_writes, &keep, &f.err), f.err);
    CHECK(store_vm_get(f.store, &f.arena, VM_A, &got, &f.err) && store_setting_get(f.store, &f.arena, "k", &value, &f.err));
}

static bool goes_on_after_a_conflict(struct store *tx, void *context UNUSED, struct err *err)
{
    struct store_vm taken = vm_row(VM_B, "a");
    bool keep = true;

    return two_writes(tx, &keep, err) && !store_vm_create(tx, &taken, err) && err->code == ERR_CONFLICT;
}

TEST(a_call_that_fails_inside_a_transaction_undoes_itself_only)
{
    FIXTURE(f);
    struct store_vm got;

    REQUIRE_OK(store_transaction(f.store, goes_on_after_a_conflict, NULL, &f.err), f.err);
    CHECK(store_vm_get(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK(!store_vm_get(f.store, &f.arena, VM_B, &got, &f.err)); /* its row came before the name that was taken */
}

static bool write_past_it(struct store *tx UNUSED, void *context, struct err *err)
{
    struct store_vm row = vm_row(VM_A, "a");

    return store_vm_create(context, &row, err);
}

TEST(a_write_past_the_running_transaction_is_a_mistake_not_a_deadlock)
{
    FIXTURE(f);

    CHECK(!store_transaction(f.store, write_past_it, f.store, &f.err) && f.err.code == ERR_INTERNAL);
    CHECK(vm_add(&f, VM_A, "a"));
}

/* A million VMs: no statement but the counting ones may walk a whole table. One VM's identities, and the roots, are few: they are sorted. */
TEST(every_look_up_uses_an_index)
{
    FIXTURE(f);
    struct sqlite_connection *connection;

    REQUIRE_OK(sqlite_connection_open(f.file, true, &connection, &f.err), f.err);
    for (int i = 0; i < STATEMENT_COUNT; i++) {
        char text[2200];
        sqlite3_stmt *plan = NULL;

        if (i == SQL_VM_COUNT || i == SQL_ENROLMENT_TOKEN_COUNT || i == SQL_SCHEMA_VERSION)
            continue;
        snprintf(text, sizeof text, "EXPLAIN QUERY PLAN %s", statements[i].text);
        CHECK_INT(sqlite3_prepare_v2(connection->db, text, -1, &plan, NULL), SQLITE_OK);
        while (plan && sqlite3_step(plan) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(plan, 3);

            bool walks = strstr(step, "SCAN") || (strstr(step, "TEMP B-TREE") && i != SQL_IDENTITY_LIST && i != SQL_ROOT_LIST);

            CHECK(!walks);
            if (walks)
                test_note("%s: %s", statements[i].name, step);
        }
        sqlite3_finalize(plan);
    }
    sqlite_connection_close(connection);
}
