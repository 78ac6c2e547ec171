#include "agent/state/state.h"
#include "agent/state/spool.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/writer.h"
#include "json/parse.h"
#include "json/write.h"

enum { FILE_MAX = 256 * 1024 };

static const char *const file_names[] = { "ak.json", "ak.crt", "ak.chain", "identity.json", "state.json", "evidence.json" };

static void go_to_memory(struct agent_state *s, const char *why)
{
    s->in_memory = true;
    snprintf(s->note, sizeof s->note, "%.190s", why);
}

static bool path_in(const char *dir, const char *name, const char *suffix, char out[static 512])
{
    return snprintf(out, 512, "%s/%s%s", dir, name, suffix) < 512;
}

/* Loading. */

static void set_aside(struct agent_state *s, const char *name, const char *problem)
{
    char from[512], to[512];

    if (s->look_only) {
        snprintf(s->note, sizeof s->note, "%s is damaged: %.120s", name, problem);
        return;
    }
    if (path_in(s->dir, name, "", from) && path_in(s->dir, name, ".bad", to) && rename(from, to) != 0)
        go_to_memory(s, strerror(errno));
    s->damaged = true;
    s->identity_lost = s->identity_lost || strcmp(name, "state.json") != 0;
    snprintf(s->note, sizeof s->note, "%s was damaged and is now %s.bad: %.120s", name, name, problem);
}

/* False: it is not there, or was set aside. */
static bool read_file(struct agent_state *s, const char *name, struct bytes *ret)
{
    struct err err = ERR_INIT;
    char path[512];

    if (!path_in(s->dir, name, "", path))
        return false;
    if (file_read_plain(path, FILE_MAX, ret, &err))
        return true;
    if (err.code != ERR_NOT_FOUND && err.code != ERR_NO_MEMORY)
        set_aside(s, name, err.text);
    return false;
}

static bool load_json(struct agent_state *s, struct arena *a, const char *name, const struct json **ret)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE, text;
    struct err err = ERR_INIT;
    int64_t schema = 0;

    if (!read_file(s, name, &content) || !arena_copy(a, content, &text))
        return false;
    if (!json_parse(a, text, NULL, ret, &err) || !json_need_integer(*ret, "schema", &schema, &err)) {
        set_aside(s, name, err.text);
        return false;
    }
    if (schema > STATE_SCHEMA) {
        char why[120];

        snprintf(why, sizeof why, "%s was written by a newer version; it is left as it is", name);
        s->newer = true;
        go_to_memory(s, why);
        return false;
    }
    return true;
}

static uint64_t number_of(const struct json *v, const char *name)
{
    int64_t n;

    return json_as_integer(json_get(v, name), &n) && n > 0 ? (uint64_t)n : 0;
}

static void text_of(const struct json *v, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%.*s", BYTES_FMT(json_text(json_get(v, name), BYTES_LIT(""))));
}

/* Versions that did not say so: `auto` finds no Azure Local. */
static bool is_asked(const struct json *v)
{
    bool asked;

    return json_as_boolean(json_get(v, "profileAsked"), &asked) ? asked : json_is_string(json_get(v, "profile"), "azurelocal");
}

static void load_ak(struct agent_state *s, struct arena *a)
{
    const struct json *v;
    struct bytes name;
    struct err err = ERR_INIT;

    if (!load_json(s, a, "ak.json", &v))
        return;
    if (!hex_decode(a, json_text(json_get(v, "name"), BYTES_LIT("x")), &name, &err) || name.len < 34 || name.len > TPM_NAME_MAX_LEN) {
        set_aside(s, "ak.json", "the key's name is missing");
        return;
    }
    s->ak = (struct ak_record){ .known = true,
                                .type = json_is_string(json_get(v, "templateId"), ak_template_id(AK_P256)) ? AK_P256 : AK_RSA2048,
                                .profile = ak_profile_from_name(json_text(json_get(v, "profile"), BYTES_NONE)),
                                .asked = is_asked(v),
                                .rotation = (uint32_t)number_of(v, "rotation"),
                                .handle = (uint32_t)number_of(v, "handle"),
                                .name.len = name.len };
    memcpy(s->ak.name.value, name.data, name.len);
}

static void load_blob(struct agent_state *s, const char *name, struct writer *to)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE;

    if (read_file(s, name, &content))
        write_bytes(to, content);
}

static void load_identity(struct agent_state *s, struct arena *a)
{
    const struct json *v;

    if (!load_json(s, a, "identity.json", &v))
        return;
    if (!uuid_canonical(json_text(json_get(v, "vmUuid"), BYTES_NONE), s->vm_id))
        s->vm_id[0] = 0;
    text_of(v, "ekCertSha256", s->ek_cert_sha256, sizeof s->ek_cert_sha256);
    if (!clock_parse(json_text(json_get(v, "firstSeen"), BYTES_NONE), &s->first_seen_ms))
        s->first_seen_ms = 0;
}

static void load_boot_notes(struct agent_state *s, const struct json *list)
{
    for (size_t i = 0; list && list->type == JSON_ARRAY && i < list->array.n; i++) {
        enum failure_id id = failure_from_name(json_text(json_get(list->array.items[i], "code"), BYTES_NONE));

        if (id != FAILURE_NONE)
            notes_add(&s->boot_notes, id, "%.*s", BYTES_FMT(json_text(json_get(list->array.items[i], "message"), BYTES_LIT(""))));
    }
}

static void load_progress(struct agent_state *s, struct arena *a)
{
    const struct json *v;

    if (!load_json(s, a, "state.json", &v))
        return;
    text_of(v, "bootId", s->boot_id, sizeof s->boot_id);
    s->counter = number_of(v, "counter");
    s->sequence = number_of(v, "sequence");
    text_of(v, "lastVerdict", s->last_verdict, sizeof s->last_verdict);
    if (!clock_parse(json_text(json_get(v, "lastVerdictTime"), BYTES_NONE), &s->last_verdict_ms))
        s->last_verdict_ms = 0;
    s->clock_ms = number_of(v, "clockMs");
    s->reset_count = (uint32_t)number_of(v, "resetCount");
    s->restart_count = (uint32_t)number_of(v, "restartCount");
    if (!json_as_boolean(json_get(v, "safe"), &s->safe))
        s->safe = false;
    text_of(v, "pcrs", s->pcrs, sizeof s->pcrs);
    load_boot_notes(s, json_get(v, "bootNotes"));
}

static void load_all(struct agent_state *ret)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    load_ak(ret, &a);
    load_blob(ret, "ak.crt", &ret->ak_cert);
    load_blob(ret, "ak.chain", &ret->ak_chain);
    load_identity(ret, &a);
    load_progress(ret, &a);
}

void state_load(struct agent_state *ret, const char *dir)
{
    struct err err = ERR_INIT;

    *ret = (struct agent_state){ .dir = dir };
    if (!dir || !*dir) {
        ret->in_memory = true;
        return;
    }
    if (!file_make_dirs(dir, 0700, &err) || access(dir, W_OK) != 0)
        go_to_memory(ret, err.code ? err.text : strerror(errno));
    load_all(ret);
}

void state_look(struct agent_state *ret, const char *dir)
{
    *ret = (struct agent_state){ .dir = dir, .in_memory = true, .look_only = true };
    if (dir && *dir)
        load_all(ret);
}

struct life_point state_life_point(const struct agent_state *s)
{
    struct life_point point = {
        .known = s->clock_ms != 0,
        .clock = { .clock_ms = s->clock_ms, .reset_count = s->reset_count, .restart_count = s->restart_count, .safe = s->safe }
    };

    memcpy(point.boot_id, s->boot_id, sizeof point.boot_id);
    memcpy(point.pcrs, s->pcrs, sizeof point.pcrs);
    return point;
}

void state_done(struct agent_state *state)
{
    writer_done(&state->ak_cert);
    writer_done(&state->ak_chain);
}

/* Saving. */

static void save(struct agent_state *s, const char *name, struct bytes content)
{
    struct err err = ERR_INIT;
    char path[512];

    if (s->in_memory)
        return;
    if (!path_in(s->dir, name, "", path))
        go_to_memory(s, "the state folder's name is too long");
    else if (!file_write(path, content, 0600, &err))
        go_to_memory(s, err.text);
}

static void save_json(struct agent_state *s, const char *name, struct writer *w)
{
    write_string(w, "\n");
    if (writer_ok(w))
        save(s, name, writer_bytes(w));
    writer_done(w);
    *w = (struct writer){ 0 };
}

static struct json_out begin(struct writer *w)
{
    struct json_out out = json_out_to(w, JSON_INDENTED);

    json_begin_object(&out, NULL);
    json_put_integer(&out, "schema", STATE_SCHEMA);
    return out;
}

static void put_time_or_null(struct json_out *out, const char *name, int64_t time_ms)
{
    if (time_ms)
        json_put_time(out, name, time_ms);
    else
        json_put_null(out, name);
}

void state_save_identity(struct agent_state *s)
{
    struct writer w = { 0 };
    struct json_out out = begin(&w);

    json_put_string(&out, "profile", ak_profile_name(s->ak.profile));
    json_put_boolean(&out, "profileAsked", s->ak.asked);
    json_put_string(&out, "templateId", ak_template_id(s->ak.type));
    json_put_integer(&out, "rotation", s->ak.rotation);
    json_put_hex(&out, "name", tpm_name_bytes(&s->ak.name));
    json_put_integer(&out, "handle", s->ak.handle);
    json_end(&out);
    if (s->ak.known)
        save_json(s, "ak.json", &w);
    writer_reset(&w);

    save(s, "ak.chain", writer_bytes(&s->ak_chain));
    save(s, "ak.crt", writer_bytes(&s->ak_cert));

    out = begin(&w);
    json_put_string(&out, "vmUuid", s->vm_id[0] ? s->vm_id : NULL);
    json_put_string(&out, "ekCertSha256", s->ek_cert_sha256[0] ? s->ek_cert_sha256 : NULL);
    put_time_or_null(&out, "firstSeen", s->first_seen_ms);
    json_end(&out);
    save_json(s, "identity.json", &w);
    s->identity_lost = false;
}

/* Always of one size, as long as it is smaller: see file_overwrite. */
static void pad(struct writer *w)
{
    write_string(w, "\n");
    while (writer_ok(w) && w->len < FILE_SECTOR_BYTES)
        write_string(w, w->len + 1 < FILE_SECTOR_BYTES ? " " : "\n");
}

/* `lasting`: what a machine that stops now must still know after it has started again. */
static void put_progress(struct agent_state *s, struct bytes content, struct bytes lasting)
{
    bool known = lasting.len <= sizeof s->lasting && bytes_equal(lasting, (struct bytes){ s->lasting, s->lasting_len });
    struct err err = ERR_INIT;
    char path[512];

    if (s->in_memory)
        return;
    if (!path_in(s->dir, "state.json", "", path)) {
        go_to_memory(s, "the state folder's name is too long");
        return;
    }
    if (known && file_overwrite(path, content, &err))
        return;
    s->lasting_len = 0;
    if (!file_rewrite(path, content, 0600, &err)) {
        go_to_memory(s, err.text);
        return;
    }
    if (lasting.len <= sizeof s->lasting) {
        memcpy(s->lasting, lasting.data, lasting.len);
        s->lasting_len = lasting.len;
    }
}

void state_save_progress(struct agent_state *s)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = begin(&w);
    size_t lasting_len;

    json_put_string(&out, "bootId", s->boot_id);
    json_put_string(&out, "lastVerdict", s->last_verdict[0] ? s->last_verdict : NULL);
    json_put_integer(&out, "resetCount", s->reset_count);
    json_put_integer(&out, "restartCount", s->restart_count);
    json_put_boolean(&out, "safe", s->safe);
    json_put_string(&out, "pcrs", s->pcrs[0] ? s->pcrs : NULL);
    if (s->boot_notes.n)
        notes_put(&out, "bootNotes", &s->boot_notes);
    lasting_len = w.len; /* what follows is another one each time, and the one before serves as well after the machine has started again */
    json_put_integer(&out, "counter", (int64_t)s->counter);
    json_put_integer(&out, "sequence", (int64_t)s->sequence);
    put_time_or_null(&out, "lastVerdictTime", s->last_verdict_ms);
    json_put_integer(&out, "clockMs", (int64_t)s->clock_ms);
    json_end(&out);
    pad(&w);
    if (writer_ok(&w))
        put_progress(s, writer_bytes(&w), bytes_slice(writer_bytes(&w), 0, lasting_len));
}

void state_forget_certificate(struct agent_state *state)
{
    writer_reset(&state->ak_cert);
    writer_reset(&state->ak_chain);
}

bool state_erase(const char *dir, struct err *err)
{
    static const char *const suffixes[] = { "", ".bad", ".before" };
    char path[512];

    spool_clear(dir);
    state_erase_aside(dir);
    if (path_in(dir, "spool", "", path))
        rmdir(path);
    for (size_t i = 0; i < ARRAY_LEN(file_names); i++)
        for (size_t s = 0; s < ARRAY_LEN(suffixes); s++)
            if (path_in(dir, file_names[i], suffixes[s], path) && unlink(path) != 0 && errno != ENOENT)
                return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return true;
}
