#include "truebootd/instruments.h"
#include <stdio.h>
#include <stdlib.h>
#include "findings/finding.h"

/* ---- labels ---------------------------------------------------------------------------------------------------------- */

static const unsigned statuses[] = { 200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 411, 412, 413, 414, 415, 429, 431, 500, 503, 0 };
enum { N_STATUSES = ARRAY_LEN(statuses), TABLES_MAX = 8 };

/* What calls are about, for their durations. */
static const char *const areas[] = { "area=\"attest\"", "area=\"enroll\"", "area=\"report\"", "area=\"other\"" };
static const struct {
    const char *segment;
    size_t area;
} area_of[] = { { "/attest/", 0 }, { "/enroll/", 1 }, { "/report/", 2 } };
enum { AREA_OTHER = 3 };

#define OUTCOMES(type)                                                                                                         \
    "type=\"" type "\",result=\"challenge\"", "type=\"" type "\",result=\"accepted\"", "type=\"" type "\",result=\"refused\"", \
        "type=\"" type "\",result=\"unauthorized\"", "type=\"" type "\",result=\"limited\"", "type=\"" type "\",result=\"failed\""
enum { CHALLENGE, ACCEPTED, REFUSED, UNAUTHORIZED, LIMITED, FAILED, N_OUTCOMES };
static const char *const attestation_labels[] = { OUTCOMES("Tpm"), OUTCOMES("AzureGuest"), OUTCOMES("other") };
enum { TYPE_TPM, TYPE_GUEST, TYPE_OTHER };

static const char *const verdict_labels[] = { "verdict=\"Healthy\"", "verdict=\"Unhealthy\"", "verdict=\"Unknown\"" };

struct instruments {
    struct arena a;
    struct metrics *m;
    const struct http_routes *tables;
    size_t n_tables, first_of[TABLES_MAX], n_routes; /* place of a table's first route; the last route is "none" */
    size_t requests, seconds, attestations, verdicts, findings;
};

static bool label_routes(struct instruments *i, const char *const **ret, size_t *ret_n)
{
    const char **labels;
    size_t n = 0;

    for (size_t t = 0; t < i->n_tables; t++) {
        i->first_of[t] = i->n_routes;
        i->n_routes += i->tables[t].n;
    }
    labels = ARENA_ARRAY(&i->a, (i->n_routes + 1) * N_STATUSES, const char *);
    for (size_t t = 0; t <= i->n_tables && labels; t++) {
        for (size_t r = 0; r < (t < i->n_tables ? i->tables[t].n : 1); r++) {
            const struct http_route *route = t < i->n_tables ? &i->tables[t].routes[r] : NULL;

            for (size_t s = 0; s < N_STATUSES; s++) {
                const char *status = statuses[s] ? arena_printf(&i->a, "%u", statuses[s]) : "other";

                labels[n] = arena_printf(&i->a, "method=\"%s\",route=\"%s\",status=\"%s\"", route ? route->method : "none",
                                         route ? route->pattern : "none", status ? status : "");
                if (!labels[n++])
                    return false;
            }
        }
    }
    *ret = labels;
    *ret_n = n;
    return labels != NULL;
}

static const char *const *label_findings(struct arena *a)
{
    const char **labels = ARENA_ARRAY(a, FINDING_ID_COUNT, const char *);

    for (size_t k = 0; k < FINDING_ID_COUNT && labels; k++)
        if (!(labels[k] = arena_printf(a, "finding=\"%s\"", finding_kind((enum finding_id)k)->id)))
            return NULL;
    return labels;
}

static bool declare(struct instruments *i, struct err *err)
{
    const char *const *routes, *const *findings = label_findings(&i->a);
    size_t n_routes;

    if (!findings || !label_routes(i, &routes, &n_routes))
        return err_set(err, ERR_NO_MEMORY, "no memory for metrics");
    return metrics_new(&i->m, err) &&
           metrics_counters(i->m, "trueboot_http_requests_total", "Requests answered, by route and status.", routes, n_routes, &i->requests,
                            err) &&
           metrics_histograms(i->m, "trueboot_http_request_seconds", "From a request's head to its answer.", areas, ARRAY_LEN(areas),
                              &i->seconds, err) &&
           metrics_counters(i->m, "trueboot_attestations_total", "Calls of /attest, by type of evidence and result.", attestation_labels,
                            ARRAY_LEN(attestation_labels), &i->attestations, err) &&
           metrics_counters(i->m, "trueboot_verdicts_total", "Boots of known VMs judged.", verdict_labels, ARRAY_LEN(verdict_labels),
                            &i->verdicts, err) &&
           metrics_counters(i->m, "trueboot_findings_total", "Findings of judged boots, by id.", findings, FINDING_ID_COUNT, &i->findings,
                            err) &&
           metrics_seal(i->m, err);
}

bool instruments_new(const struct http_routes *tables, size_t n_tables, struct instruments **ret, struct err *err)
{
    struct instruments *i = calloc(1, sizeof *i);

    if (!i || n_tables > TABLES_MAX) {
        free(i);
        return err_set(err, ERR_NO_MEMORY, "no memory for metrics");
    }
    i->tables = tables;
    i->n_tables = n_tables;
    if (!declare(i, err)) {
        instruments_free(i);
        return false;
    }
    *ret = i;
    return true;
}

void instruments_free(struct instruments *i)
{
    if (!i)
        return;
    metrics_free(i->m);
    arena_done(&i->a);
    free(i);
}

/* ---- counting -------------------------------------------------------------------------------------------------------- */

static size_t place_of(const struct instruments *i, const struct http_route *route)
{
    for (size_t t = 0; t < i->n_tables && route; t++)
        if (route >= i->tables[t].routes && route < i->tables[t].routes + i->tables[t].n)
            return i->first_of[t] + (size_t)(route - i->tables[t].routes);
    return i->n_routes;
}

static size_t outcome_of(const struct http_response *response)
{
    if (response->status < 300)
        return response->outcome && strcmp(response->outcome, "challenge") == 0 ? CHALLENGE : ACCEPTED;
    if (response->status == 401 || response->status == 403)
        return UNAUTHORIZED;
    return response->status == 429 ? LIMITED : response->status >= 500 ? FAILED : REFUSED;
}

static void count_attestation(struct instruments *i, const struct http_request *request, const struct http_response *response)
{
    struct bytes type = http_param(request, "type");
    size_t which = bytes_equal_string(type, "Tpm") ? TYPE_TPM : bytes_equal_string(type, "AzureGuest") ? TYPE_GUEST : TYPE_OTHER;

    metrics_add(i->m, i->attestations + which * N_OUTCOMES + outcome_of(response), 1);
}

void instruments_request(struct instruments *i, const struct http_request *request, const struct http_response *response,
                         int64_t duration_us)
{
    const char *pattern = request->route ? request->route->pattern : "";
    size_t status = 0, area = AREA_OTHER;

    while (status < N_STATUSES - 1 && statuses[status] != response->status)
        status++;
    for (size_t k = 0; k < ARRAY_LEN(area_of); k++)
        if (strstr(pattern, area_of[k].segment))
            area = area_of[k].area;
    metrics_add(i->m, i->requests + place_of(i, request->route) * N_STATUSES + status, 1);
    metrics_observe(i->m, i->seconds, area, duration_us);
    if (area == 0)
        count_attestation(i, request, response);
}

void instruments_judged(struct instruments *i, const struct judged *judged)
{
    char label[40];

    snprintf(label, sizeof label, "verdict=\"%s\"", verdict_name(judged->verdict));
    for (size_t k = 0; k < ARRAY_LEN(verdict_labels); k++)
        if (strcmp(verdict_labels[k], label) == 0)
            metrics_add(i->m, i->verdicts + k, 1);
    for (size_t k = 0; k < judged->findings.n; k++)
        metrics_add(i->m, i->findings + judged->findings.items[k].id, 1);
}

void instruments_print(const struct instruments *i, struct writer *w) { metrics_print(i->m, w); }
