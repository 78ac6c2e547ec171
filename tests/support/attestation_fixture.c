#define _GNU_SOURCE
#include "support/attestation_fixture.h"
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "attestation/keys_api.h"
#include "attestation/resource/provider_api.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "eventlog/log/log.h"
#include "eventlog/replay/replay.h"
#include "jose/jwk.h"
#include "keystore/keystore.h"
#include "support/test.h"
#include "tpm/key_template.h"
#include "unit/bootchain/log_builder.h"

int64_t fixture_time;

int64_t fixture_now_ms(void) { return fixture_time; }

static bool fail(const char *what, const struct err *err)
{
    test_note("%s: %s", what, err->text);
    return false;
}

/* A fixture is a test's ground: running out of memory under it ends the program. */
static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

const struct privkey *test_key(enum privkey_kind kind, unsigned number)
{
    static struct privkey *keys[3][32];
    struct err err = ERR_INIT;

    if (number >= ARRAY_LEN(keys[kind]))
        abort();
    if (!keys[kind][number] && !privkey_generate(kind, &keys[kind][number], &err))
        abort();
    return keys[kind][number];
}

const char *fixture_path(struct fixture *f, const char *name) { return need(arena_printf(&f->a, "%s/%s", f->folder, name)); }

/* ---- the server -------------------------------------------------------------------------------------------------------- */

/* One key of each kind serves both families: each test program makes few. */
static bool make_ring(struct fixture *f, enum key_use use, const struct privkey *key, bool ca_issued, struct err *err)
{
    struct cert *leaf CLEANUP(cert_free_at) = NULL;
    const struct cert *chain[CA_CHAIN_MAX + 1];
    struct signing_key signer;
    struct bytes pem;
    size_t n = 0;

    if (!privkey_to_pem(key, &f->a, &pem, err) ||
        !(ca_issued ? ca_issue_token_signer(f->token_ca, "attestation", privkey_public(key), fixture_time, CA_VALIDITY_MS, &leaf, err)
                    : ca_self_signed_signer(key, FIXTURE_ISSUER, fixture_time, CA_VALIDITY_MS, &leaf, err)))
        return false;
    chain[n++] = leaf;
    for (size_t i = 0; ca_issued && i < ca_chain_len(f->token_ca); i++)
        chain[n++] = ca_cert(f->token_ca, i);
    return signing_key_init(&signer, ca_issued ? SIGNING_CA_ISSUED : SIGNING_SELF_SIGNED, pem, chain, n, err) &&
           keyring_of_key(&signer, &f->attestation.keys[use], err);
}

static bool make_keys(struct fixture *f, struct err *err)
{
    const struct privkey *rsa = test_key(PRIVKEY_RSA_2048, 31), *ec = test_key(PRIVKEY_P256, 31);

    return make_ring(f, KEY_USE_REPORT, rsa, true, err) && make_ring(f, KEY_USE_TOKEN, rsa, false, err) &&
           make_ring(f, KEY_USE_REPORT_ES256, ec, true, err) && make_ring(f, KEY_USE_TOKEN_ES256, ec, false, err) &&
           make_ring(f, KEY_USE_RECORD, ec, false, err);
}

const struct pubkey *fixture_key(struct fixture *f, enum key_use use)
{
    const struct signing_key *key;
    struct err err = ERR_INIT;

    if (!keyring_signer(f->attestation.keys[use], fixture_time, 0, &key, &err))
        abort();
    return privkey_public(key->key);
}

static bool trust_host_ca(struct fixture *f, struct err *err)
{
    char sha256[2 * CERT_SHA256_LEN + 1];
    const struct cert *cert = ca_cert(f->host_ca, 0);
    struct store_root root = {
        .kind = STORE_ROOT_EK, .provider = "", .sha256 = sha256, .der = cert->der, .role = STORE_ROOT_CA, .added_ms = fixture_time
    };

    hex_encode((struct bytes){ cert->sha256, CERT_SHA256_LEN }, sha256);
    return store_root_add(f->store, &root, NULL, err);
}

static bool start_management(struct fixture *f, struct err *err)
{
    struct management *m = &f->management;
    struct trust_store *ak, *ek;

    *m = (struct management){ .store = f->store,
                              .ak_ca = f->ak_ca,
                              .version = "0",
                              .data_dir = f->folder,
                              .url = FIXTURE_ISSUER,
                              .profile = "default",
                              .ca_pem = "",
                              .now_ms = fixture_now_ms };
    return trust_host_ca(f, err) && roots_load(m, STORE_ROOT_AK, "", &ak, err) && trust_slot_new(ak, &m->ak_roots, err) &&
           roots_load(m, STORE_ROOT_EK, "", &ek, err) && trust_slot_new(ek, &m->ek_roots, err) && enrolments_new(&m->enrolments, err);
}

static void provider_of_host(void *context, struct bytes host, char *ret, size_t size)
{
    const struct provider *p CLEANUP(provider_free_at) = NULL;
    struct err ignored = ERR_INIT; /* whoever enrols by a name that nobody has enrols here, as ever */

    snprintf(ret, size, "%s", providers_by_host(context, host, &p, &ignored) && !p->shared ? p->name : "");
}

static bool reload_provider(void *context, const char *provider, struct err *err) { return providers_reload(context, provider, err); }

static bool start_attestation(struct fixture *f, struct err *err)
{
    struct attestation_service *s = &f->attestation;
    const struct providers_config providers = { .store = f->store,
                                                .shared_name = "shared",
                                                .shared_issuer = FIXTURE_ISSUER,
                                                .shared_location = "local",
                                                .server_ak_ca = ca_cert(f->ak_ca, 0) };

    s->store = f->store;
    s->issuer = FIXTURE_ISSUER;
    s->provider = "shared";
    s->ak_roots = f->management.ak_roots;
    s->keep_evidence = 5;
    s->now_ms = fixture_now_ms;
    if (!providers_new(&providers, &s->providers, err))
        return false;
    f->management.reload_provider = reload_provider;
    f->management.provider_of_host = provider_of_host;
    f->management.providers_context = s->providers;
    return vouch_cache_new(64, &s->vouched, err) && challenges_new(&s->challenges, err);
}

static bool start_monitor(struct fixture *f, struct err *err)
{
    f->provider = (struct trusted_provider){ .issuer = FIXTURE_ISSUER,
                                             .provider = "shared",
                                             .reports = f->attestation.keys[KEY_USE_REPORT],
                                             .records = f->attestation.keys[KEY_USE_RECORD] };
    f->monitor = (struct monitor){ .store = f->store,
                                   .providers = &f->provider,
                                   .n_providers = 1,
                                   .times = &health_times_default,
                                   .profile = "default",
                                   .now_ms = fixture_now_ms };
    return monitor_init(&f->monitor, err);
}

bool fixture_start(struct fixture *f)
{
    struct err err = ERR_INIT;
    int64_t start;

    snprintf(f->folder, sizeof f->folder, "/tmp/trueboot-fixture-XXXXXX");
    if (!mkdtemp(f->folder) || !clock_parse(BYTES_LIT("2026-11-21T12:00:00Z"), &start))
        return false;
    fixture_time = start;
    if (!ca_new("root", start, &f->root_ca, &err) || !ca_new_below(f->root_ca, "AK CA", start, &f->ak_ca, &err) ||
        !ca_new_below(f->root_ca, "token CA", start, &f->token_ca, &err) || !ca_new("host CA", start, &f->host_ca, &err) ||
        !make_keys(f, &err) || !store_open(fixture_path(f, "test.db"), &f->store, &err) || !start_management(f, &err) ||
        !start_attestation(f, &err) || !start_monitor(f, &err))
        return fail("fixture", &err);
    f->tables[0] = (struct http_routes){ attestation_routes, attestation_n_routes, &f->attestation };
    f->tables[1] = (struct http_routes){ monitor_routes, monitor_n_routes, &f->monitor };
    f->tables[2] = (struct http_routes){ management_routes, management_n_routes, &f->management };
    f->tables[4] = (struct http_routes){ key_routes, key_n_routes, &f->attestation };
    f->tables[3] = (struct http_routes){ provider_routes, provider_n_routes, &f->attestation };
    return true;
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    char path[512];

    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (dir)
        closedir(dir);
    rmdir(folder);
}

void fixture_done(struct fixture *f)
{
    enrolments_free(f->management.enrolments);
    trust_slot_free(f->management.ak_roots);
    trust_slot_free(f->management.ek_roots);
    vouch_cache_free(f->attestation.vouched);
    providers_free(f->attestation.providers);
    challenges_free(f->attestation.challenges);
    for (enum key_use use = 0; use < KEY_USE_COUNT; use++)
        keyring_free(f->attestation.keys[use]);
    store_close(f->store);
    ca_free(f->host_ca);
    ca_free(f->token_ca);
    ca_free(f->ak_ca);
    ca_free(f->root_ca);
    arena_done(&f->a);
    remove_folder(f->folder);
}

/* ---- calls ------------------------------------------------------------------------------------------------------------- */

static const char *text_of(struct arena *a, const struct json *v) { return need(arena_string(a, json_text(v, BYTES_NONE))); }

static void read_answer(struct arena *a, struct answer *ret)
{
    const struct json *error;
    struct err err = ERR_INIT;

    ret->status = ret->response.status;
    if (!arena_copy(a, writer_bytes(&ret->response.body), &ret->body))
        abort();
    writer_done(&ret->response.body);
    if (!json_parse(a, ret->body, NULL, &ret->json, &err))
        ret->json = NULL;
    error = json_get(ret->json, "error");
    ret->code = text_of(a, json_get(error, "code"));
    ret->message = text_of(a, json_get(error, "message"));
    ret->inner = text_of(a, json_at(error, "innererror", "code", NULL));
}

static bool check_caller(struct fixture *f, const struct call *call, void *context, struct http_request *request,
                         struct http_response *response)
{
    struct err err = ERR_INIT;
    bool is_agent;

    request->caller = (struct http_caller){ call->as, call->as == HTTP_ANONYMOUS ? NULL : "uid 0", call->scope };
    if (call->authorization && !monitor_identify_agent(&f->monitor, request, &is_agent, &request->caller, &err)) {
        if (err.code == ERR_UNTRUSTED || err.code == ERR_MALFORMED)
            http_response_error(response, 401, "Unauthorized", NULL, "%s", err.text);
        else
            http_response_err(response, &err);
        return false;
    }
    if (request->route->locate && !request->route->locate(context, request, &err) &&
        http_role_suffices(request->caller.role, request->route->role)) {
        http_response_err(response, &err);
        return false;
    }
    if (!http_caller_may(&request->caller, request, request->route->role)) {
        http_response_error(response, request->caller.role == HTTP_ANONYMOUS ? 401 : 403, "Unauthorized", NULL, "no");
        return false;
    }
    return true;
}

static void dispatch(struct fixture *f, const struct call *call, struct arena *a, const char *method, struct http_response *response)
{
    struct http_request request = { .arena = a, .method = method, .body = call->body };
    struct bytes path = bytes_of_string(call->path), query = BYTES_NONE;
    size_t question = bytes_find(path, BYTES_LIT("?"));
    struct http_field *headers = need(ARENA_ARRAY(a, 2, struct http_field));
    struct http_target target;
    enum http_match match;
    struct err err = ERR_INIT;

    if (question != SIZE_MAX) {
        query = bytes_slice(path, question + 1, path.len);
        path.len = question;
    }
    request.path = path;
    request.headers.items = headers;
    if (call->authorization)
        headers[request.headers.n++] = (struct http_field){ BYTES_LIT("Authorization"), bytes_of_string(call->authorization) };
    if (call->host)
        headers[request.headers.n++] = (struct http_field){ BYTES_LIT("Host"), bytes_of_string(call->host) };
    if (!http_query_parse(a, query, &request.query, &err) ||
        !http_route_find(f->tables, ARRAY_LEN(f->tables), a, method, path, &match, &target, &err)) {
        http_response_err(response, &err);
        return;
    }
    if (match != HTTP_MATCHED) {
        http_response_error(response, match == HTTP_WRONG_METHOD ? 405 : 404, "NotFound", NULL, "no");
        return;
    }
    request.params = target.params;
    request.route = target.route;
    if (call->body.len > target.route->max_body && target.route->content != HTTP_NO_BODY) {
        http_response_error(response, 413, "PayloadTooLarge", NULL, "no");
        return;
    }
    if (!check_caller(f, call, target.context, &request, response))
        return;
    if (!target.route->handler(target.context, &request, response, &err))
        http_response_err(response, &err);
}

void fixture_call(struct fixture *f, const struct call *call, struct answer *ret)
{
    struct arena *a = call->arena ? call->arena : &f->a;
    const char *method = call->method ? call->method : call->body.len ? "POST" : "GET";

    *ret = (struct answer){ .response = { .arena = a, .status = 200 } };
    dispatch(f, call, a, method, &ret->response);
    read_answer(a, ret);
}

bool fixture_provider(struct fixture *f, const char *name, const char *profile, const char *policy)
{
    const char *path = arena_printf(&f->a, "/v1/providers/%s", name), *jws;
    struct answer answer;

    fixture_ask(
        f, &answer, "PUT", path,
        "{\"location\":\"local\",\"properties\":{\"tpmAttestationAuthentication\":\"Disabled\",\"trueboot\":{\"tokenProfile\":\"%s\"}}}",
        profile);
    if (answer.status != 201 && answer.status != 200) {
        test_note("%u %s", answer.status, answer.message);
        return false;
    }
    f->at = need(arena_printf(&f->a, "/providers/%s", name));
    jws = arena_printf(&f->a, "{\"AttestationPolicy\":\"%s\"}", base64_in(&f->a, BASE64_URL, bytes_of_string(policy)));
    jws = arena_printf(&f->a, "eyJhbGciOiJub25lIn0.%s.", base64_in(&f->a, BASE64_URL, bytes_of_string(need((char *)jws))));
    path = arena_printf(&f->a, "%s/policies/Tpm" FIXTURE_API, f->at);
    fixture_call(f, &(struct call){ .method = "PUT", .path = path, .body = bytes_of_string(need((char *)jws)), .as = HTTP_OWNER }, &answer);
    if (answer.status != 200)
        test_note("%u %s", answer.status, answer.message);
    return answer.status == 200;
}

void fixture_ask(struct fixture *f, struct answer *ret, const char *method, const char *path, const char *json, ...)
{
    struct call call = { .method = method, .path = path, .as = HTTP_OWNER };
    char *text = NULL;
    va_list args;

    if (json) {
        va_start(args, json);
        CHECK(vasprintf(&text, json, args) >= 0);
        va_end(args);
        call.body = bytes_of_string(need(arena_string(&f->a, bytes_of_string(text))));
        free(text);
    }
    fixture_call(f, &call, ret);
}

/* ---- machines ------------------------------------------------------------------------------------------------------------ */

/* Registers that no event extends have their reset value. */
static void fill_registers(struct pcr_set *set)
{
    for (size_t b = 0; b < set->n_banks; b++)
        for (unsigned pcr = 0; pcr < LIMIT_PCRS; pcr++)
            if (!(set->banks[b].present >> pcr & 1)) {
                pcr_reset_value(set->banks[b].algorithm, pcr, &set->banks[b].value[pcr]);
                set->banks[b].present |= 1u << pcr;
            }
}

static void replace_text(struct built_log *log, size_t at, const char *prefix, const char *text)
{
    const char *data = need(arena_printf(log->a, "%s%s", prefix, text));

    log->events[at].data = (struct bytes){ (const uint8_t *)data, strlen(data) + 1 };
    log->events[at].hashed = bytes_of_string(text);
}

/* The variable's event that was built last takes the place of the one there. */
static void move_last_to(struct built_log *log, size_t at) { log->events[at] = log->events[--log->n]; }

static void shape_keys(struct built_log *log, const struct stock *at, const struct boot_shape *shape)
{
    uint8_t hashes[16][32] = { { 0 } };

    if (shape->dbx > ARRAY_LEN(hashes))
        abort();
    for (size_t i = 0; i < shape->dbx; i++)
        hashes[i][0] = (uint8_t)(i + 1); /* the stock list has the first two */
    if (shape->dbx) {
        built_variable(log, 7, log->events[at->dbx].type, (const char *)log->events[at->dbx].data.data, "dbx",
                       built_hash_list(log->a, hashes, shape->dbx));
        move_last_to(log, at->dbx);
    }
    if (shape->sbat) {
        built_variable(log, 7, log->events[at->sbat].type, (const char *)log->events[at->sbat].data.data, "SbatLevel",
                       bytes_of_string(shape->sbat));
        move_last_to(log, at->sbat);
    }
}

static void shape_log(struct built_log *log, const struct stock *at, const struct boot_shape *shape)
{
    struct built_event *secure_boot = &log->events[at->secure_boot];

    if (shape->command_line) {
        replace_text(log, at->cmdline, "kernel_cmdline: ", shape->command_line);
        replace_text(log, at->linux_command, "grub_cmd: ", need(arena_printf(log->a, "linux %s", shape->command_line)));
    }
    shape_keys(log, at, shape);
    if (shape->initrd)
        log->events[at->initrd_file].hashed = bytes_of_string(shape->initrd);
    if (shape->kernel)
        log->events[at->kernel].hashed = bytes_of_string(shape->kernel);
    if (shape->secure_boot_off) {
        struct bytes off;
        if (!arena_copy(log->a, secure_boot->data, &off))
            abort();
        ((uint8_t *)off.data)[off.len - 1] = 0;
        secure_boot->data = secure_boot->hashed = off;
        log->events[at->authority_db].gone = log->events[at->authority_shim].gone = true;
    }
    for (size_t i = at->config_command; shape->silent_loader && i <= at->initrd_file; i++)
        log->events[i].gone |= log->events[i].pcr == 8 || log->events[i].pcr == 9;
}

bool test_boot_make(struct arena *a, const struct boot_shape *shape, struct test_boot *ret)
{
    struct eventlog *log = need(ARENA_NEW(a, struct eventlog));
    struct built_log *built = need(ARENA_NEW(a, struct built_log));
    struct err err = ERR_INIT;
    struct stock at;

    built_stock(a, built, &at);
    shape_log(built, &at, shape);
    *ret = (struct test_boot){ .log = built_bytes(built), .clock = { 100000, 7, 3, true } };
    if (!eventlog_parse(a, ret->log, log, &err))
        return fail("log", &err);
    replay_compute(log, &ret->registers);
    fill_registers(&ret->registers);
    for (size_t i = 0; shape->unlogged && i < ret->registers.n_banks; i++) {
        struct digest digest;

        digest_compute(ret->registers.banks[i].algorithm, bytes_of_string(shape->unlogged), &digest);
        digest_extend(&ret->registers.banks[i].value[USER_SPACE_PCR], digest_bytes(&digest));
    }
    return true;
}

static struct bytes encode_public(struct arena *a, const struct tpm_public *pub)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct bytes ret;

    tpm_public_encode_2b(&w, pub);
    if (!writer_ok(&w) || !arena_copy(a, writer_bytes(&w), &ret))
        abort();
    return ret;
}

bool fixture_new_ak(struct fixture *f, struct test_vm *vm, const struct privkey *ak)
{
    const struct pubkey *key = privkey_public(ak);
    struct tpm_public pub;
    struct err err = ERR_INIT;

    if (!ak_template(&f->a, AK_RSA2048, 0, &pub, &err))
        return fail("AK", &err);
    if (pubkey_type(key) == KEY_RSA) {
        pub.rsa_n = pubkey_rsa_n(key);
    } else {
        pub.type = TPM_ALG_ECC;
        pub.scheme = (struct tpm_scheme){ .algorithm = TPM_ALG_ECDSA, .hash = digest_tpm_id(DIGEST_SHA256) };
        pub.kdf = (struct tpm_scheme){ .algorithm = TPM_ALG_NULL };
        pub.curve_id = TPM_CURVE_P256;
        pub.rsa_bits = 0;
        pub.rsa_exponent = 0;
        pub.rsa_n = BYTES_NONE;
        pub.ecc_x = pubkey_ec_x(key);
        pub.ecc_y = pubkey_ec_y(key);
    }
    vm->ak = ak;
    vm->ak_public = encode_public(&f->a, &pub);
    if (!tpm_public_name(&pub, &vm->ak_name_value, &err))
        return fail("AK", &err);
    vm->ak_name = tpm_name_bytes(&vm->ak_name_value);
    return true;
}

struct test_vm *fixture_machine(struct fixture *f, const char *name, unsigned number)
{
    struct test_vm *vm = need(ARENA_NEW(&f->a, struct test_vm));
    struct tpm_public ek;
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    vm->name = name;
    vm->counter = 1000;
    snprintf(vm->uuid, sizeof vm->uuid, "11111111-2222-4333-8444-%012u", number);
    vm->ek = test_key(PRIVKEY_RSA_2048, number);
    ek_template(EK_RSA2048, &ek);
    ek.rsa_n = pubkey_rsa_n(privkey_public(vm->ek));
    vm->ek_public = encode_public(&f->a, &ek);
    if (!fixture_new_ak(f, vm, test_key(PRIVKEY_P256, number)) || !test_boot_make(&f->a, &(struct boot_shape){ 0 }, &vm->boot) ||
        !ca_issue_ek(f->host_ca, need(arena_printf(&f->a, "%s:%s", name, vm->uuid)), privkey_public(vm->ek), fixture_time, &cert, &err) ||
        !arena_copy(&f->a, cert->der, &vm->ek_cert))
        abort();
    return vm;
}

bool fixture_add_to_inventory(struct fixture *f, const struct test_vm *vm)
{
    struct store_vm row = { .vm = vm->uuid,
                            .name = vm->name,
                            .created_ms = fixture_time,
                            .security_type = "TrustedLaunch",
                            .secure_boot = true,
                            .vtpm = true,
                            .monitoring_enabled_ms = fixture_time,
                            .power = STORE_POWER_RUNNING,
                            .power_since_ms = fixture_time };
    struct err err = ERR_INIT;

    return store_vm_create(f->store, &row, &err) || fail("inventory", &err);
}

bool fixture_enrol(struct fixture *f, struct test_vm *vm)
{
    char ek_sha256[2 * 32 + 1];
    struct digest ek;
    struct store_identity identity = { .vm = vm->uuid, .ak_name = need(hex_in(&f->a, vm->ak_name)), .enrolled_ms = fixture_time };
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err err = ERR_INIT;

    digest_compute(DIGEST_SHA256, vm->ek_cert, &ek);
    hex_encode(digest_bytes(&ek), ek_sha256);
    identity.ek_cert_sha256 = ek_sha256;
    if (!ca_issue_ak(f->ak_ca, vm->uuid, privkey_public(vm->ak), fixture_time, &cert, &err) || !arena_copy(&f->a, cert->der, &vm->ak_cert))
        return fail("AK certificate", &err);
    identity.ak_cert = vm->ak_cert;
    return store_identity_register(f->store, &identity, NULL, &err) || fail("identity", &err);
}

struct test_vm *fixture_vm(struct fixture *f, const char *name)
{
    struct test_vm *vm;
    struct err err = ERR_INIT;
    int64_t n;

    if (!store_vm_count(f->store, &n, &err))
        abort();
    vm = fixture_machine(f, name, (unsigned)n + 1);
    if (!fixture_add_to_inventory(f, vm) || !fixture_enrol(f, vm))
        abort();
    return vm;
}

bool fixture_reboot(struct fixture *f, struct test_vm *vm, const struct boot_shape *shape)
{
    struct tpm_clock_info clock = vm->boot.clock;

    if (!test_boot_make(&f->a, shape, &vm->boot))
        return false;
    clock.reset_count++;
    clock.restart_count = 0;
    clock.clock_ms += 60000;
    vm->boot.clock = clock;
    return true;
}

const char *fixture_kid(struct fixture *f, struct bytes ak_name)
{
    struct digest kid;

    digest_compute(DIGEST_SHA256, ak_name, &kid);
    return need(base64_in(&f->a, BASE64_URL, digest_bytes(&kid)));
}

const char *fixture_sign_claims(struct fixture *f, const struct privkey *ak, const char *kid, const char *claims)
{
    bool rsa = pubkey_type(privkey_public(ak)) == KEY_RSA;
    const char *header = need(arena_printf(&f->a, "{\"alg\":\"%s\",\"kid\":\"%s\"}", rsa ? "RS256" : "ES256", kid));
    struct bytes compact;
    struct err err = ERR_INIT;

    if (!jws_sign(&f->a, ak, rsa ? JWS_RS256 : JWS_ES256, bytes_of_string(header), bytes_of_string(claims), &compact, &err))
        abort();
    return need(arena_printf(&f->a, "TrueBoot-AK %.*s", BYTES_FMT(compact)));
}

const char *fixture_authorization(struct fixture *f, struct test_vm *vm, const char *method, const char *path, struct bytes body)
{
    struct digest digest;
    const char *claims;

    digest_compute(DIGEST_SHA256, body, &digest);
    claims = need(arena_printf(&f->a, "{\"vm\":\"%s\",\"htm\":\"%s\",\"htu\":\"%s\",\"bh\":\"%s\",\"iat\":%lld,\"ctr\":%lld}", vm->uuid,
                               method, path, (char *)need(base64_in(&f->a, BASE64_URL, digest_bytes(&digest))),
                               (long long)(fixture_time / 1000), (long long)++vm->counter));
    return fixture_sign_claims(f, vm->ak, fixture_kid(f, vm->ak_name), claims);
}

size_t fixture_appraisals(struct fixture *f, const char *vm, const char **ret_verdict)
{
    const struct store_appraisal *rows;
    struct err err = ERR_INIT;
    size_t n;

    if (!store_appraisal_list(f->store, &f->a, vm, (struct store_cursor){ 0 }, 100, &rows, &n, &err))
        abort();
    if (ret_verdict)
        *ret_verdict = n ? rows[0].verdict : "";
    return n;
}

void fixture_send_raced(struct fixture *f, const struct test_vm *vm)
{
    struct attestation t;
    struct answer answer;
    struct pcr_set quoted;

    fixture_time += 60 * 1000;
    if (!attestation_begin(f, vm, &t))
        abort();
    quoted = t.shown;
    quoted.banks[0].value[10].value[0] ^= 1;
    t.quote.pcrs = &quoted;
    attestation_send(&t, &answer);
    CHECK_STRING(answer.inner, "quote.pcr_digest");
}
