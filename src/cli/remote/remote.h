/* cli/remote/remote.h: asking the server: over its local socket on the same machine, or over TLS; by way of trueboot-call (call.h). */
#pragma once
#include "cli/frame/cli.h"

/* Whether the server that was named is one on the network. */
bool remote_is_network(struct cli *cli);
/* remote_call sends a request to the server (local socket or URL) and parses the answer. `body` may be NULL. On failure prints one
 * sentence and returns its exit code; EXIT_OK otherwise. *ret may be NULL; it is json_null for an empty answer. */
int remote_call(struct cli *cli, const char *method, const char *path, const char *body, const struct json **ret);
/* remote_list gets a list that comes in pages ({"value":[…],"next":…}, asked for with "?after=") as one array. */
int remote_list(struct cli *cli, const char *list, const struct json **ret);
/* remote_call, and the answer printed as cli_print() does. A path that is NULL: there was no memory for it. */
int remote_print(struct cli *cli, const char *method, const char *path, const char *body,
                 void (*table)(struct cli *cli, const struct json *answer));
/* remote_call, but quiet: the status code, 0 when nobody answers. */
unsigned remote_try(struct cli *cli, const char *method, const char *path, const char *body, const struct json **ret, struct err *err);

/* A path below /v1/vms with a name in it, percent-encoded; NULL: no memory. */
const char *vm_route(struct cli *cli, const char *name, const char *rest);
/* "/v1/FOLDER/NAME". Names and ids are letters, digits and hyphens; anything else cannot exist and must not change the address: NULL, for
 * which no_item() has the sentence and the exit code. */
const char *item_route(struct cli *cli, const char *folder, const char *name);
int no_item(const char *what, const char *name);
