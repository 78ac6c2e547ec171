/* load: a real truebootd under attestations of one enrolled VM, through TLS on loopback with the connection kept: what it costs, and what the
 * server's memory and disk do (`make bench-memory`). Attestations go to the shared provider and, in turn, to custom ones.
 *
 *     load where ATTESTATIONS                                 the shared provider alone, and in whose code the server's time goes (`make bench`)
 *     load ATTESTATIONS PROVIDERS [MAXIMUM_KIB SLOPE_KIB]     with the last two it fails when the server's memory exceeds the maximum, or
 *                                                             grows by more than the slope over the second half
 * Numbers but for those two: nothing else here passes or fails. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/base64.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "bench.h"
#include "demo_vm.h"
#include "http/client/client.h"
#include "json/parse.h"
#include "store/providers.h"
#include "where.h"

enum { STARTS_WITHIN_MS = 20000, URL_MAX = 160, STEPS_MAX = 16 };
extern char **environ;

#define POLICY "version=1.0; authorizationrules { => permit(); }; issuancerules { c:[type==\"secureBootEnabled\"] => issue(claim=c); };"

struct load {
    struct demo_vm *demo;
    char folder[96]; /* the server's data */
    unsigned port;
    long attestations, providers;
    pid_t server;
    bool where; /* the server is sampled */
    char samples[128];
    struct http_client *client;
    double wall_us, client_us; /* of all attestations: waiting for answers, the client's CPU time */
    double elapsed_us;
    long first_kib, half_kib, last_kib, most_kib;
};

/* ---- what the server finds when it starts ---- */

static bool seed_providers(struct load *l, struct store *store, struct arena *a, struct err *err)
{
    const char *inner = arena_printf(a, "{\"AttestationPolicy\":\"%s\"}", base64_in(a, BASE64_URL, BYTES_LIT(POLICY)));
    const char *jws = arena_printf(a, "eyJhbGciOiJub25lIn0.%s.", base64_in(a, BASE64_URL, bytes_of_string(inner)));

    for (long i = 0; i < l->providers; i++) {
        const char *name = arena_printf(a, "load%ld", i);
        struct store_provider row = { .name = name,
                                      .subscription = "s",
                                      .resource_group = "g",
                                      .location = "local",
                                      .attest_uri = arena_printf(a, "https://localhost:%u/providers/%s", l->port, name),
                                      .public_network_access = true,
                                      .server_ak_ca = true,
                                      .tags = "{}",
                                      .created_ms = clock_now_ms(),
                                      .created_by = "load",
                                      .token_profile = (enum token_profile)(i % TOKEN_PROFILE_COUNT) };
        struct store_policy policy = { .provider = name, .type = "Tpm", .jws = bytes_of_string(jws), .hash = "h", .by = "load" };
        char sha256[STORE_SHA256_TEXT_LEN];
        const struct cert *ca = ca_cert(l->demo->ak_ca, 0);
        struct store_root root = { .kind = STORE_ROOT_AK, .provider = name, .sha256 = sha256, .der = ca->der, .role = STORE_ROOT_CA };

        hex_encode((struct bytes){ ca->sha256, CERT_SHA256_LEN }, sha256);
        if (!store_provider_create(store, &row, NULL, 0, err) || !store_policy_add(store, &policy, NULL, err) ||
            !store_root_add(store, &root, NULL, err))
            return false;
    }
    return true;
}

static bool seed(struct load *l, struct err *err)
{
    const struct store_vm vm = { .vm = DEMO_VM_UUID,
                                 .name = "demo",
                                 .created_ms = clock_now_ms(),
                                 .security_type = "TrustedLaunch",
                                 .secure_boot = true,
                                 .vtpm = true,
                                 .monitoring_enabled_ms = 1 };
    const struct store_identity identity = { .vm = DEMO_VM_UUID,
                                             .ak_name = "000b5e1f00000000000000000000000000000000000000000000000000000000beef",
                                             .ak_cert = l->demo->ak_cert->der,
                                             .enrolled_ms = clock_now_ms() };
    const struct cert *ca = ca_cert(l->demo->ak_ca, 0);
    char sha256[STORE_SHA256_TEXT_LEN];
    struct store_root root = { .kind = STORE_ROOT_AK, .provider = "", .sha256 = sha256, .der = ca->der, .role = STORE_ROOT_CA };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct store *store;
    bool fine;

    hex_encode((struct bytes){ ca->sha256, CERT_SHA256_LEN }, sha256);
    if (mkdir(l->folder, 0750) != 0)
        return err_set(err, ERR_IO, "cannot make %s", l->folder);
    if (!store_open(arena_printf(&a, "%s/trueboot.db", l->folder), &store, err))
        return false;
    fine = store_vm_create(store, &vm, err) && store_identity_register(store, &identity, NULL, err) &&
           store_root_add(store, &root, NULL, err) && seed_providers(l, store, &a, err);
    store_close(store);
    return fine;
}

/* ---- the server ---- */

static bool free_port(unsigned *ret, struct err *err)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool fine = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0;

    if (fd >= 0)
        close(fd);
    *ret = ntohs(at.sin_port);
    return fine || err_set(err, ERR_IO, "no free port");
}

static bool start_server(struct load *l, struct err *err)
{
    const char *built = build_file("src/truebootd/truebootd"), *sampler;
    char program[512], listen[32], url[64], ready[128];
    char *const argv[] = { program,
                           "--data",
                           l->folder,
                           "--listen",
                           listen,
                           "--url",
                           url,
                           "--set",
                           "limits.attest_per_second=0",
                           "--set",
                           "limits.requests_per_second=0",
                           "--set",
                           "limits.vm_per_minute=0",
                           "--set",
                           "log.level=error",
                           NULL };

    bool fine;

    if (!built)
        return err_set(err, ERR_NOT_FOUND, "truebootd is not built");
    snprintf(program, sizeof program, "%s", built);
    sampler = l->where ? build_file("bench/libsampler.so") : NULL;
    snprintf(listen, sizeof listen, "127.0.0.1:%u", l->port);
    snprintf(url, sizeof url, "https://localhost:%u", l->port);
    snprintf(ready, sizeof ready, "%.96s/truebootd.sock", l->folder);
    if (l->where && !sampler)
        return err_set(err, ERR_NOT_FOUND, "bench/libsampler.so is not built");
    if (sampler) {
        snprintf(l->samples, sizeof l->samples, "%.96s/samples", l->folder);
        setenv("TRUEBOOT_SAMPLES", l->samples, 1);
        setenv("LD_PRELOAD", sampler, 1);
    }
    fine = posix_spawn(&l->server, program, NULL, NULL, argv, environ) == 0;
    unsetenv("LD_PRELOAD");
    if (!fine)
        return err_set(err, ERR_IO, "truebootd does not start");
    for (int waited = 0; waited < STARTS_WITHIN_MS; waited += 50) {
        if (file_exists(ready))
            return true;
        if (waitpid(l->server, NULL, WNOHANG) == l->server) {
            l->server = 0;
            return err_set(err, ERR_IO, "truebootd has ended");
        }
        usleep(50 * 1000);
    }
    return err_set(err, ERR_IO, "truebootd is not ready within %d s", STARTS_WITHIN_MS / 1000);
}

static long server_kib(const struct load *l)
{
    char path[48];
    FILE *f;
    long pages = 0, total;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)l->server);
    f = fopen(path, "re");
    if (f && fscanf(f, "%ld %ld", &total, &pages) != 2)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static long long database_kib(const struct load *l)
{
    static const char *const files[] = { "trueboot.db", "trueboot.db-wal" };
    long long sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[128];
        struct stat st;
        snprintf(path, sizeof path, "%.96s/%s", l->folder, files[i]);
        if (stat(path, &st) == 0)
            sum += st.st_size / 1024;
    }
    return sum;
}

/* ---- attestations ---- */

/* The message inside {"data":…}. */
static bool open_answer(struct arena *a, const struct http_answer *answer, const struct json **ret, struct err *err)
{
    const struct json *outer;
    struct bytes text;

    if (answer->status != 200)
        return err_set(err, ERR_INTERNAL, "answered with %u: %.*s", answer->status, BYTES_FMT(bytes_slice(answer->body, 0, 160)));
    if (!json_parse(a, answer->body, NULL, &outer, err) ||
        !base64_decode_any(a, json_text(json_get(outer, "data"), BYTES_NONE), &text, err) || !json_parse(a, text, NULL, &outer, err))
        return false;
    *ret = json_get(outer, "payload");
    return true;
}

static bool post(struct load *l, struct arena *a, const char *url, struct bytes body, const struct json **ret, struct err *err)
{
    const struct http_call call = { .method = "POST", .url = url, .body = body };
    struct http_answer answer;
    double before = wall_us();
    bool fine = http_client_send(l->client, a, &call, &answer, NULL, err);

    l->wall_us += wall_us() - before;
    return fine && open_answer(a, &answer, ret, err);
}

/* "data" of {"payload":{"type":"aikcert"}} */
#define INIT BYTES_LIT("{\"data\":\"eyJwYXlsb2FkIjp7InR5cGUiOiJhaWtjZXJ0In19\"}")

static bool attest_once(struct load *l, long i, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    const struct json *payload;
    struct bytes challenge, context, body;
    char url[URL_MAX];

    if (i % 2 && l->providers)
        snprintf(url, sizeof url, "https://localhost:%u/providers/load%ld/attest/Tpm?api-version=2022-08-01", l->port,
                 i / 2 % l->providers);
    else
        snprintf(url, sizeof url, "https://localhost:%u/attest/Tpm?api-version=2022-08-01", l->port);
    if (!post(l, &a, url, INIT, &payload, err) ||
        !base64_decode_any(&a, json_text(json_get(payload, "challenge"), BYTES_NONE), &challenge, err) ||
        !base64_decode_any(&a, json_text(json_get(payload, "service_context"), BYTES_NONE), &context, err) ||
        !demo_vm_answer(l->demo, &a, challenge, context, &body, err) || !post(l, &a, url, body, &payload, err))
        return false;
    return json_text(json_get(payload, "report"), BYTES_NONE).len > 0 || err_set(err, ERR_INTERNAL, "there is no report in the answer");
}

static bool run_all(struct load *l, struct err *err)
{
    static const long at[] = { 100, 1000, 10000, 50000, 100000, 500000, 1000000 };

    for (long i = 0; i < l->attestations; i++) {
        bool report = i + 1 == l->attestations || i + 1 == l->attestations / 2;
        if (!attest_once(l, i, err))
            return err_within(err, "attestation %ld", i + 1);
        for (size_t k = 0; k < ARRAY_LEN(at); k++)
            report |= i + 1 == at[k];
        if (!report)
            continue;
        l->last_kib = server_kib(l);
        l->most_kib = l->last_kib > l->most_kib ? l->last_kib : l->most_kib;
        if (i + 1 == l->attestations / 2)
            l->half_kib = l->last_kib;
        printf("  after %7ld attestations: server resident %ld KiB, database %lld KiB\n", i + 1, l->last_kib, database_kib(l));
        fflush(stdout);
    }
    return true;
}

/* ---- the whole ---- */

static double seconds_us(const struct timeval *t) { return (double)t->tv_sec * 1e6 + (double)t->tv_usec; }

static bool run(struct load *l, struct err *err)
{
    struct bytes ca_pem;
    struct http_client_config config = { .proxy = "" };
    struct rusage server;
    double last;

    if (!free_port(&l->port, err) || !seed(l, err) || !start_server(l, err) ||
        !file_read_in(&l->demo->arena, arena_printf(&l->demo->arena, "%s/ca.pem", l->folder), 65536, &ca_pem, err))
        return false;
    config.ca_pem = ca_pem;
    if (!http_client_new(&config, &l->client, err))
        return false;
    printf("%ld attestations over TLS on loopback, one connection kept, %ld custom providers (RS256, ES256 and EAR in turn) and the shared "
           "one, %ld processors\n",
           l->attestations, l->providers, sysconf(_SC_NPROCESSORS_ONLN));
    l->first_kib = server_kib(l);
    printf("  before the first one: server resident %ld KiB\n", l->first_kib);
    last = cpu_us();
    l->elapsed_us = -wall_us();
    if (!run_all(l, err))
        return false;
    l->elapsed_us += wall_us();
    l->client_us = cpu_us() - last;
    kill(l->server, SIGTERM);
    if (wait4(l->server, NULL, 0, &server) == l->server) {
        double server_us = seconds_us(&server.ru_utime) + seconds_us(&server.ru_stime);
        printf(
            "  an attestation (challenge and evidence, two requests): %.0f us until both are answered; the server's CPU time %.0f us, the "
            "client's (its TPM in software, TLS) %.0f us\n",
            l->wall_us / (double)l->attestations, server_us / (double)l->attestations, l->client_us / (double)l->attestations);
        printf("  %.0f attestations a second, one after the other, the client and its TPM in software included\n",
               (double)l->attestations * 1e6 / l->elapsed_us);
        if (l->where)
            where_print(l->samples, seconds_us(&server.ru_utime), seconds_us(&server.ru_stime));
        printf("  the server's peak: %ld KiB\n", server.ru_maxrss);
        l->most_kib = server.ru_maxrss;
    }
    l->server = 0;
    return true;
}

static int judge(const struct load *l, int argc, char **argv)
{
    long maximum = argc > 3 ? atol(argv[3]) : 0, slope = argc > 4 ? atol(argv[4]) : 0;

    printf("  grown by %ld KiB over the second half\n", l->last_kib - l->half_kib);
    if (maximum && l->most_kib > maximum) {
        fprintf(stderr, "load: the server took %ld KiB; at most %ld are allowed\n", l->most_kib, maximum);
        return 1;
    }
    if (slope && l->last_kib - l->half_kib > slope) {
        fprintf(stderr, "load: the server grew by %ld KiB over the second half; at most %ld are allowed\n", l->last_kib - l->half_kib,
                slope);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    bool where = argc == 3 && strcmp(argv[1], "where") == 0;
    struct load l = { .attestations = argc > 1 ? atol(argv[where ? 2 : 1]) : 1000,
                      .providers = where      ? 0
                                   : argc > 2 ? atol(argv[2])
                                              : 100,
                      .where = where };
    struct err err = ERR_INIT;
    bool fine;

    if (l.attestations < 2 || l.providers < 0 || l.providers > 1000) {
        fprintf(stderr, "usage: load ATTESTATIONS PROVIDERS [MAXIMUM_KIB SLOPE_KIB]\n       load where ATTESTATIONS\n");
        return 2;
    }
    if (!demo_vm_new(&l.demo, &err)) {
        fprintf(stderr, "load: %s\n", err.text);
        return 1;
    }
    if (!l.demo) {
        printf("left out: there is no log of a boot here\n");
        return 0;
    }
    snprintf(l.folder, sizeof l.folder, "%.60s/server", l.demo->folder);
    fine = run(&l, &err);
    if (l.server > 0) {
        kill(l.server, SIGTERM);
        waitpid(l.server, NULL, 0);
    }
    http_client_free(l.client);
    demo_vm_free(l.demo);
    if (fine)
        return judge(&l, argc, argv);
    fprintf(stderr, "load: %s\n", err.text);
    return 1;
}
