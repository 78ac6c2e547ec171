/* One transfer, driven by us, so that each stage has its own deadline and the socket can be looked at before it is closed. */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "http/client/internal.h"

enum { LOOK_AGAIN_MS = 250, STALE_AFTER_MS = 1000, STALE_RETRANSMITS = 3 };

static bool passed(CURL *curl, CURLINFO which)
{
    curl_off_t us = 0;

    return curl_easy_getinfo(curl, which, &us) == CURLE_OK && us > 0;
}

/* libcurl counts the handshake to connecting: the kernel knows better. */
static bool is_connected(const struct http_client *client)
{
    enum { ESTABLISHED = 1, CLOSE_WAIT = 8 };

    for (size_t i = 0; i < CLIENT_SOCKETS_MAX; i++) {
        struct tcp_info info = { 0 };
        socklen_t len = sizeof info;

        if (client->sockets[i] >= 0 && getsockopt(client->sockets[i], IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
            (info.tcpi_state == ESTABLISHED || info.tcpi_state == CLOSE_WAIT))
            return true;
    }
    return false;
}

static enum client_phase phase_of(const struct http_client *client, CURL *curl)
{
    if (passed(curl, CURLINFO_PRETRANSFER_TIME_T))
        return CLIENT_ANSWERING;
    return is_connected(client) ? CLIENT_SHAKING_HANDS : CLIENT_CONNECTING;
}

static unsigned allowance(const struct http_client *client, enum client_phase phase)
{
    switch (phase) {
    case CLIENT_CONNECTING:
        return client->connect_timeout_ms;
    case CLIENT_SHAKING_HANDS:
        return client->tls_timeout_ms;
    case CLIENT_ANSWERING:
        break;
    }
    return client->first_byte_timeout_ms;
}

/* What a stage must show to be alive: bytes up or down. */
static curl_off_t moved(CURL *curl)
{
    curl_off_t up = 0, down = 0;

    curl_easy_getinfo(curl, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(curl, CURLINFO_SIZE_DOWNLOAD_T, &down);
    return up + down;
}

static void look_at_sockets(const struct http_client *client, struct transfer *t)
{
    for (size_t i = 0; i < CLIENT_SOCKETS_MAX; i++) {
        struct tcp_info info = { 0 };
        socklen_t len = sizeof info;

        if (client->sockets[i] < 0 || getsockopt(client->sockets[i], IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
            continue;
        t->unacknowledged |= info.tcpi_unacked > 0 && (info.tcpi_retransmits > 0 || info.tcpi_total_retrans > 0);
        t->gap |= len > offsetof(struct tcp_info, tcpi_rcv_ooopack) && info.tcpi_rcv_ooopack > 0;
    }
}

/* On a connection that was open before, and without a byte of an answer. */
static bool may_be_stale(CURL *curl)
{
    long made = 1, heard = 1;

    return curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &made) == CURLE_OK && made == 0 &&
           curl_easy_getinfo(curl, CURLINFO_HEADER_SIZE, &heard) == CURLE_OK && heard == 0;
}

/* Whatever lay between has forgotten it: the kernel has repeated what we sent, and nobody acknowledges it. */
static bool leads_nowhere(const struct http_client *client)
{
    bool nowhere = false;

    for (size_t i = 0; i < CLIENT_SOCKETS_MAX; i++) {
        struct tcp_info info = { 0 };
        socklen_t len = sizeof info;

        if (client->sockets[i] >= 0 && getsockopt(client->sockets[i], IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
            nowhere |= info.tcpi_unacked > 0 && info.tcpi_retransmits >= STALE_RETRANSMITS;
    }
    return nowhere;
}

static bool take_result(CURLM *multi, CURL *curl, CURLcode *ret)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == curl) {
            *ret = message->data.result;
            return true;
        }
    }
    return false;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

void client_transfer(struct http_client *client, CURL *curl, struct transfer *ret)
{
    int64_t start = clock_monotonic_ms(), since = start;
    curl_off_t moved_before = 0;
    int running = 1;

    *ret = (struct transfer){ .code = CURLE_OUT_OF_MEMORY };
    if (curl_multi_add_handle(client->multi, curl) != CURLM_OK)
        return;
    while (curl_multi_perform(client->multi, &running) == CURLM_OK && !take_result(client->multi, curl, &ret->code)) {
        enum client_phase phase = phase_of(client, curl);
        curl_off_t moved_now = moved(curl);
        int64_t now = clock_monotonic_ms(), left;

        if (phase != ret->phase || moved_now != moved_before)
            since = now;
        ret->phase = phase;
        moved_before = moved_now;
        if (now - since >= STALE_AFTER_MS && may_be_stale(curl) && leads_nowhere(client)) {
            ret->stale = true;
            ret->code = CURLE_OPERATION_TIMEDOUT;
            break;
        }
        left = least(since + allowance(client, phase), start + client->total_timeout_ms) - now;
        if (left <= 0) {
            ret->gave_up = true;
            ret->code = CURLE_OPERATION_TIMEDOUT;
            look_at_sockets(client, ret);
            break;
        }
        if (curl_multi_poll(client->multi, NULL, 0, (int)least(left, LOOK_AGAIN_MS), NULL) != CURLM_OK)
            break;
    }
    if (phase_of(client, curl) > ret->phase) /* sockets of a failed transfer are closed already */
        ret->phase = phase_of(client, curl);
    ret->resolved = passed(curl, CURLINFO_NAMELOOKUP_TIME_T);
    curl_multi_remove_handle(client->multi, curl);
}
