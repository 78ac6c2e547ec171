/* Windows: facts and modules in tagged events of registers 11 to 14, and of 19 and 20 after a dynamic launch (eventlog/software/sipa.h; attestation-service.md 9.1 and 9.4). An event that
 * is not proved, or whose records are not well formed, says nothing. What changes at every boot (counters, addresses, ephemeral keys) is
 * left out of the components. */
#include "base/hex.h"
#include "base/reader.h"
#include "base/utf8.h"
#include "bootchain/chain/walk.h"
#include "bootchain/chain/windows.h"
#include "eventlog/software/shim.h"
#include "eventlog/software/sipa.h"
#include <strings.h>

enum {
    SIPA_BOOTDEBUGGING = 0x00040001,
    SIPA_OSKERNELDEBUG = 0x00050001,
    SIPA_CODEINTEGRITY = 0x00050002,
    SIPA_TESTSIGNING = 0x00050003,
    SIPA_SAFEMODE = 0x00050005,
    SIPA_WINPE = 0x00050006,
    SIPA_HYPERVISOR_DEBUG = 0x0005000d,
    SIPA_FLIGHTSIGNING = 0x00050021,
    SIPA_BITLOCKER_UNLOCK = 0x00020005,
    SIPA_VSM_REQUIRED = 0x000a0001,
    SIPA_IOMMU_REQUIRED = 0x000a0003,
    SIPA_MANDATORY_ENFORCEMENT = 0x000a0006,
    SIPA_HVCI_POLICY = 0x000a0007,
    SIPA_AUTHORITYPUBKEY = 0x00060002,
    SIPA_FILEPATH = 0x00070001,
    SIPA_AUTHENTICODEHASH = 0x00070004,
    SIPA_LOADEDMODULE = 0x40010003,
    SIPA_TRUSTBOUNDARY = 0x40010001,
};

/* How statements about one thing join: a danger is YES as soon as one says so; a protection is YES only while all of them do. */
enum join { JOIN_ANY, JOIN_ALL };

struct fact_row {
    uint32_t id;
    size_t fact; /* offset in struct windows_facts */
    const char *member;
    enum join join;
    const char *key, *words;
};

#define FACT_AT(member) offsetof(struct windows_facts, member), #member
static const struct fact_row facts[] = {
    { SIPA_BOOTDEBUGGING, FACT_AT(boot_debugging), JOIN_ANY, "boot-debugging", "boot debugging" },
    { SIPA_OSKERNELDEBUG, FACT_AT(kernel_debugging), JOIN_ANY, "kernel-debugging", "kernel debugging" },
    { SIPA_CODEINTEGRITY, FACT_AT(code_integrity), JOIN_ALL, "code-integrity", "code integrity" },
    { SIPA_TESTSIGNING, FACT_AT(test_signing), JOIN_ANY, "test-signing", "test signing" },
    { SIPA_SAFEMODE, FACT_AT(safe_mode), JOIN_ANY, "safe-mode", "safe mode" },
    { SIPA_WINPE, FACT_AT(winpe), JOIN_ANY, "winpe", "Windows PE" },
    { SIPA_HYPERVISOR_DEBUG, FACT_AT(hypervisor_debug), JOIN_ANY, "hypervisor-debug", "hypervisor debugging" },
    { SIPA_FLIGHTSIGNING, FACT_AT(flight_signing), JOIN_ANY, "flight-signing", "flight signing" },
    { SIPA_BITLOCKER_UNLOCK, FACT_AT(bitlocker_unlocked), JOIN_ANY, "bitlocker-unlock", "BitLocker unlocked" },
    { SIPA_VSM_REQUIRED, FACT_AT(vbs_required), JOIN_ALL, "vbs-required", "virtualisation-based security required" },
    { SIPA_IOMMU_REQUIRED, FACT_AT(iommu_required), JOIN_ALL, "iommu-required", "IOMMU required" },
    { SIPA_MANDATORY_ENFORCEMENT, FACT_AT(vbs_required), JOIN_ALL, "vbs-mandatory",
      "mandatory enforcement of virtualisation-based security" },
    { SIPA_HVCI_POLICY, FACT_AT(hvci), JOIN_ALL, "hvci", "hypervisor-enforced code integrity" },
};
#undef FACT_AT

/* What Windows enforces besides. Which value is good nobody says here: a baseline shows that it changed. */
enum setting_form {
    SETTING_NUMBER,
    SETTING_POLICY, /* u64 version, u16 length of the name in bytes, u16 hash algorithm, u32 length of the digest, name, digest (9.4) */
    SETTING_LIST,   /* i64 FILETIME, u32 length of the digest, u16 hash algorithm, digest */
};

static const struct setting_row {
    uint32_t id;
    enum setting_form form;
    const char *key, *words;
} settings[] = {
    { 0x00040002, SETTING_LIST, "boot-revocations", "revocation list of the boot manager" },
    { 0x00050013, SETTING_LIST, "os-revocations", "revocation list of the loader" },
    { 0x0005000f, SETTING_POLICY, "policy", "code integrity policy" },
    { 0x00050004, SETTING_NUMBER, "data-execution-prevention", "data execution prevention" },
    { 0x0005000a, SETTING_NUMBER, "hypervisor-launch", "launch of the hypervisor" },
    { 0x0005000c, SETTING_NUMBER, "hypervisor-iommu", "the hypervisor's IOMMU policy" },
    { 0x0005000e, SETTING_NUMBER, "driver-load-policy", "which early-launch drivers may start" },
    { 0x00050010, SETTING_NUMBER, "hypervisor-mmio-nx", "the hypervisor's protection of device memory" },
    { 0x00050011, SETTING_NUMBER, "hypervisor-msr-filter", "the hypervisor's filter of processor registers" },
    { 0x00050012, SETTING_NUMBER, "vsm-launch", "launch of virtualisation-based security" },
    { 0x00050030, SETTING_NUMBER, "boot-dma-protection", "DMA protection while it starts" },
    { 0x000a0002, SETTING_NUMBER, "secure-boot-required", "Secure Boot required" },
    { 0x000a0004, SETTING_NUMBER, "mmio-nx-required", "protection of device memory required" },
    { 0x000a0005, SETTING_NUMBER, "msr-filter-required", "filter of processor registers required" },
    { 0x000a0008, SETTING_NUMBER, "microsoft-chain-required", "Microsoft's boot chain required" },
};

struct windows_walk {
    struct walk *w;
    const struct step *s;
    unsigned boundary; /* which trust boundary of this register we are in */
    struct bytes module_path, module_hash;
    bool in_module, failed;
};

static void join_fact(enum fact *fact, enum join join, bool value)
{
    enum fact is = value ? FACT_YES : FACT_NO;
    enum fact decisive = join == JOIN_ANY ? FACT_YES : FACT_NO;

    if (*fact != decisive)
        *fact = is;
}

static bool setting(struct windows_walk *x, const struct fact_row *row, const struct sipa_record *record)
{
    uint64_t value;
    struct component *c;
    struct walk *w = x->w;

    if (!sipa_integer(record, &value)) {
        bool on;
        if (!sipa_boolean(record, &on))
            return true;
        value = on;
    }
    join_fact((enum fact *)((char *)&w->chain->windows + row->fact), row->join, value != 0);
    if (walk_leaves_out(w, x->s)) /* an event may hold hundreds of thousands of records */
        return true;
    c = walk_add_computed(w, x->s, COMPONENT_OS_SETTING, arena_printf(w->a, "windows:%d:%u:%s", x->s->pcr, x->boundary, row->key),
                          arena_printf(w->a, "Windows: %s", row->words), record->payload);
    if (!c)
        return false;
    c->text = arena_printf(w->a, "%llu", (unsigned long long)value);
    return c->text || walk_no_memory(w);
}

static const char *policy_name(struct walk *w, struct bytes payload)
{
    struct reader r = reader_over(payload);
    uint64_t version;
    uint16_t name_len, algorithm;
    uint32_t digest_len;
    struct bytes name;
    bool clean;
    char *text;

    if (!read_u64le(&r, &version) || !read_u16le(&r, &name_len) || !read_u16le(&r, &algorithm) || !read_u32le(&r, &digest_len) ||
        !read_bytes(&r, name_len, &name))
        return "";
    text = utf8_from_utf16le(w->a, name, &clean);
    return text ? text_for_people(w->a, bytes_of_string(text)) : NULL;
}

/* Days since 1601, as FILETIME counts. */
static uint32_t list_day(struct bytes payload)
{
    struct reader r = reader_over(payload);
    uint64_t time;

    return read_u64le(&r, &time) ? (uint32_t)(time / UINT64_C(864000000000)) : 0;
}

static bool enforced(struct windows_walk *x, const struct setting_row *row, const struct sipa_record *record)
{
    struct walk *w = x->w;
    const char *name = row->form == SETTING_POLICY ? policy_name(w, record->payload) : "";
    struct component *c;

    if (!name)
        return walk_no_memory(w);
    if (walk_leaves_out(w, x->s))
        return true;
    c = walk_add_computed(w, x->s, COMPONENT_OS_SETTING,
                          arena_printf(w->a, "windows:%d:%u:%s%s%s", x->s->pcr, x->boundary, name, name[0] ? ":" : "", row->key),
                          arena_printf(w->a, "Windows: %s%s%s", row->words, name[0] ? " " : "", name), record->payload);
    if (!c)
        return false;
    if (row->form == SETTING_LIST)
        c->revision = list_day(record->payload);
    return true;
}

static bool is_kernel_file(const char *path)
{
    static const char *const names[] = { "ntoskrnl.exe",     "winload.efi",  "hvloader.dll",  "hvix64.exe",   "hvax64.exe",
                                         "securekernel.exe", "hvloader.efi", "winresume.efi", "tcblaunch.exe" };
    const char *slash = strrchr(path, '\\');

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(slash ? slash + 1 : path, names[i]) == 0)
            return true;
    return false;
}

/* Register 13 names modules (path), register 12 hashes them; each aggregate that has either is a component by it. */
static bool module_done(struct windows_walk *x)
{
    struct walk *w = x->w;
    bool clean;
    char *path;

    x->in_module = false;
    if (x->module_path.len) {
        path = utf8_from_utf16le(w->a, x->module_path, &clean);
        path = path ? text_for_people(w->a, bytes_of_string(path)) : NULL;
        if (!path)
            return walk_no_memory(w);
        return walk_add_computed(w, x->s, is_kernel_file(path) ? COMPONENT_KERNEL : COMPONENT_LOADER_FILE,
                                 arena_printf(w->a, "windows:path:%s", path), path, x->module_path) != NULL;
    }
    if (x->module_hash.len) {
        char *hex = hex_in(w->a, bytes_slice(x->module_hash, 0, 8));
        return hex && walk_add_computed(w, x->s, COMPONENT_LOADER_FILE, "windows:module", arena_printf(w->a, "Windows module %s…", hex),
                                        x->module_hash) != NULL;
    }
    return true;
}

static bool enter(void *context, const struct sipa_record *record)
{
    struct windows_walk *x = context;
    bool ok = true;

    if (record->id == SIPA_TRUSTBOUNDARY)
        x->boundary = ++x->w->n_boundaries[x->s->pcr];
    if (record->id == SIPA_LOADEDMODULE) {
        x->in_module = true;
        x->module_path = x->module_hash = BYTES_NONE;
    }
    if (x->in_module && record->id == SIPA_FILEPATH)
        x->module_path = record->payload;
    if (x->in_module && record->id == SIPA_AUTHENTICODEHASH)
        x->module_hash = record->payload;
    for (size_t i = 0; ok && i < ARRAY_LEN(facts); i++)
        if (record->id == facts[i].id)
            ok = setting(x, &facts[i], record);
    for (size_t i = 0; ok && i < ARRAY_LEN(settings); i++)
        if (record->id == settings[i].id)
            ok = enforced(x, &settings[i], record);
    if (ok && record->id == SIPA_AUTHORITYPUBKEY)
        ok = walk_add_computed(x->w, x->s, COMPONENT_AUTHORITY, "windows:authority", "key that signed Windows' boot modules",
                               record->payload) != NULL;
    x->failed = x->failed || !ok;
    return ok;
}

static bool leave(void *context, const struct sipa_record *record)
{
    struct windows_walk *x = context;

    if (record->id == SIPA_LOADEDMODULE && !module_done(x))
        x->failed = true;
    return !x->failed;
}

/* attestation-service.md 9.1: after a dynamic launch Windows speaks in 19 and 20, too. */
bool windows_register(unsigned pcr) { return (pcr >= 11 && pcr <= 14) || pcr == 19 || pcr == 20; }

bool windows_record_speaks_of(uint32_t id, const char *fact)
{
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        if (facts[i].id == id && strcmp(facts[i].member, fact) == 0)
            return true;
    return false;
}

bool windows_fact_is_protection(const char *fact)
{
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        if (strcmp(facts[i].member, fact) == 0)
            return facts[i].join == JOIN_ALL;
    return false;
}

const char *windows_fact_words(const char *fact)
{
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        if (strcmp(facts[i].member, fact) == 0)
            return facts[i].words;
    return "";
}

/* A command line in UTF-16 can be chosen so that it reads as a record: two letters are its id, two its length, of 64 KiB at least. No
 * letter of it is zero; a record of Windows has a zero in its length. */
static bool is_wide_text(struct bytes b)
{
    for (size_t i = 0; i + 3 < b.len; i += 2)
        if (b.data[i] == 0 && b.data[i + 1] == 0)
            return false;
    return b.len >= 2 && b.len % 2 == 0;
}

/* By the bytes: the type of an event is covered by no digest. */
static bool is_windows(const struct step *s)
{
    return windows_register((unsigned)s->pcr) && step_proved(s) && !is_wide_text(s->mark->proved) && sipa_is_windows(s->mark->proved);
}

bool windows_step(struct walk *w, const struct step *s, bool *ret_taken)
{
    struct err ignored = ERR_INIT;
    struct windows_walk x = { .w = w, .s = s };
    const struct sipa_visitor visitor = { enter, leave, &x };

    *ret_taken = is_windows(s);
    /* A Windows that GRUB started has shim's lists before it. */
    if (s->pcr >= 11 && s->pcr <= 14 && !step_proved(s) && shim_event_kind(s->event) == SHIM_NOT && !w->n_unproved_os++) {
        w->first_unproved_os = s->event->number;
        w->first_unproved_os_pcr = s->pcr;
    }
    if (!*ret_taken)
        return true;
    w->chain->windows.present = true;
    if (!sipa_walk(s->mark->proved, &visitor, &ignored) && !x.failed)
        return true;
    return !x.failed;
}
