/* Unified kernel images: register 11 holds their sections, register 12 the number of the profile that was chosen (eventlog/software/systemd_boot.h). */
#include "base/utf8.h"
#include "bootchain/chain/cmdline.h"
#include "bootchain/chain/walk.h"
#include "eventlog/software/systemd_boot.h"
#include "eventlog/software/systemd_log.h"

/* A section's name stands for nothing without its section. */
static void close_section(struct walk *w, enum uki_section next)
{
    if (w->open_section != UKI_SECTION_NONE && w->open_section != (int)next && !w->n_lonely_names++)
        w->lonely_name_event = w->open_section_event;
    w->open_section = UKI_SECTION_NONE;
}

/* Register 11: a UKI's sections. The name is an event of its own, proved; the content's event repeats it as a label. */
bool uki_step(struct walk *w, const struct step *s)
{
    enum uki_section section = UKI_SECTION_NONE;
    struct component *c;
    bool is_name = step_proved(s) && s->mark->rule == PROOF_RULE_SECTION_NAME;

    for (enum uki_section i = UKI_SECTION_LINUX; i <= UKI_SECTION_EFIFW; i++) {
        char *title = loader_utf16_text(w->a, s->event->data);
        if (!title)
            break;
        if (strcmp(title, uki_section_name(i)) == 0)
            section = i;
    }
    if (s->event->type != EVENT_TYPE(EV_IPL) || (!is_name && w->open_section != (int)section))
        section = UKI_SECTION_NONE; /* a name that nothing proves in front of it */
    if (section == UKI_SECTION_NONE)
        close_section(w, UKI_SECTION_NONE);
    if (section == UKI_SECTION_NONE)
        return event_is_systemd_record(s->event) || step_proved(s)
                   ? user_space_step(w, s)
                   : walk_add(w, s, COMPONENT_USER_SPACE, walk_numbered_key(w, s, "user-space"), walk_title(w, s)) != NULL;
    if (!w->uki_seen)
        w->first_uki_event = s->event->number;
    w->uki_seen = true;
    close_section(w, is_name ? UKI_SECTION_NONE : section);
    if (is_name) { /* the content's component carries the role */
        w->open_section = (int)section;
        w->open_section_event = s->event->number;
        return true;
    }
    w->uki_initrd = w->uki_initrd || section == UKI_SECTION_INITRD;
    c = walk_add(w, s, COMPONENT_UKI_SECTION, arena_printf(w->a, "uki:%s", uki_section_name(section)),
                 arena_printf(w->a, "%s of the unified kernel image (%s)", uki_section_text(section), uki_section_name(section)));
    return c != NULL;
}

/* The tag is a label, under which any text could stand: only a number is no command line. */
bool uki_is_profile(const struct step *s)
{
    struct bytes text = s->mark->proved;
    size_t n = text.len / 2;

    if (loader_tag_of(s->event) != LOADER_TAG_UKI_PROFILE || text.len % 2)
        return false;
    if (n && text.data[2 * n - 2] == 0 && text.data[2 * n - 1] == 0)
        n--;
    for (size_t i = 0; i < n; i++)
        if (text.data[2 * i] < '0' || text.data[2 * i] > '9' || text.data[2 * i + 1] != 0)
            return false;
    return n > 0;
}

bool uki_profile(struct walk *w, const struct step *s)
{
    char *number = loader_utf16_text(w->a, s->mark->proved);
    struct component *c =
        number ? walk_add(w, s, COMPONENT_UKI_SECTION, "uki:profile", arena_printf(w->a, "profile %s of the unified kernel image", number))
               : NULL;

    if (!c)
        return walk_no_memory(w);
    c->text = number;
    if (!w->profile || strcmp(w->profile, "1") != 0) {
        w->profile = number;
        w->profile_event = s->event->number;
    }
    return stub_remember_measured(w, s, bytes_of_string(number), number); /* a kernel's own stub may say that it was given this text */
}

/* A number is a command line, too ("1": rescue mode): where no image has profiles, it is none. */
void uki_finish(struct walk *w)
{
    close_section(w, UKI_SECTION_NONE);
    if (w->profile && !w->uki_seen)
        cmdline_judge(bytes_of_string(w->profile), 12, w->profile_event, w->findings);
}
