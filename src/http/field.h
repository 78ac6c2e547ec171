/* http/field.h: a name and its value: a header, a query parameter, a path parameter. */
#pragma once
#include "base/bytes.h"

struct http_field {
    struct bytes name, value;
};

struct http_fields {
    const struct http_field *items;
    size_t n;
};
