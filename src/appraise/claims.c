#include "appraise/claims.h"
#include "appraise/claims_events.h"
#include "base/base64.h"
#include "policy/claim_list.h"

/* Room for each row of the list, for every finding, and for the caller's: more is a mistake of this file, and never a claim less. */
struct claim_list {
    struct policy_claim *items;
    size_t n, capacity;
    bool overflow;
};

static void add(struct claim_list *list, struct policy_claim claim)
{
    list->overflow |= list->n == list->capacity;
    if (!list->overflow)
        list->items[list->n++] = claim;
}

static bool said_no(enum fact fact) { return fact == FACT_NO; }

/* Windows' statements count for what they prove; on other systems none is made, and absent means what 9.1 says it means. */
static void add_boot_claims(struct claim_list *list, const struct bootchain *chain)
{
    const struct windows_facts *w = &chain->windows;

    add(list, service_claim_boolean(CLAIM_SECURE_BOOT_ENABLED, chain->secure_boot == SECURE_BOOT_ENABLED));
    add(list, service_claim_boolean(CLAIM_BOOT_DEBUGGING_DISABLED, said_no(w->boot_debugging)));
    add(list, service_claim_boolean(CLAIM_NOT_SAFE_MODE, w->safe_mode != FACT_YES));
    add(list, service_claim_boolean(CLAIM_NOT_WINPE, w->winpe != FACT_YES));
    add(list, service_claim_boolean(CLAIM_VBS_ENABLED, w->vbs_required == FACT_YES));
    add(list, service_claim_boolean(CLAIM_IOMMU_ENABLED, w->iommu_required == FACT_YES));
    if (chain->command_line)
        add(list, service_claim_string(CLAIM_COMMAND_LINE, bytes_of_string(chain->command_line)));
}

/* A log that is not there proves nothing: what must be true to be safe is then false. */
static void add_claims_without_log(struct claim_list *list)
{
    static const enum claim_id claims[] = { CLAIM_SECURE_BOOT_ENABLED, CLAIM_BOOT_DEBUGGING_DISABLED,
                                            CLAIM_NOT_SAFE_MODE,       CLAIM_NOT_WINPE,
                                            CLAIM_VBS_ENABLED,         CLAIM_IOMMU_ENABLED };

    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        add(list, service_claim_boolean(claims[i], false));
}

/* One claim per finding and one with the worst severity, so that a policy can forbid either. */
static void add_findings(struct claim_list *list, const struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++)
        add(list, service_claim_string(CLAIM_FINDING, bytes_of_string(finding_kind(findings->items[i].id)->id)));
    add(list, service_claim_string(CLAIM_WORST_FINDING, bytes_of_string(findings->n ? severity_name(findings_worst(findings)) : "none")));
}

char *claims_pcrs_json(struct arena *a, const struct pcr_set *pcrs)
{
    static const char *const names[] = {
        [DIGEST_SHA1] = "SHA1",       [DIGEST_SHA256] = "SHA256",     [DIGEST_SHA384] = "SHA384",     [DIGEST_SHA512] = "SHA512",
        [DIGEST_SM3_256] = "SM3_256", [DIGEST_SHA3_256] = "SHA3_256", [DIGEST_SHA3_384] = "SHA3_384", [DIGEST_SHA3_512] = "SHA3_512"
    };
    struct writer w CLEANUP(writer_done) = { 0 };
    struct json_out out = json_out_to(&w, JSON_COMPACT);

    json_begin_object(&out, NULL);
    json_begin_array(&out, "PCRs");
    for (unsigned i = 0; i < LIMIT_PCRS; i++) {
        bool any = false;
        for (size_t b = 0; b < pcrs->n_banks; b++)
            any |= (pcrs->banks[b].present >> i & 1) != 0;
        if (!any)
            continue;
        json_begin_object(&out, NULL);
        json_put_integer(&out, "Index", i);
        for (int hex = 0; hex < 2; hex++) {
            json_begin_object(&out, hex ? "HexDigests" : "Digests");
            for (size_t b = 0; b < pcrs->n_banks; b++) {
                const struct pcr_bank *bank = &pcrs->banks[b];
                if (bank->present >> i & 1)
                    (hex ? json_put_hex : json_put_base64url)(&out, names[bank->algorithm], digest_bytes(&bank->value[i]));
            }
            json_end(&out);
        }
        json_end(&out);
    }
    json_end(&out);
    json_end(&out);
    return writer_ok(&w) ? arena_string(a, writer_bytes(&w)) : NULL;
}

/* Only version 1.2 can look inside (9.2), and most policies never do: they are spared the work, which would be the largest part. */
static bool add_events(struct claim_list *list, struct arena *a, const struct appraise_request *request, const struct appraised *appraised,
                       struct err *err)
{
    struct events_claim events;
    struct policy_claim claim;

    if (!request->policy || policy_version(request->policy) < 12 ||
        !policy_may_use(request->policy, bytes_of_string(service_claims[CLAIM_EVENTS].name)))
        return true;
    if (appraised->ima_progress && !appraised->ima && (request->evidence->ima_from || request->evidence->ima_more))
        return err_set(err, ERR_LIMIT, "the policy asks for the events, and only a piece of the IMA list is here");
    if (!claims_events(a, appraised->replayed, appraised->ima, &events, err))
        return false;
    claim = service_claim_string(CLAIM_EVENTS, events.text);
    claim.json = events.json;
    add(list, claim);
    return true;
}

bool claims_build(struct arena *a, const struct appraise_request *request, const struct appraised *appraised,
                  const struct policy_claim **ret, size_t *ret_n, struct err *err)
{
    struct claim_list list = { .capacity = CLAIM_COUNT + appraised->appraisal.findings.n + request->n_claims };
    struct digest key_digest;
    const char *key_hash, *pcrs = claims_pcrs_json(a, verified_quote_pcrs(appraised->quote));

    digest_compute(DIGEST_SHA256, pubkey_spki(request->ak), &key_digest);
    key_hash = base64_in(a, BASE64_STANDARD, digest_bytes(&key_digest));
    list.items = ARENA_ARRAY(a, list.capacity, struct policy_claim);
    if (!list.items || !key_hash || !pcrs)
        return err_set(err, ERR_NO_MEMORY, "no memory for claims");
    add(&list, service_claim_boolean(CLAIM_AIK_VALIDATED, request->ak_trusted));
    add(&list, service_claim_string(CLAIM_AIK_PUB_HASH, bytes_of_string(key_hash)));
    add(&list, service_claim_integer(CLAIM_TPM_VERSION, 2));
    add(&list, service_claim_boolean(CLAIM_VBS_REPORT_PRESENT, false));
    add(&list, service_claim_boolean(CLAIM_VSM_REPORT_PRESENT, false));
    if (appraised->chain)
        add_boot_claims(&list, appraised->chain);
    else
        add_claims_without_log(&list);
    add_findings(&list, &appraised->appraisal.findings);
    if (!add_events(&list, a, request, appraised, err))
        return false;
    add(&list, service_claim_string(CLAIM_PCRS, bytes_of_string(pcrs)));
    for (size_t i = 0; i < request->n_claims; i++)
        add(&list, request->claims[i]);
    if (list.overflow)
        return err_set(err, ERR_LIMIT, "there are more claims than there is room for");
    *ret = list.items;
    *ret_n = list.n;
    return true;
}
