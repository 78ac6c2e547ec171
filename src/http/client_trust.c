#include "http/client_internal.h"

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
    return true;
}

bool client_follow_trust(struct http_client *client)
{
    const char *path = client->ca_file ? client->ca_file : curl_version_info(CURLVERSION_NOW)->cainfo;
    struct file_stamp now = stamp_of(client->ca_pem.data ? NULL : path);
    CURLM *fresh;

    if (same(&now, &client->ca_seen))
        return true;
    if (client->ca_was_seen) {
        fresh = curl_multi_init();
        if (!fresh || !client_forget_sessions(client)) {
            curl_multi_cleanup(fresh);
            return false;
        }
        curl_multi_cleanup(client->multi);
        client->multi = fresh;
    }
    client->ca_seen = now;
    client->ca_was_seen = true;
    return true;
}
