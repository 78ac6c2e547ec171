#include "http/client/internal.h"

static struct file_stamp stamp_of(const char *path)
{
    struct stat s;

    if (!path || stat(path, &s) != 0)
        return (struct file_stamp){ 0 };
    return (struct file_stamp){ s.st_dev, s.st_ino, s.st_size, s.st_ctim };
}

static bool same(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec &&
           a->changed.tv_nsec == b->changed.tv_nsec;
}

bool client_forget_sessions(struct http_client *client)
{
    CURL *curl = curl_easy_init();

    if (!curl)
        return false;
    curl_easy_cleanup(client->curl);
    client->curl = curl;
    client->options_stay = false;
    return true;
}

bool client_follow_trust(struct http_client *client, int64_t now_ms)
{
    const char *own = client->ca_file ? client->ca_file : curl_version_info(CURLVERSION_NOW)->cainfo;
    const struct file_stamp now[CLIENT_FILES] = { stamp_of(client->ca_pem.data ? NULL : own), stamp_of(client->cert_file),
                                                  stamp_of(client->key_file) };
    bool expired = tls_peer_has_expired(&client->peer, now_ms), changed = expired; /* an open connection would not say so */
    CURLM *fresh;

    for (size_t i = 0; i < CLIENT_FILES; i++)
        changed |= !same(&now[i], &client->files_seen[i]);
    if (!changed)
        return true;
    if (client->files_were_seen || expired) {
        fresh = curl_multi_init();
        if (!fresh || !client_forget_sessions(client)) {
            curl_multi_cleanup(fresh);
            return false;
        }
        curl_multi_cleanup(client->multi);
        client->multi = fresh;
    }
    memcpy(client->files_seen, now, sizeof now);
    client->files_were_seen = true;
    return true;
}
