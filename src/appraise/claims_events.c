#include "appraise/claims_events.h"
#include <ctype.h>
#include "appraise/events_object.h"
#include "base/deadline.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "eventlog/ima/list.h"
#include "eventlog/replay/replay.h"
#include "eventlog/uefi/variable.h"
#include "x509/cert.h"
#include "x509/name.h"

enum { RAW_MAX = 4096, PCR_WINDOWS_FIRST = 11 };

/* What is written, and where to. */
struct listing {
    struct arena *a;
    const struct json **items;
    size_t n;
    bool bad;
};

static void put_text(struct object_builder *o, const char *name, const char *text)
{
    object_put(o, bytes_of_string(name), text ? json_string_of(o->a, text) : NULL);
}

/* ---- ProcessedData of a log's events, by what they hold ---- */

/* Old shims count one byte too many; what is proved ends one byte before the data. */
static struct bytes proved_content(const struct event_mark *mark, const struct uefi_variable *v)
{
    bool less = mark->rule == PROOF_RULE_WITHOUT_LAST_BYTE && v->excess.len == 0 && v->data.len;

    return bytes_slice(v->data, 0, v->data.len - less);
}

static void put_variable(struct object_builder *o, const struct event *event, const struct event_mark *mark)
{
    struct uefi_variable v;
    struct err ignored = ERR_INIT;
    char guid[UUID_TEXT_LEN];

    if (mark->rule == PROOF_RULE_VARIABLE_DATA_ONLY) {
        object_put(o, BYTES_LIT("VariableData"), base64url_value(o->a, mark->proved)); /* the name is a label */
        return;
    }
    if ((mark->rule != PROOF_RULE_DATA && mark->rule != PROOF_RULE_WITHOUT_LAST_BYTE) || !uefi_variable_parse(event->data, &v, &ignored))
        return;
    guid_format(v.guid.data, guid);
    for (char *c = guid; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    put_text(o, "VariableGuid", arena_string(o->a, bytes_of_string(guid)));
    object_put(o, BYTES_LIT("UnicodeName"), utf16_value(o->a, v.name));
    object_put(o, BYTES_LIT("VariableData"), base64url_value(o->a, proved_content(mark, &v)));
}

static void put_raw(struct object_builder *o, struct bytes proved)
{
    if (proved.len <= RAW_MAX)
        object_put(o, BYTES_LIT("RawData"), base64url_value(o->a, proved));
}

/* ASCII letters in UTF-16LE, as Windows and EFI write: every other byte is zero. */
static bool looks_like_utf16(struct bytes b) { return b.len >= 2 && b.len % 2 == 0 && b.data[0] && b.data[1] == 0; }

static void put_string(struct object_builder *o, struct bytes proved)
{
    while (proved.len && proved.data[proved.len - 1] == 0 && !looks_like_utf16(proved))
        proved.len--;
    if (looks_like_utf16(proved))
        object_put(o, BYTES_LIT("String"), utf16_value(o->a, proved));
    else if (utf8_is_valid(proved))
        object_put(o, BYTES_LIT("String"), json_string(o->a, proved));
    else
        put_raw(o, proved);
}

static const struct json *processed_data(struct arena *a, const struct event *event, const struct event_mark *mark)
{
    const struct event_type *type = event_type_find(event->type);
    enum event_content content = type ? type->content : CONTENT_OPAQUE;
    struct object_builder o = { .a = a };

    if (mark->proof != PROOF_PROVED)
        return object_done(&o);
    switch (content) {
    case CONTENT_VARIABLE:
    case CONTENT_BOOT_VARIABLE:
    case CONTENT_AUTHORITY:
        put_variable(&o, event, mark);
        break;
    case CONTENT_TAGGED:
        if (event->pcr < PCR_WINDOWS_FIRST || mark->rule != PROOF_RULE_DATA || !sipa_object(&o, mark->proved))
            put_raw(&o, mark->proved);
        break;
    case CONTENT_TEXT:
    case CONTENT_IPL:
    case CONTENT_VERSION:
        put_string(&o, mark->proved);
        break;
    default:
        put_raw(&o, mark->proved);
    }
    return object_done(&o);
}

/* ---- one event ---- */

static const char *bank_name(enum digest_algorithm algorithm)
{
    static const char *const names[] = {
        [DIGEST_SHA1] = "SHA1",       [DIGEST_SHA256] = "SHA256",     [DIGEST_SHA384] = "SHA384",     [DIGEST_SHA512] = "SHA512",
        [DIGEST_SM3_256] = "SM3_256", [DIGEST_SHA3_256] = "SHA3_256", [DIGEST_SHA3_384] = "SHA3_384", [DIGEST_SHA3_512] = "SHA3_512"
    };

    return algorithm < ARRAY_LEN(names) ? names[algorithm] : "?";
}

static const struct json *digests(struct arena *a, const struct replayed_log *log, const struct event *event)
{
    const struct pcr_set *quoted = replayed_quoted(log);
    struct object_builder o = { .a = a };

    for (size_t i = 0; i < quoted->n_banks && event->pcr < LIMIT_PCRS; i++) {
        const struct pcr_bank *bank = &quoted->banks[i];
        struct bytes digest = event_digest(replayed_events(log), event, bank->algorithm);
        if (digest.len && bank->present >> event->pcr & 1 && replayed_register(log, event->pcr) == REGISTER_EXPLAINED)
            object_put(&o, bytes_of_string(bank_name(bank->algorithm)), base64url_value(a, digest));
    }
    return object_done(&o);
}

static void list(struct listing *l, struct object_builder *o)
{
    const struct json *event = object_done(o);

    l->bad |= !event;
    l->items[l->n++] = event;
}

/* Windows' records after the end belong to no register: nothing ever proves them, and a number for them would be made up. */
static void list_event(struct listing *l, const struct replayed_log *log, size_t i)
{
    const struct event *event = &replayed_events(log)->events[i];
    const struct event_mark *mark = replayed_mark(log, i);
    struct object_builder o = { .a = l->a };

    if (event->pcr >= LIMIT_PCRS)
        return;
    object_put(&o, BYTES_LIT("EventSeq"), json_integer(l->a, (int64_t)event->number));
    object_put(&o, BYTES_LIT("PcrIndex"), json_integer(l->a, (int64_t)event->pcr));
    object_put(&o, BYTES_LIT("EventType"), json_integer(l->a, (int64_t)event->type));
    put_text(&o, "EventTypeString", event_type_name(event->type));
    if (mark->proof != PROOF_LABEL)
        object_put(&o, BYTES_LIT("Digests"), digests(l->a, log, event));
    object_put(&o, BYTES_LIT("ProcessedData"), processed_data(l->a, event, mark));
    list(l, &o);
}

/* ---- entries of the kernel's list ---- */

/* A critical-data record, or a certificate that was added to a keyring. */
static void put_ima_buffer(struct object_builder *o, const struct ima_entry *e)
{
    struct cert *cert CLEANUP(cert_free_at) = NULL;
    struct err ignored = ERR_INIT;

    if (bytes_equal_string(e->name, "kernel_version")) {
        if (utf8_is_valid(e->buffer))
            object_put(o, BYTES_LIT("KernelVersion"), json_string(o->a, e->buffer));
    } else if (cert_parse(e->buffer, &cert, &ignored)) {
        object_put(o, BYTES_LIT("Keyring"), json_string(o->a, e->name));
        put_text(o, "CertificateSubject", name_text(o->a, cert->subject));
    } else {
        put_raw(o, e->buffer);
    }
}

static void put_ima_file(struct object_builder *o, const struct ima_entry *e)
{
    const char *hex = hex_in(o->a, e->file_digest);

    object_put(o, BYTES_LIT("FileName"), json_string(o->a, e->name));
    if (e->file_algorithm != DIGEST_NONE && e->file_digest.len)
        put_text(o, "FileDigest", hex ? arena_printf(o->a, "%s:%s", digest_name(e->file_algorithm), hex) : NULL);
    if (e->signature.len)
        object_put(o, BYTES_LIT("Signature"), base64url_value(o->a, e->signature));
}

static const struct json *ima_data(struct arena *a, const struct ima_entry *e, bool proved)
{
    struct object_builder o = { .a = a };

    if (proved && utf8_is_valid(e->name) && utf8_is_valid(e->template_name)) {
        if (e->template == IMA_TEMPLATE_BUF)
            put_ima_buffer(&o, e);
        else
            put_ima_file(&o, e);
        object_put(&o, BYTES_LIT("Template"), json_string(a, e->template_name));
    }
    return object_done(&o);
}

static void list_ima(struct listing *l, const struct verified_ima *ima, size_t i, size_t number)
{
    const struct ima_entry *e = verified_ima_entry(ima, i);
    struct object_builder o = { .a = l->a };

    object_put(&o, BYTES_LIT("EventSeq"), json_integer(l->a, (int64_t)number));
    object_put(&o, BYTES_LIT("PcrIndex"), json_integer(l->a, (int64_t)e->pcr));
    put_text(&o, "EventTypeString", "IMA_MEASUREMENT_EVENT");
    object_put(&o, BYTES_LIT("ProcessedData"), ima_data(l->a, e, verified_ima_proved(ima, i)));
    list(l, &o);
}

static const char listing[] = "listing events for a policy";

bool claims_events(struct arena *a, const struct replayed_log *log, const struct verified_ima *ima, struct events_claim *ret,
                   struct err *err)
{
    size_t n_log = log ? replayed_events(log)->n_events : 0, n_ima = ima ? verified_ima_n(ima) : 0;
    struct listing l = { .a = a, .items = ARENA_ARRAY(a, n_log + n_ima, const struct json *) };
    struct object_builder whole = { .a = a };
    struct events_claim claim;
    const char *text;

    /* Leaving some out would let a policy believe that something did not happen. */
    if (n_ima > LIMIT_POLICY_IMA_ENTRIES)
        return err_set(err, ERR_LIMIT, "the policy asks for the events, and the IMA list has %zu entries, more than %d", n_ima,
                       LIMIT_POLICY_IMA_ENTRIES);
    if (!l.items)
        return err_set(err, ERR_NO_MEMORY, "no memory for the events");
    for (size_t i = 0; i < n_log && !l.bad; i++) {
        if (!DEADLINE_EVERY(i, 256, listing, err))
            return false;
        list_event(&l, log, i);
    }
    for (size_t i = 0; i < n_ima && !l.bad; i++) {
        if (!DEADLINE_EVERY(i, 256, listing, err))
            return false;
        list_ima(&l, ima, i, n_log + i);
    }
    object_put(&whole, BYTES_LIT("Events"), l.bad ? NULL : json_array(a, l.items, l.n));
    claim.json = object_done(&whole);
    text = claim.json ? json_to_string(a, claim.json, JSON_COMPACT) : NULL;
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "no memory for the events");
    claim.text = bytes_of_string(text);
    *ret = claim;
    return true;
}
