/* The parts of wake.h that ask nobody. */
#include "agent/daemon/wake.h"

enum { SLEEP_MIN_MS = 5000 };

bool wake_slept(int64_t *asleep, int64_t now_asleep_ms)
{
    bool slept = now_asleep_ms - *asleep > SLEEP_MIN_MS;

    *asleep = now_asleep_ms;
    return slept;
}

bool wake_is_restored(struct bytes uevent)
{
    while (uevent.len) {
        size_t end = bytes_find(uevent, (struct bytes){ (const uint8_t *)"", 1 });
        struct bytes field = bytes_slice(uevent, 0, end == SIZE_MAX ? uevent.len : end);

        if (bytes_equal_string(field, "NEW_VMGENID=1"))
            return true;
        uevent = bytes_slice(uevent, field.len + 1, uevent.len);
    }
    return false;
}
