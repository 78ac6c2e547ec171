#include "eventlog/software/systemd_boot.h"
#include "base/reader.h"
#include "base/utf8.h"

/* TCG_PCClientTaggedEvent (PFP 10.4.2.1): u32 id, u32 size, content. */
bool tagged_event_parse(struct bytes data, struct tagged_event *ret)
{
    struct reader r = reader_over(data);
    struct tagged_event tag;

    if (!read_u32le(&r, &tag.id) || !read_u32le_prefixed(&r, &tag.content) || !reader_done(&r))
        return false;
    *ret = tag;
    return true;
}

static const struct {
    uint32_t tag;
    const char *words;
} loader_tags[] = { { 0, "" },
#define X(name, tag, words) { tag, words },
                    LOADER_TAGS(X)
#undef X
};

enum loader_tag loader_tag_of(const struct event *event)
{
    struct tagged_event tag;

    if (event->type != EVENT_TYPE(EV_EVENT_TAG) || !tagged_event_parse(event->data, &tag))
        return LOADER_TAG_NONE;
    for (size_t i = 1; i < ARRAY_LEN(loader_tags); i++)
        if (loader_tags[i].tag == tag.id)
            return (enum loader_tag)i;
    return LOADER_TAG_NONE;
}

const char *loader_tag_text(enum loader_tag tag) { return loader_tags[tag].words; }

static const struct {
    const char *name, *words;
} sections[] = { { NULL, "" },
#define X(name, section, words) { section, words },
                 UKI_SECTIONS(X)
#undef X
};

const char *uki_section_name(enum uki_section section) { return (size_t)section < ARRAY_LEN(sections) ? sections[section].name : NULL; }

const char *uki_section_text(enum uki_section section) { return (size_t)section < ARRAY_LEN(sections) ? sections[section].words : ""; }

enum uki_section uki_section_of(struct bytes data)
{
    for (size_t i = 1; i < ARRAY_LEN(sections); i++) {
        size_t len = strlen(sections[i].name);
        bool same = data.len == 2 * len || data.len == 2 * len + 2;
        for (size_t j = 0; same && 2 * j < data.len; j++) /* the name's own NUL with it, where the data has one */
            same = data.data[2 * j] == (uint8_t)sections[i].name[j] && data.data[2 * j + 1] == 0;
        if (same)
            return (enum uki_section)i;
    }
    return UKI_SECTION_NONE;
}

char *loader_utf16_raw(struct arena *a, struct bytes data)
{
    bool clean;
    char *text = data.len % 2 == 0 ? utf8_from_utf16le(a, data, &clean) : NULL;

    return text && clean ? text : NULL;
}

char *loader_utf16_text(struct arena *a, struct bytes data)
{
    char *text = loader_utf16_raw(a, data);

    return text ? text_for_people(a, bytes_of_string(text)) : NULL;
}
