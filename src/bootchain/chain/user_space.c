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

/* What register 15 holds stands for what nobody logged: accepted by a person, another value is another boot. */
bool user_space_finish(struct walk *w)
{
    const struct event none = { .pcr = USER_SPACE_PCR };
    const struct step s = { .event = &none, .pcr = USER_SPACE_PCR };
    struct component *c;
    struct digest *digests;
    size_t n = 0;

    if (!replayed_is_unlogged(w->log, USER_SPACE_PCR))
        return true;
    c = walk_add_computed(w, &s, COMPONENT_USER_SPACE, "register-15", "register 15, which no log explains", BYTES_NONE);
    digests = ARENA_ARRAY(w->a, LIMIT_PCR_BANKS, struct digest);
    if (!c || !digests)
        return walk_no_memory(w);
    for (size_t i = 0; i < w->n_banks; i++) {
        const struct digest *value = pcr_find(replayed_quoted(w->log), w->banks[i], USER_SPACE_PCR);

        if (value)
            digests[n++] = *value;
    }
    c->event = FINDING_NO_EVENT;
    c->digests = digests;
    c->n_digests = n;
    return true;
}
