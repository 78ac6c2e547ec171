/* A TPM emulator (swtpm, through tpm2-tools) opens our credentials, and makes quotes and certifications that we verify. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/file.h"
#include "support/test.h"
#include "tpm/certify.h"
#include "tpm/credential.h"
#include "tpm/key_profile.h"
#include "tpm/key_template.h"
#include "tpm/policy_digest.h"
#include "tpm/tools_format.h"

static const uint8_t secret[32] = "thirty-two bytes of a credential";

struct emulator {
    char folder[64];
    pid_t pid; /* 0: not started */
};

static bool run(const char *fmt, ...) PRINTF_LIKE(1, 2);
static bool run(const char *fmt, ...)
{
    char command[2048];
    va_list args;
    int rc;

    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    rc = system(command);
    if (rc != 0)
        test_note("%d from: %s", rc, command);
    return rc == 0;
}

static void emulator_done(struct emulator *e)
{
    if (e->pid > 0)
        kill(e->pid, SIGTERM);
    if (e->folder[0])
        CHECK(run("rm -rf %s", e->folder));
}

static bool have_tools(void)
{
    return system("command -v swtpm >/dev/null && command -v tpm2_activatecredential >/dev/null && command -v tpm2_createek >/dev/null") ==
           0;
}

static bool emulator_start(struct emulator *e)
{
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes pid = BYTES_NONE;
    struct err err = ERR_INIT;
    char path[96];

    /* Short: socket names have about a hundred characters. */
    snprintf(e->folder, sizeof e->folder, "%s/tpm-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
    if (!mkdtemp(e->folder)) {
        e->folder[0] = '\0';
        return false;
    }
    if (!run(
            "mkdir %s/state && swtpm socket --tpm2 --tpmstate dir=%s/state --ctrl type=unixio,path=%s/s.ctrl --server type=unixio,path=%s/s"
            " --flags not-need-init,startup-clear --daemon --pid file=%s/pid >%s/out 2>&1",
            e->folder, e->folder, e->folder, e->folder, e->folder, e->folder))
        return false;
    snprintf(path, sizeof path, "%s/pid", e->folder);
    /* On a busy machine the emulator's parent ends before the file is written. */
    for (int i = 0; i < 1200 && e->pid <= 0; i++) {
        if (file_read(path, 64, &pid, &err) && pid.len)
            e->pid = (pid_t)strtol(arena_string(&a, pid), NULL, 10);
        file_free(&pid);
        if (e->pid <= 0)
            nanosleep(&(const struct timespec){ .tv_nsec = 50 * 1000000L }, NULL);
    }
    return e->pid > 0;
}

/* One tool; what it prints goes to a file. */
#define TOOL(e, fmt, ...)                                                                                           \
    run("cd %s && TPM2TOOLS_TCTI=swtpm:path=%s/s " fmt " >out 2>&1 || { sed 's/^/# /' out; exit 1; }", (e)->folder, \
        (e)->folder __VA_OPT__(, ) __VA_ARGS__)

static struct bytes load(const struct emulator *e, struct arena *a, const char *name)
{
    struct bytes content = BYTES_NONE;
    struct err err = ERR_INIT;
    char path[96];

    snprintf(path, sizeof path, "%s/%s", e->folder, name);
    CHECK(file_read_in(a, path, 1 << 16, &content, &err));
    return content;
}

static void save(const struct emulator *e, const char *name, struct bytes content)
{
    struct err err = ERR_INIT;
    char path[96];

    snprintf(path, sizeof path, "%s/%s", e->folder, name);
    CHECK(file_write(path, content, 0600, &err));
}

static void flush(const struct emulator *e)
{
    CHECK(TOOL(e, "tpm2_flushcontext -t"));
    CHECK(TOOL(e, "tpm2_flushcontext -l"));
    CHECK(TOOL(e, "tpm2_flushcontext -s"));
}

#define START(e)                                      \
    CLEANUP(emulator_done) struct emulator e = { 0 }; \
    if (!have_tools())                                \
        SKIP("swtpm or tpm2-tools is not installed"); \
    REQUIRE(emulator_start(&e))

/* The EK that the tool made is, but for its key, what our template says. */
static void check_template(enum ek_kind kind, const struct tpm_public *made)
{
    CLEANUP(writer_done) struct writer w = { 0 }, w2 = { 0 };
    struct tpm_public want, got = *made;

    ek_template(kind, &want);
    got.rsa_n = want.rsa_n;
    got.ecc_x = want.ecc_x;
    got.ecc_y = want.ecc_y;
    tpm_public_encode(&w, &want);
    tpm_public_encode(&w2, &got);
    CHECK_BYTES(writer_bytes(&w2), writer_bytes(&w));
}

static void activate(const struct emulator *e, enum ek_kind kind, const char *ek_algorithm, const char *ak_arguments)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    struct bytes id_object, encrypted, file;
    struct err err = ERR_INIT;
    struct tpm_public ek, ak;
    struct tpm_name name;

    REQUIRE(TOOL(e, "tpm2_createek -G %s -c ek.ctx -u ek.pub", ek_algorithm));
    flush(e);
    REQUIRE(TOOL(e, "tpm2_createak -C ek.ctx -c ak.ctx -u ak.pub -n ak.name %s", ak_arguments));
    flush(e);
    REQUIRE_OK(tools_public(load(e, &a, "ek.pub"), &ek, &err), err);
    REQUIRE_OK(tools_public(load(e, &a, "ak.pub"), &ak, &err), err);
    check_template(kind, &ek);
    REQUIRE_OK(tpm_public_name(&ak, &name, &err), err);
    CHECK_BYTES(load(e, &a, "ak.name"), tpm_name_bytes(&name));
    REQUIRE_OK(credential_make(&a, &ek, tpm_name_bytes(&name), BYTES_OF(secret), &id_object, &encrypted, &err), err);
    REQUIRE_OK(tools_credential(&a, id_object, encrypted, &file, &err), err);
    save(e, "credential", file);
    REQUIRE(TOOL(e, "tpm2_startauthsession --policy-session -S session.ctx %s",
                 ek.name_algorithm == DIGEST_SHA384   ? "-g sha384"
                 : ek.name_algorithm == DIGEST_SHA512 ? "-g sha512"
                                                      : ""));
    REQUIRE(TOOL(e, "tpm2_policysecret -S session.ctx -c e"));
    if (!ek_place(kind)->low_range) {
        save(e, "a", ek_policy_a(ek.name_algorithm));
        save(e, "c", ek_policy_c(ek.name_algorithm));
        REQUIRE(TOOL(e, "tpm2_policyor -S session.ctx %s:a,c", ek.name_algorithm == DIGEST_SHA384 ? "sha384" : "sha512"));
    }
    REQUIRE(TOOL(e, "tpm2_activatecredential -c ak.ctx -C ek.ctx -i credential -o opened -P session:session.ctx"));
    CHECK_BYTES(load(e, &a, "opened"), BYTES_OF(secret));
    flush(e);
    REQUIRE(TOOL(e, "rm -f opened session.ctx ek.* ak.*"));
}

TEST(a_tpm_opens_credentials_for_its_rsa_2048_endorsement_key)
{
    START(e);
    activate(&e, EK_RSA2048, "rsa", "-G rsa -s rsassa -g sha256");
}

TEST(a_tpm_opens_credentials_for_its_p256_endorsement_key)
{
    START(e);
    activate(&e, EK_P256, "ecc", "-G ecc -s ecdsa -g sha256");
}

TEST(a_tpm_opens_credentials_for_its_p384_endorsement_key)
{
    START(e);
    activate(&e, EK_P384, "ecc384", "-G ecc -s ecdsa -g sha256");
}

TEST(a_tpm_opens_credentials_for_its_p521_endorsement_key)
{
    START(e);
    activate(&e, EK_P521, "ecc521", "-G ecc -s ecdsa -g sha256");
}

TEST(a_tpm_opens_credentials_for_its_rsa_3072_endorsement_key)
{
    START(e);
    activate(&e, EK_RSA3072, "rsa3072", "-G ecc -s ecdsa -g sha256");
}

static void check_quote(const struct emulator *e, const char *ak_arguments, const char *scheme)
{
    CLEANUP(arena_done) struct arena a = { 0 };
    CLEANUP(pubkey_free_at) struct pubkey *key = NULL;
    struct findings list = { .arena = &a };
    const struct verified_quote *verified = NULL;
    struct quote_expectations want = { .nonce = BYTES_LIT("\xab\xcd"), .required_pcr_mask = 0xff };
    struct quote_claim claim = { 0 };
    struct err err = ERR_INIT;
    struct tpm_public ak;
    struct pcr_set pcrs;

    REQUIRE(TOOL(e,
                 "tpm2_createprimary -C e -g sha256 %s -c ak.ctx -a "
                 "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'",
                 ak_arguments));
    flush(e);
    REQUIRE(TOOL(e, "tpm2_readpublic -c ak.ctx -o ak.pub"));
    flush(e);
    REQUIRE(TOOL(e, "tpm2_pcrextend 7:sha256=0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"));
    REQUIRE(
        TOOL(e, "tpm2_quote -c ak.ctx %s -q abcd -l sha1:0,1+sha256:0,1,2,3,4,5,6,7,16,23+sha384:0 -m q.msg -s q.sig -o q.pcrs", scheme));
    REQUIRE_OK(tools_public(load(e, &a, "ak.pub"), &ak, &err), err);
    CHECK(key_profile_check(KEY_PROFILE_AK, &ak, FINDING_AK_ATTRIBUTES, &list));
    REQUIRE_OK(tools_key(load(e, &a, "ak.pub"), &key, &err), err);
    REQUIRE_OK(tools_pcrs(load(e, &a, "q.pcrs"), &pcrs, &err), err);
    claim = (struct quote_claim){ .attest = load(e, &a, "q.msg"), .signature = load(e, &a, "q.sig"), .pcrs = &pcrs };
    claim.form = tools_signature_form(claim.signature, key);
    want.ak = key;
    REQUIRE_OK(quote_verify(&a, &claim, &want, &list, &verified, &err), err);
    CHECK_INT(verified_quote_pcrs(verified)->n_banks, 3);

    REQUIRE(TOOL(e, "rm -f ak.*"));
    flush(e);
}

TEST(quotes_of_a_tpm_are_verified)
{
    START(e);
    check_quote(&e, "-G ecc:ecdsa-sha256:null", "-g sha256");
    check_quote(&e, "-G ecc384:ecdsa-sha384:null", "-g sha384");
    check_quote(&e, "-G rsa2048:rsassa-sha256:null", "-g sha256");
    check_quote(&e, "-G rsa2048:rsapss-sha256:null", "--scheme=rsapss -g sha256");
    check_quote(&e, "-G rsa3072:rsapss-sha384:null", "--scheme=rsapss -g sha384");
}

TEST(certifications_and_policies_of_a_tpm_are_verified)
{
    START(e);
    CLEANUP(arena_done) struct arena a = { 0 };
    CLEANUP(pubkey_free_at) struct pubkey *key = NULL;
    struct certify_expectations want = { .nonce = BYTES_LIT("\xab\xcd") };
    struct findings list = { .arena = &a };
    struct err err = ERR_INIT;
    struct tpm_public object;
    struct digest policy;
    struct pcr_set pcrs;

    REQUIRE(TOOL(&e, "tpm2_createprimary -C e -g sha256 -G rsa2048:rsassa-sha256:null -c ak.ctx -a "
                     "'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'"));
    REQUIRE(TOOL(&e, "tpm2_readpublic -c ak.ctx -o ak.pub"));
    flush(&e);
    REQUIRE(TOOL(&e, "tpm2_pcrread sha256:0,1,2,3,4,5,6,7 -F serialized -o pcrs"));
    REQUIRE(TOOL(&e, "tpm2_createpolicy --policy-pcr -l sha256:0,1,2,3,4,5,6,7 -L policy"));
    REQUIRE(TOOL(&e, "tpm2_createprimary -C n -g sha256 -G rsa2048 -c key.ctx -L policy -a "
                     "'fixedtpm|fixedparent|sensitivedataorigin|noda|decrypt'"));
    REQUIRE(TOOL(&e, "tpm2_readpublic -c key.ctx -o key.pub"));
    flush(&e);
    REQUIRE(TOOL(&e, "tpm2_certify -c key.ctx -C ak.ctx -g sha256 -o c.attest -s c.sig -f tss"));
    REQUIRE_OK(tools_key(load(&e, &a, "ak.pub"), &key, &err), err);
    REQUIRE_OK(tools_public(load(&e, &a, "key.pub"), &object, &err), err);
    want.ak = key;
    want.any_nonce = true; /* the tool sends four bytes of its own */
    REQUIRE_OK(
        certify_verify(&(struct certify_claim){ .attest = load(&e, &a, "c.attest"), .signature = load(&e, &a, "c.sig"), .object = &object },
                       &want, &err),
        err);
    CHECK(key_profile_check(KEY_PROFILE_SEALING, &object, FINDING_AK_ATTRIBUTES, &list));
    REQUIRE_OK(tools_pcrs(load(&e, &a, "pcrs"), &pcrs, &err), err);
    REQUIRE_OK(policy_pcr_digest(DIGEST_SHA256, &pcrs, &policy, &err), err);
    CHECK_BYTES(digest_bytes(&policy), load(&e, &a, "policy"));
    CHECK_BYTES(object.policy, digest_bytes(&policy));
    flush(&e);
}
