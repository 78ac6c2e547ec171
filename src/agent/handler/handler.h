/* agent/handler/handler.h: where a VM agent has put us, and which settings hold now (guest-agent.md 6.3, 6.4, 6.6, 6.7). */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "extension/environment.h"

struct handler {
    const char *install_dir; /* AZURE_GUEST_AGENT_EXTENSION_PATH, else the folder above the program's own */
    const char *version; /* AZURE_GUEST_AGENT_EXTENSION_VERSION, else what follows the first "-" of the folder's name, else the program's */
    struct handler_environment environment;
    const char *extension; /* "" unless the handler has several (ConfigExtensionName) */
    uint32_t sequence;
    const char *settings_file; /* NULL: none, the settings are {} */
    const char *status_file, *mrseq_file;
};

/* Where we are installed, without reading anything. */
MUST_CHECK bool handler_locate(struct arena *a, struct handler *ret, struct err *err);
/* ERR_NOT_FOUND when we are no handler: there is no HandlerEnvironment.json. One that is half written is read again, five times a second
 * apart. */
MUST_CHECK bool handler_find(struct arena *a, struct handler *ret, struct err *err);

/* The last sequence number that was applied; false when there is none. */
bool handler_applied_sequence(const struct handler *handler, uint32_t *ret);
MUST_CHECK bool handler_note_applied(const struct handler *handler, struct err *err);
