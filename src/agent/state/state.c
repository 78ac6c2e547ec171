#include "agent/state/inside.h"
#include "agent/state/spool.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/writer.h"
#include "json/write.h"

enum { FILE_MAX = 256 * 1024 };

static const char *const file_names[] = { "ak.json",       "ak.crt",     "ak.chain",  "ak.ctx",
                                          "identity.json", "state.json", "token.jwt", "evidence.json" };

void state_go_to_memory(struct agent_state *s, const char *why)
{
    s->in_memory = true;
    snprintf(s->note, sizeof s->note, "%.190s", why);
}

bool state_path(const char *dir, const char *name, const char *suffix, char out[static STATE_PATH_LEN])
{
    return snprintf(out, STATE_PATH_LEN, "%s/%s%s", dir, name, suffix) < STATE_PATH_LEN;
}

/* Loading. */

static void set_aside(struct agent_state *s, const char *name, const char *problem)
{
    char from[STATE_PATH_LEN], to[STATE_PATH_LEN];

    if (s->newer) /* read only */
        return;
    s->damaged = true;
    if (s->look_only) {
        snprintf(s->note, sizeof s->note, "%s is damaged: %.120s", name, problem);
        return;
    }
    if (state_path(s->dir, name, "", from) && state_path(s->dir, name, ".bad", to) && rename(from, to) != 0)
        state_go_to_memory(s, strerror(errno));
    s->identity_lost = s->identity_lost || strcmp(name, "state.json") != 0;
    snprintf(s->note, sizeof s->note, "%s was damaged and is now %s.bad: %.120s", name, name, problem);
}

static bool read_plain_in(struct arena *a, const char *path, struct bytes *ret)
{
    struct bytes content CLEANUP(file_free) = BYTES_NONE;
    struct err err = ERR_INIT;

    return file_read_plain(path, FILE_MAX, &content, &err) && arena_copy(a, content, ret);
}

/* False: it is not there, or was set aside. */
static bool read_file(struct agent_state *s, const char *name, struct bytes *ret)
{
    struct err err = ERR_INIT;
    char path[STATE_PATH_LEN];

    if (!state_path(s->dir, name, "", path))
        return false;
    if (file_read_plain(path, FILE_MAX, ret, &err))
        return true;
    if (s->look_only && err.code == ERR_DENIED)
        snprintf(s->note, sizeof s->note, "%s is not for our eyes", name);
    else if (err.code != ERR_NOT_FOUND && err.code != ERR_NO_MEMORY)
        set_aside(s, name, err.text);
    return false;
}

bool state_load_json(struct agent_state *s, struct arena *a, const char *name, const struct json **ret)
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
    if (schema < 1) {
        set_aside(s, name, "schema: a number from 1 on is expected");
        return false;
    }
    return schema <= STATE_SCHEMA;
}

uint64_t state_number_of(const struct json *v, const char *name)
{
    int64_t n;

    return json_as_integer(json_get(v, name), &n) && n > 0 ? (uint64_t)n : 0;
}

void state_text_of(const struct json *v, const char *name, char *out, size_t size)
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

    if (!state_load_json(s, a, "ak.json", &v))
        return;
    if (!hex_decode(a, json_text(json_get(v, "name"), BYTES_LIT("x")), &name, &err) || name.len < 34 || name.len > TPM_NAME_MAX_LEN) {
        set_aside(s, "ak.json", "the key's name is missing");
        return;
    }
    s->ak = (struct ak_record){ .known = true,
                                .type = json_is_string(json_get(v, "templateId"), ak_template_id(AK_P256)) ? AK_P256 : AK_RSA2048,
                                .profile = ak_profile_from_name(json_text(json_get(v, "profile"), BYTES_NONE)),
                                .asked = is_asked(v),
                                .rotation = (uint32_t)state_number_of(v, "rotation"),
                                .handle = (uint32_t)state_number_of(v, "handle"),
                                .name.len = name.len };
    memcpy(s->ak.name.value, name.data, name.len);
    s->ak_nv_index = (uint32_t)state_number_of(v, "nvIndex");
    s->ak_created_ms = state_time_of(v, "createdTime");
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

    if (!state_load_json(s, a, "identity.json", &v))
        return;
    if (!uuid_canonical(json_text(json_get(v, "vmUuid"), BYTES_NONE), s->vm_id))
        s->vm_id[0] = 0;
    state_text_of(v, "ekPublicSha256", s->ek_public_sha256, sizeof s->ek_public_sha256);
    state_text_of(v, "ekCertSha256", s->ek_cert_sha256, sizeof s->ek_cert_sha256);
    state_text_of(v, "ekCertSerial", s->ek_cert_serial, sizeof s->ek_cert_serial);
    state_text_of(v, "ekCertSubject", s->ek_cert_subject, sizeof s->ek_cert_subject);
    state_text_of(v, "machineIdSha256", s->machine_id_sha256, sizeof s->machine_id_sha256);
    s->first_seen_ms = state_time_of(v, "firstSeen");
}

/* Before anything is set aside: what a newer version wrote is all left alone (12). */
static void look_for_newer(struct agent_state *s, struct arena *a)
{
    static const char *const names[] = { "ak.json", "identity.json", "state.json" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[STATE_PATH_LEN], why[120];
        const struct json *v;
        struct bytes content;
        struct err err = ERR_INIT;
        int64_t schema;

        if (!state_path(s->dir, names[i], "", path) || !read_plain_in(a, path, &content) || !json_parse(a, content, NULL, &v, &err) ||
            !json_as_integer(json_get(v, "schema"), &schema) || schema <= STATE_SCHEMA)
            continue;
        snprintf(why, sizeof why, "%s was written by a newer version; everything is left as it is", names[i]);
        s->newer = true;
        state_go_to_memory(s, why);
        return;
    }
}

static void load_all(struct agent_state *ret)
{
    struct arena a CLEANUP(arena_done) = { 0 };

    look_for_newer(ret, &a);
    load_ak(ret, &a);
    load_blob(ret, "ak.crt", &ret->ak_cert);
    load_blob(ret, "ak.chain", &ret->ak_chain);
    load_blob(ret, "ak.ctx", &ret->ak_context);
    load_identity(ret, &a);
    state_load_progress(ret, &a);
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
        state_go_to_memory(ret, err.code ? err.text : strerror(errno));
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
    writer_done(&state->ak_context);
    writer_done(&state->lasting);
}

/* Saving. */

static void save(struct agent_state *s, const char *name, struct bytes content)
{
    struct err err = ERR_INIT;
    char path[STATE_PATH_LEN];

    if (s->in_memory)
        return;
    if (!state_path(s->dir, name, "", path))
        state_go_to_memory(s, "the state folder's name is too long");
    else if (!file_write(path, content, 0600, &err))
        state_go_to_memory(s, err.text);
}

static void save_json(struct agent_state *s, const char *name, struct writer *w)
{
    write_string(w, "\n");
    if (writer_ok(w))
        save(s, name, writer_bytes(w));
    writer_done(w);
    *w = (struct writer){ 0 };
}

struct json_out state_begin(struct writer *w)
{
    struct json_out out = json_out_to(w, JSON_INDENTED);

    json_begin_object(&out, NULL);
    json_put_integer(&out, "schema", STATE_SCHEMA);
    return out;
}

int64_t state_time_of(const struct json *v, const char *name)
{
    int64_t ms;

    return clock_parse(json_text(json_get(v, name), BYTES_NONE), &ms) ? ms : 0;
}

void state_put_text(struct json_out *out, const char *name, const char *text)
{
    if (*text)
        json_put_string(out, name, text);
    else
        json_put_null(out, name);
}

void state_put_time(struct json_out *out, const char *name, int64_t time_ms)
{
    if (time_ms)
        json_put_time(out, name, time_ms);
    else
        json_put_null(out, name);
}

void state_save_identity(struct agent_state *s)
{
    struct writer w = { 0 };
    struct json_out out = state_begin(&w);

    json_put_string(&out, "profile", ak_profile_name(s->ak.profile));
    json_put_boolean(&out, "profileAsked", s->ak.asked);
    json_put_string(&out, "templateId", ak_template_id(s->ak.type));
    json_put_integer(&out, "rotation", s->ak.rotation);
    json_put_hex(&out, "name", tpm_name_bytes(&s->ak.name));
    json_put_integer(&out, "handle", s->ak.handle);
    if (s->ak_nv_index)
        json_put_integer(&out, "nvIndex", s->ak_nv_index);
    else
        json_put_null(&out, "nvIndex");
    state_put_time(&out, "createdTime", s->ak_created_ms);
    json_end(&out);
    if (s->ak.known)
        save_json(s, "ak.json", &w);
    writer_reset(&w);

    save(s, "ak.chain", writer_bytes(&s->ak_chain));
    save(s, "ak.crt", writer_bytes(&s->ak_cert));

    out = state_begin(&w);
    state_put_text(&out, "vmUuid", s->vm_id);
    state_put_text(&out, "ekPublicSha256", s->ek_public_sha256);
    state_put_text(&out, "ekCertSha256", s->ek_cert_sha256);
    state_put_text(&out, "ekCertSerial", s->ek_cert_serial);
    state_put_text(&out, "ekCertSubject", s->ek_cert_subject);
    state_put_text(&out, "machineIdSha256", s->machine_id_sha256);
    state_put_time(&out, "firstSeen", s->first_seen_ms);
    json_end(&out);
    save_json(s, "identity.json", &w);
    s->identity_lost = false;
}

void state_keep_context(struct agent_state *s, struct bytes context)
{
    if (bytes_equal(context, writer_bytes(&s->ak_context)))
        return;
    writer_reset(&s->ak_context);
    write_bytes(&s->ak_context, context);
    save(s, "ak.ctx", context);
}

void state_forget_certificate(struct agent_state *state)
{
    writer_reset(&state->ak_cert);
    writer_reset(&state->ak_chain);
}

bool state_erase(const char *dir, struct err *err)
{
    static const char *const suffixes[] = { "", ".bad", ".before" };
    char path[STATE_PATH_LEN];

    spool_clear(dir);
    state_erase_aside(dir);
    if (state_path(dir, "spool", "", path))
        rmdir(path);
    for (size_t i = 0; i < ARRAY_LEN(file_names); i++)
        for (size_t s = 0; s < ARRAY_LEN(suffixes); s++)
            if (state_path(dir, file_names[i], suffixes[s], path) && unlink(path) != 0 && errno != ENOENT)
                return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return true;
}
