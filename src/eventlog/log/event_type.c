#include "eventlog/log/event_type.h"
#include <stddef.h>

static const struct event_type event_types[] = {
#define X(number, name, content, covers, pcrs, after, section) \
    { number, #name, CONTENT_##content, COVERS_##covers, (pcrs), (after), section },
    EVENT_TYPES(X)
#undef X
};

/* Asked several times for every event: the compiler makes a search tree of it, and refuses two rows of one number. */
const struct event_type *event_type_find(uint32_t wanted)
{
    enum {
#define X(number, name, content, covers, pcrs, after, section) ROW_##name,
        EVENT_TYPES(X)
#undef X
    };

    switch (wanted) {
#define X(number, name, content, covers, pcrs, after, section) \
    case number:                                               \
        return &event_types[ROW_##name];
        EVENT_TYPES(X)
#undef X
    default:
        return NULL;
    }
}

const char *event_type_name(uint32_t number)
{
    const struct event_type *type = event_type_find(number);

    return type ? type->name : "unknown event type";
}
