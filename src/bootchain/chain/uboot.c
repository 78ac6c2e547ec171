/* U-Boot's own way, without UEFI (boot/bootm.c, bootm_measure): the kernel in register 8 and the initial RAM disk in register 9, each with nothing but
 * the words "linux" and "initrd"; the device tree in register 0; the command line, which is shown, in register 1; the separators last.
 *
 * The words are labels, under which another loader's command line could stand: they count only where nothing else left a trace. */
#include "base/utf8.h"
#include "bootchain/chain/walk.h"

static bool is_called(const struct step *s, const char *word)
{
    struct bytes data = s->event->data;

    return s->event->type == EVENT_TYPE(EV_COMPACT_HASH) && !step_proved(s) && data.len == strlen(word) + 1 &&
           memcmp(data.data, word, data.len) == 0;
}

bool uboot_is_kernel(const struct step *s) { return s->pcr == 8 && is_called(s, "linux"); }

bool uboot_is_initrd(const struct step *s) { return s->pcr == 9 && is_called(s, "initrd"); }

void uboot_watch_settings(struct walk *w, const struct step *s)
{
    if (s->event->type != EVENT_TYPE(EV_PLATFORM_CONFIG_FLAGS) || s->pcr != 1 || !step_proved(s) || !w->n_components)
        return;
    w->n_platform_settings++;
    w->platform_setting = *s;
    w->platform_setting_component = w->n_components - 1;
}

bool uboot_ran(const struct walk *w)
{
    bool other_traces = w->grub_seen || w->limine_seen || w->shim_seen || w->systemd_boot_seen || w->uki_seen || w->stub_seen ||
                        w->load_options_seen || w->chain->windows.present;

    for (unsigned pcr = 11; pcr <= 14; pcr++)
        other_traces = other_traces || w->os_events[pcr];
    return w->n_uboot_kernels == 1 && w->n_unproved_commands == 1 && w->n_platform_settings == 1 && !w->n_boot_images && !w->early_image &&
           !other_traces;
}

bool uboot_finish(struct walk *w)
{
    struct component *c;
    struct bytes text;
    char *shown;

    if (!uboot_ran(w) || w->n_left_out)
        return true;
    text = w->platform_setting.mark->proved;
    while (text.len && text.data[text.len - 1] == 0)
        text.len--;
    shown = text_for_people(w->a, text);
    if (!shown)
        return walk_no_memory(w);
    c = &w->components[w->platform_setting_component];
    c->kind = COMPONENT_COMMAND_LINE;
    c->phase = component_kind_phase(c->kind);
    c->key = "command-line";
    c->name = "kernel command line";
    c->text = shown;
    loader_command_line(w, &w->platform_setting, text, shown);
    return true;
}
