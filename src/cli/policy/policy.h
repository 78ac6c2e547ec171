/* cli/policy/policy.h: what the commands about policies share. */
#pragma once
#include "cli/frame/cli.h"
#include "policy/policy.h"

#define PROVIDER_OPTION                                                                   \
    {                                                                                     \
        "provider", "NAME", "of which provider (default: the shared one)", VALUE_PROVIDER \
    }

/* A call of /providers/P/policies/TYPE and what follows, P by --provider. As remote_call. */
int policy_call(struct cli *cli, const char *method, const char *type, const char *rest, const char *body, const struct json **ret);
/* The text in force of the type that the first argument names. A failed call has been reported; err is set for an answer that cannot be read. */
int policy_in_force(struct cli *cli, struct bytes *ret, struct err *err);
/* EXIT_OK, or what was wrong has been said: for a policy's text with its line, a caret and the fix. */
int policy_read_file(struct cli *cli, const char *file, const struct policy **ret);
