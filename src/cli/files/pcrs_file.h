/* cli/files/pcrs_file.h: register values in files that people have: our own JSON, and what tpm2-tools writes.
 *
 *   {"sha256":{"0":"hex",…},…}     also what `trueboot eventlog replay` prints; its "mismatch" is skipped
 *   YAML of tpm2_pcrread, tpm2_quote, tpm2_eventlog: lines "sha256:" and "0 : 0xHEX"; other lines are skipped
 *   `-F serialized` of tpm2_quote, tpm2_pcrread (tpm/tools_format.h)
 *   the bare values of all registers of one bank (tpm2_pcrread sha256:all -o) */
#pragma once
#include "base/err.h"
#include "crypto/pcr.h"
#include "json/write.h"

enum { PCRS_FILE_MAX = 1024 * 1024 };

/* Told apart by content. No bank may come twice, and at least one register must be there. */
MUST_CHECK bool pcrs_parse(struct arena *a, struct bytes content, struct pcr_set *ret, struct err *err);
/* The same, beside a quote: a file of exactly the quoted values and nothing else (tpm2_quote -F values) is one, too. */
MUST_CHECK bool pcrs_parse_quoted(struct arena *a, struct bytes content, struct bytes attest, struct pcr_set *ret, struct err *err);
/* Members of the object that is open: "sha256": {"0": hex, …}, …. */
void pcrs_write(struct json_out *out, const struct pcr_set *set);
