/* cli/offline/run.h: private to the files of offline.c: one run over its options, step by step. A step that fails leaves its reason in `err`. */
#pragma once
#include "cli/offline/offline.h"

/* One run: what is freed at its end, and what the steps hand on. */
struct offline_run {
    struct cli *cli;
    struct offline *out;
    struct pubkey *ak;
    struct appraise_request request;
    const struct policy *policy;
    struct pcr_set *given; /* --pcrs, or NULL */
    struct err err;
};

/* A file of the command line; of an option that is meant once, the last use holds. */
MUST_CHECK bool offline_read_path(struct offline_run *r, const char *path, size_t limit, struct bytes *ret);
MUST_CHECK bool offline_read_option(struct offline_run *r, const char *name, size_t limit, struct bytes *ret);

/* ---- offline_identity.c: the attestation key and whose TPM it is ---- */
MUST_CHECK bool offline_read_key(struct offline_run *r);
MUST_CHECK bool offline_read_identity(struct offline_run *r);

/* ---- offline_evidence.c: logs, quote, values; all claimed ---- */
MUST_CHECK bool offline_read_logs(struct offline_run *r);
MUST_CHECK bool offline_read_quote(struct offline_run *r);
