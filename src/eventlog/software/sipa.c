#include "eventlog/software/sipa.h"
#include "base/reader.h"

/* clang-format off */
/* attestation-service.md 9.4 */
static const struct sipa_type types[] = {
    { 0x40010001, "EVENT_TRUSTBOUNDARY",                      SIPA_OBJECT,    "one stage of the Windows boot" },
    { 0x40010002, "EVENT_ELAM_AGGREGATION",                   SIPA_ARRAY,     "early-launch antimalware driver" },
    { 0x40010003, "EVENT_LOADEDMODULE_AGGREGATION",           SIPA_ARRAY,     "module loaded" },
    { 0xC0010004, "EVENT_TRUSTPOINT_AGGREGATION",             SIPA_ARRAY,     "quote made by Windows" },
    { 0x40010005, "EVENT_KSR_AGGREGATION",                    SIPA_ARRAY,     NULL },
    { 0x40010006, "EVENT_KSR_SIGNED_MEASUREMENT_AGGREGATION", SIPA_ARRAY,     NULL },
    { 0x00020001, "EVENT_INFORMATION",                        SIPA_BYTES,     NULL },
    { 0x00020002, "EVENT_BOOTCOUNTER",                        SIPA_INTEGER,   "boot counter" },
    { 0x00020003, "EVENT_TRANSFER_CONTROL",                   SIPA_VALUE,     "control handed to the next stage" },
    { 0x00020004, "EVENT_APPLICATION_RETURN",                 SIPA_INTEGER,   NULL },
    { 0x00020005, "EVENT_BITLOCKER_UNLOCK",                   SIPA_VALUE,     "BitLocker unlock" },
    { 0x00020006, "EVENT_EVENTCOUNTER",                       SIPA_INTEGER,   NULL },
    { 0x00020007, "EVENT_COUNTERID",                          SIPA_INTEGER,   NULL },
    { 0x00020008, "EVENT_MORBIT_NOT_CANCELABLE",              SIPA_BOOLEAN,   NULL },
    { 0x00020009, "EVENT_APPLICATION_SVN",                    SIPA_INTEGER,   "security version of the stage" },
    { 0x0002000A, "EVENT_SVN_CHAIN_STATUS",                   SIPA_INTEGER,   NULL },
    { 0x0002000B, "EVENT_MORBIT_API_STATUS",                  SIPA_INTEGER,   NULL },
    { 0x00040001, "EVENT_BOOTDEBUGGING",                      SIPA_BOOLEAN,   "boot debugging" },
    { 0x00040002, "EVENT_BOOT_REVOCATION_LIST",               SIPA_RAW,       "revocation list of the boot manager" },
    { 0x00050001, "EVENT_OSKERNELDEBUG",                      SIPA_BOOLEAN,   "kernel debugging" },
    { 0x00050002, "EVENT_CODEINTEGRITY",                      SIPA_BOOLEAN,   "code integrity" },
    { 0x00050003, "EVENT_TESTSIGNING",                        SIPA_BOOLEAN,   "test signing" },
    { 0x00050004, "EVENT_DATAEXECUTIONPREVENTION",            SIPA_VALUE,     "data execution prevention" },
    { 0x00050005, "EVENT_SAFEMODE",                           SIPA_BOOLEAN,   "safe mode" },
    { 0x00050006, "EVENT_WINPE",                              SIPA_BOOLEAN,   "Windows PE" },
    { 0x00050007, "EVENT_PHYSICALADDRESSEXTENSION",           SIPA_BOOLEAN,   NULL },
    { 0x00050008, "EVENT_OSDEVICE",                           SIPA_VALUE,     NULL },
    { 0x00050009, "EVENT_SYSTEMROOT",                         SIPA_TEXT,      "system folder" },
    { 0x0005000A, "EVENT_HYPERVISOR_LAUNCH_TYPE",             SIPA_VALUE,     "hypervisor launch" },
    { 0x0005000B, "EVENT_HYPERVISOR_PATH",                    SIPA_TEXT,      NULL },
    { 0x0005000C, "EVENT_HYPERVISOR_IOMMU_POLICY",            SIPA_VALUE,     NULL },
    { 0x0005000D, "EVENT_HYPERVISOR_DEBUG",                   SIPA_BOOLEAN,   "hypervisor debugging" },
    { 0x0005000E, "EVENT_DRIVER_LOAD_POLICY",                 SIPA_VALUE,     "early-launch driver policy" },
    { 0x0005000F, "EVENT_SI_POLICY",                          SIPA_RAW_ARRAY, "code integrity policy" },
    { 0x00050010, "EVENT_HYPERVISOR_MMIO_NX_POLICY",          SIPA_VALUE,     NULL },
    { 0x00050011, "EVENT_HYPERVISOR_MSR_FILTER_POLICY",       SIPA_VALUE,     NULL },
    { 0x00050012, "EVENT_VSM_LAUNCH_TYPE",                    SIPA_VALUE,     "virtualization-based security launch" },
    { 0x00050013, "EVENT_OS_REVOCATION_LIST",                 SIPA_RAW,       "revocation list of the OS loader" },
    { 0x00050014, "EVENT_SMT_STATUS",                         SIPA_VALUE,     NULL },
    { 0x00050020, "EVENT_VSM_IDK_INFO",                       SIPA_RAW,       NULL },
    { 0x00050021, "EVENT_FLIGHTSIGNING",                      SIPA_BOOLEAN,   "flight signing" },
    { 0x00050022, "EVENT_PAGEFILE_ENCRYPTION_ENABLED",        SIPA_BOOLEAN,   NULL },
    { 0x00050023, "EVENT_VSM_IDKS_INFO",                      SIPA_RAW,       NULL },
    { 0x00050024, "EVENT_HIBERNATION_DISABLED",               SIPA_BOOLEAN,   NULL },
    { 0x00050025, "EVENT_DUMPS_DISABLED",                     SIPA_BOOLEAN,   NULL },
    { 0x00050026, "EVENT_DUMP_ENCRYPTION_ENABLED",            SIPA_BOOLEAN,   NULL },
    { 0x00050027, "EVENT_DUMP_ENCRYPTION_KEY_DIGEST",         SIPA_BYTES,     NULL },
    { 0x00050028, "EVENT_LSAISO_CONFIG",                      SIPA_VALUE,     NULL },
    { 0x00050029, "EVENT_SBCP_INFO",                          SIPA_RAW,       NULL },
    { 0x00050030, "EVENT_HYPERVISOR_BOOT_DMA_PROTECTION",     SIPA_BOOLEAN,   NULL },
    { 0x00060001, "EVENT_NOAUTHORITY",                        SIPA_BOOLEAN,   NULL },
    { 0x00060002, "EVENT_AUTHORITYPUBKEY",                    SIPA_BYTES,     "public key of an authority" },
    { 0x00070001, "EVENT_FILEPATH",                           SIPA_TEXT,      "file" },
    { 0x00070002, "EVENT_IMAGESIZE",                          SIPA_INTEGER,   NULL },
    { 0x00070003, "EVENT_HASHALGORITHMID",                    SIPA_INTEGER,   NULL },
    { 0x00070004, "EVENT_AUTHENTICODEHASH",                   SIPA_BYTES,     "Authenticode digest" },
    { 0x00070005, "EVENT_AUTHORITYISSUER",                    SIPA_TEXT,      "issuer of the signer" },
    { 0x00070006, "EVENT_AUTHORITYSERIAL",                    SIPA_BYTES,     NULL },
    { 0x00070007, "EVENT_IMAGEBASE",                          SIPA_INTEGER,   NULL },
    { 0x00070008, "EVENT_AUTHORITYPUBLISHER",                 SIPA_TEXT,      "signer" },
    { 0x00070009, "EVENT_AUTHORITYSHA1THUMBPRINT",            SIPA_BYTES,     NULL },
    { 0x0007000A, "EVENT_IMAGEVALIDATED",                     SIPA_BOOLEAN,   "signature checked" },
    { 0x0007000B, "EVENT_MODULE_SVN",                         SIPA_INTEGER,   "security version of the module" },
    { 0x80080001, "EVENT_QUOTE",                              SIPA_BYTES,     NULL },
    { 0x80080002, "EVENT_QUOTESIGNATURE",                     SIPA_BYTES,     NULL },
    { 0x80080003, "EVENT_AIKID",                              SIPA_BYTES,     NULL },
    { 0x80080004, "EVENT_AIKPUBDIGEST",                       SIPA_BYTES,     NULL },
    { 0x00090001, "EVENT_ELAM_KEYNAME",                       SIPA_TEXT,      "early-launch antimalware driver's key" },
    { 0x00090002, "EVENT_ELAM_CONFIGURATION",                 SIPA_BYTES,     NULL },
    { 0x00090003, "EVENT_ELAM_POLICY",                        SIPA_BYTES,     NULL },
    { 0x00090004, "EVENT_ELAM_MEASURED",                      SIPA_BYTES,     NULL },
    { 0x000A0001, "EVENT_VBS_VSM_REQUIRED",                   SIPA_BOOLEAN,   "virtualization-based security required" },
    { 0x000A0002, "EVENT_VBS_SECUREBOOT_REQUIRED",            SIPA_BOOLEAN,   NULL },
    { 0x000A0003, "EVENT_VBS_IOMMU_REQUIRED",                 SIPA_BOOLEAN,   NULL },
    { 0x000A0004, "EVENT_VBS_MMIO_NX_REQUIRED",               SIPA_BOOLEAN,   NULL },
    { 0x000A0005, "EVENT_VBS_MSR_FILTERING_REQUIRED",         SIPA_BOOLEAN,   NULL },
    { 0x000A0006, "EVENT_VBS_MANDATORY_ENFORCEMENT",          SIPA_BOOLEAN,   NULL },
    { 0x000A0007, "EVENT_VBS_HVCI_POLICY",                    SIPA_VALUE,     "hypervisor-enforced code integrity" },
    { 0x000A0008, "EVENT_VBS_MICROSOFT_BOOT_CHAIN_REQUIRED",  SIPA_BOOLEAN,   NULL },
    { 0x000A0009, "EVENT_VBS_DUMP_USES_AMEROOT",              SIPA_BOOLEAN,   NULL },
    { 0x000A000A, "EVENT_VBS_VSM_NOSECRETS_ENFORCED",         SIPA_BOOLEAN,   NULL },
    { 0x000B0001, "EVENT_KSR_SIGNATURE",                      SIPA_RAW,       NULL },
    { 0x000C0001, "EVENT_DRTM_STATE_AUTH",                    SIPA_OBJECT,    NULL },
    { 0x000C0002, "EVENT_DRTM_SMM",                           SIPA_VALUE,     NULL },
    { 0x000C0003, "EVENT_DRTM_AMD_SMM_HASH",                  SIPA_BYTES,     NULL },
    { 0x000C0004, "EVENT_DRTM_AMD_SMM_SIGNER_KEY",            SIPA_BYTES,     NULL },
};
/* clang-format on */

const struct sipa_type *sipa_type_find(uint32_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].id == id)
            return &types[i];
    return NULL;
}

/* Where a walk is: the aggregates around it, each with what is left of its content. */
struct walk {
    unsigned depth;
    struct reader rest[LIMIT_EVENT_NESTING + 1];
    struct sipa_record open[LIMIT_EVENT_NESTING + 1]; /* open[d] contains rest[d + 1] */
};

static bool read_record(struct walk *walk, struct sipa_record *record, struct err *err)
{
    struct reader *r = &walk->rest[walk->depth];

    record->offset = r->offset;
    record->depth = walk->depth;
    record->parent = walk->depth ? walk->open[walk->depth - 1].id : 0;
    if (!read_u32le(r, &record->id) || !read_u32le_prefixed(r, &record->payload))
        return err_set(err, ERR_MALFORMED, "record at offset %zu does not fit", record->offset);
    record->type = sipa_type_find(record->id);
    return true;
}

/* Steps into an aggregate. An empty one is left at once. */
static bool descend(struct walk *walk, const struct sipa_record *record, struct err *err)
{
    if (walk->depth == LIMIT_EVENT_NESTING)
        return err_set(err, ERR_LIMIT, "records nested more than %d deep at offset %zu", LIMIT_EVENT_NESTING, record->offset);
    walk->open[walk->depth] = *record;
    walk->depth++;
    walk->rest[walk->depth] = (struct reader){ record->payload, record->offset + 8 };
    return true;
}

static bool stop(bool *ret_stopped)
{
    *ret_stopped = true;
    return true;
}

/* *ret_stopped: the visitor wants no more. */
static bool walk_records(struct bytes data, const struct sipa_visitor *visitor, bool *ret_stopped, struct err *err)
{
    struct walk walk = { .rest[0] = reader_over(data) };
    struct sipa_record record;

    *ret_stopped = false;
    for (;;) {
        while (reader_done(&walk.rest[walk.depth])) {
            if (walk.depth == 0)
                return true;
            walk.depth--;
            if (visitor && visitor->leave && !visitor->leave(visitor->context, &walk.open[walk.depth]))
                return stop(ret_stopped);
        }
        if (!read_record(&walk, &record, err))
            return false;
        if (visitor && visitor->enter && !visitor->enter(visitor->context, &record))
            return stop(ret_stopped);
        if ((record.id & SIPA_AGGREGATE) && !descend(&walk, &record, err))
            return false;
    }
}

bool sipa_walk(struct bytes data, const struct sipa_visitor *visitor, struct err *err)
{
    bool stopped;

    if (data.len == 0)
        return err_set(err, ERR_MALFORMED, "no record");
    return walk_records(data, NULL, &stopped, err) && (!visitor || walk_records(data, visitor, &stopped, err));
}

bool sipa_is_wellformed(struct bytes data)
{
    struct err err = ERR_INIT;

    return sipa_walk(data, NULL, &err);
}

static bool find_known(void *context, const struct sipa_record *record)
{
    bool *found = context;

    *found = *found || record->type != NULL;
    return !*found;
}

bool sipa_is_windows(struct bytes data)
{
    struct err ignored = ERR_INIT;
    bool found = false;
    const struct sipa_visitor visitor = { find_known, NULL, &found };

    return sipa_walk(data, &visitor, &ignored) && found;
}

bool sipa_boolean(const struct sipa_record *record, bool *ret)
{
    if (record->payload.len != 1)
        return false;
    *ret = record->payload.data[0] != 0;
    return true;
}

bool sipa_integer(const struct sipa_record *record, uint64_t *ret)
{
    uint64_t value = 0;

    if (record->payload.len == 0 || record->payload.len > 8)
        return false;
    for (size_t i = record->payload.len; i-- > 0;)
        value = value << 8 | record->payload.data[i];
    *ret = value;
    return true;
}

const char *sipa_value_name(uint32_t id, uint64_t value)
{
    static const struct {
        uint32_t id;
        uint64_t value;
        const char *name;
    } names[] = {
        { 0x000A0007, 0, "HypervisorEnforcedCodeIntegrityDisable" },
        { 0x000A0007, 1, "HypervisorEnforcedCodeIntegrityEnable" },
        { 0x000A0007, 2, "HypervisorEnforcedCodeIntegrityStrict" },
        { 0x0005000E, 1, "DriverLoadPolicyGoodOnly" },
        { 0x0005000E, 3, "DriverLoadPolicyGoodAndUnknown" },
        { 0x0005000E, 7, "DriverLoadPolicyGoodUnknownAndBadCritical" },
        { 0x0005000E, 15, "DriverLoadPolicyAll" },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].id == id && names[i].value == value)
            return names[i].name;
    return NULL;
}
