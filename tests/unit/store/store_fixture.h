/* A database in a folder of its own, and rows that say only what differs. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/backend.h"
#include "store/store.h"
#include "support/test.h"

#define VM_A    "11111111-1111-4111-8111-111111111111"
#define VM_B    "22222222-2222-4222-8222-222222222222"
#define VM_NONE "99999999-9999-4999-8999-999999999999"
#define SHA_1   "1111111111111111111111111111111111111111111111111111111111111111"
#define SHA_2   "2222222222222222222222222222222222222222222222222222222222222222"

struct fixture {
    char folder[64];
    char file[96];
    struct store *store;
    struct arena arena;
    struct err err;
};

UNUSED static bool fixture_reopen(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
    return store_open(f->file, &f->store, &f->err);
}

UNUSED static bool fixture_folder(struct fixture *f)
{
    *f = (struct fixture){ .folder = "/tmp/trueboot-store-XXXXXX" };
    if (!mkdtemp(f->folder))
        return false;
    snprintf(f->file, sizeof f->file, "%s/trueboot.db", f->folder);
    return true;
}

UNUSED static bool fixture_open(struct fixture *f) { return fixture_folder(f) && fixture_reopen(f); }

UNUSED static void fixture_done(struct fixture *f)
{
    static const char *const endings[] = { "", "-wal", "-shm" };
    char path[128];

    store_close(f->store);
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        snprintf(path, sizeof path, "%s%s", f->file, endings[i]);
        unlink(path);
    }
    rmdir(f->folder);
    arena_done(&f->arena);
}

#define FIXTURE(f)                                  \
    CLEANUP(fixture_done) struct fixture f = { 0 }; \
    REQUIRE_OK(fixture_open(&f), f.err)

UNUSED static struct store_vm vm_row(const char *vm, const char *name)
{
    return (
        struct store_vm){ .vm = vm, .name = name, .created_ms = 1000, .security_type = "TrustedLaunch", .secure_boot = true, .vtpm = true };
}

UNUSED static bool vm_add(struct fixture *f, const char *vm, const char *name)
{
    struct store_vm row = vm_row(vm, name);

    return store_vm_create(f->store, &row, &f->err);
}

UNUSED static struct store_appraisal appraisal_row(const char *vm, const char *id, int64_t time_ms)
{
    return (struct store_appraisal){ .id = id,
                                     .vm = vm,
                                     .time_ms = time_ms,
                                     .provider = "shared",
                                     .verdict = "accepted",
                                     .reset_count = 7,
                                     .restart_count = 1,
                                     .clock = 123456,
                                     .evidence_sha256 = SHA_1,
                                     .record = BYTES_LIT("eyJ.e30.c2ln") };
}
