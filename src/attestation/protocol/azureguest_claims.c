#include "attestation/protocol/azureguest_claims.h"
#include <ctype.h>
#include "base/base64.h"
#include "base/uuid.h"
#include "bootchain/chain/keys.h"
#include "bootchain/chain/revoked.h"
#include "eventlog/replay/replay.h"
#include "eventlog/software/sipa.h"
#include "jose/jwk.h"
#include "policy/claim_list.h"

enum { SIPA_ELAM_AGGREGATION = 0x40010002, SIPA_VBS_HVCI_POLICY = 0x000a0007 };

struct building {
    struct arena *a;
    struct azureguest_claim items[CLAIM_COUNT]; /* each row of the list at most once */
    size_t n;
    struct policy_claim policy[CLAIM_COUNT + LIMIT_PCRS];
    size_t n_policy;
    bool bad;
};

/* ---- one claim: a member of the token, and what the policy sees ---- */

static void put(struct building *b, enum claim_id id, struct writer *value, struct policy_claim claim)
{
    struct bytes text;

    if (!writer_ok(value) || !arena_copy(b->a, writer_bytes(value), &text) || b->n == ARRAY_LEN(b->items)) {
        b->bad = true;
        return;
    }
    if (claim.value.type == POLICY_STRING && !claim.value.string.data)
        claim.value.string = text;
    b->items[b->n++] = (struct azureguest_claim){ service_claims[id].name, text };
    if (claim.type.data)
        b->policy[b->n_policy++] = claim;
}

static void put_boolean(struct building *b, enum claim_id id, bool value)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    write_string(&w, value ? "true" : "false");
    put(b, id, &w, service_claim_boolean(id, value));
}

static void put_integer(struct building *b, enum claim_id id, int64_t value)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    write_printf(&w, "%lld", (long long)value);
    put(b, id, &w, service_claim_integer(id, value));
}

static void put_text(struct building *b, enum claim_id id, struct bytes value)
{
    struct writer w CLEANUP(writer_done) = { 0 };

    json_write_string(&w, value);
    put(b, id, &w, service_claim_string(id, value.data ? value : BYTES_LIT("")));
}

static void put_registers(struct building *b, enum claim_id id, uint32_t set)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_array(&out, NULL);
    for (unsigned i = 0; i < LIMIT_PCRS; i++)
        if (set >> i & 1) {
            json_put_integer(&out, NULL, i);
            b->policy[b->n_policy++] = service_claim_integer(id, i);
        }
    json_end(&out);
    put(b, id, &w, (struct policy_claim){ .value.type = POLICY_BOOLEAN });
}

/* ---- what was measured ---- */

/* Hyper-V's firmware measures the VM's id as text into register 6. After the separator anybody in the guest could do that. */
static void put_vm_id(struct building *b, const struct replayed_log *log)
{
    static const char prefix[] = "UUID: ";
    const struct eventlog *events = replayed_events(log);
    char uuid[UUID_TEXT_LEN];

    for (size_t i = 0; i < events->n_events; i++) {
        struct bytes text = replayed_proved(log, i);
        if (events->events[i].type != EVENT_TYPE(EV_COMPACT_HASH) || events->events[i].pcr != 6 || !text.len ||
            !replayed_before_separator(log, i) || !bytes_starts_with(text, bytes_of_string(prefix)))
            continue;
        text = bytes_slice(text, strlen(prefix), text.len);
        if (!uuid_canonical(text.len == UUID_TEXT_LEN && text.data[text.len - 1] == 0 ? bytes_slice(text, 0, text.len - 1) : text, uuid))
            continue;
        for (char *c = uuid; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        text = (struct bytes){ (const uint8_t *)arena_string(b->a, bytes_of_string(uuid)), strlen(uuid) };
        b->bad |= !text.data;
        if (text.data)
            put_text(b, CLAIM_AZ_VM_ID, text);
        return;
    }
}

/* What bootchain's facts do not carry. */
struct windows_details {
    bool elam;
    bool any_hvci;
    uint64_t hvci; /* the weakest of the statements */
    unsigned pcr;
};

static bool note_record(void *context, const struct sipa_record *record)
{
    struct windows_details *d = context;
    uint64_t value;

    d->elam |= record->id == SIPA_ELAM_AGGREGATION && d->pcr == 12;
    if (record->id == SIPA_VBS_HVCI_POLICY && sipa_integer(record, &value)) {
        d->hvci = d->any_hvci && d->hvci < value ? d->hvci : value;
        d->any_hvci = true;
    }
    return true;
}

static struct windows_details read_windows(const struct replayed_log *log)
{
    const struct eventlog *events = replayed_events(log);
    struct windows_details d = { .elam = false };
    const struct sipa_visitor visitor = { note_record, NULL, &d };
    struct err ignored = ERR_INIT;

    for (size_t i = 0; i < events->n_events; i++) {
        const struct event *e = &events->events[i];
        bool speaks = e->type == EVENT_TYPE(EV_EVENT_TAG) && (e->pcr == 12 || e->pcr == 13) && replayed_proved(log, i).len;
        d.pcr = e->pcr;
        /* What is not well formed visits nothing, and says nothing. */
        if (speaks && !sipa_walk(replayed_proved(log, i), &visitor, &ignored))
            ignored = ERR_INIT;
    }
    return d;
}

/* Windows says of each danger whether it is there; without a word nothing is known to be absent. Linux does not measure these, and the
 * published claims are false there. A guest that calls itself Linux although Windows' loader was measured is judged as Windows. */
static bool is_absent(const struct bootchain *chain, bool is_windows, enum fact danger)
{
    bool windows = is_windows || chain->windows.present || chain->flow == BOOT_FLOW_WINDOWS;

    return windows ? danger == FACT_NO : danger != FACT_YES;
}

static void put_windows(struct building *b, const struct azureguest_message *m, const struct appraised *appraised)
{
    const struct bootchain *chain = appraised->chain;
    const struct windows_facts *w = &chain->windows;
    struct windows_details d = read_windows(appraised->replayed);

    put_boolean(b, CLAIM_AZ_BOOT_DEBUG, w->boot_debugging == FACT_YES);
    put_boolean(b, CLAIM_AZ_KERNEL_DEBUG, w->kernel_debugging == FACT_YES);
    put_boolean(b, CLAIM_AZ_HYPERVISOR_DEBUG, w->hypervisor_debug == FACT_YES);
    put_boolean(b, CLAIM_AZ_DEBUGGERS_DISABLED,
                is_absent(chain, m->is_windows, w->boot_debugging) && is_absent(chain, m->is_windows, w->kernel_debugging) &&
                    w->hypervisor_debug != FACT_YES);
    put_boolean(b, CLAIM_AZ_TEST_SIGNING, w->test_signing == FACT_YES);
    put_boolean(b, CLAIM_AZ_FLIGHT_SIGNING, w->flight_signing == FACT_YES);
    put_boolean(b, CLAIM_AZ_SIGNING_DISABLED, is_absent(chain, m->is_windows, w->test_signing) && w->flight_signing != FACT_YES);
    put_integer(b, CLAIM_AZ_HVCI_POLICY, d.hvci <= INT32_MAX ? (int64_t)d.hvci : 0);
    put_boolean(b, CLAIM_AZ_ELAM, d.elam);
}

/* ---- known lists ---- */

static bool all_known(const struct boot_keys *keys, const struct boot_reference *reference)
{
    if (!keys->measured || keys->n == 0)
        return false;
    for (size_t i = 0; i < keys->n; i++)
        if (keys->items[i].kind != KEY_CERTIFICATE || !reference_find_known(reference, keys->items[i].sha256))
            return false;
    return true;
}

bool azureguest_platform_keys_are_known(const struct bootchain *chain, const struct boot_reference *reference)
{
    return all_known(&chain->pk, reference) && all_known(&chain->kek, reference);
}

bool azureguest_db_is_known(const struct bootchain *chain, const struct boot_reference *reference)
{
    return all_known(&chain->db, reference);
}

/* Four images that the update of July 2020 forbade, and every published list for x64 since. Public constants. */
static const uint8_t floor_of_2020[][32] = {
    { 0x02, 0x57, 0xff, 0x71, 0x0f, 0x2a, 0x16, 0xe4, 0x89, 0xb3, 0x74, 0x93, 0xc0, 0x76, 0x04, 0xa7,
      0xcd, 0xa9, 0x61, 0x29, 0xd8, 0xa8, 0xfd, 0x68, 0xd2, 0xb6, 0xaf, 0x63, 0x39, 0x04, 0x31, 0x5d },
    { 0x02, 0xe6, 0x21, 0x6a, 0xca, 0xef, 0x64, 0x01, 0x40, 0x1f, 0xa5, 0x55, 0xec, 0xbe, 0xd9, 0x40,
      0xb1, 0xa5, 0xf2, 0x56, 0x9a, 0xed, 0x92, 0x95, 0x61, 0x37, 0xae, 0x58, 0x48, 0x2e, 0xf1, 0xb7 },
    { 0x03, 0xf6, 0x4a, 0x29, 0x94, 0x8a, 0x88, 0xbe, 0xff, 0xdb, 0x03, 0x5e, 0x0b, 0x09, 0xa7, 0x37,
      0x0c, 0xcf, 0x0c, 0xd9, 0xce, 0x6b, 0xcf, 0x8e, 0x64, 0x0c, 0x21, 0x07, 0x31, 0x8f, 0xab, 0x87 },
    { 0x05, 0xd8, 0x7e, 0x15, 0x71, 0x34, 0x54, 0x61, 0x6f, 0x5b, 0x0e, 0xd7, 0x84, 0x9a, 0xb5, 0xc1,
      0x71, 0x2a, 0xb8, 0x4f, 0x02, 0x34, 0x94, 0x78, 0xec, 0x2a, 0x38, 0xf9, 0x70, 0xc0, 0x14, 0x89 },
};

bool azureguest_dbx_is_known(struct arena *a, const struct bootchain *chain, const struct boot_reference *reference, bool *ret,
                             struct err *err)
{
    struct dbx_tally known = { 0 };
    struct bytes members;
    bool all = true;

    *ret = false;
    if (!chain->dbx.measured || chain->dbx.n == 0)
        return true;
    if (!boot_keys_members(a, &chain->dbx, &members, err) ||
        (reference && !dbx_compare(a, reference, &chain->dbx, ARCHITECTURE_COUNT, &known, err)))
        return false;
    for (size_t i = 0; !known.listed && i < ARRAY_LEN(floor_of_2020); i++)
        all = all && members_have(members, floor_of_2020[i]);
    *ret = all && !known.missing;
    return true;
}

/* ---- the rest ---- */

/* The key that only the attested TPM can use, and what the client wants to see again (7.5). */
static void put_runtime(struct building *b, const struct azureguest_message *m, const struct pubkey *enc_key)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    if (m->client_payload)
        json_put_value(&out, "client-payload", m->client_payload);
    json_begin_array(&out, "keys");
    json_begin_object(&out, NULL);
    json_put_base64url(&out, "e", pubkey_rsa_e(enc_key));
    json_begin_array(&out, "key_ops");
    json_put_string(&out, NULL, "encrypt");
    json_end(&out);
    json_put_string(&out, "kid", "TpmEphemeralEncryptionKey");
    json_put_string(&out, "kty", "RSA");
    json_put_base64url(&out, "n", pubkey_rsa_n(enc_key));
    json_end(&out);
    json_end(&out);
    json_end(&out);
    put(b, CLAIM_AZ_RUNTIME, &w, service_claim_string(CLAIM_AZ_RUNTIME, BYTES_NONE));
}

static void put_request_fields(struct building *b, const struct azureguest_message *m)
{
    put_text(b, CLAIM_AZ_PROTOCOL_VERSION, m->protocol_version);
    put_registers(b, CLAIM_AZ_ATTESTED_PCRS, m->pcr_set);
    put_boolean(b, CLAIM_AZ_IS_WINDOWS, m->is_windows);
    put_text(b, CLAIM_AZ_OS_TYPE, m->os_type);
    put_text(b, CLAIM_AZ_OS_DISTRO, m->os_distro);
    put_text(b, CLAIM_AZ_OS_BUILD, m->os_build);
    put_integer(b, CLAIM_AZ_OS_MAJOR, m->os_major);
    put_integer(b, CLAIM_AZ_OS_MINOR, m->os_minor);
}

static void put_extra_data(struct building *b, const struct verified_quote *quote)
{
    struct bytes extra = verified_quote_extra_data(quote);
    const char *text = extra.len ? base64_in(b->a, BASE64_URL, extra) : "";

    b->bad |= !text;
    if (text && text[0])
        put_text(b, CLAIM_AZ_EXTRA_DATA, bytes_of_string(text));
}

bool azureguest_claims_build(struct arena *a, const struct azureguest_message *message, const struct appraised *appraised,
                             const struct pubkey *enc_key, const struct boot_reference *reference, const char *policy_hash,
                             struct azureguest_claims *ret, struct err *err)
{
    struct building *b = ARENA_NEW(a, struct building);
    const struct bootchain *chain = appraised->chain;
    bool dbx_known;

    if (!b)
        return err_set(err, ERR_NO_MEMORY, "no memory for claims");
    if (!chain)
        return err_set(err, ERR_UNTRUSTED, "there is no event log to make claims from");
    b->a = a;
    if (!azureguest_dbx_is_known(a, chain, reference, &dbx_known, err))
        return false;
    put_text(b, CLAIM_AZ_ATTESTATION_TYPE, BYTES_LIT("azurevm"));
    put_text(b, CLAIM_AZ_VER, BYTES_LIT("1.0"));
    put_text(b, CLAIM_AZ_POLICY_HASH, bytes_of_string(policy_hash));
    put_boolean(b, CLAIM_AZ_SECURE_BOOT, chain->secure_boot == SECURE_BOOT_ENABLED);
    put_boolean(b, CLAIM_AZ_KEYS_VALIDATED, azureguest_platform_keys_are_known(chain, reference));
    put_boolean(b, CLAIM_AZ_DB_VALIDATED, azureguest_db_is_known(chain, reference));
    put_boolean(b, CLAIM_AZ_DBX_VALIDATED, dbx_known);
    put_request_fields(b, message);
    put_vm_id(b, appraised->replayed);
    put_windows(b, message, appraised);
    put_extra_data(b, appraised->quote);
    put_runtime(b, message, enc_key);
    if (b->bad)
        return err_set(err, ERR_NO_MEMORY, "no memory for claims");
    *ret = (struct azureguest_claims){ b->items, b->n, b->policy, b->n_policy };
    return true;
}
