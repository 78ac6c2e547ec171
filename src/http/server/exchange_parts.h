/* http/server/exchange_parts.h: one request on its way, as the files of exchange.c hand it on. Private to src/http/server.
 *
 * exchange_head.c: the head is well formed, to every reader of it alike. exchange_admit.c: there is a route, and whoever calls may take it.
 * exchange.c: beginning, body, handler, answer, end. */
#pragma once
#include "base/uuid.h"
#include "http/server/exchange.h"
#include "http/server/head.h"

enum { MAX_HEADERS = 128 };

enum body_state { BODY_WANTED, BODY_REFUSED /* an answer is ready; what comes is thrown away */ };

struct exchange {
    struct arena arena;
    struct http_request request;
    struct http_response response;
    struct writer body;
    void *context;          /* of the route */
    struct bytes query;     /* raw */
    struct bytes authority; /* of an address that was sent whole */
    const char *uri;        /* in the library's buffer, for comparing places only */
    size_t uri_len;
    bool begun; /* the head was seen */
    enum body_state state;
    size_t discarded;
    bool close; /* the connection cannot go on after the answer */
    bool keep;  /* the caller is one who comes again */
    int64_t began_us;
    struct http_field headers[MAX_HEADERS];
    size_t n_headers, header_bytes;
    bool header_overflow;
    struct head_reading head;
    bool may_lack_host; /* HTTP/1.0 */
};

/* NULL: the library does not know it any more. */
struct connection *exchange_connection(struct MHD_Connection *connection);

/* The answer is made, and what comes of the body is thrown away. False, for `return exchange_refuse(…)`. */
bool exchange_refuse(struct exchange *x, unsigned status, const char *code, const char *text);
bool exchange_refuse_for_memory(struct exchange *x);

/* exchange_head.c: takes the head over from the library. False: it was refused (x->close: so that the connection ends). */
bool exchange_take_head(struct exchange *x, struct MHD_Connection *connection, const char *version);

/* exchange_admit.c, before the body: a route that takes the method and such a body, calls left in the address's budget, credentials if they
 * are needed, room for what is announced. */
bool exchange_is_welcome(struct exchange_host *h, struct exchange *x, const struct connection *c, const char *method);
/* The largest body that the route takes. */
size_t exchange_max_body(const struct http_route *route);
/* … and behind it: who calls, whom the path means, whether this caller may, and still may. */
bool exchange_is_admitted(struct exchange_host *h, struct exchange *x);
