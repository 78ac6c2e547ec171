#define _GNU_SOURCE
#include "truebootd/server.h"
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "attestation/keys_api.h"
#include "attestation/resource/deleted_api.h"
#include "attestation/resource/operation.h"
#include "attestation/resource/provider_api.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "management/api_tokens.h"
#include "truebootd/housekeeping.h"
#include "truebootd/names.h"
#include "truebootd/observe.h"
#include "truebootd/operators.h"
#include "truebootd/probes.h"
#include "truebootd/tls.h"

enum { CA_FILE_MAX = 256 * 1024, KEEP_EVIDENCE = 5, VOUCH_CACHE_ENTRIES = 16384, STOP_GRACE_MS = 5000, N_TABLES = 6 };

#define OPERATORS "trueboot" /* the group whose members own the server over its local socket */
#define LOCATION  "local"    /* where the shared provider is, as clients of the original expect a place */

static const char *make_url(struct server *s)
{
    const char *colon = strrchr(s->config->listen, ':');
    bool loopback = strncmp(s->config->listen, "127.", 4) == 0 || strncmp(s->config->listen, "[::1]", 5) == 0 ||
                    strncmp(s->config->listen, "localhost", 9) == 0;
    char host[256] = "localhost";

    if (s->config->url[0])
        return s->config->url;
    if (!loopback && (gethostname(host, sizeof host) != 0 || !host[0]))
        snprintf(host, sizeof host, "localhost");
    host[sizeof host - 1] = '\0';
    return arena_printf(&s->arena, "https://%s%s", host, colon ? colon : ":8443");
}

/* ---- keys ---- */

static bool make_folders(const struct config *c, char ret_keys[static PATH_MAX], struct err *err)
{
    char socket_folder[PATH_MAX];

    if (snprintf(ret_keys, PATH_MAX, "%.*s/keys", PATH_MAX - 16, c->data) >= PATH_MAX)
        return err_set(err, ERR_LIMIT, "path too long: %s", c->data);
    snprintf(socket_folder, sizeof socket_folder, "%s", c->socket);
    *strrchr(socket_folder, '/') = '\0';
    return file_make_dirs(c->data, 0750, err) && file_make_dirs(ret_keys, 0700, err) && file_make_dirs(socket_folder, 0755, err);
}

static void note_cert(struct server *s, const char *name, const struct cert *cert)
{
    struct attestation_service *a = &s->attestation;

    if (cert && a->n_certs < ARRAY_LEN(a->certs))
        a->certs[a->n_certs++] = (struct service_cert){ name, cert };
}

/* The CA of our TLS certificate: ours, or that of the operator's. */
static bool what_clients_trust(struct server *s, const char **ret, struct err *err)
{
    struct cert *certs[LIMIT_CHAIN_CERTS];
    struct bytes content;
    size_t n = 0;

    if (!s->config->tls_ca[0]) {
        *ret = cert_pem(ca_cert(s->root_ca, 0), &s->arena);
        return *ret || err_set(err, ERR_NO_MEMORY, "no memory for the CA certificate");
    }
    if (!file_read_in(&s->arena, s->config->tls_ca, CA_FILE_MAX, &content, err) ||
        !cert_parse_bundle(content, certs, LIMIT_CHAIN_CERTS, &n, err))
        return err_within(err, "tls.ca");
    for (size_t i = 0; i < n; i++)
        cert_free(certs[i]);
    *ret = arena_string(&s->arena, content);
    return *ret || err_set(err, ERR_NO_MEMORY, "no memory for the CA certificate");
}

static bool load_keys(struct server *s, const char *keys, int64_t now, struct err *err)
{
    struct attestation_service *a = &s->attestation;
    char ca_file[PATH_MAX];
    const char *pem;

    if (!keystore_ca(keys, "ca", NULL, "trueboot CA", now, &s->root_ca, err) ||
        !keystore_ca(keys, "ak-ca", s->root_ca, "trueboot AK CA", now, &s->ak_ca, err) ||
        !keystore_ca(keys, "token-ca", s->root_ca, "trueboot token CA", now, &s->token_ca, err))
        return false;
    for (enum key_use use = 0; use < KEY_USE_COUNT; use++)
        if (!keyring_open(keys, use, s->token_ca, a->issuer, now, &a->keys[use], err))
            return false;
    note_cert(s, "ca", ca_cert(s->root_ca, 0));
    note_cert(s, "ak-ca", ca_cert(s->ak_ca, 0));
    note_cert(s, "token-ca", ca_cert(s->token_ca, 0));
    if (!what_clients_trust(s, &pem, err))
        return false;
    if (snprintf(ca_file, sizeof ca_file, "%.*s/ca.pem", PATH_MAX - 16, s->config->data) >= PATH_MAX)
        return err_set(err, ERR_NO_MEMORY, "no memory for the CA certificate");
    s->management.ca_pem = pem;
    return file_write(ca_file, bytes_of_string(pem), 0644, err);
}

/* ---- callers ---- */

static bool identify(void *context, const struct http_request *request, struct http_caller *ret, struct err *err)
{
    struct server *s = context;
    bool ours;

    if (http_header_count(request, "Authorization") == 0) {
        if (request->peer.local && operators_include(OPERATORS, request->peer.uid, request->peer.gid)) /* as root does */
            *ret =
                (struct http_caller){ .role = HTTP_OWNER, .subject = arena_printf(request->arena, "uid %u", (unsigned)request->peer.uid) };
        return true;
    }
    /* Each knows its own kind of credentials; the socket's do not count beside a header (attack-suite.md S2). */
    if (!monitor_identify_agent(&s->monitor, request, &ours, ret, err))
        return false;
    if (!ours && !api_token_identify(s->store, request, clock_now_ms(), &ours, ret, err))
        return false;
    if (!ours && s->oidc && !oidc_identify(s->oidc, request, &ours, ret, err))
        return false;
    if (ours)
        return true;
    return err_set(err, ERR_UNTRUSTED, "these credentials are of no kind that this server knows");
}

/* ---- reference data ---- */

/* A pack of the operator's own that cannot be used must not keep the server from starting: the log says so, and the default one is used. */
static bool load_reference(struct server *s, struct err *err)
{
    const char *own = arena_printf(&s->arena, "%s/" REFDATA_FILE, s->config->data), *problem;
    char entries[48];

    if (!own)
        return err_set(err, ERR_NO_MEMORY, "no memory for reference data");
    s->reference = refdata_load(&s->arena, own, &problem);
    if (problem)
        log_event(LOG_WARNING, problem, NULL);
    if (!s->reference) {
        log_event(LOG_WARNING, "no reference data: revoked images that a machine's own dbx does not list are not noticed", NULL);
        return true;
    }
    snprintf(entries, sizeof entries, "%zu", refdata_entries(&s->reference->reference));
    log_event(LOG_INFO, "reference data", "name", s->reference->reference.name, "asOf",
              reference_age(&s->arena, &s->reference->reference, clock_now_ms()), "entries", entries, "file", s->reference->path, NULL);
    s->attestation.reference = s->monitor.reference = &s->reference->reference;
    s->management.reference = s->reference;
    return true;
}

/* ---- parts ---- */

static void on_appraisal(void *context, const char *vm)
{
    struct server *s = context;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct judged *judged = ARENA_NEW(&a, struct judged);
    struct err err = ERR_INIT;

    if (!judged || !monitor_judge(&s->monitor, &a, vm, judged, &err)) {
        log_event(LOG_ERROR, "cannot judge an appraisal", "vm", vm, "error", err.text, NULL);
        return;
    }
    instruments_judged(s->instruments, judged);
    log_event(LOG_INFO, "appraised", "vm", vm, "appraisal", judged->appraisal.id, "verdict", verdict_name(judged->verdict), NULL);
}

static bool start_management(struct server *s, struct err *err)
{
    struct management *m = &s->management;
    struct trust_store *ak, *ek;

    m->store = s->store;
    m->ak_ca = s->ak_ca;
    m->version = TRUEBOOT_VERSION;
    m->data_dir = s->config->data;
    m->url = s->attestation.issuer;
    m->profile = s->config->profile;
    m->now_ms = clock_now_ms;
    return roots_load(m, STORE_ROOT_AK, "", &ak, err) && trust_slot_new(ak, &m->ak_roots, err) &&
           roots_load(m, STORE_ROOT_EK, "", &ek, err) && trust_slot_new(ek, &m->ek_roots, err) && enrolments_new(&m->enrolments, err);
}

static void provider_of_host(void *context, struct bytes host, char *ret, size_t size)
{
    const struct provider *p CLEANUP(provider_free_at) = NULL;
    struct err ignored = ERR_INIT; /* whoever enrols by a name that nobody has enrols here, as ever */

    snprintf(ret, size, "%s", providers_by_host(context, host, &p, &ignored) && !p->shared ? p->name : "");
}

static bool reload_provider(void *context, const char *provider, struct err *err) { return providers_reload(context, provider, err); }

/* What an earlier process was killed in the middle of is finished before anybody asks. */
static bool finish_operations(struct server *s, struct err *err)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    char text[24];
    size_t n;

    if (!operations_resume(&s->attestation, &n, err) || !deleted_providers_expire(&s->attestation, &a, err))
        return false;
    snprintf(text, sizeof text, "%zu", n);
    if (n)
        log_event(LOG_WARNING, "operations that were interrupted have been finished or marked as failed", "n", text, NULL);
    return true;
}

static bool start_attestation(struct server *s, struct err *err)
{
    struct attestation_service *a = &s->attestation;
    struct server_names *names = ARENA_NEW(&s->arena, struct server_names);
    struct providers_config providers = { .store = s->store,
                                          .shared_tpm_v1 = s->config->tpm_v1,
                                          .shared_name = "shared" LOCATION,
                                          .shared_issuer = a->issuer,
                                          .shared_location = LOCATION,
                                          .server_ak_ca = ca_cert(s->ak_ca, 0) };

    if (!names)
        return err_set(err, ERR_NO_MEMORY, "no memory for names");
    server_names_own(&s->arena, a->issuer, names);
    providers.own_hosts = names->items;
    providers.n_own_hosts = names->n;
    a->store = s->store;
    a->provider = providers.shared_name;
    a->ak_roots = s->management.ak_roots;
    a->keep_evidence = KEEP_EVIDENCE;
    a->enrolment_token = s->management.enrolment_token = s->config->enrolment_token;
    a->signer_dates_do_not_count = !s->config->signer_dates;
    a->per_vm = s->per_vm;
    a->per_address = s->per_address_costly;
    a->now_ms = clock_now_ms;
    a->on_appraisal = on_appraisal;
    a->on_appraisal_context = s;
    a->identify = identify;
    a->identify_context = s;
    if (!providers_new(&providers, &a->providers, err))
        return false;
    s->management.reload_provider = reload_provider;
    s->management.provider_of_host = provider_of_host;
    s->management.providers_context = a->providers;
    return vouch_cache_new(VOUCH_CACHE_ENTRIES, &a->vouched, err) && challenges_new(&a->challenges, err) && finish_operations(s, err);
}

static bool start_monitor(struct server *s, struct err *err)
{
    s->provider = (struct trusted_provider){ .issuer = s->attestation.issuer,
                                             .provider = s->attestation.provider,
                                             .reports = s->attestation.keys[KEY_USE_REPORT],
                                             .records = s->attestation.keys[KEY_USE_RECORD] };
    s->monitor.store = s->store;
    s->monitor.providers = &s->provider;
    s->monitor.n_providers = 1;
    s->monitor.times = s->config->times;
    s->monitor.profile = s->config->profile;
    s->monitor.now_ms = clock_now_ms;
    return monitor_init(&s->monitor, err);
}

/* ---- audit ---- */

#define AUDIT_HEAD_KEY "audit.head" /* the setting: the newest checkpoint, apart from the log that it is about */

static void keep_checkpoint(void *context, const char *checkpoint)
{
    struct server *s = context;
    struct err err = ERR_INIT;

    if (!store_setting_put(s->store, AUDIT_HEAD_KEY, bytes_of_string(checkpoint), &err))
        log_event(LOG_WARNING, "a checkpoint of the audit log cannot be kept in the database", "error", err.text, NULL);
}

static void apply_audit(struct server *s)
{
    const struct config *c = s->config;

    if (s->audit)
        audit_set(s->audit, c->audit_file_size, (unsigned)c->audit_keep_days, (unsigned)c->audit_checkpoint_records);
}

static bool start_audit(struct server *s, const char *keys, struct err *err)
{
    struct audit_options options = { .key = &s->audit_key, .now_ms = clock_now_ms, .anchor = keep_checkpoint, .context = s };
    struct err why = ERR_INIT;
    const char *note;

    if (!s->config->audit_enabled)
        return true;
    options.folder = arena_printf(&s->arena, "%s/audit", s->config->data);
    if (!options.folder)
        return err_set(err, ERR_NO_MEMORY, "no memory for the audit log");
    if (!store_setting_get(s->store, &s->arena, AUDIT_HEAD_KEY, &options.kept, &why) && why.code != ERR_NOT_FOUND)
        return err_set(err, why.code, "%s", why.text);
    if (!keystore_signing_key(keys, "audit", SIGNING_CA_ISSUED, PRIVKEY_P256, s->token_ca, "trueboot audit log", clock_now_ms(),
                              &s->audit_key, err) ||
        !audit_open(&options, &s->arena, &s->audit, &note, err))
        return false;
    if (note)
        log_event(LOG_WARNING, "the audit log is not what it was when the server stopped", "what", note, NULL);
    return true;
}

/* ---- callers with tokens of an issuer ---- */

static void oidc_told(void *context UNUSED, const char *text)
{
    if (text)
        log_event(LOG_WARNING, "the keys of the tokens' issuer cannot be fetched", "error", text, NULL);
    else
        log_event(LOG_INFO, "the keys of the tokens' issuer can be fetched again", NULL);
}

static bool start_oidc(struct server *s, struct err *err)
{
    static const enum http_role roles[] = { HTTP_ANONYMOUS, HTTP_READER, HTTP_CONTRIBUTOR, HTTP_OWNER };
    const struct config *c = s->config;
    const struct oidc_config config = { .issuer = c->oidc_issuer,
                                        .audiences = c->oidc_audience,
                                        .discovery = c->oidc_discovery,
                                        .jwks_url = c->oidc_jwks_url,
                                        .jwks_file = c->oidc_jwks_file,
                                        .ca_file = c->oidc_ca_file,
                                        .role_claims = c->oidc_role_claims,
                                        .reader = c->oidc_reader,
                                        .policy_admin = c->oidc_policy_admin,
                                        .enroller = c->oidc_enroller,
                                        .auditor = c->oidc_auditor,
                                        .security_admin = c->oidc_security_admin,
                                        .contributor = c->oidc_contributor,
                                        .owner = c->oidc_owner,
                                        .otherwise = roles[c->oidc_default_role],
                                        .refresh_ms = c->oidc_refresh * 1000,
                                        .stale_ms = c->oidc_stale * 1000,
                                        .floor_ms = c->oidc_floor * 1000,
                                        .timeout_ms = (unsigned)c->oidc_timeout * 1000,
                                        .now_ms = clock_now_ms,
                                        .told = oidc_told };

    return !c->oidc_issuer[0] || oidc_new(&config, &s->oidc, err);
}

/* ---- the network ---- */

enum { PLACES_ADDRESSES = 32768, PLACES_VMS = 32768 };

static bool make_limits(struct server *s, struct err *err)
{
    return rate_limiter_new(PLACES_ADDRESSES, &s->per_address, err) && rate_limiter_new(PLACES_ADDRESSES, &s->per_address_costly, err) &&
           rate_limiter_new(PLACES_VMS, &s->per_vm, err);
}

/* A connection that is kept is there for the next heartbeat, or there is no use in it. */
static unsigned kept_ms(const struct health_times *times)
{
    int64_t ms = times->heartbeat + times->heartbeat / 4;

    return ms <= INT64_C(1000) * LIMIT_HTTP_KEPT_SECONDS ? (unsigned)ms : 0;
}

static bool start_http(struct server *s, struct err *err)
{
    struct http_routes *tables = ARENA_ARRAY(&s->arena, N_TABLES, struct http_routes);
    struct group *operators = getgrnam(OPERATORS);
    struct http_server_config config = { .listen = s->config->listen,
                                         .unix_socket = s->config->socket,
                                         .unix_gid = operators ? operators->gr_gid : 0,
                                         .n_tables = N_TABLES,
                                         .threads = (unsigned)s->config->threads,
                                         .max_connections = (unsigned)s->config->connections,
                                         .max_per_address = (unsigned)s->config->connections_per_address,
                                         .deadline_ms = (unsigned)s->config->request_seconds * 1000,
                                         .kept_ms = kept_ms(s->config->times),
                                         .max_body_memory = (size_t)s->config->body_memory,
                                         .answer_ms = (unsigned)s->config->answer_seconds * 1000,
                                         .identify = identify,
                                         .per_address = s->per_address,
                                         .per_address_costly = s->per_address_costly,
                                         .per_agent = s->per_vm,
                                         .admit = observe_admit,
                                         .observe = observe_request,
                                         .context = s };
    bool started;

    if (!tables)
        return err_set(err, ERR_NO_MEMORY, "no memory for routes");
    tables[0] = (struct http_routes){ attestation_routes, attestation_n_routes, &s->attestation };
    tables[1] = (struct http_routes){ monitor_routes, monitor_n_routes, &s->monitor };
    tables[2] = (struct http_routes){ management_routes, management_n_routes, &s->management };
    tables[3] = (struct http_routes){ provider_routes, provider_n_routes, &s->attestation };
    tables[4] = (struct http_routes){ key_routes, key_n_routes, &s->attestation };
    if (!probes_routes(s, &tables[5], err) || !instruments_new(tables, N_TABLES, &s->instruments, err))
        return false;
    config.tables = tables;
    started = tls_load(s, &s->arena, &config.cert_pem, &config.key_pem, err) && http_server_start(&config, &s->http, err);
    wipe((void *)config.key_pem.data, config.key_pem.len);
    return started;
}

/* The disk confirmed a change whose caller had been told that it took too long: what is kept in memory is read again. */
static void on_abandoned(void *context)
{
    struct server *s = context;
    struct err err = ERR_INIT;

    if (providers_reload_all(s->attestation.providers, &err) && roots_reload(&s->management, STORE_ROOT_AK, &err) &&
        roots_reload(&s->management, STORE_ROOT_EK, &err))
        log_event(LOG_WARNING, "a change was stored after its caller had been told that it took too long", NULL);
    else
        log_event(LOG_ERROR, "a change was stored late and is not in force", "error", err.text, NULL);
}

bool server_start(struct config *config, struct server *s, struct err *err)
{
    char keys[PATH_MAX], database[PATH_MAX];
    bool fine;

    *s = (struct server){ .config = config };
    if (!make_limits(s, err)) {
        server_stop(s);
        return false;
    }
    server_reload(s);
    s->started_ms = clock_now_ms();
    s->location = LOCATION;
    s->attestation.issuer = make_url(s);
    umask(0027);
    snprintf(database, sizeof database, "%.*s/trueboot.db", PATH_MAX - 16, config->data);
    fine = s->attestation.issuer && make_folders(config, keys, err) && load_keys(s, keys, clock_now_ms(), err) && load_reference(s, err) &&
           store_open(database, &s->store, err) && start_management(s, err) && start_attestation(s, err) && start_monitor(s, err) &&
           start_audit(s, keys, err) && start_oidc(s, err) && start_http(s, err) && housekeeping_start(s, &s->housekeeping, err);
    if (fine) {
        store_on_abandoned(s->store, on_abandoned, s);
        apply_audit(s);
    }
    if (!fine)
        server_stop(s);
    return fine;
}

void server_reload(struct server *s)
{
    const struct config *c = s->config;

    log_set_level((enum log_level)c->log_level);
    log_set_format((enum log_format)c->log_format);
    rate_limiter_set(s->per_address, (unsigned)c->requests_per_second, 1000, (unsigned)c->requests_burst);
    rate_limiter_set(s->per_address_costly, (unsigned)c->attest_per_second, 1000, (unsigned)c->attest_burst);
    rate_limiter_set(s->per_vm, (unsigned)c->vm_per_minute, 60 * 1000, (unsigned)c->vm_burst);
    s->log_all = c->log_requests == LOG_REQUESTS_ALL;
    s->refuse_unaudited = c->audit_on_failure == AUDIT_FAILURE_REFUSE;
    apply_audit(s);
    if (s->oidc)
        oidc_refresh(s->oidc);
    tls_look(s, true);
}

void server_stop(struct server *s)
{
    housekeeping_stop(s->housekeeping);
    http_server_stop(s->http, STOP_GRACE_MS);
    audit_close(s->audit); /* its last checkpoint goes into the store */
    store_close(s->store); /* and whom it tells of late changes is still there */
    signing_key_done(&s->audit_key);
    oidc_free(s->oidc);
    instruments_free(s->instruments);
    for (enum key_use use = 0; use < KEY_USE_COUNT; use++)
        keyring_free(s->attestation.keys[use]);
    providers_free(s->attestation.providers);
    vouch_cache_free(s->attestation.vouched);
    challenges_free(s->attestation.challenges);
    enrolments_free(s->management.enrolments);
    trust_slot_free(s->management.ak_roots);
    trust_slot_free(s->management.ek_roots);
    tls_done(s);
    ca_free(s->token_ca);
    ca_free(s->ak_ca);
    ca_free(s->root_ca);
    rate_limiter_free(s->per_address);
    rate_limiter_free(s->per_address_costly);
    rate_limiter_free(s->per_vm);
    wipe(s->monitor.nonce_key, sizeof s->monitor.nonce_key);
    arena_done(&s->arena);
    *s = (struct server){ 0 };
}

void server_list_routes(FILE *to)
{
    const struct http_routes tables[] = { { attestation_routes, attestation_n_routes, NULL },
                                          { monitor_routes, monitor_n_routes, NULL },
                                          { management_routes, management_n_routes, NULL },
                                          { provider_routes, provider_n_routes, NULL },
                                          { key_routes, key_n_routes, NULL },
                                          { probes_standard_routes, probes_n_standard_routes, NULL } };

    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (size_t r = 0; r < tables[t].n; r++)
            fprintf(to, "%s %s %s\n", tables[t].routes[r].method, tables[t].routes[r].pattern, http_role_name(tables[t].routes[r].role));
}
