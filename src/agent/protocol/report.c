#include "agent/protocol/report.h"
#include "agent/tpm/quote.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "jose/jws.h"
#include "json/write.h"

enum { NEXT_MAX_SECONDS = 7 * 86400 };

static bool out_of_memory(struct failure *why) { return failure_set(why, FAILURE_NO_MEMORY, "out of memory"); }

/* Signing. */

static uint64_t next_counter(struct reporter *who, int64_t now_ms)
{
    uint64_t now = now_ms > 0 ? (uint64_t)now_ms : 0;

    *who->counter = *who->counter + 1 > now ? *who->counter + 1 : now;
    return *who->counter;
}

static void write_header(const struct ak *ak, struct writer *w)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);
    struct digest kid;

    digest_compute(DIGEST_SHA256, ak_name(ak), &kid);
    json_begin_object(&out, NULL);
    json_put_string(&out, "alg", ak_type(ak) == AK_P256 ? "ES256" : "RS256");
    json_put_base64url(&out, "kid", digest_bytes(&kid));
    json_end(&out);
}

static void write_claims(struct reporter *who, const char *method, const char *path, struct bytes body, int64_t now_ms, struct writer *w)
{
    struct json_out out = json_out_to(w, JSON_COMPACT);
    struct digest hash;

    digest_compute(DIGEST_SHA256, body, &hash);
    json_begin_object(&out, NULL);
    json_put_string(&out, "vm", who->vm_id);
    json_put_string(&out, "htm", method);
    json_put_string(&out, "htu", path);
    json_put_base64url(&out, "bh", digest_bytes(&hash));
    json_put_integer(&out, "iat", now_ms / 1000);
    json_put_integer(&out, "ctr", (int64_t)next_counter(who, now_ms));
    json_end(&out);
}

bool report_sign_request(struct tpm_device *tpm, const struct ak *ak, struct reporter *who, const char *method, const char *path,
                         struct bytes body, int64_t now_ms, struct arena *a, char **ret, struct failure *why)
{
    struct writer header CLEANUP(writer_done) = { 0 }, claims CLEANUP(writer_done) = { 0 };
    struct bytes input, signature, compact;
    struct err err = ERR_INIT;

    write_header(ak, &header);
    write_claims(who, method, path, body, now_ms, &claims);
    if (!writer_ok(&header) || !writer_ok(&claims))
        return out_of_memory(why);
    if (!jws_signing_input(a, writer_bytes(&header), writer_bytes(&claims), &input, &err))
        return failure_from(why, FAILURE_INTERNAL, &err);
    if (!quote_sign_message(tpm, ak, input, a, &signature, why))
        return false;
    if (!jws_attach(a, input, signature, &compact, &err))
        return failure_from(why, FAILURE_INTERNAL, &err);
    *ret = arena_string(a, compact);
    return *ret ? true : out_of_memory(why);
}

/* Answers. */

static bool code_is_one_of(struct bytes code, const char *const *codes)
{
    for (; *codes; codes++)
        if (bytes_equal_string(code, *codes))
            return true;
    return false;
}

static bool refused(const struct server_answer *answer, struct failure *why)
{
    static const char *const unknown[] = { "IdentityUnknown", "UnknownVm", "VmNotFound", "UnknownKey", "AkUnknown", NULL };

    server_refusal(answer, why);
    if (answer->status == 400)
        why->id = FAILURE_REPORT_REFUSED;
    if (answer->status == 404 || answer->status == 401 || code_is_one_of(answer->code, unknown) || code_is_one_of(answer->inner, unknown))
        why->id = FAILURE_IDENTITY_UNKNOWN;
    else if (answer->status == 409 && bytes_equal_string(answer->code, "IdentityDuplicated"))
        why->id = FAILURE_CLONE;
    else if ((answer->status == 400 || answer->status == 409) &&
             (bytes_find(answer->code, BYTES_LIT("Nonce")) != SIZE_MAX || bytes_find(answer->inner, BYTES_LIT("nonce")) != SIZE_MAX))
        why->id = FAILURE_NONCE;
    return failure_within(why, "report");
}

static unsigned seconds_of(const struct json *body, const char *name, unsigned least)
{
    int64_t seconds;

    if (!json_as_integer(json_get(body, name), &seconds) || seconds < 1)
        return 0;
    if (seconds < least && !json_is_string(json_get(body, "profile"), "demo"))
        return least;
    return seconds > NEXT_MAX_SECONDS ? NEXT_MAX_SECONDS : (unsigned)seconds;
}

unsigned report_next_seconds(const struct json *answer) { return seconds_of(answer, "nextReportSeconds", REPORT_LEAST_SECONDS); }

static bool read_answer(const struct server_answer *answer, struct arena *a, struct report_answer *ret, struct failure *why)
{
    struct bytes nonce = json_text(json_get(answer->json, "nonce"), BYTES_NONE);
    struct err err = ERR_INIT;

    *ret = (struct report_answer){ .next_report_seconds = report_next_seconds(answer->json),
                                   .next_heartbeat_seconds = seconds_of(answer->json, "nextHeartbeatSeconds", HEARTBEAT_LEAST_SECONDS) };
    if (!json_as_boolean(json_get(answer->json, "attestNow"), &ret->attest_now))
        ret->attest_now = false;
    if (nonce.len && (!base64_decode(a, BASE64_URL, nonce, &ret->nonce, &err) || ret->nonce.len > LIMIT_NONCE_BYTES))
        return failure_set(why, FAILURE_BAD_ANSWER, "report: the server's nonce is not base64url of at most %d bytes", LIMIT_NONCE_BYTES);
    return true;
}

/* The first answer of a server taught us that our clock is wrong: what we had signed could not be accepted. */
static bool clocks_differ(int64_t before_ms, int64_t after_ms)
{
    enum { TOLERANCE_MS = 60 * 1000 };

    return before_ms - after_ms > TOLERANCE_MS || after_ms - before_ms > TOLERANCE_MS;
}

static bool post(struct tpm_device *tpm, const struct ak *ak, struct server *server, struct reporter *who, const char *what,
                 struct bytes body, struct arena *a, struct report_answer *ret, struct failure *why)
{
    char *path = arena_printf(a, "/report/v1/%s%s", who->vm_id, what);
    char *htu = path ? server_path(server, a, path) : NULL;
    int64_t ahead_ms = server_clock_ahead_ms(server);
    uint64_t counter = *who->counter;
    struct server_answer answer;
    char *jws, *authorization;

    if (!htu)
        return out_of_memory(why);
    if (!report_sign_request(tpm, ak, who, "POST", htu, body, clock_now_ms() + ahead_ms, a, &jws, why))
        return false;
    authorization = arena_printf(a, "TrueBoot-AK %s", jws);
    if (!authorization)
        return out_of_memory(why);
    if (!server_post(server, path, body, authorization, a, &answer, why))
        return false;
    if (answer.status == 200 || answer.status == 202)
        return read_answer(&answer, a, ret, why);
    if (answer.status == 401 && clocks_differ(ahead_ms, server_clock_ahead_ms(server))) {
        /* Nor was its counter, the wrong time, used up. To go on from there would shut this machine out as soon as its state is lost: the
         * server would wait for that time. */
        *who->counter = counter;
        return failure_set(why, FAILURE_CLOCK_SKEW, "report: this machine's clock is %lld s off the server's; its time is used from now on",
                           (long long)(server_clock_ahead_ms(server) / 1000));
    }
    return refused(&answer, why);
}

/* Bodies. */

static void put_missed(struct json_out *out, const struct report_missed *missed)
{
    if (!missed->count)
        return;
    json_begin_object(out, "missed");
    json_put_integer(out, "count", missed->count);
    json_put_time(out, "firstTimeUtc", missed->first_ms);
    json_put_string(out, "firstCode", missed->first_code);
    json_put_string(out, "firstMessage", missed->first_message);
    json_end(out);
}

static void put_counters(struct json_out *out, const struct report_facts *facts)
{
    if (facts->has_counters) {
        json_put_integer(out, "resetCount", facts->reset_count);
        json_put_integer(out, "restartCount", facts->restart_count);
        return;
    }
    json_put_null(out, "resetCount");
    json_put_null(out, "restartCount");
}

static void put_notes(struct json_out *out, const struct notes *notes)
{
    static const struct notes none;

    notes_put(out, "notes", notes ? notes : &none);
}

static void put_bytes_or_null(struct json_out *out, const char *name, struct bytes text)
{
    if (text.len)
        json_put_bytes(out, name, text);
    else
        json_put_null(out, name);
}

bool report_fetch_nonce(struct tpm_device *tpm, const struct ak *ak, struct server *server, struct reporter *who, struct arena *a,
                        struct report_answer *ret, struct failure *why)
{
    if (!post(tpm, ak, server, who, "/nonce", BYTES_LIT("{}"), a, ret, why))
        return false;
    return ret->nonce.len ? true : failure_set(why, FAILURE_BAD_ANSWER, "report: the server gave no nonce");
}

static void put_labels(struct json_out *out, const struct report_facts *facts)
{
    if (facts->cluster_id)
        json_put_string(out, "clusterId", facts->cluster_id);
    if (facts->cluster_tenant)
        json_put_string(out, "clusterTenantId", facts->cluster_tenant);
    if (facts->alerts_disabled)
        json_put_boolean(out, "alertsDisabled", true);
}

bool report_send(struct tpm_device *tpm, const struct ak *ak, struct server *server, struct reporter *who, const struct report_body *body,
                 struct arena *a, struct report_answer *ret, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_REPORT_BODY_BYTES };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    char log_ref[7 + 64 + 1] = "sha256:";

    json_begin_object(&out, NULL);
    put_bytes_or_null(&out, "token", body->token);
    json_put_string(&out, "bootId", body->facts.boot_id);
    json_put_time(&out, "bootTimeUtc", body->facts.boot_time_ms);
    json_put_string(&out, "agentVersion", TRUEBOOT_VERSION);
    json_put_string(&out, "kernelVersion", body->facts.kernel_version);
    if (body->event_log_sha256 && strlen(body->event_log_sha256) == 64) {
        memcpy(log_ref + 7, body->event_log_sha256, 65);
        json_put_string(&out, "eventLogRef", log_ref);
    } else {
        json_put_null(&out, "eventLogRef");
    }
    json_put_integer(&out, "sequence", (int64_t)body->facts.sequence);
    put_bytes_or_null(&out, "appraisal", body->appraisal);
    put_counters(&out, &body->facts);
    put_labels(&out, &body->facts);
    failure_put(&out, "failure", body->failure);
    put_missed(&out, &body->missed);
    put_notes(&out, body->facts.notes);
    if (body->dry_run)
        json_put_boolean(&out, "dryRun", true);
    json_end(&out);
    if (!writer_ok(&w))
        return out_of_memory(why);
    return post(tpm, ak, server, who, "", writer_bytes(&w), a, ret, why);
}

bool report_heartbeat(struct tpm_device *tpm, const struct ak *ak, struct server *server, struct reporter *who,
                      const struct heartbeat_body *body, struct arena *a, struct report_answer *ret, struct failure *why)
{
    struct writer w CLEANUP(writer_done) = { .limit = LIMIT_SMALL_BODY_BYTES };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_put_string(&out, "bootId", body->facts.boot_id);
    json_put_integer(&out, "sequence", (int64_t)body->facts.sequence);
    json_put_string(&out, "state", body->state);
    failure_put(&out, "lastError", body->last_error);
    put_counters(&out, &body->facts);
    json_put_string(&out, "agentVersion", TRUEBOOT_VERSION);
    put_notes(&out, body->facts.notes);
    json_end(&out);
    if (!writer_ok(&w))
        return out_of_memory(why);
    return post(tpm, ak, server, who, "/heartbeat", writer_bytes(&w), a, ret, why);
}
