/* What agents say: reports, heartbeats, requests for a nonce (guest-agent.md 8.2, control-plane.md 10). */
#include "base/base64.h"
#include "base/utf8.h"
#include "jose/jwt.h"
#include "monitor/report.h"
#include "monitor/turns.h"

enum { WORD_LIMIT = 200 };

/* Agents may only speak for themselves. */
static bool own_vm(const struct http_request *request, const char **ret_vm, struct err *err)
{
    char vm[UUID_TEXT_LEN];

    if (!uuid_canonical(http_param(request, "vm"), vm) || !request->caller.subject || strcmp(vm, request->caller.subject) != 0)
        return err_set(err, ERR_DENIED, "this key may speak for VM %s only", request->caller.subject ? request->caller.subject : "?");
    *ret_vm = request->caller.subject;
    return true;
}

/* The agent's words, kept for people to read: short, and safe to show. NULL when absent. */
static const char *word(struct arena *a, const struct json *body, const char *name)
{
    struct bytes text = json_text(json_get(body, name), BYTES_NONE);

    return text.len ? text_for_people(a, bytes_slice(text, 0, WORD_LIMIT)) : NULL;
}

static int64_t count(const struct json *body, const char *name)
{
    int64_t value;
    return json_as_integer(json_get(body, name), &value) && value >= 0 && value <= UINT32_MAX ? value : -1;
}

static const char *error_words(struct arena *a, const struct json *failure)
{
    const char *code, *message;

    if (!failure || failure->type != JSON_OBJECT)
        return NULL;
    code = word(a, failure, "code");
    message = word(a, failure, "message");
    return arena_printf(a, "%s: %s", code ? code : "error", message ? message : "");
}

/* Its notes (guest-agent.md 9.4), a line each: "CODE: message". NULL when there is none. */
static const char *notes_words(struct arena *a, const struct json *notes)
{
    const char *all = NULL;

    if (!notes || notes->type != JSON_ARRAY)
        return NULL;
    for (size_t i = 0; i < notes->array.n && i < LIMIT_AGENT_NOTES; i++) {
        const char *one = error_words(a, notes->array.items[i]);

        if (one)
            all = all ? arena_printf(a, "%s\n%s", all, one) : one;
    }
    return all;
}

static bool answer(const struct monitor *monitor, const char *vm, struct http_response *response, unsigned status, bool with_nonce_only,
                   struct err *err)
{
    uint8_t nonce[MONITOR_NONCE_LEN];
    struct json_out out;

    if (!monitor_nonce_make(monitor, vm, monitor->now_ms(), nonce, err))
        return false;
    out = http_response_json(response, status);
    json_begin_object(&out, NULL);
    if (!with_nonce_only) {
        json_put_integer(&out, "nextReportSeconds", monitor->times->interval / 1000);
        json_put_integer(&out, "nextHeartbeatSeconds", monitor->times->heartbeat / 1000);
        if (monitor->profile && strcmp(monitor->profile, "demo") == 0) /* agents go below five minutes for nobody else */
            json_put_string(&out, "profile", monitor->profile);
    }
    json_put_base64url(&out, "nonce", BYTES_OF(nonce));
    json_end(&out);
    return true;
}

bool report_nonce(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const char *vm;
    return own_vm(request, &vm, err) && answer(context, vm, response, 200, true, err);
}

static bool note_contact(const struct monitor *monitor, const struct http_request *request, const char *vm, const struct json *body,
                         bool is_report, struct err *err)
{
    struct arena *a = request->arena;
    int64_t now = monitor->now_ms();
    struct store_contact contact = {
        .vm = vm,
        .last_heartbeat_ms = is_report ? 0 : now,
        .last_report_ms = is_report ? now : 0,
        .boot_id = word(a, body, "bootId"),
        .agent_version = word(a, body, "agentVersion"),
        .kernel_version = word(a, body, "kernelVersion"),
        .state = is_report ? NULL : word(a, body, "state"),
        .last_error = error_words(a, json_get(body, is_report ? "failure" : "lastError")),
        .notes = notes_words(a, json_get(body, "notes")),
        .reset_count = count(body, "resetCount"),
        .restart_count = count(body, "restartCount"),
    };
    return turns_note(monitor->store, a, vm, contact.boot_id, err) && store_contact_put(monitor->store, &contact, err);
}

bool report_heartbeat(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct json *body;
    const char *vm;

    return own_vm(request, &vm, err) && http_body_json(request, NULL, &body, err) && note_contact(context, request, vm, body, false, err) &&
           answer(context, vm, response, 202, false, err);
}

static const struct trusted_provider *provider_of(const struct monitor *monitor, struct bytes issuer)
{
    for (size_t i = 0; i < monitor->n_providers; i++)
        if (bytes_equal_string(issuer, monitor->providers[i].issuer))
            return &monitor->providers[i];
    return NULL;
}

/* A token counts when its signature, exact issuer, time and nonce hold and it names this VM (control-plane.md 10). */
static bool check_token(const struct monitor *monitor, struct arena *a, const char *vm, struct bytes text, struct jwt_claims *ret,
                        struct err *err)
{
    const struct trusted_provider *provider;
    const struct verified_jws *verified;
    const struct json *claimed;
    struct jwt_expectations want = { .now_ms = monitor->now_ms(), .skew_ms = 120 * 1000 };
    struct bytes nonce;
    struct jws jws;

    if (!jws_parse(a, text, 0, &jws, err) || !json_parse(a, jws.claimed_payload, NULL, &claimed, err))
        return false;
    want.issuer = json_text(json_get(claimed, "iss"), BYTES_NONE);
    provider = provider_of(monitor, want.issuer);
    if (!provider)
        return err_set(err, ERR_UNTRUSTED, "its issuer is not a provider that this monitor trusts");
    if (!monitor_verify(monitor, a, provider->reports, &jws, &verified, err) || !jwt_check(a, verified, &want, ret, err))
        return false;
    if (!json_is_string(json_at(ret->claims, "trueboot", "vm", NULL), vm))
        return err_set(err, ERR_UNTRUSTED, "it belongs to another VM");
    if (!base64_decode(a, BASE64_URL, json_text(json_get(ret->claims, "nonce"), BYTES_NONE), &nonce, err))
        return err_within(err, "Nonce");
    return monitor_nonce_check(monitor, vm, nonce, want.now_ms, err) || err_within(err, "Nonce");
}

static bool note_token(const struct monitor *monitor, struct arena *a, const char *vm, const struct jwt_claims *claims,
                       const struct json *body, struct err *err)
{
    struct store_identity identity;
    struct store_token row = {
        .vm = vm, .boot_id = word(a, body, "bootId"), .reported_ms = monitor->now_ms(), .expires_ms = claims->exp_ms
    };
    bool first;

    if (!store_identity_active(monitor->store, a, vm, &identity, err))
        return false;
    row.ak_name = identity.ak_name;
    row.jti = arena_string(a, claims->id);
    if (!row.jti || !row.boot_id)
        return err_set(err, ERR_MALFORMED, "jti of the token or bootId of the report is missing");
    return store_token_report(monitor->store, &row, &first, err);
}

bool report_receive(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct monitor *monitor = context;
    struct judged *judged = ARENA_NEW(request->arena, struct judged);
    const struct json *body, *token;
    struct jwt_claims claims;
    bool dry_run = false;
    const char *vm;

    if (!judged)
        return err_set(err, ERR_NO_MEMORY, "no memory for a report");
    if (!own_vm(request, &vm, err) || !http_body_json(request, NULL, &body, err))
        return false;
    token = json_get(body, "token");
    (void)!json_as_boolean(json_get(body, "dryRun"), &dry_run); /* anything but true is none */
    if (token && token->type == JSON_STRING) {
        if (!check_token(monitor, request->arena, vm, token->string, &claims, err)) {
            bool about_nonce = bytes_starts_with(bytes_of_string(err->text), BYTES_LIT("Nonce"));
            return http_response_error(response, 400, about_nonce ? "NonceMismatch" : "InvalidToken", NULL, "token: %s", err->text);
        }
        if (!dry_run && !note_token(monitor, request->arena, vm, &claims, body, err))
            return false;
    }
    if (dry_run) /* somebody diagnoses: this is no sign of life of the agent */
        return answer(monitor, vm, response, 200, false, err);
    /* The verdict is the records' business; a report is the occasion to look. */
    return note_contact(monitor, request, vm, body, true, err) && monitor_judge(monitor, request->arena, vm, judged, err) &&
           answer(monitor, vm, response, 202, false, err);
}
