#include <stdio.h>
#include <time.h>
#include "base/file.h"
#include "cert_builder.h"
#include "support/test.h"
#include "x509/chain.h"

/* A root (key 1), an intermediate (key 2) and a leaf (key 0), each as the row says. */
struct family {
    struct cert *root, *below, *leaf;
};

static const struct cert_plan good_root = { .cn = "root", .key = 1, .signer = 1, .ca = true, .key_usage = "0106" };
static const struct cert_plan good_below = { .cn = "below", .issuer_cn = "root", .key = 2, .signer = 1, .ca = true, .key_usage = "0106" };
static const struct cert_plan good_leaf = {
    .cn = "vm", .issuer_cn = "below", .key = 0, .signer = 2, .eku = PLAN_EKU_EK, .tpm_names = true, .key_usage = "0308"
};

static struct family family_of(struct cert_plan root, struct cert_plan below, struct cert_plan leaf)
{
    return (struct family){ plan_cert(&root), plan_cert(&below), plan_cert(&leaf) };
}

static void family_done(struct family *f)
{
    cert_free(f->root);
    cert_free(f->below);
    cert_free(f->leaf);
}

/* "" when it verified, else the sentence. */
static const char *judge(const struct trust_entry *entries, size_t n, const struct cert *leaf, const struct cert *const *extra,
                         size_t n_extra, const struct chain_options *options)
{
    static struct err err;
    CLEANUP(trust_store_free_at) struct trust_store *store = NULL;
    CLEANUP(verified_chain_free_at) struct verified_chain *chain = NULL;

    err = ERR_INIT;
    if (!trust_store_new(entries, n, &store, &err) || !leaf)
        return "no store";
    if (!chain_verify(store, leaf, extra, n_extra, options, &chain, &err)) {
        CHECK_INT(err.code, ERR_UNTRUSTED);
        CHECK(chain == NULL && err.text[0]);
        return err.text;
    }
    return "";
}

static const struct chain_options ek_now = { .purpose = CHAIN_EK, .now_ms = PLAN_NOW };

static const char *judge_family(const struct family *f, const struct chain_options *options)
{
    const struct trust_entry entry = { TRUST_CA, f->root };
    const struct cert *extra[] = { f->below };

    return judge(&entry, 1, f->leaf, extra, 1, options);
}

TEST(a_leaf_verifies_over_an_intermediate_sent_along)
{
    CLEANUP(family_done) struct family f = family_of(good_root, good_below, good_leaf);

    CHECK_STRING(judge_family(&f, &ek_now), "");
}

TEST(a_leaf_verifies_over_an_intermediate_of_the_store)
{
    CLEANUP(family_done) struct family f = family_of(good_root, good_below, good_leaf);
    const struct trust_entry entries[] = { { TRUST_INTERMEDIATE, f.below }, { TRUST_CA, f.root } };

    CHECK_STRING(judge(entries, 2, f.leaf, NULL, 0, &ek_now), "");
    CHECK_STRING(judge(entries, 1, f.leaf, NULL, 0, &ek_now), "Unable to find issuer certificate CN=root");
}

TEST(an_intermediate_can_be_an_anchor_itself)
{
    CLEANUP(family_done) struct family f = family_of(good_root, good_below, good_leaf);

    CHECK_STRING(judge(&(struct trust_entry){ TRUST_CA, f.below }, 1, f.leaf, NULL, 0, &ek_now), "");
}

TEST(a_pinned_leaf_needs_no_issuer_but_keeps_its_rules)
{
    CLEANUP(family_done) struct family f = family_of(good_root, good_below, good_leaf);
    struct chain_options late = { .purpose = CHAIN_EK, .now_ms = PLAN_NOW * 2 }, ak = { .purpose = CHAIN_AK, .now_ms = PLAN_NOW };
    const struct trust_entry entry = { TRUST_LEAF, f.leaf };

    CHECK_STRING(judge(&entry, 1, f.leaf, NULL, 0, &ek_now), "");
    CHECK(judge(&entry, 1, f.leaf, NULL, 0, &late)[0]);
    CHECK(judge(&entry, 1, f.leaf, NULL, 0, &ak)[0]);
    CHECK_STRING(judge(&(struct trust_entry){ TRUST_INTERMEDIATE, f.leaf }, 1, f.leaf, NULL, 0, &ek_now),
                 "Unable to find issuer certificate CN=below");
}

TEST(a_chain_tells_its_members_and_its_end)
{
    CLEANUP(family_done) struct family f = family_of(good_root, good_below, good_leaf);
    CLEANUP(trust_store_free_at) struct trust_store *store = NULL;
    CLEANUP(verified_chain_free_at) struct verified_chain *chain = NULL;
    const struct cert *extra[] = { f.below };
    struct err err = ERR_INIT;

    REQUIRE_OK(trust_store_new(&(struct trust_entry){ TRUST_CA, f.root }, 1, &store, &err), err);
    REQUIRE_OK(chain_verify(store, f.leaf, extra, 1, &ek_now, &chain, &err), err);
    CHECK_INT(verified_chain_len(chain), 3);
    CHECK(verified_chain_leaf(chain) == f.leaf && verified_chain_cert(chain, 1) == f.below && verified_chain_anchor(chain) == f.root);
    CHECK_INT(verified_chain_not_after_ms(chain), f.root->not_after_ms);
}

/* attack-suite.md I5 */
TEST(every_broken_rule_is_a_refusal_with_its_reason)
{
    static const struct {
        const char *want;
        struct cert_plan root, below, leaf;
    } rows[] = {
#define ROOT  .cn = "root", .key = 1, .signer = 1, .ca = true
#define BELOW .cn = "below", .issuer_cn = "root", .key = 2, .signer = 1
#define LEAF  .cn = "vm", .issuer_cn = "below", .key = 0, .signer = 2, .tpm_names = true
#define EK    .eku = PLAN_EKU_EK
        { "it expired on", { ROOT }, { BELOW, .ca = true }, { LEAF, EK, .expired = true } },
        { "it is not valid before", { ROOT }, { BELOW, .ca = true }, { LEAF, EK, .not_yet = true } },
        { "certificate CN=below: it expired on", { ROOT }, { BELOW, .ca = true, .expired = true }, { LEAF, EK } },
        { "certificate CN=root: it expired on", { ROOT, .expired = true }, { BELOW, .ca = true }, { LEAF, EK } },
        { "no extended key usage 2.23.133.8.1", { ROOT }, { BELOW, .ca = true }, { LEAF } },
        { "no extended key usage 2.23.133.8.1", { ROOT }, { BELOW, .ca = true }, { LEAF, .eku = PLAN_EKU_TLS } },
        { "no extended key usage 2.23.133.8.1", { ROOT }, { BELOW, .ca = true }, { LEAF, .eku = PLAN_EKU_PLATFORM } },
        { "CA:TRUE", { ROOT }, { BELOW, .ca = true }, { LEAF, EK, .ca = true } },
        { "alternative names", { ROOT }, { BELOW, .ca = true }, { .cn = "vm", .issuer_cn = "below", .signer = 2, EK } },
        { "neither keyEncipherment nor keyAgreement", { ROOT }, { BELOW, .ca = true }, { LEAF, EK, .key_usage = "0780" } },
        { "critical extension that we do not know (2.5.29.30)", { ROOT }, { BELOW, .ca = true }, { LEAF, EK, .critical_unknown = true } },
        { "certificate CN=below: it has a critical extension", { ROOT }, { BELOW, .ca = true, .critical_unknown = true }, { LEAF, EK } },
        { "path length 0 does not allow 1 CA", { ROOT, .path_len = -1 }, { BELOW, .ca = true }, { LEAF, EK } },
        { "Unable to find issuer certificate CN=below: the one of that name is no CA", { ROOT }, { BELOW }, { LEAF, EK } },
        { "Unable to find issuer certificate CN=below: the one of that name is no CA",
          { ROOT },
          { BELOW, .no_extensions = true },
          { LEAF, EK } },
        { "does not include keyCertSign", { ROOT }, { BELOW, .ca = true, .key_usage = "0780" }, { LEAF, EK } },
        { "does not include keyCertSign", { ROOT, .key_usage = "0780" }, { BELOW, .ca = true }, { LEAF, EK } },
        { "exclude this purpose", { ROOT }, { BELOW, .ca = true, .eku = PLAN_EKU_TLS }, { LEAF, EK } },
        { "certificate CN=vm: signed with SHA-1", { ROOT }, { BELOW, .ca = true }, { LEAF, EK, .weak_signature = true } },
        { "certificate CN=below: signed with SHA-1", { ROOT }, { BELOW, .ca = true, .weak_signature = true }, { LEAF, EK } },
        { "Unable to find issuer certificate CN=stranger",
          { ROOT },
          { BELOW, .ca = true },
          { .cn = "vm", .issuer_cn = "stranger", .signer = 2, EK, .tpm_names = true } },
        { "Unable to find issuer certificate CN=below: 1 of that name did not sign it",
          { ROOT },
          { BELOW, .ca = true },
          { .cn = "vm", .issuer_cn = "below", .signer = 3, EK, .tpm_names = true } },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CLEANUP(family_done) struct family f = family_of(rows[i].root, rows[i].below, rows[i].leaf);
        const char *got = judge_family(&f, &ek_now);

        if (!strstr(got, rows[i].want))
            test_note("row %zu: got \"%s\", want \"%s\"", i, got, rows[i].want);
        CHECK(strstr(got, rows[i].want) != NULL);
    }
}

TEST(path_length_one_allows_one_ca)
{
    struct cert_plan root = good_root, below = good_below;

    root.path_len = 1;
    below.path_len = -1;
    CLEANUP(family_done) struct family f = family_of(root, below, good_leaf);
    CHECK_STRING(judge_family(&f, &ek_now), "");
}

TEST(dates_hold_to_the_second_and_bend_by_the_skew_or_the_switch)
{
    CLEANUP(family_done) struct family f = family_of(good_root, good_below, good_leaf);
    struct chain_options at = ek_now;

    REQUIRE(f.leaf);
    at.now_ms = f.leaf->not_after_ms + 999;
    CHECK_STRING(judge_family(&f, &at), "");
    at.now_ms++;
    CHECK(judge_family(&f, &at)[0]);
    at.skew_ms = 300000;
    CHECK_STRING(judge_family(&f, &at), "");
    at.now_ms = f.leaf->not_before_ms - 300000;
    CHECK_STRING(judge_family(&f, &at), "");
    at.now_ms--;
    CHECK(judge_family(&f, &at)[0]);
    at.ignore_dates = true;
    CHECK_STRING(judge_family(&f, &at), "");
}

/* Every host's swtpm CA has the same two names. */
TEST(keys_decide_among_issuers_of_one_name)
{
    struct cert_plan stranger_below = good_below, stranger_root = good_root;

    stranger_below.key = 4;
    stranger_below.signer = 3;
    stranger_root.key = stranger_root.signer = 3;
    CLEANUP(family_done) struct family ours = family_of(good_root, good_below, good_leaf);
    CLEANUP(family_done) struct family theirs = family_of(stranger_root, stranger_below, good_leaf);
    const struct trust_entry both[] = { { TRUST_CA, theirs.root }, { TRUST_INTERMEDIATE, theirs.below }, { TRUST_CA, ours.root } };
    const struct cert *extra[] = { theirs.below, ours.below };

    CHECK_STRING(judge(both, 3, ours.leaf, extra, 2, &ek_now), "");
    /* their root alone does not vouch for our leaf, whatever it is called */
    CHECK(judge(both, 2, ours.leaf, extra, 2, &ek_now)[0]);
}

TEST(a_trusted_name_with_another_key_is_not_trusted)
{
    CLEANUP(family_done) struct family f = family_of(good_root, good_below, good_leaf);
    struct cert_plan impostor = good_root;

    impostor.key = impostor.signer = 5;
    struct cert *root = plan_cert(&impostor);
    const struct cert *extra[] = { f.below, f.root };
    CHECK_STRING(judge(&(struct trust_entry){ TRUST_CA, root }, 1, f.leaf, extra, 2, &ek_now),
                 "Unable to find issuer certificate CN=root: 1 of that name did not sign it");
    cert_free(root);
}

TEST(a_self_signed_certificate_sent_along_proves_nothing)
{
    CLEANUP(family_done) struct family f = family_of(good_root, good_below, good_leaf);
    struct cert_plan other = { .cn = "other", .key = 6, .signer = 6, .ca = true };
    struct cert *anchor = plan_cert(&other);
    const struct cert *extra[] = { f.below, f.root };

    CHECK_STRING(judge(&(struct trust_entry){ TRUST_CA, anchor }, 1, f.leaf, extra, 2, &ek_now),
                 "Unable to find issuer certificate CN=root");
    cert_free(anchor);
}

TEST(cross_signed_loops_end)
{
    struct cert_plan a_by_b = { .cn = "A", .issuer_cn = "B", .key = 2, .signer = 3, .ca = true };
    struct cert_plan b_by_a = { .cn = "B", .issuer_cn = "A", .key = 3, .signer = 2, .ca = true };
    struct cert_plan leaf = good_leaf;

    leaf.issuer_cn = "A";
    CLEANUP(family_done) struct family f = family_of(a_by_b, b_by_a, leaf);
    struct cert *anchor = plan_cert(&good_root);
    const struct cert *extra[] = { f.root, f.below };
    CHECK_STRING(judge(&(struct trust_entry){ TRUST_CA, anchor }, 1, f.leaf, extra, 2, &ek_now), "Unable to find issuer certificate CN=A");
    cert_free(anchor);
}

/* Eight CAs of one name that all signed each other: without a budget the search would be factorial. */
TEST(many_cross_signed_certificates_cost_a_bounded_number_of_checks)
{
    enum { N = LIMIT_CHAIN_CERTS };
    struct cert *all[N];
    struct cert_plan leaf_plan = good_leaf;
    struct cert *anchor = plan_cert(&good_root), *leaf;
    const struct cert *extra[N];

    for (unsigned i = 0; i < N; i++) {
        struct cert_plan plan = { .cn = "same", .key = i % 4 + 2, .signer = i / 4 + 2, .ca = true };
        extra[i] = all[i] = plan_cert(&plan);
    }
    leaf_plan.issuer_cn = "same";
    leaf = plan_cert(&leaf_plan);
    clock_t begin = clock(); /* of this process: what others do on the machine is not counted */
    CHECK(judge(&(struct trust_entry){ TRUST_CA, anchor }, 1, leaf, extra, N, &ek_now)[0]);
    CHECK(clock() - begin < 2 * CLOCKS_PER_SEC);
    for (unsigned i = 0; i < N; i++)
        cert_free(all[i]);
    cert_free(leaf);
    cert_free(anchor);
}

TEST(more_certificates_than_the_limit_are_not_looked_at)
{
    CLEANUP(family_done) struct family f = family_of(good_root, good_below, good_leaf);
    CLEANUP(trust_store_free_at) struct trust_store *store = NULL;
    struct verified_chain *chain = NULL;
    const struct cert *extra[LIMIT_CHAIN_CERTS + 1];
    struct err err = ERR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(extra); i++)
        extra[i] = f.below;
    REQUIRE_OK(trust_store_new(&(struct trust_entry){ TRUST_CA, f.root }, 1, &store, &err), err);
    CHECK(!chain_verify(store, f.leaf, extra, ARRAY_LEN(extra), &ek_now, &chain, &err) && err.code == ERR_LIMIT);
    REQUIRE_OK(chain_verify(store, f.leaf, extra, LIMIT_CHAIN_CERTS, &ek_now, &chain, &err), err);
    verified_chain_free(chain);
}

TEST(a_self_signed_policy_signer_is_trusted_when_registered_and_only_then)
{
    struct cert *signer = plan_cert(&(struct cert_plan){ .cn = "signer", .ca = true }), *root = plan_cert(&good_root);
    struct chain_options options = { .purpose = CHAIN_POLICY_SIGNER, .now_ms = PLAN_NOW };

    CHECK_STRING(judge(&(struct trust_entry){ TRUST_LEAF, signer }, 1, signer, NULL, 0, &options), "");
    CHECK_STRING(judge(&(struct trust_entry){ TRUST_CA, root }, 1, signer, NULL, 0, &options),
                 "Unable to find issuer certificate CN=signer");
    cert_free(signer);
    cert_free(root);
}

TEST(each_purpose_takes_only_its_own_leaves)
{
    static const struct {
        enum chain_purpose purpose;
        enum eku_choice eku;
        bool good;
    } rows[] = {
        { CHAIN_AK, PLAN_EKU_AK, true },
        { CHAIN_AK, PLAN_EKU_NONE, true },
        { CHAIN_AK, PLAN_EKU_EK, false },
        { CHAIN_AK, PLAN_EKU_TLS, false },
        { CHAIN_PLATFORM, PLAN_EKU_PLATFORM, true },
        { CHAIN_PLATFORM, PLAN_EKU_NONE, false },
        { CHAIN_PLATFORM, PLAN_EKU_EK, false },
        { CHAIN_TLS_SERVER, PLAN_EKU_TLS, true },
        { CHAIN_TLS_SERVER, PLAN_EKU_NONE, true },
        { CHAIN_TLS_SERVER, PLAN_EKU_AK, false },
        { CHAIN_EK, PLAN_EKU_EK, true },
        { CHAIN_CLOUD_AK, PLAN_EKU_AK, true },
        { CHAIN_CLOUD_AK, PLAN_EKU_NONE, true },
        { CHAIN_CLOUD_AK, PLAN_EKU_TLS, false },
        { CHAIN_CLOUD_AK, PLAN_EKU_EK, false },
        { CHAIN_EK, PLAN_EKU_AK, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cert_plan leaf = good_leaf;
        struct chain_options options = { .purpose = rows[i].purpose, .now_ms = PLAN_NOW };

        leaf.eku = rows[i].eku;
        leaf.key_usage = rows[i].purpose == CHAIN_EK ? "0308" : "0780";
        CLEANUP(family_done) struct family f = family_of(good_root, good_below, leaf);
        CHECK_INT(judge_family(&f, &options)[0] == '\0', rows[i].good);
    }
}

static struct cert *shared_cert(const char *path)
{
    struct arena a = { 0 };
    struct bytes content;
    struct cert *cert = NULL;
    struct err err = ERR_INIT;

    if (!file_read_in(&a, shared_data(path), 65536, &content, &err) || !cert_parse_any(content, &cert, &err))
        test_note("%s: %s", path, err.text);
    CHECK(cert != NULL);
    arena_done(&a);
    return cert;
}

TEST(certificates_of_real_virtual_tpms_verify)
{
    static const char *const folders[] = { "identities/vm-d01", "identities/vm-d02",  "identities/vm-d03",     "identities/vm-u01",
                                           "identities/vm-u02", "debian-sb-boot1",    "debian-sb-second-vm",   "debian-sb-tpm-tis",
                                           "uki-sb-boot1",      "debian-linuxefi-sb", "debian-sb-sha256-only", "efistub-sb" };
    static const struct {
        const char *index;
        enum chain_purpose purpose;
    } certs[] = { { "nv_0x1c00002", CHAIN_EK }, { "nv_0x1c00016", CHAIN_EK }, { "nv_0x1c08000", CHAIN_PLATFORM } };
    struct cert *root, *issuer;

    if (!shared_data("boot-logs"))
        SKIP("the shared data are not here");
    root = shared_cert("boot-logs/ca/root.pem");
    issuer = shared_cert("boot-logs/ca/issuer.pem");
    REQUIRE(root && issuer);
    const struct trust_entry entries[] = { { TRUST_CA, root }, { TRUST_INTERMEDIATE, issuer } };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        for (size_t j = 0; j < ARRAY_LEN(certs); j++) {
            struct chain_options options = { .purpose = certs[j].purpose, .now_ms = issuer->not_before_ms + 86400000 };
            char path[256];
            struct cert *leaf;

            snprintf(path, sizeof path, "boot-logs/%s/%s.der", folders[i], certs[j].index);
            leaf = shared_cert(path);
            REQUIRE(leaf);
            CHECK_STRING(judge(entries, 2, leaf, NULL, 0, &options), "");
            CHECK(judge(entries + 1, 1, leaf, NULL, 0, &options)[0]);
            cert_free(leaf);
        }
    cert_free(root);
    cert_free(issuer);
}

/* The issuing CA of this real AK certificate is not public: it is trusted itself, by configuration. */
TEST(a_real_cloud_attestation_key_can_be_pinned)
{
    struct cert *leaf;

    if (!shared_data("azureguest"))
        SKIP("the shared data are not here");
    leaf = shared_cert("azureguest/aikcert-Linux.der");
    REQUIRE(leaf);
    struct chain_options options = { .purpose = CHAIN_CLOUD_AK, .now_ms = leaf->not_before_ms + 1000 };
    const struct trust_entry entry = { TRUST_LEAF, leaf };
    CHECK_STRING(judge(&entry, 1, leaf, NULL, 0, &options), "");
    CHECK_STRING(judge(&entry, 0, leaf, NULL, 0, &options), "Unable to find issuer certificate CN=AME Infra CA 02,DC=AME,DC=GBL");
    /* the native protocol asks for the TCG's usage, which this one does not have (attestation-service.md 6.5 step 4) */
    options.purpose = CHAIN_AK;
    CHECK(strstr(judge(&entry, 1, leaf, NULL, 0, &options), "2.23.133.8.3") != NULL);
    cert_free(leaf);
}
