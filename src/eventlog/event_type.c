#include "eventlog/event_type.h"
#include <stddef.h>
#include "base/compiler.h"

static const struct event_type event_types[] = {
#define X(number, name, content, covers, pcrs, after, section) \
    { number, #name, CONTENT_##content, COVERS_##covers, (pcrs), (after), section },
    EVENT_TYPES(X)
#undef X
};

const struct event_type *event_type_find(uint32_t number)
{
    for (size_t i = 0; i < ARRAY_LEN(event_types); i++)
        if (event_types[i].number == number)
            return &event_types[i];
    return NULL;
}

const char *event_type_name(uint32_t number)
{
    const struct event_type *type = event_type_find(number);

    return type ? type->name : "unknown event type";
}
