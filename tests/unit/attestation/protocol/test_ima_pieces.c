/* IMA lists that come in pieces: nothing is believed that the quoted register 10 does not prove, nothing is lost, and an honest list is no wolf. */
#include "base/base64.h"
#include "json/parse.h"
#include "support/attestation_fixture.h"
#include "support/test.h"

/* A kernel's list as it grows: entry i of it ends at end[i]. */
enum { ENTRIES = 40 };
struct kernel {
    struct writer list;
    size_t end[ENTRIES + 1];
    struct pcr_set after[ENTRIES + 1]; /* register 10 only */
    size_t n;
};

static void kernel_done(struct kernel *k) { writer_done(&k->list); }

static void field(struct writer *w, struct bytes value)
{
    write_u32le(w, (uint32_t)value.len);
    write_bytes(w, value);
}

static void measure_as(struct kernel *k, const char *name, const struct digest *content, const char *modsig)
{
    struct writer data CLEANUP(writer_done) = { 0 }, digest_field CLEANUP(writer_done) = { 0 };
    struct bytes file = bytes_of_string(name);
    struct digest digest;
    struct pcr_set *next = &k->after[k->n + 1];

    write_bytes(&digest_field, BYTES_LIT("sha256:\0"));
    write_bytes(&digest_field, digest_bytes(content));
    field(&data, writer_bytes(&digest_field));
    field(&data, (struct bytes){ file.data, file.len + 1 });
    field(&data, BYTES_NONE);
    field(&data, modsig[0] ? writer_bytes(&digest_field) : BYTES_NONE);
    field(&data, bytes_of_string(modsig));
    digest_compute(DIGEST_SHA1, writer_bytes(&data), &digest);
    write_u32le(&k->list, 10);
    write_bytes(&k->list, digest_bytes(&digest));
    field(&k->list, BYTES_LIT("ima-modsig"));
    field(&k->list, writer_bytes(&data));
    *next = k->after[k->n];
    for (size_t i = 0; i < next->n_banks; i++) {
        digest_compute(next->banks[i].algorithm, writer_bytes(&data), &digest);
        digest_extend(&next->banks[i].value[10], digest_bytes(&digest));
    }
    k->end[++k->n] = k->list.len;
}

/* One more file, with an appended signature in its entry or with none. */
static void measure(struct kernel *k, const char *name, const char *modsig)
{
    struct digest content;

    digest_compute(DIGEST_SHA256, bytes_of_string(name), &content);
    measure_as(k, name, &content, modsig);
}

/* What every kernel begins its list with. */
static void measure_aggregate(struct kernel *k, const struct test_vm *vm)
{
    struct bytes values[10];
    struct digest aggregate;

    for (unsigned pcr = 0; pcr < ARRAY_LEN(values); pcr++)
        values[pcr] = digest_bytes(pcr_find(&vm->boot.registers, DIGEST_SHA256, pcr));
    digest_compute_parts(DIGEST_SHA256, values, ARRAY_LEN(values), &aggregate);
    measure_as(k, "boot_aggregate", &aggregate, "");
}

static void boot_kernel(struct kernel *k, const struct test_vm *vm)
{
    *k = (struct kernel){ .n = 0 };
    k->after[0] = vm->boot.registers;
    for (size_t i = 0; i < k->after[0].n_banks; i++)
        pcr_reset_value(k->after[0].banks[i].algorithm, 10, &k->after[0].banks[i].value[10]);
}

struct piece {
    size_t from, to; /* entries sent */
    size_t quoted;   /* entries that the TPM had extended when it quoted */
    bool more;
    const char *claim; /* instead of {"from":…,"more":…} */
};

static unsigned send(struct fixture *f, struct test_vm *vm, const struct kernel *k, struct piece p, struct answer *ret)
{
    struct attestation t;

    fixture_time += 1000;
    if (!attestation_begin(f, vm, &t))
        return 0;
    t.shown = k->after[p.quoted];
    t.ima = bytes_slice(writer_bytes(&k->list), k->end[p.from], k->end[p.to] - k->end[p.from]);
    t.more_att =
        p.claim ? p.claim : arena_printf(&f->a, ",\"trueboot\":{\"ima\":{\"from\":%zu,\"more\":%s}}", p.from, p.more ? "true" : "false");
    attestation_send(&t, ret);
    return ret->status;
}

/* How far the service has come, as its answer says; -1 when it says nothing. */
static int64_t entries_of(struct fixture *f, const struct answer *answer, bool *ret_proved)
{
    const struct json *inner, *ima = json_at(answer->json, "error", "trueboot", "ima", NULL);
    struct bytes text;
    struct err err = ERR_INIT;
    int64_t n = -1;

    if (answer->status == 200 && base64_decode_any(&f->a, json_text(json_get(answer->json, "data"), BYTES_NONE), &text, &err) &&
        json_parse(&f->a, text, NULL, &inner, &err))
        ima = json_at(inner, "payload", "trueboot", "ima", NULL);
    *ret_proved = json_get(ima, "proved") && json_get(ima, "proved")->boolean;
    return json_as_integer(json_get(ima, "entries"), &n) ? n : -1;
}

static const char *status_text(struct fixture *f)
{
    struct answer answer;

    fixture_ask(f, &answer, "GET", "/v1/vms/web1/status", NULL);
    return json_to_string(&f->a, answer.json, JSON_COMPACT);
}

/* A service, and web1, whose kernel has started. */
#define WITH_KERNEL(f, vm, k)                          \
    FIXTURE(f);                                        \
    struct test_vm *vm = fixture_vm(&f, "web1");       \
    struct kernel *k = ARENA_NEW(&f.a, struct kernel); \
    REQUIRE(vm != NULL && k != NULL);                  \
    boot_kernel(k, vm)

#define CHECK_CAME(answer_, n_, proved_)                      \
    do {                                                      \
        bool proved;                                          \
        CHECK_INT(entries_of(&f, &(answer_), &proved), (n_)); \
        CHECK_INT(proved, (proved_));                         \
    } while (0)

TEST(what_is_new_is_enough_and_entries_behind_the_quote_are_left_for_the_next_time)
{
    WITH_KERNEL(f, vm, k);
    struct answer answer;

    for (unsigned i = 0; i < 20; i++)
        measure(k, "/lib/modules/6.1/a.ko", "signature");
    CHECK_INT(send(&f, vm, k, (struct piece){ 0, 8, 6, false, NULL }, &answer), 200); /* two entries came after the quote */
    CHECK_CAME(answer, 6, true);
    CHECK(strstr(status_text(&f), "6 measured, 6 of them with a signature") != NULL);
    CHECK_INT(send(&f, vm, k, (struct piece){ 6, 13, 11, false, NULL }, &answer), 200);
    CHECK_CAME(answer, 11, true);
    CHECK(strstr(status_text(&f), "11 measured, 11 of them with a signature") != NULL);
    CHECK_INT(send(&f, vm, k, (struct piece){ 11, 11, 11, false, NULL }, &answer), 200); /* nothing new */
    CHECK_CAME(answer, 11, true);
    CHECK(strstr(status_text(&f), "ima.") == NULL && strstr(status_text(&f), "\"healthStatus\":\"Healthy\"") != NULL);
    kernel_done(k);
}

TEST(a_long_list_comes_in_pieces_and_proves_nothing_before_the_last_one)
{
    WITH_KERNEL(f, vm, k);
    struct answer answer;

    measure(k, "/lib/modules/6.1/a.ko", "signature");
    measure(k, "/root/evil.ko", "");
    for (unsigned i = 2; i < 30; i++)
        measure(k, "/lib/modules/6.1/b.ko", "signature");
    CHECK_INT(send(&f, vm, k, (struct piece){ 0, 10, 30, true, NULL }, &answer), 200);
    CHECK_CAME(answer, 10, false);
    CHECK(strstr(status_text(&f), "ima.incomplete") && !strstr(status_text(&f), "os.module_unsigned"));
    CHECK_INT(send(&f, vm, k, (struct piece){ 10, 20, 30, true, NULL }, &answer), 200);
    CHECK_CAME(answer, 20, false);
    CHECK_INT(send(&f, vm, k, (struct piece){ 20, 30, 30, false, NULL }, &answer), 200);
    CHECK_CAME(answer, 30, true);
    /* What stood in the first piece is known with the last one. */
    CHECK(strstr(status_text(&f), "os.module_unsigned") && strstr(status_text(&f), "evil") && !strstr(status_text(&f), "ima.incomplete"));
    kernel_done(k);
}

TEST(a_piece_that_does_not_go_on_is_asked_for_again_from_the_start_and_leaves_no_trace)
{
    WITH_KERNEL(f, vm, k);
    struct kernel *other = ARENA_NEW(&f.a, struct kernel);
    struct answer answer;
    const char *verdict;
    size_t before;

    REQUIRE(other != NULL);
    boot_kernel(other, vm);
    for (unsigned i = 0; i < 20; i++) {
        measure(k, "/lib/modules/6.1/a.ko", "signature");
        measure(other, i ? "/lib/modules/6.1/a.ko" : "/root/evil.ko", "signature");
    }
    CHECK_INT(send(&f, vm, k, (struct piece){ 5, 10, 10, false, NULL }, &answer), 400); /* nothing is known before */
    CHECK_STRING(answer.inner, "ima.resume");
    CHECK_INT(fixture_appraisals(&f, vm->uuid, &verdict), 0);
    CHECK_INT(send(&f, vm, k, (struct piece){ 0, 10, 10, false, NULL }, &answer), 200);
    before = fixture_appraisals(&f, vm->uuid, &verdict);
    const struct piece wrong[] = {
        { 9, 12, 12, false, NULL },  /* an entry twice */
        { 11, 12, 12, false, NULL }, /* an entry left out */
        { 10, 11, 12, false, NULL }, /* what is quoted has not come */
        { 10, 12, 9, false, NULL },  /* the register went back */
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        CHECK_INT(send(&f, vm, k, wrong[i], &answer), 400);
        CHECK_STRING(answer.inner, "ima.resume");
    }
    CHECK_INT(send(&f, vm, other, (struct piece){ 10, 12, 12, false, NULL }, &answer), 400); /* another history: a copy, another boot */
    CHECK_STRING(answer.inner, "ima.resume");
    CHECK_INT(fixture_appraisals(&f, vm->uuid, &verdict), before);
    CHECK_STRING(verdict, "Healthy");
    /* The state was not touched; and the whole list, which is what comes next, settles it either way. */
    CHECK_INT(send(&f, vm, k, (struct piece){ 10, 12, 12, false, NULL }, &answer), 200);
    CHECK_CAME(answer, 12, true);
    CHECK_INT(send(&f, vm, other, (struct piece){ 0, 12, 12, false, NULL }, &answer), 200);
    CHECK_CAME(answer, 12, true);
    CHECK_INT(send(&f, vm, k, (struct piece){ 0, 12, 13, false, NULL }, &answer),
              400); /* a whole list that does not explain the register */
    CHECK_STRING(answer.inner, "ima.replay_mismatch");
    CHECK_INT(send(&f, vm, other, (struct piece){ 12, 14, 14, false, NULL }, &answer), 200); /* that was not kept */
    kernel_done(k);
    kernel_done(other);
}

TEST(a_list_cannot_hide_what_it_began_with)
{
    FIXTURE(f);
    struct test_vm *vm = fixture_vm(&f, "web1");
    struct kernel *told = ARENA_NEW(&f.a, struct kernel), *real = ARENA_NEW(&f.a, struct kernel);
    struct answer answer;

    REQUIRE(vm && told && real);
    boot_kernel(told, vm);
    boot_kernel(real, vm);
    for (unsigned i = 0; i < 10; i++) {
        measure(told, "/lib/modules/6.1/a.ko", "signature");
        measure(real, i == 1 ? "/root/evil.ko" : "/lib/modules/6.1/a.ko", i == 1 ? "" : "signature");
    }
    /* A harmless beginning, promised to go on, and then the rest of what really happened. */
    CHECK_INT(send(&f, vm, told, (struct piece){ 0, 5, 10, true, NULL }, &answer), 200);
    CHECK_INT(send(&f, vm, real, (struct piece){ 5, 10, 10, false, NULL }, &answer), 400);
    CHECK_STRING(answer.inner, "ima.replay_mismatch");
    CHECK_INT(send(&f, vm, real, (struct piece){ 5, 9, 10, true, NULL }, &answer), 200); /* promised once more: still nothing is believed */
    CHECK_CAME(answer, 9, false);
    CHECK(strstr(status_text(&f), "ima.incomplete") && !strstr(status_text(&f), "measured,"));
    CHECK_INT(send(&f, vm, real, (struct piece){ 9, 10, 10, false, NULL }, &answer), 400);
    CHECK_STRING(answer.inner, "ima.replay_mismatch");
    kernel_done(told);
    kernel_done(real);
}

TEST(pieces_are_read_strictly_and_only_where_nobody_looks_at_single_entries)
{
    WITH_KERNEL(f, vm, k);
    static const char *const wrong[] = { "{}",           "{\"from\":-1,\"more\":false}",  "{\"from\":500001,\"more\":false}",
                                         "{\"from\":0}", "{\"from\":0.5,\"more\":false}", "{\"from\":0,\"more\":1}" };
    struct answer answer;

    for (unsigned i = 0; i < 4; i++)
        measure(k, "/bin/true", "");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const char *claim = arena_printf(&f.a, ",\"trueboot\":{\"ima\":%s}", wrong[i]);
        CHECK_INT(send(&f, vm, k, (struct piece){ 0, 4, 4, false, claim }, &answer), 400);
        CHECK(strstr(answer.message, "trueboot.ima") != NULL);
    }
    /* Without our own word the list is whole, as ever. */
    CHECK_INT(send(&f, vm, k, (struct piece){ 0, 4, 3, false, "" }, &answer), 200);
    CHECK_CAME(answer, -1, false);
    REQUIRE(fixture_provider(
        &f, "looks", "original",
        "version=1.2;configurationrules{};authorizationrules{=>permit();};issuancerules{c:[type==\"events\"]=>issue(claim=c);};"));
    CHECK_INT(send(&f, vm, k, (struct piece){ 0, 2, 4, true, NULL }, &answer), 400);
    CHECK_STRING(answer.inner, "ima.resume");
    kernel_done(k);
}

TEST(what_is_known_of_a_list_goes_with_its_vm)
{
    WITH_KERNEL(f, vm, k);
    struct answer answer;
    struct bytes kept;
    struct err err = ERR_INIT;
    const char *key;

    measure(k, "/bin/true", "");
    CHECK_INT(send(&f, vm, k, (struct piece){ 0, 1, 1, false, NULL }, &answer), 200);
    key = arena_printf(&f.a, STORE_SETTING_IMA, vm->uuid);
    CHECK(store_setting_get(f.store, &f.a, key, &kept, &err) && kept.len < 4096);
    CHECK(store_setting_put(f.store, key, BYTES_LIT("not a state"), &err)); /* lost, or broken */
    CHECK_INT(send(&f, vm, k, (struct piece){ 1, 1, 1, false, NULL }, &answer), 400);
    CHECK_STRING(answer.inner, "ima.resume");
    fixture_ask(&f, &answer, "DELETE", "/v1/vms/web1", NULL);
    CHECK(!store_setting_get(f.store, &f.a, key, &kept, &err) && err.code == ERR_NOT_FOUND);
    kernel_done(k);
}

/* kexec: the register goes on, and the list of the first kernel, which measured nothing but the aggregate, is gone. */
TEST(a_kernel_that_kexec_started_is_told_and_its_list_goes_on)
{
    WITH_KERNEL(f, vm, k);
    struct answer answer;

    measure_aggregate(k, vm);
    measure_aggregate(k, vm);
    measure(k, "/lib/modules/6.1/a.ko", "signature");
    CHECK_INT(send(&f, vm, k, (struct piece){ 1, 2, 2, false, ",\"trueboot\":{\"ima\":{\"from\":0,\"more\":false}}" }, &answer), 200);
    CHECK_CAME(answer, 1, true);
    CHECK(strstr(status_text(&f), "2 kernels ran one after the other") && strstr(status_text(&f), "\"healthStatus\":\"Healthy\""));
    CHECK_INT(send(&f, vm, k, (struct piece){ 2, 3, 3, false, ",\"trueboot\":{\"ima\":{\"from\":1,\"more\":false}}" }, &answer), 200);
    CHECK_CAME(answer, 2, true);
    CHECK(strstr(status_text(&f), "2 kernels ran one after the other") &&
          strstr(status_text(&f), "1 measured, 1 of them with a signature"));
    kernel_done(k);
}
