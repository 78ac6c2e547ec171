/* agent/verbs/handler_verbs.h: what the verbs of a VM extension's handler share (guest-agent.md 6.5). */
#pragma once
#include "agent/daemon/lock.h"
#include "agent/handler/record.h"
#include "agent/handler/service.h"
#include "agent/verbs/verb.h"

const char *verb_user(const struct invocation *in); /* the daemon's */

/* Root, or another root than this machine's. Prints why not. */
bool verb_may_install(const struct invocation *in, const char *verb);

/* Root, or a folder that is not the installed agent's. Prints why not. */
bool verb_may_change(struct invocation *in, const char *verb, const char *folder);

MUST_CHECK bool verb_services(const struct invocation *in, struct service_control *ret, struct err *err);

/* One verb of the handler at a time: what one writes, another must not half replace. Waits for the one before, for as long as that may take at most;
 * false: it does not end. Where no lock can be had it goes on alone. The caller releases *ret_turn to end its turn. */
MUST_CHECK bool verb_take_turn(struct invocation *in, struct lock *ret_turn, struct err *err);

/* state.c: what `reset` does, for an uninstall that purges: the files go even when the TPM does not give its key away. The exit code. */
int verb_purge(struct invocation *in);

/* install.c, ../windows/install.c: what install put in place, once the services have stopped. The turn is given up where its file goes away, too. */
void verb_take_away(struct invocation *in, struct service_control *services, bool purged, struct lock *turn);

/* Prints "VERB: why", gives `code`. */
int verb_refused(const char *verb, int code, const struct err *err);

/* Once; fine where no handler has been. */
MUST_CHECK bool verb_publish_now(struct invocation *in, struct err *err);

/* The daemon's log, where the VM agent's people look for it: a link in the handler's log folder (Linux), or the log itself (Windows, where links are a
 * privilege): then verb_log_dir is what log.dir is set to, else NULL. */
void verb_show_log(struct invocation *in, const char *log_folder);
const char *verb_log_dir(const struct invocation *in, const char *log_folder);

/* Linux: the publisher's unit may write to the handler's three folders and nowhere else: a drop-in that names them. */
MUST_CHECK bool verb_put_drop_in(struct invocation *in, const struct handler_record *record, struct err *err);
void verb_remove_drop_in(struct invocation *in);
