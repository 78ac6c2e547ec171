/* refdata/notes.h: what a publisher says of the entries of its revocation lists, in the JSON that lies beside them:
 *
 *     {"images":{"x64":[{"authenticodeHash":"HEX","hashType":"SHA256","filename":"shim.efi","companyName":"…","description":"… CVE-…",
 *       "dateOfAddition":"2018-04-01","isOptional":"true"},…],"ia32":…,"aarch64":…,"arm":…},
 *      "svns":[{"value":"HEX","version":"9.0","filename":"bootmgfw.efi","description":"…","dateOfLastChange":"2026-05-21"},…]}
 *
 * Other members are passed over. Nobody signs it, so it describes entries of lists and forbids nothing. */
#pragma once
#include "bootchain/reference/reference.h"

/* Whether the file looks like such notes (it is an object of JSON). */
bool revocation_notes_are(struct bytes file);
/* The images, each of list "advice", sorted. ERR_MALFORMED says which entry. */
MUST_CHECK bool revocation_notes_parse(struct arena *a, struct bytes file, struct boot_reference *ret, struct err *err);
