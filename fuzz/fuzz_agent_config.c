/* The agent's settings: its file, and what the hypervisor puts into fw_cfg. What is accepted lies within the rows' bounds; what is refused
 * says where. */
#include "agent/settings/config.h"
#include "fuzz.h"

/* An item of two dozen bytes becomes JSON nodes and copies. */
enum { BYTES_PER_BYTE = 256, FIXED = 64 * 1024 };

static void bounds_hold(const struct agent_config *config)
{
#define CHECK_TEXT(value, least, most)                     ENSURE((value) == NULL || strlen(value) < 1024 * 1024)
#define CHECK_NUMBER(value, least, most)                   ENSURE((value) == 0 || ((value) >= (least) && (value) <= (most)))
#define CHECK_DURATION(value, least, most)                 ENSURE((value) >= (least) && (value) <= (most))
#define CHECK_SWITCH(value, least, most)                   ENSURE((value) == true || (value) == false)
#define X(key, member, kind, otherwise, least, most, help) CHECK_##kind(config->member, least, most);
    CONFIG_KEYS(X)
#undef X
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    struct bytes text = { data, size };
    struct agent_config file, item;
    struct err err = ERR_INIT;

    arena_reset(&a);
    config_defaults(&file);
    if (config_parse(&file, &a, "agent.conf", text, &err))
        bounds_hold(&file);
    else
        ENSURE(err.code != ERR_NONE && bytes_starts_with(bytes_of_string(err.text), BYTES_LIT("agent.conf")));
    err = ERR_INIT;
    config_defaults(&item);
    if (config_parse_fw_cfg(&item, &a, text, &err))
        bounds_hold(&item);
    else
        ENSURE(err.code != ERR_NONE && err.text[0]);
    ENSURE(a.used <= BYTES_PER_BYTE * size + FIXED);
    return 0;
}
