/* extension/client_pair.h: a certificate that is shown to a server, and its key, as protected settings hold them. Not for other folders. */
#pragma once
#include "base/err.h"
#include "base/bytes.h"

/* Both PEM; a certificate is of use with its own key only. The sentence never quotes either. Windows: refused, as WinHTTP is given none. */
MUST_CHECK bool client_pair_check(struct bytes cert_pem, struct bytes key_pem, struct err *err);
