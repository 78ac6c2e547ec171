#include "eventlog/software/limine.h"

enum { TEXT_PCR = 8, FILE_PCR = 9 };

struct limine_event limine_event_of(const struct event *event)
{
    static const struct {
        const char *name;
        enum limine_kind kind;
    } rows[] = {
        { "cmdline: ", LIMINE_CMDLINE }, { "path: ", LIMINE_KERNEL }, { "module_path: ", LIMINE_MODULE }, { "dtb_path: ", LIMINE_OTHER }
    };
    struct bytes data = event->data;

    if (event->type != EVENT_TYPE(EV_IPL) || (event->pcr != TEXT_PCR && event->pcr != FILE_PCR))
        return (struct limine_event){ LIMINE_NOT, 0, BYTES_NONE };
    if (data.len && data.data[data.len - 1] == 0)
        data.len--;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes name = bytes_of_string(rows[i].name);
        if (bytes_starts_with(data, name))
            return (struct limine_event){ rows[i].kind, name.len, bytes_slice(data, name.len, data.len - name.len) };
    }
    if (event->pcr == FILE_PCR && bytes_equal_string(data, "limine_cfg"))
        return (struct limine_event){ LIMINE_CONFIG, 0, data };
    return (struct limine_event){ LIMINE_NOT, 0, BYTES_NONE };
}
