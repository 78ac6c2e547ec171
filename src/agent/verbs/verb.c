#include "agent/verbs/verb.h"
#include <stdio.h>
#include "agent/daemon/logfile.h"
#include "agent/diagnose/diagnose.h"
#include "base/file.h"
#include "base/log.h"
#include "extension/outcome.h"

int verb_failed(const char *what, const struct failure *why)
{
    fprintf(stderr, "trueboot-agent: %s: %s [%s]\n", what, why->text, failure_name(why->id));
    if (diagnose_remedy(why->id))
        fprintf(stderr, "what helps: %s; `trueboot-agent diagnose` says more\n", diagnose_remedy(why->id));
    return outcome_of(failure_name(why->id))->exit_code;
}

int verb_put_out(const char *path, struct bytes content)
{
    struct err err = ERR_INIT;

    if (strcmp(path, "-") == 0)
        return fwrite(content.data, 1, content.len, stdout) == content.len && fflush(stdout) == 0 ? VERB_EXIT_OK : VERB_EXIT_ERROR;
    if (file_write(path, content, 0600, &err))
        return VERB_EXIT_OK;
    fprintf(stderr, "trueboot-agent: %s\n", err.text);
    return VERB_EXIT_ERROR;
}

void verb_open_log(const struct invocation *in)
{
    const char *folder = in->config.log_dir ? in->config.log_dir : in->places_of.log_dir;
    struct err err = ERR_INIT;

    if (*folder && (in->config.log_dir || file_exists(folder)) && !logfile_open(folder, &err))
        log_event(LOG_WARNING, "no log file", "why", err.text, NULL);
}
