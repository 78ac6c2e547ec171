/* Commands written and responses read without a TPM. tests/unit/agent proves that a real one agrees. */
#include <stdlib.h>
#include "support/test.h"
#include "tpm/command/answer.h"
#include "tpm/command/rc.h"
#include "tpm/key_template.h"

/* clang-format off */
static const uint8_t quote_command[] = {
    0x80, 0x02,                                     /* TPM_ST_SESSIONS */
    0, 0, 0, 45,                                    /* size */
    0, 0, 0x01, 0x58,                               /* TPM_CC_Quote */
    0x81, 0, 0, 3,                                  /* signHandle */
    0, 0, 0, 9,                                     /* size of the authorisations */
    0x40, 0, 0, 9, 0, 0, 1, 0, 0,                   /* TPM_RS_PW, no nonce, continueSession, no password */
    0, 4, 'n', 'o', 'n', 'c',                       /* qualifyingData */
    0, 0x10,                                        /* the key's own scheme */
    0, 0, 0, 1, 0, 0x0b, 3, 0xff, 0x08, 0x80,       /* SHA-256: 0-7, 11, 23 */
};
static const uint8_t activate_command[] = {
    0x80, 0x02, 0, 0, 0, 47, 0, 0, 0x01, 0x47,
    0x81, 0, 0, 3, 0x81, 1, 0, 1,                   /* the object, the key */
    0, 0, 0, 18,
    0x40, 0, 0, 9, 0, 0, 1, 0, 0,                   /* empty password for the object */
    0x03, 0, 0, 0, 0, 0, 1, 0, 0,                   /* a policy session for the key */
    0, 2, 0xaa, 0xbb, 0, 1, 0xcc,                   /* both TPM2Bs as they came */
};
static const uint8_t flush_command[] = { 0x80, 0x01, 0, 0, 0, 14, 0, 0, 0x01, 0x65, 0x80, 0, 0, 1 };
static const uint8_t define_command[] = {
    0x80, 0x02, 0, 0, 0, 45, 0, 0, 0x01, 0x2a, 0x40, 0, 0, 1, 0, 0, 0, 9, 0x40, 0, 0, 9, 0, 0, 1, 0, 0,
    0, 0,                                           /* no password */
    0, 14,                                          /* TPM2B_NV_PUBLIC */
    0x01, 0xc1, 0x01, 0xd0, 0, 0x0b, 0x02, 0x06, 0, 0x06, 0, 0, 0x05, 0xdc,
};
/* clang-format on */

TEST(commands_are_written_byte_for_byte)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    const struct pcr_selection selection = {
        .n_banks = 1, .banks = { { .hash_id = 0x0b, .algorithm = DIGEST_SHA256, .select_len = 3, .mask = 0x8008ff } }
    };
    const struct nv_public index = { .index = AK_CERT_NV,
                                     .name_algorithm = DIGEST_SHA256,
                                     .attributes = NV_OWNERREAD | NV_OWNERWRITE | NV_AUTHREAD | NV_AUTHWRITE | NV_NO_DA,
                                     .size = 1500 };

    REQUIRE(request_quote(&w, 0x81000003, BYTES_LIT("nonc"), &selection));
    CHECK_BYTES(writer_bytes(&w), BYTES_OF(quote_command));
    REQUIRE(request_activate_credential(&w, 0x81000003, 0x81010001, 0x03000000, BYTES_LIT("\0\2\xaa\xbb"), BYTES_LIT("\0\1\xcc")));
    CHECK_BYTES(writer_bytes(&w), BYTES_OF(activate_command));
    REQUIRE(request_flush_context(&w, 0x80000001));
    CHECK_BYTES(writer_bytes(&w), BYTES_OF(flush_command));
    REQUIRE(request_nv_define(&w, &index));
    CHECK_BYTES(writer_bytes(&w), BYTES_OF(define_command));
    REQUIRE(request_context_save(&w, 0x80000001));
    CHECK_BYTES(writer_bytes(&w), BYTES_LIT("\x80\x01\0\0\0\x0e\0\0\x01\x62\x80\0\0\1"));
    REQUIRE(request_context_load(&w, BYTES_LIT("context")));
    CHECK_BYTES(writer_bytes(&w), BYTES_LIT("\x80\x01\0\0\0\x11\0\0\x01\x61"
                                            "context"));
}

TEST(a_command_is_recognised_and_a_flush_names_its_handle)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    uint32_t flushed;

    REQUIRE(request_flush_context(&w, 0x80000001));
    CHECK_STRING(tpm_command_of(writer_bytes(&w), &flushed)->name, "TPM2_FlushContext");
    CHECK_INT(flushed, 0x80000001);
    REQUIRE(request_read_clock(&w));
    CHECK_STRING(tpm_command_of(writer_bytes(&w), &flushed)->name, "TPM2_ReadClock");
    CHECK_INT(flushed, 0);
    CHECK(tpm_command_of(BYTES_LIT("\x80\x01\0\0\0\x0a\0\0\x01\x5e"), &flushed) == NULL); /* TPM2_Unseal: not ours */
    CHECK(tpm_command_of(BYTES_LIT("\x80\x01"), &flushed) == NULL);
}

TEST(what_does_not_fit_into_a_message_is_refused)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    static const uint8_t data[TPM_MESSAGE_MAX] = { 0 };
    enum { FRAME = 10 + 8 + 4 + 9 + 2 + 2 };

    CHECK(request_nv_write(&w, AK_CERT_NV, 0, (struct bytes){ data, TPM_MESSAGE_MAX - FRAME }));
    CHECK_INT(w.len, TPM_MESSAGE_MAX);
    CHECK(!request_nv_write(&w, AK_CERT_NV, 0, (struct bytes){ data, TPM_MESSAGE_MAX - FRAME + 1 }));
    CHECK(request_read_clock(&w)); /* the next one is not harmed */
}

/* Responses. */

/* clang-format off */
static const uint8_t clock_response[] = {
    0x80, 0x01, 0, 0, 0, 35, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 9,                         /* time */
    0, 0, 0, 0, 0, 0, 0x12, 0x34,                   /* clock */
    0, 0, 0, 7, 0, 0, 0, 3, 1,
};
static const uint8_t random_response[] = { 0x80, 0x01, 0, 0, 0, 14, 0, 0, 0, 0, 0, 2, 0xaa, 0xbb };
static const uint8_t nv_response[] = {
    0x80, 0x02, 0, 0, 0, 23, 0, 0, 0, 0,
    0, 0, 0, 4, 0, 2, 0xaa, 0xbb,                   /* parameters */
    0, 0, 1, 0, 0,                                  /* the password session */
};
static const uint8_t longer_nv_response[] = {
    0x80, 0x02, 0, 0, 0, 24, 0, 0, 0, 0,
    0, 0, 0, 4, 0, 2, 0xaa, 0xbb,
    0, 0, 1, 0, 0, 0,
};
static const uint8_t session_response[] = {
    0x80, 0x01, 0, 0, 0, 18, 0, 0, 0, 0,
    0x03, 0, 0, 0,                                  /* its handle */
    0, 2, 0xaa, 0xbb,
};
static const uint8_t refusal[] = { 0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x8b };
/* clang-format on */

static const struct {
    struct bytes message;
    uint32_t command;
} responses[] = { { BYTES_OF(clock_response), TPM_CC_ReadClock },
                  { BYTES_OF(random_response), TPM_CC_GetRandom },
                  { BYTES_OF(nv_response), TPM_CC_NV_Read },
                  { BYTES_OF(session_response), TPM_CC_StartAuthSession },
                  { BYTES_OF(refusal), TPM_CC_ReadPublic } };

TEST(responses_are_read_field_by_field)
{
    struct tpm_clock_info clock;
    struct tpm_response r;
    struct err err = ERR_INIT;
    struct bytes b;

    REQUIRE_OK(tpm_response_read(BYTES_OF(clock_response), tpm_command_find(TPM_CC_ReadClock), &r, &err), err);
    REQUIRE_OK(answer_read_clock(r.parameters, &clock, &err), err);
    CHECK_INT(clock.clock_ms, 0x1234);
    CHECK(clock.reset_count == 7 && clock.restart_count == 3 && clock.safe);
    REQUIRE_OK(tpm_response_read(BYTES_OF(nv_response), tpm_command_find(TPM_CC_NV_Read), &r, &err), err);
    REQUIRE_OK(answer_2b(r.parameters, &b, &err), err);
    CHECK_BYTES(b, BYTES_LIT("\xaa\xbb"));
    REQUIRE_OK(tpm_response_read(BYTES_OF(session_response), tpm_command_find(TPM_CC_StartAuthSession), &r, &err), err);
    CHECK_INT(r.handle, 0x03000000);
    REQUIRE_OK(tpm_response_read(BYTES_OF(refusal), tpm_command_find(TPM_CC_ReadPublic), &r, &err), err);
    CHECK_INT(r.rc, 0x18b);
    CHECK_INT(r.parameters.len, 0);
}

TEST(a_response_cut_anywhere_or_with_a_byte_too_many_is_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
        const struct tpm_command *command = tpm_command_find(responses[i].command);
        uint8_t longer[64] = { 0 };
        struct tpm_response r;
        struct err err;

        for (size_t n = 0; n < responses[i].message.len; n++) {
            struct bytes cut = exact_copy(bytes_slice(responses[i].message, 0, n));

            err = ERR_INIT;
            CHECK(!tpm_response_read(cut, command, &r, &err) && err.code == ERR_TRUNCATED);
            free((void *)cut.data);
        }
        memcpy(longer, responses[i].message.data, responses[i].message.len);
        err = ERR_INIT;
        CHECK(!tpm_response_read((struct bytes){ longer, responses[i].message.len + 1 }, command, &r, &err));
        CHECK_INT(err.code, ERR_MALFORMED);
    }
}

TEST(responses_that_break_a_rule_are_refused_with_the_place)
{
    static const struct {
        struct bytes message;
        uint32_t command;
        size_t at;
        uint8_t with;
        const char *says;
    } cases[] = {
        { BYTES_OF(clock_response), TPM_CC_ReadClock, 1, 0x02, "tag 0x8002" },
        { BYTES_OF(nv_response), TPM_CC_NV_Read, 1, 0x01, "tag 0x8001" },
        { BYTES_OF(clock_response), TPM_CC_ReadClock, 5, 36, "says that it has 36" },
        { BYTES_OF(nv_response), TPM_CC_NV_Read, 13, 0xff, "parameters at offset 14" },
        { BYTES_OF(longer_nv_response), TPM_CC_NV_Read, 23, 0, "1 bytes after the response's sessions" },
        { BYTES_OF(nv_response), TPM_CC_NV_Read, 19, 9, "session 0" },
        { BYTES_OF(random_response), TPM_CC_GetRandom, 9, 1, "after response code 0x1" },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes copy = exact_copy(cases[i].message);
        struct tpm_response r;
        struct err err = ERR_INIT;

        ((uint8_t *)copy.data)[cases[i].at] = cases[i].with;
        CHECK(!tpm_response_read(copy, tpm_command_find(cases[i].command), &r, &err));
        CHECK(strstr(err.text, cases[i].says) != NULL);
        if (!strstr(err.text, cases[i].says))
            test_note("case %zu: %s", i, err.text);
        free((void *)copy.data);
    }
}

/* Answers: one smallest valid sample per reader, each cut everywhere. */

static void write_signature(struct writer *w)
{
    write_u16be(w, TPM_ALG_RSASSA);
    write_u16be(w, 0x0b);
    write_u16be_prefixed(w, BYTES_LIT("signature"));
}

static void write_area(struct writer *w, bool with_creation)
{
    static const uint8_t modulus[256] = { 0x80, 1 };
    struct tpm_public pub;
    struct tpm_name name;
    struct err err;

    sealing_template(BYTES_NONE, &pub);
    pub.rsa_n = BYTES_OF(modulus);
    CHECK(tpm_public_name(&pub, &name, &err));
    tpm_public_encode_2b(w, &pub);
    if (with_creation) {
        write_u16be_prefixed(w, BYTES_LIT("creation data"));
        write_u16be_prefixed(w, BYTES_LIT("hash"));
        write_u16be(w, 0x8021);
        write_u32be(w, TPM_RH_NULL);
        write_u16be_prefixed(w, BYTES_LIT("ticket"));
    }
    write_u16be_prefixed(w, tpm_name_bytes(&name));
    if (!with_creation)
        write_u16be_prefixed(w, BYTES_LIT("qualified name"));
}

static void write_capability(struct writer *w, uint32_t capability)
{
    write_u8(w, 0);
    write_u32be(w, capability);
}

static void sample_handles(struct writer *w)
{
    write_capability(w, TPM_CAP_HANDLES);
    write_u32be(w, 2);
    write_u32be(w, 0x81000001);
    write_u32be(w, 0x81000003);
}

static void sample_properties(struct writer *w)
{
    write_capability(w, TPM_CAP_TPM_PROPERTIES);
    write_u32be(w, 1);
    write_u32be(w, 0x105);
    write_u32be(w, 0x49424d00);
}

static void sample_banks(struct writer *w)
{
    write_capability(w, TPM_CAP_PCRS);
    write_bytes(w, BYTES_LIT("\0\0\0\1\0\x0b\3\xff\xff\xff"));
}

static void sample_pcrs(struct writer *w)
{
    write_u32be(w, 5);
    write_bytes(w, BYTES_LIT("\0\0\0\1\0\x0b\3\x05\0\0"));
    write_u32be(w, 2);
    write_u16be_prefixed(w, BYTES_LIT("value of register 0"));
    write_u16be_prefixed(w, BYTES_LIT("value of register 2"));
}

static void sample_nv(struct writer *w)
{
    write_u16be_prefixed(w, BYTES_LIT("\x01\xc1\x01\xd0\0\x0b\x20\x06\0\x06\0\0\5\xdc"));
    write_u16be_prefixed(w, BYTES_LIT("\0\x0bname"));
}

static void sample_attest(struct writer *w)
{
    write_u16be_prefixed(w, BYTES_LIT("attestation"));
    write_signature(w);
}

static void sample_hash(struct writer *w)
{
    write_u16be_prefixed(w, BYTES_LIT("digest"));
    write_bytes(w, BYTES_LIT("\x80\x24\x40\0\0\x0b"));
    write_u16be_prefixed(w, BYTES_LIT("hmac"));
}

static void sample_2b(struct writer *w) { write_u16be_prefixed(w, BYTES_LIT("data")); }

static void sample_test_result(struct writer *w)
{
    sample_2b(w);
    write_u32be(w, 0x101);
}

static void sample_context(struct writer *w)
{
    write_u32be(w, 0);
    write_u32be(w, 7); /* sequence */
    write_u32be(w, 0x80000000);
    write_u32be(w, TPM_RH_ENDORSEMENT);
    write_u16be_prefixed(w, BYTES_LIT("integrity and what it protects"));
}

static void sample_public(struct writer *w) { write_area(w, false); }

static void sample_primary(struct writer *w) { write_area(w, true); }

static bool take_handles(struct bytes b, struct err *err)
{
    struct answer_handles a;

    return answer_handles(b, &a, err) && a.n == 2 && !a.more && a.handle[1] == 0x81000003;
}

static bool take_properties(struct bytes b, struct err *err)
{
    struct answer_properties a;

    return answer_properties(b, &a, err) && a.n == 1 && a.item[0].property == 0x105 && a.item[0].value == 0x49424d00;
}

static bool take_banks(struct bytes b, struct err *err)
{
    struct pcr_selection s;

    return answer_pcr_banks(b, &s, err) && s.n_banks == 1 && s.banks[0].mask == 0xffffff;
}

static bool take_pcrs(struct bytes b, struct err *err)
{
    struct answer_pcrs a;

    return answer_pcr_read(b, &a, err) && a.n == 2 && bytes_equal_string(a.value[1], "value of register 2");
}

static bool take_nv(struct bytes b, struct err *err)
{
    struct nv_public pub;

    return answer_nv_read_public(b, &pub, err) && pub.index == AK_CERT_NV && pub.size == 1500 && (pub.attributes & NV_WRITTEN) &&
           pub.name_algorithm == DIGEST_SHA256;
}

static bool take_attest(struct bytes b, struct err *err)
{
    struct bytes attest, signature;

    return answer_attest(b, &attest, &signature, err) && bytes_equal_string(attest, "attestation") && signature.len == 15;
}

static bool take_signature(struct bytes b, struct err *err)
{
    struct bytes signature;

    return answer_sign(b, &signature, err) && signature.len == 15;
}

static bool take_hash(struct bytes b, struct err *err)
{
    struct bytes digest, ticket;

    return answer_hash(b, &digest, &ticket, err) && bytes_equal_string(digest, "digest") && ticket.len == 12;
}

static bool take_2b(struct bytes b, struct err *err)
{
    struct bytes data;

    return answer_2b(b, &data, err) && bytes_equal_string(data, "data");
}

static bool take_test_result(struct bytes b, struct err *err)
{
    uint32_t rc;

    return answer_test_result(b, &rc, err) && rc == TPM_RC_FAILURE;
}

static bool take_public(struct bytes b, struct err *err)
{
    struct bytes encoded, qualified;

    return answer_read_public(b, &encoded, &qualified, err) && encoded.len == 280 && bytes_equal_string(qualified, "qualified name");
}

static bool take_context(struct bytes b, struct err *err)
{
    struct bytes context;

    return answer_context_save(b, &context, err) && bytes_equal(context, b);
}

static bool take_primary(struct bytes b, struct err *err)
{
    struct bytes encoded;

    return answer_create_primary(b, &encoded, err) && encoded.len == 280;
}

static const struct {
    void (*sample)(struct writer *w);
    bool (*take)(struct bytes b, struct err *err);
} answers[] = {
    { sample_handles, take_handles },
    { sample_properties, take_properties },
    { sample_banks, take_banks },
    { sample_pcrs, take_pcrs },
    { sample_nv, take_nv },
    { sample_attest, take_attest },
    { sample_hash, take_hash },
    { write_signature, take_signature },
    { sample_2b, take_2b },
    { sample_public, take_public },
    { sample_test_result, take_test_result },
    { sample_primary, take_primary },
    { sample_context, take_context },
};

TEST(every_answer_is_read_whole_and_refused_cut_or_lengthened)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct err err = ERR_INIT;

        answers[i].sample(&w);
        CHECK(answers[i].take(writer_bytes(&w), &err));
        if (err.code)
            test_note("answer %zu: %s", i, err.text);
        for (size_t n = 0; n < w.len; n++) {
            struct bytes cut = exact_copy(bytes_slice(writer_bytes(&w), 0, n));

            err = ERR_INIT;
            CHECK(!answers[i].take(cut, &err) && err.code != ERR_NONE);
            free((void *)cut.data);
        }
        write_u8(&w, 0);
        err = ERR_INIT;
        CHECK(!answers[i].take(writer_bytes(&w), &err) && err.code == ERR_MALFORMED);
    }
}

TEST(lists_are_taken_up_to_their_limit_and_not_past_it)
{
    static struct answer_handles list;

    for (uint32_t n = ANSWER_HANDLES_MAX; n <= ANSWER_HANDLES_MAX + 1; n++) {
        struct writer w CLEANUP(writer_done) = { 0 };
        struct err err = ERR_INIT;

        write_capability(&w, TPM_CAP_HANDLES);
        write_u32be(&w, n);
        for (uint32_t i = 0; i < n; i++)
            write_u32be(&w, i);
        CHECK_INT(answer_handles(writer_bytes(&w), &list, &err), n == ANSWER_HANDLES_MAX);
        CHECK_INT(err.code, n == ANSWER_HANDLES_MAX ? ERR_NONE : ERR_LIMIT);
    }
}

TEST(answers_that_contradict_themselves_are_refused)
{
    struct writer w CLEANUP(writer_done) = { 0 };
    struct answer_properties properties;
    struct answer_pcrs pcrs;
    struct err err = ERR_INIT;
    struct bytes encoded, qualified;

    sample_handles(&w);
    CHECK(!answer_properties(writer_bytes(&w), &properties, &err)); /* another list than asked for */
    CHECK(strstr(err.text, "capability 1 in answer to 6"));
    writer_reset(&w);
    sample_pcrs(&w);
    w.data[4 + 4 + 3] = 7; /* three registers, two values */
    CHECK(!answer_pcr_read(writer_bytes(&w), &pcrs, &err) && err.code == ERR_MALFORMED);
    writer_reset(&w);
    sample_public(&w);
    w.data[40] ^= 1; /* the Name is of the key before */
    CHECK(!answer_read_public(writer_bytes(&w), &encoded, &qualified, &err));
    CHECK(strstr(err.text, "Name"));
}

TEST(response_codes_have_words_places_and_an_owner)
{
    static const struct {
        uint32_t rc;
        const char *text;
    } cases[] = {
        { 0x18b, "0x18B (HANDLE, handle 1: there is nothing with this handle, or it is not of the right kind)" },
        { 0x2d5, "0x2D5 (SIZE, parameter 2: the size is not right)" },
        { 0x99d, "0x99D (POLICY_FAIL, session 1: the policy of the object is not satisfied)" },
        { 0x100, "0x100 (INITIALIZE: TPM2_Startup has not been sent, or a resume failed)" },
        { 0x921, "0x921 (LOCKOUT: locked out after wrong passwords)" },
        { 0xb0902, "0xB0902 (OBJECT_MEMORY: out of memory for objects)" },
        { 0xa000a, "0xA000A (of a resource manager, not of the TPM)" },
        { 0x57f, "0x57F (the manufacturer's own code)" },
        { 0, "0x0 (success)" },
    };
    char text[TPM_RC_TEXT_LEN];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        tpm_rc_text(cases[i].rc, text);
        CHECK_STRING(text, cases[i].text);
    }
    for (uint32_t rc = 0; rc < 0x1000; rc++) { /* whatever comes, there is a sentence */
        tpm_rc_text(rc, text);
        if (!strchr(text, '(') || !strchr(text, ')'))
            CHECK_INT(rc, -1);
    }
    CHECK_INT(tpm_rc_base(0x18b), TPM_RC_HANDLE);
    CHECK_INT(tpm_rc_base(0xc0000 | 0x18b), TPM_RC_HANDLE);
    CHECK_INT(tpm_rc_own(0xa0101), 0);
    CHECK_INT(tpm_rc_own(0x0100000 | 0x101), 0);
}
