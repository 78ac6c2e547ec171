/* x509/name.h: distinguished names: looked into, and shown to people. */
#pragma once
#include "base/arena.h"

/* name_text prints a DER Name as RFC 4514 does (last RDN first, "CN=vm-u01,O=Example"); control characters and what is not UTF-8 are
 * escaped as hex pairs. "" for the empty name. NULL: no memory. */
MUST_CHECK char *name_text(struct arena *a, struct bytes name_der);
/* name_find gives the value of the last attribute with this OID (content bytes), if it is a PrintableString, UTF8String, IA5String or
 * a Latin-free TeletexString, and valid UTF-8. */
MUST_CHECK bool name_find(struct bytes name_der, struct bytes oid, struct bytes *ret);
/* name_is_well_formed walks the whole structure: RDNs, attributes, sorted sets. */
bool name_is_well_formed(struct bytes name_der);
