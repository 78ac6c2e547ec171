/* http/client/date.h: the Date header: IMF-fixdate of RFC 9110, 5.6.7: "Sat, 21 Nov 2026 22:17:45 GMT". */
#pragma once
#include "base/bytes.h"

MUST_CHECK bool http_date_parse(struct bytes text, int64_t *ret_ms);
