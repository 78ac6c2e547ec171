/* The transports of Windows: TBS, the system's own way to its TPM, which manages objects and sessions; and a TPM behind a TCP port,
 * "swtpm:host=HOST,port=PORT", for tests (guest-agent.md 2.1). */
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <tbs.h>
#include <stdio.h>
#include <stdlib.h>
#include "agent/tpm/transport.h"
#include "base/clock.h"

#ifndef TBS_E_COMMAND_CANCELED /* mingw-w64 has not got it */
#define TBS_E_COMMAND_CANCELED 0x8028400D
#endif
#ifndef TPM_E_COMMAND_BLOCKED
#define TPM_E_COMMAND_BLOCKED 0x80280400
#endif

static DWORD left_until(int64_t deadline_ms)
{
    int64_t left = deadline_ms - clock_monotonic_ms();

    return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (DWORD)left;
}

static bool too_late(struct err *err) { return err_set(err, ERR_UNREACHABLE, "the TPM does not answer in time"); }

/* ---- TBS --------------------------------------------------------------------------------------------------------------- */

struct tbs {
    struct tpm_transport transport; /* first */
    TBS_HCONTEXT context;
};

/* TBS has no deadlines of its own: a timer cancels the command that takes too long. */
static void CALLBACK cancel(void *context, BOOLEAN fired UNUSED) { Tbsip_Cancel_Commands((TBS_HCONTEXT)context); }

/* A command that these services keep from the TPM (TPM2_ContextSave, for one) is answered as by a TPM that has no such command: it would be refused
 * each time, so nobody should wait for another answer. TPM 2.0 Part 1, 18: the header alone; Part 2, 6.6.3. */
static bool has_no_such_command(uint8_t *response, size_t size, size_t *ret_len, struct err *err)
{
    static const uint8_t no_command[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x43 }; /* TPM_RC_COMMAND_CODE */

    if (size < sizeof no_command)
        return err_set(err, ERR_LIMIT, "no room for the TPM's answer");
    memcpy(response, no_command, sizeof no_command);
    *ret_len = sizeof no_command;
    return true;
}

static bool tbs_transmit(struct tpm_transport *transport, struct bytes command, int64_t deadline_ms, uint8_t *response, size_t size,
                         size_t *ret_len, struct err *err)
{
    struct tbs *tbs = (struct tbs *)transport;
    UINT32 len = size > UINT32_MAX ? UINT32_MAX : (UINT32)size;
    HANDLE timer = NULL;
    TBS_RESULT result;

    if (!CreateTimerQueueTimer(&timer, NULL, cancel, tbs->context, left_until(deadline_ms), 0, WT_EXECUTEONLYONCE))
        return err_set(err, ERR_IO, "no timer for the TPM's deadline");
    result = Tbsip_Submit_Command(tbs->context, TBS_COMMAND_LOCALITY_ZERO, TBS_COMMAND_PRIORITY_NORMAL, command.data, (UINT32)command.len,
                                  response, &len);
    DeleteTimerQueueTimer(NULL, timer, INVALID_HANDLE_VALUE); /* waits for a cancel that is running */
    if (result == TBS_SUCCESS) {
        *ret_len = len;
        return true;
    }
    if (result == (TBS_RESULT)TPM_E_COMMAND_BLOCKED)
        return has_no_such_command(response, size, ret_len, err);
    if (result == (TBS_RESULT)TBS_E_COMMAND_CANCELED)
        return too_late(err);
    return err_set(err,
                   result == (TBS_RESULT)TBS_E_TPM_NOT_FOUND         ? ERR_NOT_FOUND
                   : result == (TBS_RESULT)TBS_E_INSUFFICIENT_BUFFER ? ERR_LIMIT
                                                                     : ERR_IO,
                   "the TPM base services say 0x%08lx", (unsigned long)result);
}

static void tbs_close(struct tpm_transport *transport)
{
    Tbsip_Context_Close(((struct tbs *)transport)->context);
    free(transport);
}

static bool tbs_refused(TBS_RESULT result, struct failure *why)
{
    switch ((DWORD)result) {
    case (DWORD)TBS_E_TPM_NOT_FOUND:
        return failure_set(why, FAILURE_NO_TPM, "there is no TPM 2.0: enable the vTPM in the VM's definition");
    case (DWORD)TBS_E_SERVICE_DISABLED:
    case (DWORD)TBS_E_DEACTIVATED:
        return failure_set(why, FAILURE_TPM_UNUSABLE, "the TPM is switched off: `tpm.msc` says why");
    case (DWORD)TBS_E_SERVICE_NOT_RUNNING:
    case (DWORD)TBS_E_SERVICE_START_PENDING:
    case (DWORD)TBS_E_TOO_MANY_TBS_CONTEXTS:
        return failure_set(why, FAILURE_TPM_BUSY, "the TPM base services are not ready (0x%08lx)", (unsigned long)result);
    case E_ACCESSDENIED:
        return failure_set(why, FAILURE_TPM_PERM, "the TPM base services refuse us: run as a service or an administrator");
    default:
        return failure_set(why, FAILURE_TPM_UNUSABLE, "the TPM base services say 0x%08lx", (unsigned long)result);
    }
}

static bool tbs_open(struct tpm_transport **ret, struct failure *why)
{
    /* TBS_CONTEXT_PARAMS2 (Windows 8): bit 2 asks for version 2.0 */
    const struct {
        UINT32 version, flags;
    } params = { 2, 1u << 2 };
    struct tbs *tbs = calloc(1, sizeof *tbs);
    TBS_RESULT result;

    if (!tbs)
        return failure_set(why, FAILURE_NO_MEMORY, "out of memory");
    result = Tbsi_Context_Create((const TBS_CONTEXT_PARAMS *)&params, &tbs->context);
    if (result != TBS_SUCCESS) {
        free(tbs);
        return tbs_refused(result, why);
    }
    tbs->transport = (struct tpm_transport){ .transmit = tbs_transmit, .close = tbs_close };
    snprintf(tbs->transport.name, sizeof tbs->transport.name, "tbs");
    *ret = &tbs->transport;
    return true;
}

/* ---- a TPM behind a port ----------------------------------------------------------------------------------------------- */

struct port {
    struct tpm_transport transport; /* first */
    SOCKET socket;
};

static bool wait_for(SOCKET socket, bool writing, int64_t deadline_ms)
{
    DWORD left = left_until(deadline_ms);
    struct timeval timeout = { .tv_sec = (long)(left / 1000), .tv_usec = (long)(left % 1000 * 1000) };
    fd_set set;

    FD_ZERO(&set);
    FD_SET(socket, &set);
    return select(0, writing ? NULL : &set, writing ? &set : NULL, NULL, &timeout) == 1;
}

static bool read_exactly(SOCKET socket, uint8_t *out, size_t len, int64_t deadline_ms, struct err *err)
{
    while (len) {
        int n;

        if (!wait_for(socket, false, deadline_ms))
            return too_late(err);
        n = recv(socket, (char *)out, (int)len, 0);
        if (n <= 0)
            return err_set(err, ERR_IO, "the TPM's connection broke off");
        out += n;
        len -= (size_t)n;
    }
    return true;
}

/* An answer says its own length in its header: tag, size, code (TPM 2.0 Part 1, 18). */
static bool port_transmit(struct tpm_transport *transport, struct bytes command, int64_t deadline_ms, uint8_t *response, size_t size,
                          size_t *ret_len, struct err *err)
{
    enum { HEADER_LEN = 10 };
    SOCKET socket = ((struct port *)transport)->socket;
    size_t len;

    if (!wait_for(socket, true, deadline_ms) || send(socket, (const char *)command.data, (int)command.len, 0) != (int)command.len)
        return err_set(err, ERR_IO, "writing to the TPM failed");
    if (size < HEADER_LEN || !read_exactly(socket, response, HEADER_LEN, deadline_ms, err))
        return false;
    len = (size_t)response[2] << 24 | (size_t)response[3] << 16 | (size_t)response[4] << 8 | response[5];
    if (len < HEADER_LEN || len > size)
        return err_set(err, ERR_LIMIT, "the TPM announces an answer of %zu bytes", len);
    if (!read_exactly(socket, response + HEADER_LEN, len - HEADER_LEN, deadline_ms, err))
        return false;
    *ret_len = len;
    return true;
}

static void port_close(struct tpm_transport *transport)
{
    closesocket(((struct port *)transport)->socket);
    WSACleanup();
    free(transport);
}

static bool port_open(const char *name, struct tpm_transport **ret, struct failure *why)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    char host[100], number[8];
    struct port *port = NULL;
    SOCKET connected = INVALID_SOCKET;
    WSADATA data;

    if (sscanf(name, "swtpm:host=%99[^,],port=%7[0-9]", host, number) != 2)
        return failure_set(why, FAILURE_TPM_UNUSABLE, "\"%.100s\": \"tbs\" and \"swtpm:host=HOST,port=PORT\" are known", name);
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
        return failure_set(why, FAILURE_INTERNAL, "no sockets");
    if (getaddrinfo(host, number, &hints, &found) == 0) {
        connected = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
        if (connected != INVALID_SOCKET && connect(connected, found->ai_addr, (int)found->ai_addrlen) != 0) {
            closesocket(connected);
            connected = INVALID_SOCKET;
        }
        freeaddrinfo(found);
    }
    port = connected != INVALID_SOCKET ? calloc(1, sizeof *port) : NULL;
    if (!port) {
        if (connected != INVALID_SOCKET)
            closesocket(connected);
        WSACleanup();
        return failure_set(why, FAILURE_TPM_UNUSABLE, "%.100s: nothing answers", name);
    }
    port->transport = (struct tpm_transport){ .transmit = port_transmit, .close = port_close, .exclusive = true };
    snprintf(port->transport.name, sizeof port->transport.name, "%s", name);
    port->socket = connected;
    *ret = &port->transport;
    return true;
}

bool tpm_transport_open(const char *tcti, struct tpm_transport **ret, struct failure *why)
{
    const char *name = tcti && *tcti ? tcti : getenv("TCTI");

    return name && *name && strcmp(name, "tbs") != 0 ? port_open(name, ret, why) : tbs_open(ret, why);
}

bool tpm_transport_find(const char *root UNUSED, char ret_name[static TPM_TRANSPORT_NAME_LEN], struct failure *why)
{
    struct tpm_transport *transport;

    if (!tbs_open(&transport, why))
        return false;
    snprintf(ret_name, TPM_TRANSPORT_NAME_LEN, "tbs");
    transport->close(transport);
    return true;
}
