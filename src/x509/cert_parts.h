/* x509/cert_parts.h: how the files that make a struct cert share the work. Not for other folders. */
#pragma once
#include "base/reader.h"
#include "x509/cert.h"

/* Extensions ::= SEQUENCE OF Extension, RFC 5280 4.2; `r` stands inside the [3]. Fills the fields of *cert. */
MUST_CHECK bool cert_read_extensions(struct reader *r, struct cert *cert, struct err *err);

/* What an AlgorithmIdentifier of a signature means. `weak` names an algorithm that we know and refuse. */
struct cert_algorithm {
    struct bytes oid;
    enum signature_scheme scheme;
    enum digest_algorithm hash; /* DIGEST_NONE: not accepted */
};
/* `content` is inside the AlgorithmIdentifier. False when it is malformed; unknown algorithms are fine. */
MUST_CHECK bool cert_read_algorithm(struct bytes content, struct cert_algorithm *ret);
/* "SHA-1 with RSA" for algorithms that we know to be weak; NULL for others. */
const char *cert_weak_algorithm(struct bytes oid);
