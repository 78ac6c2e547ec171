/* The agent's TPM side against a real emulator. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "agent/tpm/ek.h"
#include "agent/tpm/quote.h"
#include "base/hex.h"
#include "findings/finding.h"
#include "support/test.h"
#include "tpm/credential.h"
#include "tpm/quote.h"
#include "unit/agent/require_done.h"
#include "unit/agent/vtpm.h"
#include "x509/cert.h"
#include "x509/ek_cert.h"

#define WITH_VTPM(v)                          \
    struct vtpm v CLEANUP(vtpm_stop) = { 0 }; \
    if (!vtpm_start(&v))                      \
    SKIP("%s", v.why)

static const struct ak_options usual;
static const struct ak_record unknown;

/* Opens TPM and key, hands the Name to `ret` as hex, and closes both. */
static bool ak_once(const struct vtpm *v, const struct ak_record *record, char ret_name[static 80], struct ak_record *ret,
                    struct failure *why)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct ak *ak CLEANUP(ak_close_at) = NULL;

    if (!tpm_device_open(v->tcti, &tpm, why) || !ak_open(tpm, &usual, record, &ak, why))
        return false;
    hex_encode(ak_name(ak), ret_name);
    ak_remember(ak, ret);
    return true;
}

TEST(the_attestation_key_is_the_same_after_evict_clear_and_power_cycle)
{
    char name[80], again[80];
    struct ak_record record, later;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE_DONE(ak_once(&v, &unknown, name, &record, &why), why);
    CHECK_INT(record.handle, 0x81000003);
    CHECK_INT(record.name.len, 34);

    REQUIRE_DONE(ak_once(&v, &record, again, &later, &why), why); /* found where it was put */
    CHECK_STRING(again, name);

    REQUIRE(vtpm_run(&v, "tpm2_evictcontrol -C o -c 0x81000003"));
    REQUIRE_DONE(ak_once(&v, &record, again, &later, &why), why);
    CHECK_STRING(again, name);
    CHECK_INT(later.handle, 0x81000003);

    REQUIRE(vtpm_run(&v, "tpm2_clear -c p || tpm2_clear -c l"));
    REQUIRE_DONE(ak_once(&v, &record, again, &later, &why), why);
    CHECK_STRING(again, name);

    vtpm_power_cycle(&v);
    REQUIRE_DONE(ak_once(&v, &unknown, again, &later, &why), why); /* without any memory of it, as in a RAM disk */
    CHECK_STRING(again, name);
    CHECK_INT(later.handle, 0x81000003);
}

/* A key like ours, but in the owner hierarchy: its quotes would have scrambled counters. */
static const char plant[] = "tpm2_createprimary -C o -G rsa2048:rsassa-sha256:null "
                            "-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' -c planted && "
                            "tpm2_evictcontrol -C o -c planted 0x81000003 && tpm2_flushcontext -t";

TEST(a_key_planted_where_ours_was_is_refused)
{
    char name[80];
    struct ak_record record, later;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE_DONE(ak_once(&v, &unknown, name, &record, &why), why);
    REQUIRE(vtpm_run(&v, "tpm2_evictcontrol -C o -c 0x81000003"));
    REQUIRE(vtpm_run(&v, plant));
    CHECK(!ak_once(&v, &record, name, &later, &why));
    CHECK_STRING(failure_name(why.id), "AK_REPLACED");
}

TEST(a_foreign_key_at_the_usual_handle_is_left_alone_and_the_fallback_used)
{
    char name[80];
    struct ak_record record;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE(vtpm_run(&v, plant));
    REQUIRE_DONE(ak_once(&v, &unknown, name, &record, &why), why);
    CHECK_INT(record.handle, 0x8101b001);
    REQUIRE(vtpm_run(&v, "tpm2_getcap handles-persistent | grep -i 0x81000003"));
}

TEST(a_tpm_with_another_seed_is_told_from_ours)
{
    char name[80];
    struct ak_record record, later;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE_DONE(ak_once(&v, &unknown, name, &record, &why), why);
    record.name.value[33] ^= 1;
    record.handle = 0;
    CHECK(!ak_once(&v, &record, name, &later, &why));
    CHECK_STRING(failure_name(why.id), "SEED_CHANGED");
}

/* The key that is loaded, the device, and what keeps a connection for the next one. */
TEST(a_tpm_that_died_is_closed_without_waiting_for_it)
{
    struct ak_options transient = { .look_only = true };
    struct tpm_device *tpm = NULL;
    struct ak *ak = NULL;
    struct failure why = FAILURE_INIT;
    int64_t waited_ms;

    WITH_VTPM(v);
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_open(tpm, &transient, &unknown, &ak, &why), why);
    CHECK_INT(tpm_device_usage(tpm).objects, 1);
    waited_ms = tpm_device_usage(tpm).waited_ms;
    kill(v.pid, SIGKILL);
    ak_close(ak);
    CHECK(tpm_device_usage(tpm).waited_ms - waited_ms < 10000); /* of its own accord; a command has a minute */
    tpm_device_close(tpm);
    CHECK(!tpm_device_open(v.tcti, &tpm, &why));
    CHECK_STRING(failure_name(why.id), "TPM_UNUSABLE");
}

TEST(a_quote_verifies_and_covers_the_values_that_come_with_it)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct findings list = { .arena = &a };
    const struct verified_quote *verified;
    const uint8_t nonce[32] = { 1, 2, 3 };
    struct quoted quoted;
    struct failure why;
    struct err err = ERR_INIT;

    WITH_VTPM(v);
    REQUIRE(vtpm_run(&v, "tpm2_pcrextend 10:sha256=$(printf %064d 7)"));
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_open(tpm, &usual, &unknown, &ak, &why), why);
    REQUIRE_DONE(quote_take(tpm, ak, QUOTE_ALL_PCRS, BYTES_OF(nonce), NULL, &a, &quoted, &why), why);
    CHECK_INT(quoted.attest.len, 113 + 32);
    CHECK_INT(quoted.signature.len, 6 + 256);
    CHECK_INT(quoted.attempts, 1);
    CHECK_INT(quoted.pcrs.banks[0].present, 0xffffff);

    const struct quote_claim claim = {
        .attest = quoted.attest, .signature = quoted.signature, .form = SIGNATURE_FORM_TPMT, .pcrs = &quoted.pcrs
    };
    const struct quote_expectations want = { .ak = ak_key(ak), .nonce = BYTES_OF(nonce), .required_pcr_mask = QUOTE_ALL_PCRS };
    REQUIRE_OK(quote_verify(&a, &claim, &want, &list, &verified, &err), err);
    CHECK_INT(verified_quote_clock(verified)->reset_count, quoted.clock.reset_count);

    struct quoted moved = quoted;
    moved.pcrs.banks[0].value[3].value[0] ^= 1;
    const struct quote_claim wrong = {
        .attest = quoted.attest, .signature = quoted.signature, .form = SIGNATURE_FORM_TPMT, .pcrs = &moved.pcrs
    };
    CHECK(!quote_verify(&a, &wrong, &want, &list, &verified, &err));
}

TEST(registers_that_rest_are_not_read_again_and_one_that_moved_is_noticed)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct quoted first, second, third;
    struct tpm_facts facts;
    unsigned commands;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_open(tpm, &usual, &unknown, &ak, &why), why);
    REQUIRE_DONE(quote_take(tpm, ak, QUOTE_ALL_PCRS, BYTES_LIT("1"), NULL, &a, &first, &why), why);
    commands = tpm_device_usage(tpm).commands;
    REQUIRE_DONE(quote_take(tpm, ak, QUOTE_ALL_PCRS, BYTES_LIT("2"), &first.pcrs, &a, &second, &why), why);
    CHECK_INT(tpm_device_usage(tpm).commands - commands, 2); /* is it our key, and the quote */
    CHECK(pcr_sets_equal(&first.pcrs, &second.pcrs));
    CHECK_INT(second.attempts, 1);

    ak_close(TAKE(ak)); /* the emulator serves one at a time */
    REQUIRE_DONE(tpm_facts_now(tpm, &facts, &why), why);
    CHECK(!facts.in_lockout);
    tpm_device_close(TAKE(tpm));
    REQUIRE(vtpm_run(&v, "tpm2_pcrextend 11:sha256=$(printf %064d 7)"));
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    tpm_facts_give(tpm, &facts);
    REQUIRE_DONE(ak_open(tpm, &usual, &unknown, &ak, &why), why);
    REQUIRE_DONE(quote_take(tpm, ak, QUOTE_ALL_PCRS, BYTES_LIT("3"), &first.pcrs, &a, &third, &why), why);
    CHECK(!pcr_sets_equal(&first.pcrs, &third.pcrs));
    CHECK(!digest_equal(&first.pcrs.banks[0].value[11], &third.pcrs.banks[0].value[11]));
    third.pcrs.banks[0].value[11] = first.pcrs.banks[0].value[11];
    CHECK(pcr_sets_equal(&first.pcrs, &third.pcrs));
    third.pcrs.banks[0].present &= ~1u;
    CHECK(!pcr_sets_equal(&first.pcrs, &third.pcrs));
}

TEST(registers_are_read_in_rounds_of_eight_and_land_at_their_own_index)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct pcr_set all, some;
    struct failure why;

    WITH_VTPM(v);
    for (int pcr = 0; pcr < 16; pcr++) {
        char command[120];

        snprintf(command, sizeof command, "tpm2_pcrextend %d:sha256=%064d", pcr, pcr + 1);
        REQUIRE(vtpm_run(&v, command));
    }
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(quote_read_pcrs(tpm, DIGEST_SHA256, QUOTE_ALL_PCRS, &all, &why), why);
    for (unsigned pcr = 0; pcr < 16; pcr++) {
        char hex[65];
        struct digest want;
        uint8_t with[32];

        snprintf(hex, sizeof hex, "%064u", pcr + 1);
        REQUIRE(hex_decode_into(bytes_of_string(hex), with, sizeof with));
        pcr_reset_value(DIGEST_SHA256, pcr, &want);
        digest_extend(&want, BYTES_OF(with));
        CHECK(digest_equal(&want, &all.banks[0].value[pcr]));
    }
    REQUIRE_DONE(quote_read_pcrs(tpm, DIGEST_SHA256, 0x800101, &some, &why), why);
    CHECK_INT(some.banks[0].present, 0x800101);
    CHECK(digest_equal(&some.banks[0].value[8], &all.banks[0].value[8]));
    CHECK(digest_equal(&some.banks[0].value[23], &all.banks[0].value[23]));
}

TEST(a_bank_that_is_not_allocated_is_named_and_not_quoted)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct pcr_set set;
    struct tpm_facts facts;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(tpm_facts_read(tpm, &facts, &why), why);
    CHECK_STRING(facts.manufacturer, "IBM");
    CHECK_INT(facts.pcr_banks[DIGEST_SHA256], 0xffffff);
    CHECK_INT(facts.pcr_banks[DIGEST_SHA384], 0);
    CHECK(!quote_read_pcrs(tpm, DIGEST_SHA384, QUOTE_ALL_PCRS, &set, &why));
    CHECK_STRING(failure_name(why.id), "PCR_BANK");
}

TEST(a_short_message_signed_in_the_tpm_is_an_ordinary_rs256_signature)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    uint8_t longest[QUOTE_MESSAGE_MAX + 1] = { 0 };
    struct arena a CLEANUP(arena_done) = { 0 };
    struct bytes signature;
    struct bytes message = BYTES_LIT("eyJhbGciOiJSUzI1NiJ9.e30");
    struct failure why;
    struct err err = ERR_INIT;

    WITH_VTPM(v);
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_open(tpm, &usual, &unknown, &ak, &why), why);
    REQUIRE_DONE(quote_sign_message(tpm, ak, message, &a, &signature, &why), why);
    REQUIRE_OK(pubkey_verify(ak_key(ak), SIGNATURE_RSASSA, DIGEST_SHA256, message, signature, &err), err);
    REQUIRE_DONE(quote_sign_message(tpm, ak, (struct bytes){ longest, QUOTE_MESSAGE_MAX }, &a, &signature, &why), why);
    CHECK(!quote_sign_message(tpm, ak, BYTES_OF(longest), &a, &signature, &why));
    CHECK(!quote_sign_message(tpm, ak,
                              BYTES_LIT("\xff"
                                        "TCG and more"),
                              &a, &signature, &why)); /* a forged attestation */
}

static void activate_with(struct tpm_device *tpm, const struct ak *ak, const struct ek_certificates *certs, size_t i)
{
    struct ek *ek CLEANUP(ek_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    uint8_t sent[32] = { 0xab, 0xcd }, got[EK_SECRET_MAX], other_name[34];
    struct bytes id_object, encrypted;
    struct tpm_public pub;
    size_t len = 0;
    struct failure why;
    struct err err = ERR_INIT;

    REQUIRE_DONE(ek_open(tpm, certs->kind[i], certs->der[i], &ek, &why), why);
    REQUIRE_OK(tpm_public_decode_2b(ek_public_2b(ek), &pub, &err), err);
    REQUIRE_OK(credential_make(&a, &pub, ak_name(ak), BYTES_OF(sent), &id_object, &encrypted, &err), err);
    REQUIRE_DONE(ek_activate(ek, ak, id_object, encrypted, got, &len, &why), why);
    CHECK_BYTES(((struct bytes){ got, len }), BYTES_OF(sent));
    CHECK_INT(tpm_device_usage(tpm).sessions, 0);

    memcpy(other_name, ak_name(ak).data, sizeof other_name);
    other_name[20] ^= 1;
    REQUIRE_OK(credential_make(&a, &pub, BYTES_OF(other_name), BYTES_OF(sent), &id_object, &encrypted, &err), err);
    CHECK(!ek_activate(ek, ak, id_object, encrypted, got, &len, &why));
    CHECK_STRING(failure_name(why.id), "ACTIVATE_FAIL");
    CHECK_INT(tpm_device_usage(tpm).sessions, 0);

    for (size_t cut = 0; cut < id_object.len; cut++) {
        struct bytes part = exact_copy(bytes_slice(id_object, 0, cut));

        CHECK(!ek_activate(ek, ak, part, encrypted, got, &len, &why));
        CHECK_STRING(failure_name(why.id), "BAD_ANSWER");
        free((void *)part.data);
    }
}

TEST(a_credential_opens_only_for_its_own_key_with_rsa_and_p384)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ek_certificates certs;
    struct tpm_usage usage;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_open(tpm, &usual, &unknown, &ak, &why), why);
    REQUIRE_DONE(ek_read_certificates(tpm, &a, &certs, &why), why);
    REQUIRE(certs.n == 2);
    CHECK_INT(certs.kind[0], EK_RSA2048);
    CHECK_INT(certs.kind[1], EK_P384);
    CHECK(certs.platform.len > 0);
    for (size_t i = 0; i < certs.n; i++) {
        struct cert *cert CLEANUP(cert_free_at) = NULL;
        struct ek_identity who;
        struct err err = ERR_INIT;

        REQUIRE_OK(cert_parse(certs.der[i], &cert, &err), err);
        REQUIRE_OK(ek_cert_identity(cert, &who, &err), err);
        CHECK_STRING(who.vm_uuid, VTPM_UUID);
        activate_with(tpm, ak, &certs, i);
    }
    usage = tpm_device_usage(tpm);
    CHECK_INT(usage.objects, 0);
    CHECK(usage.most_objects <= 2 && usage.most_sessions == 1);
    test_note("%u TPM commands, at most %u objects and %u session", usage.commands, usage.most_objects, usage.most_sessions);
}

TEST(an_endorsement_key_that_is_not_persistent_is_made_again_from_its_template)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct ak *ak CLEANUP(ak_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ek_certificates certs;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE(vtpm_run(&v, "tpm2_evictcontrol -C o -c 0x81010001 && tpm2_evictcontrol -C o -c 0x81010016"));
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_open(tpm, &usual, &unknown, &ak, &why), why);
    REQUIRE_DONE(ek_read_certificates(tpm, &a, &certs, &why), why);
    REQUIRE(certs.n == 2);
    for (size_t i = 0; i < certs.n; i++)
        activate_with(tpm, ak, &certs, i);
    CHECK_INT(tpm_device_usage(tpm).objects, 0);
    CHECK(tpm_device_usage(tpm).most_objects <= 2);
}

TEST(a_certificate_of_another_endorsement_key_is_a_mismatch)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct ek *ek CLEANUP(ek_close_at) = NULL;
    struct ek_certificates certs;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(ek_read_certificates(tpm, &a, &certs, &why), why);
    REQUIRE(certs.n == 2);
    CHECK(!ek_open(tpm, EK_RSA2048, certs.der[1], &ek, &why));
    CHECK_STRING(failure_name(why.id), "EK_CERT_MISMATCH");
    CHECK_INT(tpm_device_usage(tpm).objects, 0);
}

TEST(what_is_stored_in_nv_is_read_back_at_any_length)
{
    static const size_t lengths[] = { 1, 511, 512, 513, 1024, 1025, 1500, 2048, 40 };
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    uint8_t content[2049];
    struct failure why;

    WITH_VTPM(v);
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(i * 7 + 1);
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct arena a CLEANUP(arena_done) = { 0 };
        struct bytes want = { content, lengths[i] }, got = BYTES_NONE;
        bool present = false;

        REQUIRE_DONE(tpm_nv_store(tpm, 0x01c101d0, want, &why), why);
        REQUIRE_DONE(tpm_nv_read(tpm, 0x01c101d0, 4096, &a, &present, &got, &why), why);
        CHECK(present);
        CHECK_BYTES(got, want);
    }
    CHECK(!tpm_nv_store(tpm, 0x01c101d0, BYTES_OF(content), &why)); /* 2049: libtpms caps an index at 2048 */
    CHECK_INT(why.tpm_rc & 0xffff, 0x2d5);
    REQUIRE_DONE(tpm_nv_remove(tpm, 0x01c101d0, &why), why);
    REQUIRE_DONE(tpm_nv_remove(tpm, 0x01c101d0, &why), why);
    CHECK(!tpm_nv_store(tpm, 0x01c00002, (struct bytes){ content, 4 }, &why)); /* the platform's */
}

TEST(a_certificate_padded_in_nv_is_trimmed_and_rubbish_is_no_certificate)
{
    struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
    struct arena a CLEANUP(arena_done) = { 0 };
    struct writer padded CLEANUP(writer_done) = { 0 };
    struct ek_certificates certs;
    struct bytes got;
    struct failure why;

    WITH_VTPM(v);
    REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
    REQUIRE_DONE(ak_certificate_read(tpm, &a, &got, &why), why);
    CHECK_INT(got.len, 0);
    REQUIRE_DONE(ek_read_certificates(tpm, &a, &certs, &why), why);
    write_bytes(&padded, certs.der[1]);
    for (int i = 0; i < 50; i++)
        write_u8(&padded, 0xff);
    REQUIRE_DONE(ak_certificate_publish(tpm, writer_bytes(&padded), &why), why);
    REQUIRE_DONE(ak_certificate_read(tpm, &a, &got, &why), why);
    CHECK_BYTES(got, certs.der[1]);
    REQUIRE_DONE(ak_certificate_publish(tpm, BYTES_LIT("this is no certificate"), &why), why);
    REQUIRE_DONE(ak_certificate_read(tpm, &a, &got, &why), why);
    CHECK_INT(got.len, 0);
}

TEST(forgetting_takes_key_and_certificate_out_of_the_tpm)
{
    struct failure why;

    WITH_VTPM(v);
    for (int round = 0; round < 2; round++) {
        struct tpm_device *tpm CLEANUP(tpm_device_close_at) = NULL;
        struct ak *ak CLEANUP(ak_close_at) = NULL;
        struct ak_record record;

        REQUIRE_DONE(tpm_device_open(v.tcti, &tpm, &why), why);
        REQUIRE_DONE(ak_open(tpm, &usual, &unknown, &ak, &why), why);
        CHECK(ak_was_made_anew(ak));
        ak_remember(ak, &record);
        ak_close(ak);
        ak = NULL;
        REQUIRE_DONE(ak_forget(tpm, &usual, &record, &why), why);
        CHECK_INT(tpm_device_usage(tpm).objects, 0);
    }
}

TEST(a_tpm_that_is_not_there_is_said_in_words)
{
    struct tpm_device *tpm = NULL;
    struct failure why;

    CHECK(!tpm_device_open("swtpm:path=/nonexistent/socket", &tpm, &why));
    CHECK_STRING(failure_name(why.id), "TPM_UNUSABLE");
    CHECK(!tpm_device_open("device:/nonexistent", &tpm, &why));
    CHECK(strstr(why.text, "/nonexistent") != NULL);
    CHECK(tpm == NULL);
}

TEST(response_codes_are_shown_in_hex_and_words_and_sorted)
{
    static const struct {
        uint32_t rc;
        const char *failure;
    } cases[] = {
        { 0x100, "TPM_UNUSABLE" },  { 0x101, "TPM_UNUSABLE" }, { 0x185, "EH_DISABLED" },  { 0x1df, "ACTIVATE_FAIL" },
        { 0x99d, "ACTIVATE_FAIL" }, { 0x902, "TPM_MEMORY" },   { 0x903, "TPM_MEMORY" },   { 0x905, "TPM_MEMORY" },
        { 0x906, "TPM_MEMORY" },    { 0x18b, "TPM_REFUSED" },  { 0xc0902, "TPM_MEMORY" }, { 0xa000a, "TPM_UNUSABLE" },
    };
    char text[TPM_RC_TEXT_LEN];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_STRING(failure_name(tpm_rc_failure(cases[i].rc)), cases[i].failure);
        tpm_rc_text(cases[i].rc, text);
        CHECK(strncmp(text, "0x", 2) == 0 && strchr(text, '('));
    }
    tpm_rc_text(0x18b, text);
    CHECK(strncmp(text, "0x18B (", 7) == 0 && strlen(text) > 20);
}
