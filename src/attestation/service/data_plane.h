/* attestation/service/data_plane.h: what all endpoints of a provider begin with: its api-version, its choice by address, its switches
 * (attestation-service.md 1.1, 2.2). */
#pragma once
#include "attestation/provider/providers.h"
#include "attestation/service/service.h"
#include "tpm/quote.h"
#include "x509/cert.h"

/* data_plane_version is false when the answer is made: the parameter is missing or unknown. */
bool data_plane_version(const struct http_request *request, struct http_response *response);

/* http_route.locate: the parameter "provider" becomes the name, as it is stored, of the provider that path or Host names. */
MUST_CHECK bool data_plane_locate(void *service, struct http_request *request, struct err *err);

/* data_plane_provider gives the provider that path or Host named. NULL when the answer is made: 404 for a name that nobody has, 403
 * when public network access is off. Release with provider_free. */
const struct provider *data_plane_provider(const struct attestation_service *service, const struct http_request *request,
                                           struct http_response *response);

/* For calls that a provider may want credentials for although their route does not: false when the answer (401) is made. */
bool data_plane_reader(const struct attestation_service *service, const struct http_request *request, struct http_response *response);

/* How often one attestation key may attest: false when the answer (429) is made. Asked once its quote has been proved genuine, so that nobody else
 * uses up what it has left; `ak` NULL, or no quote: true. */
bool data_plane_within_budget(const struct attestation_service *service, const struct cert *ak, const struct verified_quote *quote,
                              struct http_response *response);

/* One attestation type of one provider, with the caller's name for histories. */
struct data_plane_call {
    struct attestation_service *service;
    const struct provider *provider;
    enum provider_type type;
    const struct http_request *request;
    struct http_response *response;
};

/* data_plane_run does the above and calls `answer`; `wants_type` reads {type} first (404 for an unknown one). Failures of `answer` become
 * error bodies by 2.5: what the sender did wrong is InvalidOperation, what is not proved InvalidParameter. */
bool data_plane_run(struct attestation_service *service, const struct http_request *request, struct http_response *response,
                    bool wants_type, bool (*answer)(const struct data_plane_call *call, struct err *err));
