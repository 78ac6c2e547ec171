#include "findings/finding.h"
#include <stdarg.h>
#include <stdio.h>
#include "base/limits.h"
#include "base/utf8.h"
#include "base/writer.h"

static const struct finding_kind kinds[] = {
#define X(name, id_, severity_, phase_, title_, why_, remedy_) \
    [FINDING_##                                                \
        name] = { .id = id_, .severity = SEVERITY_##severity_, .phase = PHASE_##phase_, .title = title_, .why = why_, .remedy = remedy_ },
#include "findings/list.h"
#undef X
};

static const char *const severity_names[] = { "info", "low", "medium", "high", "critical" };
static const char *const phase_names[] = { "evidence", "firmware", "secureBootPolicy", "loader", "os" };
static const char *const phase_titles[] = { "Evidence", "Firmware", "Secure Boot policy", "Loader", "OS" };

const struct finding_kind *finding_kind(enum finding_id id) { return &kinds[id < FINDING_ID_COUNT ? id : 0]; }

bool finding_id_from_text(struct bytes text, enum finding_id *ret)
{
    for (size_t i = 0; i < FINDING_ID_COUNT; i++)
        if (bytes_equal_string(text, kinds[i].id)) {
            *ret = (enum finding_id)i;
            return true;
        }
    return false;
}

static bool make_room(struct findings *list)
{
    size_t capacity = list->capacity ? 2 * list->capacity : 16;
    struct finding *grown;

    if (list->n < list->capacity)
        return true;
    if (list->n >= LIMIT_FINDINGS)
        return false;
    grown = arena_grow(list->arena, list->items, list->n, capacity, sizeof *grown);
    if (!grown)
        return false;
    list->items = grown;
    list->capacity = capacity;
    return true;
}

struct finding *findings_add(struct findings *list, enum finding_id id, int pcr, int64_t event, const char *fmt, ...)
{
    static _Thread_local struct finding scratch;
    struct finding *finding = &scratch;
    char text[1024];
    va_list args;

    if (make_room(list))
        finding = &list->items[list->n++];
    else
        list->overflow = true;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    *finding = (struct finding){ .id = id, .severity = finding_kind(id)->severity, .pcr = pcr, .event = event };
    finding->text = text_for_people(list->arena, bytes_of_string(text));
    if (!finding->text) {
        finding->text = finding_kind(id)->title;
        list->overflow = true;
    }
    return finding;
}

void finding_was_is(struct findings *list, struct finding *finding, const char *was, const char *is)
{
    finding->was = was ? text_for_people(list->arena, bytes_of_string(was)) : NULL;
    finding->is = is ? text_for_people(list->arena, bytes_of_string(is)) : NULL;
}

bool findings_have(const struct findings *list, enum finding_id id)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].id == id)
            return true;
    return false;
}

enum severity findings_worst(const struct findings *list)
{
    enum severity worst = list->overflow ? SEVERITY_CRITICAL : SEVERITY_INFO;

    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].severity > worst)
            worst = list->items[i].severity;
    return worst;
}

static bool index_of(struct bytes text, const char *const *names, size_t n, size_t *ret)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_equal_string(text, names[i])) {
            *ret = i;
            return true;
        }
    return false;
}

const char *severity_name(enum severity severity)
{
    return (size_t)severity < ARRAY_LEN(severity_names) ? severity_names[severity] : "critical";
}

bool severity_from_text(struct bytes text, enum severity *ret)
{
    size_t i;

    if (!index_of(text, severity_names, ARRAY_LEN(severity_names), &i))
        return false;
    *ret = (enum severity)i;
    return true;
}

const char *phase_name(enum phase phase) { return (size_t)phase < ARRAY_LEN(phase_names) ? phase_names[phase] : "evidence"; }

const char *phase_title(enum phase phase) { return (size_t)phase < ARRAY_LEN(phase_titles) ? phase_titles[phase] : "Evidence"; }

bool phase_from_text(struct bytes text, enum phase *ret)
{
    size_t i;

    if (!index_of(text, phase_names, ARRAY_LEN(phase_names), &i))
        return false;
    *ret = (enum phase)i;
    return true;
}

const char *finding_remedy(struct arena *a, const struct finding_kind *kind, const char *vm)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    const char *remedy = kind->remedy, *text;
    bool in_command = false;

    for (const char *at; (at = strstr(remedy, "{vm}")); remedy = at + strlen("{vm}")) {
        for (const char *c = remedy; c < at; c++)
            in_command ^= *c == '`';
        write_bytes(&w, (struct bytes){ (const uint8_t *)remedy, (size_t)(at - remedy) });
        write_string(&w, vm ? vm : in_command ? "NAME" : "this VM");
    }
    write_string(&w, remedy);
    text = writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
    return text ? text : kind->remedy;
}
