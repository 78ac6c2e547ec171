#include "agent/failure/note.h"
#include <stdarg.h>
#include <stdio.h>

static struct note *slot_for(struct notes *notes, enum failure_id id)
{
    for (size_t i = 0; i < notes->n; i++)
        if (notes->item[i].id == id)
            return &notes->item[i];
    return notes->n < NOTES_MAX ? &notes->item[notes->n++] : NULL;
}

void notes_add(struct notes *notes, enum failure_id id, const char *fmt, ...)
{
    struct note *note = slot_for(notes, id);
    struct failure safe;
    char text[NOTE_TEXT_LEN];
    va_list args;

    if (!note)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    failure_record(&safe, id, "%s", text); /* makes it safe to show */
    note->id = id;
    snprintf(note->text, sizeof note->text, "%.*s", NOTE_TEXT_LEN - 1, safe.text);
}

void notes_add_all(struct notes *notes, const struct notes *more)
{
    struct note *slot;

    for (size_t i = 0; i < more->n; i++)
        if ((slot = slot_for(notes, more->item[i].id)))
            *slot = more->item[i];
}

const struct note *notes_find(const struct notes *notes, enum failure_id id)
{
    for (size_t i = 0; i < notes->n; i++)
        if (notes->item[i].id == id)
            return &notes->item[i];
    return NULL;
}

void notes_put(struct json_out *out, const char *name, const struct notes *notes)
{
    json_begin_array(out, name);
    for (size_t i = 0; i < notes->n; i++) {
        json_begin_object(out, NULL);
        json_put_string(out, "code", failure_name(notes->item[i].id));
        json_put_string(out, "reason", failure_reason(notes->item[i].id));
        json_put_string(out, "message", notes->item[i].text);
        json_end(out);
    }
    json_end(out);
}
