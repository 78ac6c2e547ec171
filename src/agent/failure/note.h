/* agent/failure/note.h: what the agent noticed and goes on with all the same: rows of the failure catalogue that stop nothing (guest-agent.md 9).
 *
 * They travel in reports and heartbeats and stand in status.json: [{"code":"LOG_REPLAY","reason":"LOG.ReplayMismatch","message":"…"}]. */
#pragma once
#include "agent/failure/failure.h"
#include "json/write.h"

enum { NOTES_MAX = 24, NOTE_TEXT_LEN = 240 };

struct notes {
    size_t n;
    struct note {
        enum failure_id id;
        char text[NOTE_TEXT_LEN];
    } item[NOTES_MAX];
};

/* One for each id: a later one replaces the sentence. */
void notes_add(struct notes *notes, enum failure_id id, const char *fmt, ...) PRINTF_LIKE(3, 4);
void notes_add_all(struct notes *notes, const struct notes *more);
static inline void notes_clear(struct notes *notes) { notes->n = 0; }
const struct note *notes_find(const struct notes *notes, enum failure_id id); /* NULL: none */
void notes_put(struct json_out *out, const char *name, const struct notes *notes);
