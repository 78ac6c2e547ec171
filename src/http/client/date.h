/* http/client/date.h: dates of headers, RFC 9110, 5.6.7: "Sat, 21 Nov 2026 22:17:45 GMT", and the two obsolete forms: "Saturday, 21-Nov-26 22:17:45 GMT",
 * "Sat Nov 21 22:17:45 2026". */
#pragma once
#include "base/bytes.h"

MUST_CHECK bool http_date_parse(struct bytes text, int64_t *ret_ms);
