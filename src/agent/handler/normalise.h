/* agent/handler/normalise.h: a handler's settings as the agent's own configuration: /etc/trueboot-agent/handler.conf, and secrets in files of their
 * own that only the daemon can read (guest-agent.md 1.2, 6.6, 7.7). The daemon does not know where its configuration came from. */
#pragma once
#include "agent/files/places.h"
#include "base/writer.h"
#include "extension/attestation_config.h"
#include "extension/settings.h"

/* The proxy of our own environment, which a service does not inherit (8.5), unless the settings name one. User and password in it become
 * a secret. MALFORMED, with the variable's name and its value without credentials: it is no proxy's address. */
MUST_CHECK bool normalise_take_proxy(struct attestation_config *config, struct protected_settings *secrets, struct arena *a,
                                     struct err *err);

/* The text of handler.conf, no_proxy of our own environment included. What this agent has no key for is a warning, and so is an exception that excepts nothing. `log_dir` NULL: the daemon logs into its usual folder. */
MUST_CHECK bool normalise_write(struct attestation_config *config, const struct protected_settings *secrets, const struct places *places,
                                const char *log_dir, struct arena *a, struct writer *w, struct err *err);

/* Whether the secrets' files are still there: they lie below /run, which a reboot empties. */
bool normalise_files_are_there(const struct protected_settings *secrets, const struct places *places);

/* The files that it names: RUN/secrets/ (0700) with a file (0600) for each secret, the daemon's; ETC/handler-ca.pem. Those not given
 * are removed. */
MUST_CHECK bool normalise_put_files(const struct attestation_config *config, const struct protected_settings *secrets,
                                    const struct places *places, uid_t uid, gid_t gid, struct err *err);
