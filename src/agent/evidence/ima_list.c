#include "agent/evidence/ima_list.h"
#include <stdio.h>
#include <time.h>
#include "agent/files/file_part.h"
#include "agent/machine/collect.h"
#include "base/file.h"

enum { ATTEMPTS = 3, PAUSE_MS = 50 };

struct taking {
    const char *path, *run_dir;
    const struct pcr_set *quoted;
    struct ima_part *part;
    bool reached, fresh, broken;
};

/* Whole entries, until the quoted value is reached or the limit; *ret_len is how long they are. */
static void take_entries(struct taking *t, struct bytes content, size_t *ret_len)
{
    struct arena scratch CLEANUP(arena_done) = { 0 };
    struct ima_replay *replay = &t->part->next.replay;
    struct ima_cursor c;
    struct ima_entry entry;
    struct ima_fit fit;
    struct err err = ERR_INIT;
    bool there = true;

    *ret_len = 0;
    t->reached = ima_replay_fits(replay, t->quoted, &fit);
    t->broken = !ima_begin(content, &c, &err);
    while (!t->reached && !t->broken) {
        arena_reset(&scratch);
        if (c.n == LIMIT_IMA_PIECE_ENTRIES) {
            t->part->more = true;
            return;
        }
        t->broken = !ima_next(&c, &scratch, &entry, &there, &err);
        if (t->broken || !there)
            return;
        ima_replay_add(replay, &entry, c.list_digest);
        *ret_len = c.offset;
        t->reached = ima_replay_fits(replay, t->quoted, &fit);
    }
    t->part->more = false;
}

/* Where in the file at `path` the list's byte `offset` is: a copy may begin later than the list. */
static bool place_in_file(struct taking *t, uint64_t offset, uint64_t *ret)
{
    uint64_t from = 0;

    t->fresh = true;
    if (t->run_dir) {
        t->fresh = collect_again(t->run_dir, offset, LIMIT_IMA_PIECE_BYTES);
        if (!collect_ima_part(t->run_dir, &from, NULL))
            return false;
    }
    *ret = offset - from;
    return offset >= from;
}

static bool take_once(struct taking *t, const struct ima_sent *from, struct arena *a, struct failure *why)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE;
    struct err err = ERR_INIT;
    uint64_t place;
    size_t len;

    t->part->next = *from;
    t->part->there = false;
    if (!from->replay.n)
        ima_replay_begin(t->quoted, NULL, &t->part->next.replay);
    if (!place_in_file(t, from->offset, &place) || !file_part_read(t->path, place, LIMIT_IMA_PIECE_BYTES, &content, &t->part->more, &err))
        return true;
    take_entries(t, content, &len);
    if (t->part->more && !len) /* one entry that is longer than a piece */
        return true;
    t->part->there = true;
    t->part->from = from->replay.n;
    t->part->next.offset += len;
    /* What cannot be read is sent as it is: the service says what is wrong with it. */
    return arena_copy(a, t->broken ? content : bytes_slice(content, 0, len), &t->part->content)
               ? true
               : failure_set(why, FAILURE_NO_MEMORY, "out of memory");
}

bool ima_list_take(const char *path, const char *run_dir, const char *boot_id, const struct ima_sent *sent, const struct pcr_set *quoted,
                   struct arena *a, struct ima_part *ret, struct notes *notes, struct failure *why)
{
    const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
    struct taking t = { .path = path, .run_dir = run_dir, .quoted = quoted, .part = ret };
    struct ima_sent nothing = { .boot_id = "" };
    const struct ima_sent *from = strcmp(sent->boot_id, boot_id) == 0 ? sent : &nothing;

    snprintf(nothing.boot_id, sizeof nothing.boot_id, "%s", boot_id);
    t.fresh = true;
    for (unsigned i = 0; i < ATTEMPTS && t.fresh; i++) {
        if (i)
            nanosleep(&pause, NULL);
        if (!take_once(&t, from, a, why))
            return false;
        if (ret->there && (t.reached || ret->more || t.broken))
            return true;
    }
    /* A list as of now that does not explain the register is the verifier's matter; an old copy says nothing. */
    if (ret->there && t.fresh)
        return true;
    ret->there = false;
    notes_add(notes, FAILURE_LOG_MISSING, "the kernel's IMA list %s",
              t.fresh ? "cannot be read" : "could not be read anew: it would lag behind the quote");
    return true;
}
