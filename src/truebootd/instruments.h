/* truebootd/instruments.h: what the server counts (docs/operations.md lists it), and the page that shows it. */
#pragma once
#include "http/server/server.h"
#include "metrics/metrics.h"
#include "monitor/monitor.h"

struct instruments;

/* For the routes of these tables, which must outlive it. */
MUST_CHECK bool instruments_new(const struct http_routes *tables, size_t n_tables, struct instruments **ret, struct err *err);
void instruments_free(struct instruments *i); /* NULL is fine */

void instruments_request(struct instruments *i, const struct http_request *request, const struct http_response *response,
                         int64_t duration_us);
void instruments_judged(struct instruments *i, const struct judged *judged);

/* The counters and histograms; the caller appends what it knows at that moment. */
void instruments_print(const struct instruments *i, struct writer *w);
