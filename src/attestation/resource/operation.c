#include "attestation/resource/operation.h"
#include <stdio.h>
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/random.h"
#include "json/parse.h"

#define DAY_MS INT64_C(86400000)

static const struct operation_kind *kind_of(const char *name)
{
    for (size_t i = 0; i < operation_n_kinds; i++)
        if (strcmp(operation_kinds[i].name, name) == 0)
            return &operation_kinds[i];
    return NULL;
}

/* ---- doing ----------------------------------------------------------------------------------------------------------- */

/* The steps done so far and one more, as they are stored: [{"did":…,"time":…}]. */
static bool note(struct operation *o, const char *did, struct err *err)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);
    const struct json *done;

    if (!json_parse(o->a, bytes_of_string(o->row.steps), NULL, &done, err))
        return err_within(err, "operation %s", o->row.id);
    json_begin_array(&out, NULL);
    for (size_t i = 0; done->type == JSON_ARRAY && i < done->array.n; i++)
        json_put_value(&out, NULL, done->array.items[i]);
    json_begin_object(&out, NULL);
    json_put_string(&out, "did", did);
    json_put_time(&out, "time", o->service->now_ms());
    json_end(&out);
    json_end(&out);
    o->row.steps = writer_ok(&w) ? arena_string(o->a, writer_bytes(&w)) : NULL;
    return o->row.steps || err_set(err, ERR_NO_MEMORY, "no memory for an operation");
}

/* Failing to note a failure leaves the row as it is: the next start comes upon it. */
static void note_failure(struct operation *o, const struct err *why)
{
    struct err ignored = ERR_INIT;

    o->row.state = STORE_OPERATION_FAILED;
    o->row.failure = why->text[0] ? why->text : "failed";
    o->row.ended_ms = o->service->now_ms();
    if (!store_operation_update(o->service->store, &o->row, &ignored))
        o->row.state = STORE_OPERATION_RUNNING;
    o->row.failure = arena_string(o->a, bytes_of_string(o->row.failure));
}

static bool do_steps(struct operation *o, const struct operation_kind *kind, struct err *err)
{
    while ((size_t)o->row.step < kind->n_steps) {
        const struct operation_step *step = &kind->steps[o->row.step];
        const char *did = NULL;
        if (!step->run(o, &did, err) || !note(o, did, err))
            return false;
        o->row.step++;
        if ((size_t)o->row.step == kind->n_steps) {
            o->row.state = STORE_OPERATION_SUCCEEDED;
            o->row.ended_ms = o->service->now_ms();
        }
        if (!store_operation_update(o->service->store, &o->row, err))
            return false;
    }
    return true;
}

static bool go_on(struct operation *o, struct err *err)
{
    const struct operation_kind *kind = kind_of(o->row.kind);
    bool fine = kind ? json_parse(o->a, o->row.input, NULL, &o->input, err)
                     : err_set(err, ERR_UNSUPPORTED, "this version knows no operation of the kind %s", o->row.kind);

    fine = fine && do_steps(o, kind, err);
    if (!fine)
        note_failure(o, err);
    return fine;
}

bool operation_run(struct attestation_service *service, struct arena *a, const char *kind, const char *target, struct bytes input,
                   const char *by, struct operation *ret, struct err *err)
{
    struct operation o = { .service = service, .a = a };
    uint8_t random[(STORE_ID_TEXT_LEN - 1) / 2];
    char id[STORE_ID_TEXT_LEN];
    bool fine;

    if (!random_bytes(random, sizeof random, err))
        return false;
    hex_encode(BYTES_OF(random), id);
    o.row = (struct store_operation){ .id = arena_string(a, bytes_of_string(id)),
                                      .kind = kind,
                                      .target = target,
                                      .state = STORE_OPERATION_RUNNING,
                                      .input = input,
                                      .steps = "[]",
                                      .started_ms = service->now_ms(),
                                      .by = by };
    if (!o.row.id)
        return err_set(err, ERR_NO_MEMORY, "no memory for an operation");
    if (!store_operation_prune(service->store, o.row.started_ms - LIMIT_OPERATION_DAYS * DAY_MS, err) ||
        !store_operation_add(service->store, &o.row, err))
        return false;
    fine = go_on(&o, err);
    if (ret)
        *ret = o;
    return fine;
}

bool operations_resume(struct attestation_service *service, size_t *ret_n, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct store_operation *rows;
    size_t n;

    if (!store_operation_unfinished(service->store, &a, LIMIT_LIST_PAGE, &rows, &n, err))
        return false;
    for (size_t i = 0; i < n; i++) {
        struct operation o = { .service = service, .a = &a, .row = rows[i], .resumed = true };
        struct err why = ERR_INIT;
        if (!go_on(&o, &why) && why.code == ERR_NO_MEMORY)
            return err_copy(err, &why);
    }
    *ret_n = n;
    return true;
}

/* ---- telling --------------------------------------------------------------------------------------------------------- */

static const char *step_state(const struct store_operation *row, size_t i)
{
    if (i < (size_t)row->step)
        return "Succeeded";
    if (i > (size_t)row->step || row->state == STORE_OPERATION_SUCCEEDED)
        return "NotStarted";
    return store_operation_state_name(row->state);
}

static void write_steps(struct json_out *out, struct arena *a, const struct store_operation *row)
{
    const struct operation_kind *kind = kind_of(row->kind);
    const struct json *done = &json_null;
    struct err ignored = ERR_INIT;

    if (!json_parse(a, bytes_of_string(row->steps), NULL, &done, &ignored))
        done = &json_null;
    json_begin_array(out, "steps");
    for (size_t i = 0; kind && i < kind->n_steps; i++) {
        const struct json *one = done->type == JSON_ARRAY && i < done->array.n ? done->array.items[i] : NULL;
        json_begin_object(out, NULL);
        json_put_string(out, "name", kind->steps[i].name);
        json_put_string(out, "title", kind->steps[i].title);
        json_put_string(out, "status", step_state(row, i));
        if (one) {
            json_put_bytes(out, "did", json_text(json_get(one, "did"), BYTES_NONE));
            json_put_bytes(out, "endTime", json_text(json_get(one, "time"), BYTES_NONE));
        }
        json_end(out);
    }
    json_end(out);
}

void operation_write(struct json_out *out, struct arena *a, const char *id, const struct store_operation *row)
{
    const struct operation_kind *kind = kind_of(row->kind);

    json_begin_object(out, NULL);
    json_put_string(out, "id", id);
    json_put_string(out, "name", row->id);
    json_put_string(out, "status", store_operation_state_name(row->state));
    json_put_time(out, "startTime", row->started_ms);
    if (row->ended_ms)
        json_put_time(out, "endTime", row->ended_ms);
    json_put_integer(out, "percentComplete",
                     row->state == STORE_OPERATION_SUCCEEDED || !kind ? 100 : row->step * 100 / (int64_t)kind->n_steps);
    json_begin_object(out, "properties");
    json_put_string(out, "kind", row->kind);
    json_put_string(out, "title", kind ? kind->title : row->kind);
    json_put_string(out, "target", row->target);
    json_put_string(out, "by", row->by);
    write_steps(out, a, row);
    json_end(out);
    if (row->failure) {
        json_begin_object(out, "error");
        json_put_string(out, "code", "OperationFailed");
        json_put_string(out, "message", row->failure);
        json_end(out);
    }
    json_end(out);
}

void operation_headers(struct http_response *response, const struct operation *o, bool accepted)
{
    const char *status = arena_printf(o->a, "%s/v1/operations/%s?api-version=2021-06-01", o->service->issuer, o->row.id);
    const char *result = arena_printf(o->a, "%s/v1/operations/%s/result?api-version=2021-06-01", o->service->issuer, o->row.id);

    if (status)
        http_response_header(response, "Azure-AsyncOperation", status);
    if (accepted && result) {
        http_response_header(response, "Location", result);
        http_response_header(response, "Retry-After", "1");
    }
}
