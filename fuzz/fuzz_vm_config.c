/* vm.json, which a host's users may edit: what is read passes the checks, and writes back to a text that reads the same. */
#include "fuzz.h"
#include "vmhost/vm_config.h"

enum { BYTES_PER_BYTE = 256, FIXED = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a, b;
    struct vm_config config, again;
    struct err err = ERR_INIT;
    char *text, *twice;

    arena_reset(&a);
    arena_reset(&b);
    if (!vm_config_read(&a, (struct bytes){ data, size }, &config, &err)) {
        ENSURE(err.code != ERR_NONE && err.text[0]);
        ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
        return 0;
    }
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    ENSURE(vm_config_check(&config, &err));
    text = vm_config_write(&b, &config);
    ENSURE(text && vm_config_read(&b, bytes_of_string(text), &again, &err));
    twice = vm_config_write(&b, &again);
    ENSURE(twice && strcmp(text, twice) == 0 && vm_config_agent_item(&b, &again));
    return 0;
}
