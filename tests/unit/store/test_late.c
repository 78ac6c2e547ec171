/* Callers whose time is up (base/deadline.h): nothing of theirs is stored, or, when it was the disk that held it up, whole and told. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include "base/clock.h"
#include "store_fixture.h"
#include "support/late.h"

static bool vm_is_there(struct fixture *f, const char *vm)
{
    struct store_vm row;
    struct err err = ERR_INIT;

    return store_vm_get(f->store, &f->arena, vm, &row, &err);
}

/* A little real time, for waits that are the system's; how long they take is not looked at. */
static void soon(void) { deadline_set((struct deadline){ clock_monotonic_us() + 30 * 1000, NULL, false }); }

TEST(a_database_that_another_program_locks_is_given_up_on_and_nothing_is_stored)
{
    FIXTURE(f);
    sqlite3 *other;

    REQUIRE(sqlite3_open(f.file, &other) == SQLITE_OK);
    REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
    soon();
    CHECK(!vm_add(&f, VM_A, "web1") && f.err.code == ERR_LATE);
    late_end();
    CHECK(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(other);
    CHECK(!vm_is_there(&f, VM_A));
    CHECK(vm_add(&f, VM_A, "web1")); /* and the writer is free again */
}

/* ---- somebody else's turn ------------------------------------------------------------------------------------------- */

struct holder {
    struct store *store;
    atomic_bool holds, let_go;
    bool ok;
};

static bool hold(struct store *tx UNUSED, void *context, struct err *err UNUSED)
{
    struct holder *h = context;

    h->holds = true;
    while (!h->let_go)
        usleep(1000);
    return true;
}

static void *run_holder(void *context)
{
    struct holder *h = context;
    struct err err = ERR_INIT;

    h->ok = store_transaction(h->store, hold, h, &err);
    return NULL;
}

TEST(whoever_waits_for_the_writer_gives_up_when_their_time_is_up_and_leaves_nothing)
{
    FIXTURE(f);
    struct holder h = { f.store, false, false, false };
    pthread_t thread;

    REQUIRE(pthread_create(&thread, NULL, run_holder, &h) == 0);
    while (!h.holds)
        usleep(1000);
    soon();
    CHECK(!vm_add(&f, VM_A, "web1") && f.err.code == ERR_LATE);
    late_end();
    h.let_go = true;
    pthread_join(thread, NULL);
    CHECK(h.ok);
    CHECK(!vm_is_there(&f, VM_A));
    CHECK(vm_add(&f, VM_A, "web1"));
}

/* ---- between and within statements ---------------------------------------------------------------------------------- */

static bool add_two(struct store *tx, void *context UNUSED, struct err *err)
{
    struct store_vm a = vm_row(VM_A, "web1"), b = vm_row(VM_B, "web2");

    return store_vm_create(tx, &a, err) && store_vm_create(tx, &b, err);
}

TEST(wherever_in_a_transaction_the_time_is_up_all_of_it_is_stored_or_nothing)
{
    long looks = 0;

    for (bool stored = false; !stored && looks < 200; looks++) {
        FIXTURE(f);

        late_after(looks);
        stored = store_transaction(f.store, add_two, NULL, &f.err);
        late_end();
        CHECK(stored || f.err.code == ERR_LATE);
        CHECK(vm_is_there(&f, VM_A) == vm_is_there(&f, VM_B));
        CHECK(!stored || vm_is_there(&f, VM_A));
    }
    CHECK(looks > 4 && looks < 200); /* it looked at several places, and came through in the end */
}

TEST(a_long_read_is_interrupted)
{
    enum { VMS = 400 };
    FIXTURE(f);
    const struct store_vm *rows;
    bool interrupted = false;
    size_t n = 0;

    for (int i = 0; i < VMS; i++) {
        char vm[UUID_TEXT_LEN], name[16];

        snprintf(vm, sizeof vm, "11111111-1111-4111-8111-%012d", i);
        snprintf(name, sizeof name, "vm%d", i);
        REQUIRE_OK(vm_add(&f, vm, name), f.err);
    }
    REQUIRE_OK(store_vm_list(f.store, &f.arena, NULL, VMS, &rows, &n, &f.err), f.err); /* prepared, and connected */
    late_after(1); /* the look before the statement; the next one is within it */
    interrupted = !store_vm_list(f.store, &f.arena, NULL, VMS, &rows, &n, &f.err);
    late_end();
    CHECK(interrupted && f.err.code == ERR_LATE);
    CHECK(store_vm_list(f.store, &f.arena, NULL, VMS, &rows, &n, &f.err));
    CHECK_INT(n, VMS);
}

/* ---- a disk that does not come to an end ------------------------------------------------------------------------------ */

static atomic_bool disk_hangs, disk_was_asked;
static sqlite3_io_methods slow_methods;
static int (*real_sync)(sqlite3_file *, int);
static int (*real_open)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);

static int slow_sync(sqlite3_file *file, int flags)
{
    while (disk_hangs) {
        disk_was_asked = true;
        usleep(1000);
    }
    return real_sync(file, flags);
}

/* Time stands still until the disk is asked, however busy the machine is. */
static int64_t now_by_the_disk(void) { return disk_was_asked ? 60 * 1000 : 0; }

static int slow_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    int code = real_open(vfs, name, file, flags, ret_flags);

    if (code == SQLITE_OK && flags & SQLITE_OPEN_WAL) {
        slow_methods = *file->pMethods;
        real_sync = slow_methods.xSync;
        slow_methods.xSync = slow_sync;
        file->pMethods = &slow_methods;
    }
    return code;
}

static atomic_int told;
static void be_told(void *context UNUSED) { told++; }

TEST(a_commit_that_the_disk_holds_up_is_not_waited_for_and_told_when_it_is_done)
{
    static sqlite3_vfs slow;
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);

    REQUIRE(real);
    slow = *real;
    slow.zName = "slow";
    real_open = real->xOpen;
    slow.xOpen = slow_open;
    REQUIRE(sqlite3_vfs_register(&slow, 1) == SQLITE_OK);
    {
        FIXTURE(f);

        CHECK(vm_add(&f, VM_A, "web1"));
        store_on_abandoned(f.store, be_told, NULL);
        disk_hangs = true;
        deadline_set((struct deadline){ 30 * 1000, now_by_the_disk, false });
        CHECK(!vm_add(&f, VM_B, "web2") && f.err.code == ERR_LATE && strstr(f.err.text, "may be stored"));
        CHECK(disk_was_asked && told == 0);
        soon();
        CHECK(!vm_add(&f, VM_NONE, "web3") && f.err.code == ERR_LATE); /* waits for its turn, and leaves nothing */
        CHECK(vm_is_there(&f, VM_A) || deadline_passed());
        late_end();
        CHECK(vm_is_there(&f, VM_A)); /* readers do not wait for the disk */
        disk_hangs = false;
        CHECK(vm_add(&f, "33333333-3333-4333-8333-333333333333", "web4"));
        CHECK(vm_is_there(&f, VM_B) && !vm_is_there(&f, VM_NONE));
        store_on_abandoned(f.store, NULL, NULL);
    }
    CHECK_INT(told, 1);
    sqlite3_vfs_unregister(&slow);
}
