/* What the publisher, which is root, reads from the daemon, which may have been taken over: status and events. Whatever comes in, what goes
 * out to the VM agent is JSON within its limits, without control characters. */
#include "extension/compose.h"
#include "extension/event.h"
#include "fuzz.h"
#include "json/parse.h"

static void compose(const struct daemon_state *state, struct arena *a)
{
    const struct compose_facts facts = {
        .operation = "Enable", .enabled_ms = 1, .first_enabled_ms = 1, .strict = true, .daemon = state, .beat_ms = 1000000
    };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct handler_status status;
    struct heartbeat beat;
    struct err err = ERR_INIT;
    const struct json *v;

    compose_status(&facts, 1000000, &status);
    compose_heartbeat(&facts, 1000000, &beat);
    handler_status_write(&w, &status, 1000000);
    ENSURE(writer_ok(&w) && w.len <= LIMIT_HANDLER_STATUS_BYTES);
    ENSURE(json_parse(a, writer_bytes(&w), NULL, &v, &err));
    writer_reset(&w);
    heartbeat_write(&w, beat.ready, beat.code, beat.message);
    ENSURE(json_parse(a, writer_bytes(&w), NULL, &v, &err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes text = { data, size };
    struct daemon_state state;
    struct handler_event event, back;
    struct err err = ERR_INIT;

    if (daemon_state_parse(&a, text, &state, &err))
        compose(&state, &a);
    else
        ENSURE(err.text[0]);
    if (event_parse(&a, text, &event, &err)) {
        event_write(&w, &event);
        ENSURE(w.len <= LIMIT_EVENT_BYTES);
        ENSURE(event_parse(&a, writer_bytes(&w), &back, &err));
    }
    return 0;
}
