/* token.jwt: in place and waited for by nobody, as there is another one in each cycle; state.json says which it is, and what is another, or part of one, is
 * nothing. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "agent/state/inside.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/limits.h"
#include "crypto/digest.h"

static const char name[] = "token.jwt";

static void hash_of(struct bytes token, char ret[static 65])
{
    struct digest digest;

    digest_compute(DIGEST_SHA256, token, &digest);
    hex_encode(digest_bytes(&digest), ret);
}

void state_remove_token(struct agent_state *s)
{
    char path[STATE_PATH_LEN];

    if (!s->in_memory && state_path(s->dir, name, "", path) && unlink(path) != 0 && errno != ENOENT)
        snprintf(s->note, sizeof s->note, "%s cannot be removed: %s", name, strerror(errno));
    s->has_token = false;
}

/* The one that state.json tells of, and nothing else. Wipe *ret. */
static bool read_own(const struct agent_state *s, struct bytes *ret, struct err *err)
{
    char path[STATE_PATH_LEN], hash[65];

    if (!state_path(s->dir, name, "", path))
        return err_set(err, ERR_IO, "the state folder's name is too long");
    if (!file_read_plain(path, LIMIT_TOKEN_BYTES, ret, err))
        return false;
    hash_of(*ret, hash);
    if (strcmp(hash, s->token_sha256) == 0)
        return true;
    wipe((uint8_t *)ret->data, ret->len);
    return err_set(err, ERR_MALFORMED, "%s is not the token that state.json tells of", name);
}

void state_check_token(struct agent_state *s)
{
    struct bytes token CLEANUP(file_free) = BYTES_NONE;
    struct err err = ERR_INIT;

    if (s->in_memory)
        return;
    s->has_token = read_own(s, &token, &err);
    if (s->has_token)
        wipe((uint8_t *)token.data, token.len);
    else if (err.code != ERR_NOT_FOUND)
        state_remove_token(s);
    state_drop_old_token(s, clock_now_ms());
}

struct bytes state_read_token(const struct agent_state *s, struct arena *a)
{
    struct bytes token CLEANUP(file_free) = BYTES_NONE, copy = BYTES_NONE;
    struct err ignored = ERR_INIT;

    if (!s->has_token || !read_own(s, &token, &ignored))
        return BYTES_NONE;
    if (!arena_copy(a, token, &copy))
        copy = BYTES_NONE;
    wipe((uint8_t *)token.data, token.len);
    return copy;
}

void state_keep_token(struct agent_state *s, struct bytes token)
{
    char path[STATE_PATH_LEN];
    struct err err = ERR_INIT;

    hash_of(token, s->token_sha256);
    if (s->in_memory || !state_path(s->dir, name, "", path))
        return;
    s->has_token = true;
    if (s->token_until_ms && file_put_in_place(path, token, 0600, &err))
        return;
    state_remove_token(s);
    if (err.code)
        snprintf(s->note, sizeof s->note, "the token is not kept: %.160s", err.text);
}

void state_drop_old_token(struct agent_state *s, int64_t now_ms)
{
    if (s->has_token && now_ms >= s->token_until_ms)
        state_remove_token(s);
}
