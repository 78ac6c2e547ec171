#include "store/store.h"
#include "store/backend.h"

bool store_open(const char *file, struct store **ret, struct err *err)
{
    return sqlite_store_open(file, migrations, n_migrations, ret, err);
}

void store_close(struct store *store)
{
    if (store)
        store->backend->close(store);
}

void store_on_abandoned(struct store *store, void (*told)(void *context), void *context) { store->backend->tell(store, told, context); }

bool store_transaction(struct store *store, bool (*work)(struct store *tx, void *context, struct err *err), void *context, struct err *err)
{
    return store->backend->transaction(store, work, context, err);
}
