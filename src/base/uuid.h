/* base/uuid.h: UUIDs as text and the two byte orders they come in (RFC 4122 and, for UEFI GUIDs, mixed-endian). */
#pragma once
#include "base/bytes.h"

enum { UUID_LEN = 16, UUID_TEXT_LEN = 37 /* with the NUL */ };

/* uuid_canonical reads 8-4-4-4-12 hexadecimal digits in either case, and writes the lower-case form. */
MUST_CHECK bool uuid_canonical(struct bytes text, char out[static UUID_TEXT_LEN]);
void uuid_format(const uint8_t uuid[static UUID_LEN], char out[static UUID_TEXT_LEN]);
/* guid_format writes an EFI_GUID (first three fields little-endian), lower-case. */
void guid_format(const uint8_t guid[static UUID_LEN], char out[static UUID_TEXT_LEN]);
MUST_CHECK bool guid_parse(struct bytes text, uint8_t out[static UUID_LEN]);
/* uuid_from_random stamps version 4 and the variant onto 16 random bytes. */
void uuid_from_random(uint8_t bytes[static UUID_LEN]);
