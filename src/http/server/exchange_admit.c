/* Whether a request is taken: before its body by what the head says, behind it by who calls. */
#include "http/server/exchange_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/limits.h"

/* ---- before the body ----------------------------------------------------------------------------------------------- */

static bool find_route(struct exchange *x, const struct http_server_config *config, const char *method)
{
    struct http_target target;
    enum http_match match;
    struct err err;

    if (!http_route_find(config->tables, config->n_tables, &x->arena, method, x->request.path, &match, &target, &err) ||
        !http_query_parse(&x->arena, x->query, &x->request.query, &err)) {
        x->state = BODY_REFUSED;
        if (err.code == ERR_LIMIT)
            err.code = ERR_MALFORMED; /* an address is not a body: 400 */
        http_response_err(&x->response, &err);
        return false;
    }
    if (match == HTTP_NO_SUCH_PATH)
        return exchange_refuse(x, 404, "NotFound", "There is nothing at this address.");
    if (match == HTTP_WRONG_METHOD) {
        http_response_header(&x->response, "Allow", target.allow);
        return exchange_refuse(x, 405, "MethodNotAllowed",
                               "This address does not take that method; the header Allow names those it takes.");
    }
    x->request.route = target.route;
    x->request.params = target.params;
    x->request.method = target.route->method;
    x->context = target.context;
    return true;
}

size_t exchange_max_body(const struct http_route *route)
{
    return route->content == HTTP_NO_BODY && route->max_body == 0 ? LIMIT_SMALL_BODY_BYTES : route->max_body;
}

/* "application/json" or "application/…+json", parameters aside. */
static bool is_json_type(struct bytes type)
{
    struct bytes media = bytes_trim(bytes_slice(type, 0, bytes_find(type, BYTES_LIT(";"))));
    struct bytes tail = bytes_slice(media, media.len > 5 ? media.len - 5 : 0, 5);

    return media.len > 12 && strncasecmp((const char *)media.data, "application/", 12) == 0 &&
           ((media.len == 16 && strncasecmp((const char *)media.data + 12, "json", 4) == 0) ||
            strncasecmp((const char *)tail.data, "+json", 5) == 0);
}

static bool body_is_acceptable(struct exchange *x)
{
    const struct http_request *request = &x->request;
    const struct http_route *route = request->route;
    struct bytes length = http_header(request, "Content-Length");
    struct bytes coding = http_header(request, "Content-Encoding");
    bool announced = http_header_count(request, "Transfer-Encoding") > 0 || !(length.len == 0 || bytes_are_all(length, '0'));
    char digits[32] = "";

    snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(length));
    if (length.len >= sizeof digits || strtoull(digits, NULL, 10) > exchange_max_body(route))
        return exchange_refuse(x, 413, "PayloadTooLarge", "The request's body is larger than this address takes.");
    if (coding.len > 0 && !(coding.len == 8 && strncasecmp((const char *)coding.data, "identity", 8) == 0))
        return exchange_refuse(x, 415, "UnsupportedMediaType", "The request's body must not be compressed.");
    if (route->content == HTTP_JSON && !announced && length.len == 0)
        return exchange_refuse(x, 411, "LengthRequired", "This address wants a body, and its length.");
    if ((route->content == HTTP_JSON || (route->content == HTTP_JSON_OPTIONAL && announced)) &&
        !is_json_type(http_header(request, "Content-Type")))
        return exchange_refuse(x, 415, "UnsupportedMediaType", "The request's body must be JSON: Content-Type: application/json.");
    return true;
}

/* Before any cryptography and before the body: how many calls this address has left. */
static bool within_budget(const struct http_server_config *config, struct exchange *x, const struct connection *c)
{
    const struct http_route *route = x->request.route;
    struct rate_limiter *limiter = route && route->cost == HTTP_COSTLY ? config->per_address_costly : config->per_address;
    unsigned retry;

    if (!limiter || !c || c->key.len == 0 ||
        rate_limiter_take(limiter, (struct bytes){ c->key.bytes, c->key.len }, clock_monotonic_us(), &retry))
        return true;
    x->state = BODY_REFUSED;
    http_response_busy(&x->response, retry, "from this address");
    return false;
}

static bool refuse_caller(struct exchange *x, unsigned status, const char *text)
{
    enum http_role needed = x->request.route->role;

    if (needed >= HTTP_READER) /* not an agent's key: that is made by enrolling */
        err_advise(&x->response.about, "docs/providers.md", "trueboot token create NAME --role %s", http_role_name(needed));
    if (status == 401)
        http_response_header(&x->response, "WWW-Authenticate",
                             http_header_count(&x->request, "Authorization") ? "Bearer error=\"invalid_token\"" : "Bearer");
    return exchange_refuse(x, status, status == 401 ? "Unauthorized" : "Forbidden", text);
}

/* Before the body travels: whether there is room for what it says that it will be. */
static bool fits_into_memory(struct exchange_host *h, struct exchange *x, const struct connection *c)
{
    struct bytes length = http_header(&x->request, "Content-Length");
    char digits[32];

    snprintf(digits, sizeof digits, "%.*s", BYTES_FMT(length));
    return !c || connection_may_hold(&h->connections, c, strtoull(digits, NULL, 10)) || exchange_refuse_for_memory(x);
}

/* Who brings no credentials at all is sent away before the body. */
static bool may_have_credentials(struct exchange *x)
{
    const struct http_request *request = &x->request;

    if (request->route->role == HTTP_ANONYMOUS || request->peer.local || http_header_count(request, "Authorization") > 0 ||
        http_header_count(request, "Cookie") > 0)
        return true;
    return refuse_caller(x, 401, "This address wants credentials.");
}

bool exchange_is_welcome(struct exchange_host *h, struct exchange *x, const struct connection *c, const char *method)
{
    return find_route(x, h->config, method) && within_budget(h->config, x, c) && may_have_credentials(x) && body_is_acceptable(x) &&
           fits_into_memory(h, x, c);
}

/* ---- behind it ------------------------------------------------------------------------------------------------------ */

static bool identify(struct exchange_host *h, struct exchange *x)
{
    const struct http_server_config *config = h->config;
    struct http_request *request = &x->request;
    const struct http_peer *peer = &request->peer;
    struct http_caller caller = { HTTP_ANONYMOUS, NULL, NULL };
    bool shows_nothing = http_header_count(request, "Authorization") == 0;
    struct err err = ERR_INIT;

    if (shows_nothing && peer->local && (peer->uid == 0 || peer->uid == geteuid())) {
        caller.role = HTTP_OWNER;
        caller.subject = arena_printf(&x->arena, "uid %u", (unsigned)peer->uid);
    } else if (config->identify && request->route->role != HTTP_ANONYMOUS && !config->identify(config->context, request, &caller, &err)) {
        if (err.code == ERR_UNTRUSTED || err.code == ERR_DENIED || err.code == ERR_MALFORMED)
            return refuse_caller(x, err.code != ERR_DENIED ? 401 : request->route->forbidden ? request->route->forbidden : 403, err.text);
        http_response_err(&x->response, &err);
        return false;
    }
    request->caller = caller;
    return true;
}

/* Whom the path leaves out, Host names. Only a caller who may ask learns that there is no such one. */
static bool locate(struct exchange *x)
{
    const struct http_route *route = x->request.route;
    struct err err = ERR_INIT;

    if (!route->locate || route->locate(x->context, &x->request, &err) || !http_role_suffices(x->request.caller.role, route->role))
        return true;
    http_response_err(&x->response, &err);
    return false;
}

static bool is_allowed(struct exchange *x)
{
    const struct http_route *route = x->request.route;
    enum http_role has = x->request.caller.role;
    const struct http_caller *caller = &x->request.caller;
    char permission[HTTP_PERMISSION_MAX], text[400];

    if (http_caller_may(caller, &x->request, route->role))
        return true;
    if (has == HTTP_ANONYMOUS)
        return refuse_caller(x, 401, "This address wants credentials.");
    http_route_permission(route, permission);
    if (http_role_suffices(has, route->role))
        snprintf(text, sizeof text, "The permission %s is missing here: the caller (%s) has the role %s for %s only.", permission,
                 caller->subject ? caller->subject : "unnamed", http_role_name(has), caller->scope);
    else
        snprintf(text, sizeof text, "The permission %s is missing: it wants the role %s%s, and the caller (%s) has the role %s.",
                 permission, http_role_name(route->role), route->role > HTTP_AGENT && route->role < HTTP_OWNER ? " or a higher one" : "",
                 caller->subject ? caller->subject : "unnamed", http_role_name(has));
    return refuse_caller(x, route->forbidden ? route->forbidden : 403, text);
}

/* A VM's own key calls as often as its budget lets it. */
static bool agent_within_budget(const struct http_server_config *config, struct exchange *x)
{
    const struct http_caller *caller = &x->request.caller;
    unsigned retry;

    if (!config->per_agent || caller->role != HTTP_AGENT || !caller->subject ||
        rate_limiter_take(config->per_agent, bytes_of_string(caller->subject), clock_monotonic_us(), &retry))
        return true;
    return !http_response_busy(&x->response, retry, "from this VM");
}

bool exchange_is_admitted(struct exchange_host *h, struct exchange *x)
{
    return identify(h, x) && locate(x) && is_allowed(x) && agent_within_budget(h->config, x);
}
