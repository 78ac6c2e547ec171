#include "oidc/fetch.h"
#include <stdlib.h>
#include "base/file.h"
#include "http/client/client.h"

enum { CONNECT_MS = 2000, DOCUMENT_MAX = 512 * 1024 };

static bool get(struct http_client *client, struct arena *a, const char *url, const struct json **ret, struct err *err)
{
    const struct json_options strict = { .refuse_duplicates = true };
    const struct http_call call = { .method = "GET", .url = url };
    struct http_answer answer;

    if (strncmp(url, "https://", 8) != 0)
        return err_set(err, ERR_MALFORMED, "%.100s: an issuer's documents are fetched over https only", url);
    if (!http_client_send(client, a, &call, &answer, NULL, err))
        return false;
    if (answer.status != 200)
        return err_set(err, ERR_UNREACHABLE, "%.100s answers with status %u", url, answer.status);
    return json_parse(a, answer.body, &strict, ret, err) || err_within(err, "%.100s", url);
}

/* OpenID Connect Discovery 1.0, 4.3: the issuer that a document names must be the one it was asked of. */
static bool discover(const struct oidc_settings *s, struct http_client *client, struct arena *a, const char **ret_url, struct err *err)
{
    size_t len = strlen(s->issuer);
    const char *url = s->discovery[0] ? s->discovery
                                      : arena_printf(a, "%.*s/.well-known/openid-configuration",
                                                     (int)(len > 0 && s->issuer[len - 1] == '/' ? len - 1 : len), s->issuer);
    const struct json *document;
    struct bytes issuer, jwks_uri;

    if (!url)
        return err_set(err, ERR_NO_MEMORY, "no memory for an address");
    if (!get(client, a, url, &document, err))
        return false;
    if (!json_need_string(document, "issuer", &issuer, err) || !json_need_string(document, "jwks_uri", &jwks_uri, err))
        return err_within(err, "%.100s", url);
    if (!bytes_equal_string(issuer, s->issuer))
        return err_set(err, ERR_UNTRUSTED, "%.100s is the document of another issuer than %.100s", url, s->issuer);
    *ret_url = arena_string(a, jwks_uri);
    return *ret_url || err_set(err, ERR_NO_MEMORY, "no memory for an address");
}

static bool fetch_list(const struct oidc_settings *s, struct arena *a, const struct json **ret, struct err *err)
{
    CLEANUP(http_client_free_at) struct http_client *client = NULL;
    const struct http_client_config config = { .refuse_link_local = true, /* jwks_uri is somebody else's word (attack-suite.md S16) */
                                               .ca_file = s->ca_file[0] ? s->ca_file : NULL,
                                               .connect_timeout_ms = s->timeout_ms < CONNECT_MS ? s->timeout_ms : CONNECT_MS,
                                               .total_timeout_ms = s->timeout_ms,
                                               .max_response = DOCUMENT_MAX };
    const char *url = s->jwks_url;
    struct bytes text;

    if (s->jwks_file[0])
        return file_read_in(a, s->jwks_file, DOCUMENT_MAX, &text, err) &&
               (json_parse(a, text, NULL, ret, err) || err_within(err, "%s", s->jwks_file));
    if (!http_client_new(&config, &client, err) || (!url[0] && !discover(s, client, a, &url, err)))
        return false;
    return get(client, a, url, ret, err);
}

bool oidc_fetch(const struct oidc_settings *s, struct oidc_keys **ret, struct err *err)
{
    struct oidc_keys *keys CLEANUP(oidc_keys_free_at) = calloc(1, sizeof *keys);
    const struct json *list;

    if (!keys)
        return err_set(err, ERR_NO_MEMORY, "no memory for keys");
    keys->users = 1;
    if (!fetch_list(s, &keys->a, &list, err) || !jwks_parse(list, &keys->jwks, err))
        return false;
    if (keys->jwks->n == 0)
        return err_set(err, ERR_UNSUPPORTED, "the list of keys of %.100s holds none that can be used", s->issuer);
    *ret = TAKE(keys);
    return true;
}
