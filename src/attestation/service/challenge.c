#include "attestation/service/challenge.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/random.h"

enum {
    VERSION = 1,
    KEY_ID_LEN = 4,
    SEALED_LEN = 8 + CHALLENGE_LEN + 16,
    CONTEXT_LEN = 1 + KEY_ID_LEN + AEAD_IV_LEN + SEALED_LEN + AEAD_TAG_LEN
};

struct used {
    uint8_t id[16];     /* random: its own first bytes are its hash */
    int64_t expires_ms; /* 0: free */
};

struct challenges {
    uint8_t key[AEAD_KEY_LEN], key_id[KEY_ID_LEN];
    pthread_mutex_t lock; /* of what follows */
    struct used *table;   /* open addressing; a power of two */
    size_t capacity, n;
    int64_t full_until_ms; /* so that a full table is not gone through for every call */
};

bool challenges_new(struct challenges **ret, struct err *err)
{
    struct challenges *c = calloc(1, sizeof *c);

    if (!c)
        return err_set(err, ERR_NO_MEMORY, "no memory for challenges");
    c->capacity = 1024;
    c->table = calloc(c->capacity, sizeof *c->table);
    pthread_mutex_init(&c->lock, NULL);
    if (!c->table) {
        challenges_free(c);
        return err_set(err, ERR_NO_MEMORY, "no memory for challenges");
    }
    if (!random_bytes(c->key, sizeof c->key, err) || !random_bytes(c->key_id, sizeof c->key_id, err)) {
        challenges_free(c);
        return false;
    }
    *ret = c;
    return true;
}

void challenges_free(struct challenges *c)
{
    if (!c)
        return;
    wipe(c->key, sizeof c->key);
    free(c->table);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

bool challenge_make(struct challenges *c, const char *provider, int64_t now_ms, struct arena *a,
                    uint8_t ret_challenge[static CHALLENGE_LEN], struct bytes *ret_context, struct err *err)
{
    uint8_t iv[AEAD_IV_LEN], id[16], tag[AEAD_TAG_LEN], sealed[SEALED_LEN];
    struct writer plain CLEANUP(writer_done) = { 0 }, context CLEANUP(writer_done) = { 0 };

    if (!random_bytes(iv, sizeof iv, err) || !random_bytes(id, sizeof id, err) || !random_bytes(ret_challenge, CHALLENGE_LEN, err))
        return false;
    write_u64be(&plain, (uint64_t)(now_ms + LIMIT_CHALLENGE_SECONDS * INT64_C(1000)));
    write_bytes(&plain, (struct bytes){ ret_challenge, CHALLENGE_LEN });
    write_bytes(&plain, BYTES_OF(id));
    if (!writer_ok(&plain))
        return err_set(err, ERR_NO_MEMORY, "no memory for a challenge");
    if (!aead_seal(c->key, iv, bytes_of_string(provider), writer_bytes(&plain), sealed, tag, err))
        return false;
    write_u8(&context, VERSION);
    write_bytes(&context, BYTES_OF(c->key_id));
    write_bytes(&context, BYTES_OF(iv));
    write_bytes(&context, BYTES_OF(sealed));
    write_bytes(&context, BYTES_OF(tag));
    return (writer_ok(&context) && arena_copy(a, writer_bytes(&context), ret_context)) ||
           err_set(err, ERR_NO_MEMORY, "no memory for a challenge");
}

static struct used *find_slot(struct used *table, size_t capacity, const uint8_t id[16])
{
    size_t i;

    memcpy(&i, id, sizeof i);
    for (i &= capacity - 1; table[i].expires_ms && memcmp(table[i].id, id, 16) != 0;)
        i = (i + 1) & (capacity - 1);
    return &table[i];
}

static bool is_used(struct challenges *c, const uint8_t id[16])
{
    bool used;

    pthread_mutex_lock(&c->lock);
    used = find_slot(c->table, c->capacity, id)->expires_ms != 0;
    pthread_mutex_unlock(&c->lock);
    return used;
}

bool challenge_open(struct challenges *c, const char *provider, struct bytes context, int64_t now_ms, struct open_challenge *ret,
                    struct err *err)
{
    struct bytes key_id, iv, sealed, tag, challenge, id;
    uint8_t plain[SEALED_LEN], version;
    struct reader r = reader_over(context);
    uint64_t expires;

    if (context.len != CONTEXT_LEN || !read_u8(&r, &version) || !read_bytes(&r, KEY_ID_LEN, &key_id) || !read_bytes(&r, AEAD_IV_LEN, &iv) ||
        !read_bytes(&r, SEALED_LEN, &sealed) || !read_bytes(&r, AEAD_TAG_LEN, &tag) || version != VERSION)
        return err_set(err, ERR_UNTRUSTED, "service_context is not one of ours");
    if (!bytes_equal(key_id, BYTES_OF(c->key_id)))
        return err_set(err, ERR_UNTRUSTED, "service_context was made by another server, or before a restart: ask for a new challenge");
    if (!aead_open(c->key, iv.data, bytes_of_string(provider), sealed, tag.data, plain, err))
        return err_set(err, ERR_UNTRUSTED, "service_context was altered, or belongs to another provider");
    r = reader_over(BYTES_OF(plain));
    if (!read_u64be(&r, &expires) || !read_bytes(&r, CHALLENGE_LEN, &challenge) || !read_bytes(&r, 16, &id))
        return err_set(err, ERR_INTERNAL, "service_context has a wrong length inside");
    if ((int64_t)expires < now_ms)
        return err_set(err, ERR_UNTRUSTED, "service_context has expired: ask for a new challenge");
    memcpy(ret->challenge, challenge.data, CHALLENGE_LEN);
    memcpy(ret->id, id.data, sizeof ret->id);
    ret->expires_ms = (int64_t)expires;
    ret->made_ms = (int64_t)expires - LIMIT_CHALLENGE_SECONDS * INT64_C(1000);
    return !is_used(c, ret->id) || err_set(err, ERR_UNTRUSTED, "service_context was used already: ask for a new challenge");
}

/* rebuild drops what has expired and makes room for one more. */
static bool rebuild(struct challenges *c, int64_t now_ms)
{
    size_t live = 0, capacity = 1024;
    struct used *table;

    for (size_t i = 0; i < c->capacity; i++)
        live += c->table[i].expires_ms >= now_ms && c->table[i].expires_ms != 0;
    if (live >= LIMIT_USED_CHALLENGES)
        return false;
    while (capacity < 4 * (live + 1))
        capacity *= 2;
    table = calloc(capacity, sizeof *table);
    if (!table)
        return false;
    for (size_t i = 0; i < c->capacity; i++)
        if (c->table[i].expires_ms >= now_ms && c->table[i].expires_ms != 0)
            *find_slot(table, capacity, c->table[i].id) = c->table[i];
    free(c->table);
    c->table = table;
    c->capacity = capacity;
    c->n = live;
    return true;
}

bool challenge_use(struct challenges *c, const struct open_challenge *open, int64_t now_ms, struct err *err)
{
    bool room = true, first = false;
    struct used *slot;

    pthread_mutex_lock(&c->lock);
    if (2 * (c->n + 1) > c->capacity || c->n >= LIMIT_USED_CHALLENGES) {
        room = now_ms >= c->full_until_ms && rebuild(c, now_ms);
        if (!room && now_ms >= c->full_until_ms)
            c->full_until_ms = now_ms + 1000;
    }
    if (room) {
        slot = find_slot(c->table, c->capacity, open->id);
        first = slot->expires_ms == 0;
        if (first) {
            memcpy(slot->id, open->id, sizeof slot->id);
            slot->expires_ms = open->expires_ms;
            c->n++;
        }
    }
    pthread_mutex_unlock(&c->lock);
    if (!room)
        return err_set(err, ERR_UNREACHABLE, "too many attestations at once: try again in a minute");
    return first || err_set(err, ERR_UNTRUSTED, "service_context was used already: ask for a new challenge");
}
