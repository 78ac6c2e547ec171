/* state.json. What follows the lasting part is another one in each cycle and is overwritten where it lies, so it stands in sectors of its own, each of which goes
 * with any earlier or later one (base/file.h). */
#include "agent/state/inside.h"
#include "base/clock.h"
#include "base/file.h"

static void load_boot_notes(struct agent_state *s, const struct json *list)
{
    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++) {
        enum failure_id id = failure_from_name(json_text(json_get(list->array.items[i], "code"), BYTES_NONE));

        if (id != FAILURE_NONE)
            notes_add(&s->boot_notes, id, "%.*s", BYTES_FMT(json_text(json_get(list->array.items[i], "message"), BYTES_LIT(""))));
    }
}

void state_load_progress(struct agent_state *s, struct arena *a)
{
    const struct json *v;

    if (!state_load_json(s, a, "state.json", &v))
        return;
    state_text_of(v, "bootId", s->boot_id, sizeof s->boot_id);
    s->counter = state_number_of(v, "counter");
    s->sequence = state_number_of(v, "sequence");
    state_text_of(v, "lastVerdict", s->last_verdict, sizeof s->last_verdict);
    s->last_verdict_ms = state_time_of(v, "lastVerdictTime");
    s->clock_ms = state_number_of(v, "clockMs");
    s->reset_count = (uint32_t)state_number_of(v, "resetCount");
    s->restart_count = (uint32_t)state_number_of(v, "restartCount");
    if (!json_as_boolean(json_get(v, "safe"), &s->safe))
        s->safe = false;
    state_text_of(v, "pcrs", s->pcrs, sizeof s->pcrs);
    load_boot_notes(s, json_get(v, "bootNotes"));
    state_text_of(v, "backoff", s->backoff, sizeof s->backoff);
    s->due_boot_clock_ms = (int64_t)state_number_of(v, "nextDueMonotonicMs");
    s->due_ms = state_time_of(v, "nextDueTime");
    state_text_of(v, "tokenId", s->token_id, sizeof s->token_id);
    s->token_until_ms = state_time_of(v, "tokenExpiryTime");
    state_text_of(v, "tokenSha256", s->token_sha256, sizeof s->token_sha256);
}

/* White space between two members, up to the end of a sector. */
static void end_sector(struct writer *w)
{
    while (writer_ok(w) && w->len % FILE_SECTOR_BYTES)
        write_string(w, " ");
}

/* `lasting`: what a machine that stops now must still know after it has started again. */
static void put_progress(struct agent_state *s, struct bytes content, struct bytes lasting)
{
    bool known = lasting.len && bytes_equal(lasting, writer_bytes(&s->lasting));
    struct err err = ERR_INIT;
    char path[STATE_PATH_LEN];

    if (s->in_memory)
        return;
    if (!state_path(s->dir, "state.json", "", path)) {
        state_go_to_memory(s, "the state folder's name is too long");
        return;
    }
    if (known && file_overwrite(path, content, &err))
        return;
    writer_reset(&s->lasting);
    if (!file_rewrite(path, content, 0600, &err))
        state_go_to_memory(s, err.text);
    else
        write_bytes(&s->lasting, lasting);
}

static void put_lasting(const struct agent_state *s, struct json_out *out)
{
    json_put_string(out, "bootId", s->boot_id);
    state_put_text(out, "lastVerdict", s->last_verdict);
    json_put_integer(out, "resetCount", s->reset_count);
    json_put_integer(out, "restartCount", s->restart_count);
    json_put_boolean(out, "safe", s->safe);
    state_put_text(out, "pcrs", s->pcrs);
    if (s->boot_notes.n)
        notes_put(out, "bootNotes", &s->boot_notes);
}

static void put_passing(const struct agent_state *s, struct json_out *out)
{
    json_put_integer(out, "counter", (int64_t)s->counter);
    json_put_integer(out, "sequence", (int64_t)s->sequence);
    state_put_time(out, "lastVerdictTime", s->last_verdict_ms);
    json_put_integer(out, "clockMs", (int64_t)s->clock_ms);
    state_put_text(out, "backoff", s->backoff);
    json_put_integer(out, "nextDueMonotonicMs", s->due_boot_clock_ms);
    state_put_time(out, "nextDueTime", s->due_ms);
}

static void put_token(const struct agent_state *s, struct json_out *out)
{
    state_put_text(out, "tokenId", s->token_id);
    state_put_time(out, "tokenExpiryTime", s->token_until_ms);
    state_put_text(out, "tokenSha256", s->token_sha256);
}

void state_save_progress(struct agent_state *s)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = state_begin(&w);
    size_t lasting_len;

    put_lasting(s, &out);
    end_sector(&w);
    lasting_len = w.len;
    put_passing(s, &out);
    end_sector(&w);
    put_token(s, &out);
    json_end(&out);
    write_string(&w, "\n");
    end_sector(&w);
    if (writer_ok(&w))
        put_progress(s, writer_bytes(&w), bytes_slice(writer_bytes(&w), 0, lasting_len));
}
