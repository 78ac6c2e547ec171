/* The inventory: which VMs there are and how they are meant to be. */
#include "base/limits.h"
#include "base/uuid.h"
#include "http/server/condition.h"
#include "management/management.h"
#include "store/providers.h"

static bool find_vm(const struct management *m, const struct http_request *request, struct store_vm *ret, struct err *err)
{
    struct bytes wanted = http_param(request, "vm");
    char uuid[UUID_TEXT_LEN];
    const char *name = arena_string(request->arena, wanted);
    bool found;

    if (!name)
        return err_set(err, ERR_NO_MEMORY, "no memory for a name");
    found = uuid_canonical(wanted, uuid) ? store_vm_get(m->store, request->arena, uuid, ret, err)
                                         : store_vm_by_name(m->store, request->arena, name, ret, err);
    return found || (err->code == ERR_NOT_FOUND && (err_set(err, ERR_NOT_FOUND, "there is no VM named %.64s", name) ||
                                                    err_remedy(err, "docs/operations.md", "trueboot vm list")));
}

static void write_vm(struct json_out *out, const struct store_vm *vm)
{
    json_begin_object(out, NULL);
    json_put_string(out, "name", vm->name);
    json_put_string(out, "uuid", vm->vm);
    json_put_time(out, "created", vm->created_ms);
    json_put_string(out, "securityType", vm->security_type);
    json_put_boolean(out, "secureBoot", vm->secure_boot);
    json_put_boolean(out, "vtpm", vm->vtpm);
    json_put_boolean(out, "monitoring", vm->monitoring_enabled_ms != 0);
    json_put_string(out, "power", store_power_name(vm->power));
    json_put_string(out, "host", vm->host);
    json_end(out);
}

static const char *etag_of(const struct http_request *request, const struct store_vm *vm)
{
    const char *etag = http_etag(request->arena, vm->created_ms, vm->version);

    return etag ? etag : "";
}

static bool answer(const struct http_request *request, struct http_response *response, unsigned status, const struct store_vm *vm)
{
    struct json_out out = http_response_json(response, status);

    write_vm(&out, vm);
    http_response_header(response, "ETag", etag_of(request, vm));
    return true;
}

bool server_get(void *context, const struct http_request *request UNUSED, struct http_response *response, struct err *err UNUSED)
{
    const struct management *m = context;
    struct json_out out = http_response_json(response, 200);

    json_begin_object(&out, NULL);
    json_put_string(&out, "version", m->version);
    json_put_string(&out, "dataDir", m->data_dir);
    json_put_string(&out, "url", m->url);
    json_put_string(&out, "profile", m->profile);
    json_put_string(&out, "caPem", m->ca_pem);
    refdata_put(&out, "reference", m->reference);
    json_end(&out);
    return true;
}

/* Lower-case letters, digits and hyphens, as the host side has it, so that a name is safe in a path, a URL and a page. */
static bool check_name(struct bytes name, struct err *err)
{
    bool fine = name.len >= 1 && name.len < LIMIT_NAME_BYTES && name.data[0] != '-';

    for (size_t i = 0; i < name.len; i++)
        fine =
            fine && ((name.data[i] >= 'a' && name.data[i] <= 'z') || (name.data[i] >= '0' && name.data[i] <= '9') || name.data[i] == '-');
    return fine ||
           err_set(err, ERR_MALFORMED, "name: lower-case letters, digits and hyphens, at most %d, not a hyphen first",
                   LIMIT_NAME_BYTES - 1) ||
           err_at(err, "/name");
}

static bool read_flag(const struct json *body, const char *name, bool otherwise, bool *ret, struct err *err)
{
    const struct json *member = json_get(body, name);

    *ret = otherwise;
    return !member || json_as_boolean(member, ret) || err_set(err, ERR_MALFORMED, "%s is not true or false", name) ||
           err_at(err, "/%s", name);
}

static bool read_power(const struct json *body, struct store_vm *vm, int64_t now_ms, struct err *err)
{
    const struct json *member = json_get(body, "power");
    enum store_power power = vm->power;

    if (!member)
        return true;
    if (json_is_string(member, "running"))
        power = STORE_POWER_RUNNING;
    else if (json_is_string(member, "off"))
        power = STORE_POWER_OFF;
    else if (json_is_string(member, "unknown"))
        power = STORE_POWER_UNKNOWN;
    else
        return err_set(err, ERR_MALFORMED, "power is not \"running\", \"off\" or \"unknown\"") || err_at(err, "/power");
    vm->power = power;
    vm->power_since_ms = now_ms;
    return true;
}

/* The members that creating and changing have in common. */
static bool read_settings(const struct json *body, struct store_vm *vm, int64_t now_ms, struct err *err)
{
    bool monitoring;

    if (!read_flag(body, "secureBoot", vm->secure_boot, &vm->secure_boot, err) || !read_flag(body, "vtpm", vm->vtpm, &vm->vtpm, err) ||
        !read_flag(body, "monitoring", vm->monitoring_enabled_ms != 0, &monitoring, err) || !read_power(body, vm, now_ms, err))
        return false;
    if (!monitoring)
        vm->monitoring_enabled_ms = 0;
    else if (vm->monitoring_enabled_ms == 0)
        vm->monitoring_enabled_ms = now_ms;
    return true;
}

bool vm_post(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    static const struct json_options options = { .refuse_duplicates = true };
    const struct management *m = context;
    int64_t now = m->now_ms();
    struct store_vm vm = {
        .created_ms = now, .security_type = "TrustedLaunch", .secure_boot = true, .vtpm = true, .power = STORE_POWER_UNKNOWN
    };
    struct bytes name, uuid_text, type;
    char uuid[UUID_TEXT_LEN];
    const struct json *body;

    if (!http_body_json(request, &options, &body, err) || !json_need_string(body, "name", &name, err) || !check_name(name, err) ||
        !json_need_string(body, "uuid", &uuid_text, err))
        return false;
    if (!uuid_canonical(uuid_text, uuid))
        return err_set(err, ERR_MALFORMED, "uuid is not a UUID") || err_at(err, "/uuid");
    type = json_text(json_get(body, "securityType"), BYTES_LIT("TrustedLaunch"));
    if (!bytes_equal_string(type, "TrustedLaunch") && !bytes_equal_string(type, "Standard"))
        return err_set(err, ERR_MALFORMED, "securityType is not \"TrustedLaunch\" or \"Standard\"") || err_at(err, "/securityType");
    vm.vm = uuid;
    vm.name = arena_string(request->arena, name);
    vm.security_type = arena_string(request->arena, type);
    if (!vm.name || !vm.security_type)
        return err_set(err, ERR_NO_MEMORY, "no memory for a VM");
    if (!read_settings(body, &vm, now, err))
        return false;
    if (!store_vm_create(m->store, &vm, err))
        return err->code == ERR_CONFLICT
                   ? err_set(err, ERR_CONFLICT, "a VM with this name or UUID exists already: `trueboot vm show %s`", vm.name) ||
                         err_remedy(err, "docs/operations.md", "trueboot vm show %s", vm.name)
                   : false;
    vm.version = 1;
    return answer(request, response, 201, &vm);
}

bool vm_list_get(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    enum { PAGE = 100 };
    const struct management *m = context;
    struct bytes after = BYTES_NONE;
    const struct store_vm *vms;
    struct json_out out;
    size_t n;

    if (http_query_count(request, "after") && !http_query(request, "after", &after, err))
        return false;
    if (!store_vm_list(m->store, request->arena, after.len ? arena_string(request->arena, after) : NULL, PAGE, &vms, &n, err))
        return false;
    out = http_response_json(response, 200);
    json_begin_object(&out, NULL);
    json_begin_array(&out, "value");
    for (size_t i = 0; i < n; i++)
        write_vm(&out, &vms[i]);
    json_end(&out);
    json_put_string(&out, "next", n == PAGE ? vms[n - 1].name : NULL);
    json_end(&out);
    return true;
}

bool vm_get_one(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    struct store_vm vm;

    if (!find_vm(context, request, &vm, err))
        return false;
    return !http_condition_holds(request, response, etag_of(request, &vm)) || answer(request, response, 200, &vm);
}

bool vm_patch(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    static const struct json_options options = { .refuse_duplicates = true };
    const struct management *m = context;
    const struct json *body;
    struct store_vm vm;

    if (!http_body_json(request, &options, &body, err) || !find_vm(m, request, &vm, err))
        return false;
    if (!http_condition_holds(request, response, etag_of(request, &vm)))
        return true;
    return read_settings(body, &vm, m->now_ms(), err) && store_vm_update(m->store, &vm, &vm.version, err) &&
           answer(request, response, 200, &vm);
}

/* What the monitor remembers of a TPM means nothing for the next one. */
static bool forget_tpm(const struct management *m, struct arena *a, const char *vm, struct err *err)
{
    const char *keys[] = { arena_printf(a, STORE_SETTING_MEMORY, vm), arena_printf(a, STORE_SETTING_BOOTS, vm),
                           arena_printf(a, STORE_SETTING_IMA, vm), arena_printf(a, STORE_SETTING_REFUSED, vm) };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!keys[i])
            return err_set(err, ERR_NO_MEMORY, "no memory for a note");
        if (!store_setting_delete(m->store, keys[i], err) && err->code != ERR_NOT_FOUND)
            return false;
    }
    return true;
}

/* forget_duplicate takes the mark off the VM and off the one it shared a TPM with. */
static bool forget_duplicate(const struct management *m, struct arena *a, const char *vm, struct err *err)
{
    const char *key = arena_printf(a, STORE_SETTING_DUPLICATE, vm), *twin;
    struct bytes other;

    if (!key)
        return err_set(err, ERR_NO_MEMORY, "no memory for a note");
    if (!store_setting_get(m->store, a, key, &other, err))
        return err->code == ERR_NOT_FOUND;
    if (!store_setting_delete(m->store, key, err))
        return false;
    twin = arena_string(a, bytes_slice(other, 0, UUID_TEXT_LEN - 1));
    key = twin ? arena_printf(a, STORE_SETTING_DUPLICATE, twin) : NULL;
    if (!key)
        return err_set(err, ERR_NO_MEMORY, "no memory for a note");
    return store_setting_delete(m->store, key, err) || err->code == ERR_NOT_FOUND;
}

bool vm_remove(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    struct store_vm vm;

    if (!find_vm(m, request, &vm, err))
        return false;
    if (!http_condition_holds(request, response, etag_of(request, &vm)))
        return true;
    if (!forget_duplicate(m, request->arena, vm.vm, err) || !store_vm_delete(m->store, vm.vm, true, err) ||
        !forget_tpm(m, request->arena, vm.vm, err))
        return false;
    response->status = 204;
    return true;
}

bool vm_release_identity(void *context, const struct http_request *request, struct http_response *response, struct err *err)
{
    const struct management *m = context;
    struct store_vm vm;

    if (!find_vm(m, request, &vm, err) || !forget_duplicate(m, request->arena, vm.vm, err) ||
        !store_identity_release(m->store, vm.vm, err) || !store_provider_identity_release(m->store, vm.vm, err) ||
        !forget_tpm(m, request->arena, vm.vm, err))
        return false;
    response->status = 204;
    return true;
}
