/* diagnose/bundle.h: what a supporter needs, in one archive, and nothing that must not leave (guest-agent.md 10).
 *
 * Text goes through redact(); binary content is only what the caller knows to be public. */
#pragma once
#include "diagnose/machine.h"

enum { BUNDLE_NAMES_MAX = 64, BUNDLE_LOG_LINES = 2000 };

struct bundle {
    struct diagnosis *d;
    struct writer tar;
    int64_t time_ms;
    const char *names[BUNDLE_NAMES_MAX]; /* for telling what is in it */
    size_t sizes[BUNDLE_NAMES_MAX], n;
};

void bundle_init(struct bundle *ret, struct diagnosis *d, int64_t time_ms);
void bundle_done(struct bundle *b);

void bundle_add_text(struct bundle *b, const char *name, struct bytes text); /* redacted; empty: left out */
void bundle_add_public(struct bundle *b, const char *name, struct bytes content);
/* A file below places->root, redacted. */
void bundle_add_file(struct bundle *b, const struct machine_places *places, const char *name, const char *path);

/* The results, the agent's files that hold no secret, the configuration redacted, the last lines of the logs. */
void bundle_add_machine(struct bundle *b, const struct machine_places *places, const char *config_file);

/* Mode 0600. */
MUST_CHECK bool bundle_write(struct bundle *b, const char *path, struct err *err);
