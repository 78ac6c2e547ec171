#include "management/enrolments.h"
#include <pthread.h>
#include <stdlib.h>
#include "base/limits.h"

enum { OPEN_PER_VM = 8 };

struct enrolments {
    pthread_mutex_t lock;
    size_t n; /* slots in use or free below capacity */
    size_t capacity;
    struct enrolment *slots;
};

bool enrolments_new(struct enrolments **ret, struct err *err)
{
    struct enrolments *e = calloc(1, sizeof *e);

    if (!e)
        return err_set(err, ERR_NO_MEMORY, "no memory for enrolments");
    pthread_mutex_init(&e->lock, NULL);
    *ret = e;
    return true;
}

void enrolments_free(struct enrolments *e)
{
    if (!e)
        return;
    if (e->slots)
        wipe(e->slots, e->capacity * sizeof *e->slots);
    free(e->slots);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static bool grow(struct enrolments *e)
{
    size_t capacity = e->capacity ? 2 * e->capacity : 16;
    struct enrolment *slots;

    if (capacity > LIMIT_OPEN_ENROLMENTS)
        return false;
    slots = calloc(capacity, sizeof *slots);
    if (!slots)
        return false;
    if (e->slots) {
        memcpy(slots, e->slots, e->capacity * sizeof *slots);
        wipe(e->slots, e->capacity * sizeof *slots);
    }
    free(e->slots);
    e->slots = slots;
    e->capacity = capacity;
    return true;
}

/* A free slot, after dropping what has expired; one VM never holds more than a few. NULL: none. */
static struct enrolment *take_slot(struct enrolments *e, const char *vm, int64_t now_ms)
{
    struct enrolment *free_slot = NULL, *oldest_of_vm = NULL;
    size_t of_vm = 0;

    for (size_t i = 0; i < e->capacity; i++) {
        struct enrolment *p = &e->slots[i];
        if (p->id[0] && p->expires_ms < now_ms)
            wipe(p, sizeof *p);
        if (!p->id[0]) {
            free_slot = p;
        } else if (strcmp(p->vm, vm) == 0) {
            of_vm++;
            if (!oldest_of_vm || p->expires_ms < oldest_of_vm->expires_ms)
                oldest_of_vm = p;
        }
    }
    if (of_vm >= OPEN_PER_VM)
        return oldest_of_vm;
    if (free_slot)
        return free_slot;
    if (!grow(e))
        return NULL;
    return take_slot(e, vm, now_ms);
}

bool enrolments_keep(struct enrolments *e, const struct enrolment *fresh, int64_t now_ms, struct err *err)
{
    struct enrolment *slot;

    pthread_mutex_lock(&e->lock);
    slot = take_slot(e, fresh->vm, now_ms);
    if (slot)
        *slot = *fresh;
    pthread_mutex_unlock(&e->lock);
    return slot || err_set(err, ERR_UNREACHABLE, "too many enrolments at once: try again in a minute");
}

bool enrolments_take(struct enrolments *e, struct bytes id, int64_t now_ms, struct enrolment *ret)
{
    bool found = false;

    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->capacity && !found; i++) {
        struct enrolment *p = &e->slots[i];
        if (!p->id[0] || p->expires_ms < now_ms || !p->tries_left || !bytes_equal_ct(bytes_of_string(p->id), id))
            continue;
        found = true;
        p->tries_left--;
        *ret = *p;
    }
    pthread_mutex_unlock(&e->lock);
    return found;
}

bool enrolments_remove(struct enrolments *e, const char *id)
{
    bool found = false;

    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->capacity && !found; i++)
        if (strcmp(e->slots[i].id, id) == 0) {
            found = true;
            wipe(&e->slots[i], sizeof e->slots[i]);
        }
    pthread_mutex_unlock(&e->lock);
    return found;
}

void enrolment_done(struct enrolment *p) { wipe(p, sizeof *p); }
