/* What user space measures, systemd above all (registers 9, 11 to 15). */
#include "base/utf8.h"
#include "bootchain/chain/walk.h"
#include "eventlog/replay/phases.h"
#include "eventlog/software/systemd_log.h"

/* systemd's own words, the same on every machine: which of them were said when the quote was taken is a matter of time. */
static bool is_phase_word(struct bytes text) { return phase_is_word(text) || bytes_equal_string(text, "nvpcr-separator"); }

/* systemd's strings begin with what they are about: "machine-id:…". */
static const char *user_space_key(struct walk *w, const struct step *s)
{
    struct bytes text = s->mark->proved;
    size_t colon = bytes_find(text, BYTES_LIT(":"));
    char *word;

    if (!event_is_systemd_record(s->event) || colon == SIZE_MAX || colon > 40)
        return walk_numbered_key(w, s, "user-space");
    word = text_for_people(w->a, bytes_slice(text, 0, colon));
    return word ? arena_printf(w->a, "systemd:%s", word) : NULL;
}

bool user_space_step(struct walk *w, const struct step *s)
{
    struct component *c;
    char *text;

    if (!step_proved(s))
        return walk_add(w, s, COMPONENT_USER_SPACE, walk_numbered_key(w, s, "user-space"), walk_title(w, s)) != NULL;
    if (is_phase_word(s->mark->proved))
        return true;
    text = text_for_people(w->a, s->mark->proved);
    c = text ? walk_add(w, s, COMPONENT_USER_SPACE, user_space_key(w, s), event_is_systemd_record(s->event) ? text : walk_title(w, s))
             : NULL;
    if (!c)
        return walk_no_memory(w);
    c->text = text;
    return true;
}
