#include "eventlog/software/grub.h"

enum { COMMAND_PCR = 8, FILE_PCR = 9 };

static const struct {
    const char *prefix;
    enum grub_kind kind;
} prefixes[] = {
    { "grub_cmd: ", GRUB_COMMAND }, { "kernel_cmdline: ", GRUB_KERNEL_CMDLINE },     { "module_cmdline: ", GRUB_MODULE_CMDLINE },
    { "grub_cmd ", GRUB_COMMAND },  { "grub_kernel_cmdline ", GRUB_KERNEL_CMDLINE }, { "kernel_cmdline ", GRUB_KERNEL_CMDLINE },
};

struct grub_event grub_event_of(const struct event *event)
{
    struct bytes data = event->data;

    if (event->type != EVENT_TYPE(EV_IPL) || (event->pcr != COMMAND_PCR && event->pcr != FILE_PCR) || data.len == 0 || data.data[0] == '{')
        return (struct grub_event){ GRUB_NOT, BYTES_NONE };
    if (data.data[data.len - 1] == 0)
        data.len--;
    /* Asked several times for every event: paths begin like none of the prefixes. */
    for (size_t i = 0; data.data[0] != '/' && data.data[0] != '(' && i < ARRAY_LEN(prefixes); i++) {
        struct bytes prefix = bytes_of_string(prefixes[i].prefix);
        if (bytes_starts_with(data, prefix))
            return (struct grub_event){ prefixes[i].kind, bytes_slice(data, prefix.len, data.len - prefix.len) };
    }
    if (event->pcr == FILE_PCR)
        return (struct grub_event){ GRUB_FILE, data };
    return (struct grub_event){ GRUB_NOT, BYTES_NONE };
}

void grub_split_cmdline(struct bytes text, struct bytes *ret_kernel, struct bytes *ret_parameters)
{
    size_t n = 0;

    text = bytes_trim(text);
    while (n < text.len && text.data[n] != ' ')
        n++;
    *ret_kernel = bytes_slice(text, 0, n);
    *ret_parameters = bytes_trim(bytes_slice(text, n, text.len - n));
}
