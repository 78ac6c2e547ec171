/* What Windows wants of the handler's verbs: access lists where Linux has drop-ins and links. */
#include <stdio.h>
#include "agent/verbs/handler_verbs.h"
#include "agent/windows/access.h"

/* The daemon writes its log where the VM agent's people look for it. */
void verb_show_log(struct invocation *in, const char *log_folder)
{
    struct err err = ERR_INIT;

    if (!*in->places_of.root && !access_grant(log_folder, ACCESS_WRITE, &err))
        fprintf(stderr, "trueboot-agent: enable: %s\n", err.text);
}

const char *verb_log_dir(const struct invocation *in UNUSED, const char *log_folder) { return log_folder; }

/* The publisher has the system's own account: it needs nobody's leave. */
bool verb_put_drop_in(struct invocation *in UNUSED, const struct handler_record *record UNUSED, struct err *err UNUSED) { return true; }

void verb_remove_drop_in(struct invocation *in UNUSED) {}
