#include "base/limits.h"
#include "store_fixture.h"

static const char *id_of(unsigned i)
{
    static char ids[8][STORE_ID_TEXT_LEN];
    static unsigned at;
    char *id = ids[at++ % ARRAY_LEN(ids)];

    snprintf(id, STORE_ID_TEXT_LEN, "%032x", i);
    return id;
}

TEST(an_appraisal_comes_back_as_it_was_stored)
{
    FIXTURE(f);
    struct store_appraisal row = appraisal_row(VM_A, id_of(1), 77), got;

    row.policy_hash = "hash";
    row.token_id = "jti";
    REQUIRE_OK(store_appraisal_add(f.store, &row, BYTES_NONE, 0, &f.err), f.err);
    REQUIRE_OK(store_appraisal_get(f.store, &f.arena, VM_A, id_of(1), &got, &f.err), f.err);
    CHECK_STRING(got.id, row.id);
    CHECK_STRING(got.vm, VM_A);
    CHECK_INT(got.time_ms, 77);
    CHECK_STRING(got.provider, "shared");
    CHECK_STRING(got.verdict, "accepted");
    CHECK_INT(got.reset_count, 7);
    CHECK_INT(got.restart_count, 1);
    CHECK_INT(got.clock, 123456);
    CHECK_STRING(got.evidence_sha256, SHA_1);
    CHECK_STRING(got.policy_hash, "hash");
    CHECK_BYTES(got.record, row.record);
    CHECK_STRING(got.token_id, "jti");
    CHECK(!store_appraisal_add(f.store, &row, BYTES_NONE, 0, &f.err) && f.err.code == ERR_CONFLICT);
    CHECK(!store_appraisal_get(f.store, &f.arena, VM_B, id_of(1), &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    row = appraisal_row(VM_A, id_of(2), 78);
    REQUIRE(store_appraisal_add(f.store, &row, BYTES_NONE, 0, &f.err));
    CHECK(store_appraisal_latest(f.store, &f.arena, VM_A, &got, &f.err) && !got.token_id && !got.policy_hash);
}

TEST(history_is_paged_newest_first_even_when_times_are_equal)
{
    FIXTURE(f);
    struct store_cursor before = { 0 };
    const struct store_appraisal *page;
    struct store_appraisal latest;
    size_t n, seen = 0;

    for (unsigned i = 0; i < 23; i++) {
        struct store_appraisal row = appraisal_row(i % 7 == 6 ? VM_B : VM_A, id_of(i), 100 + i / 4);

        REQUIRE(store_appraisal_add(f.store, &row, BYTES_NONE, 0, &f.err));
    }
    REQUIRE(store_appraisal_latest(f.store, &f.arena, VM_A, &latest, &f.err));
    do {
        REQUIRE(store_appraisal_list(f.store, &f.arena, VM_A, before, 3, &page, &n, &f.err));
        for (size_t i = 0; i < n; i++) {
            if (seen == 0)
                CHECK_STRING(page[i].id, latest.id);
            if (before.id)
                CHECK(page[i].time_ms < before.time_ms || (page[i].time_ms == before.time_ms && strcmp(page[i].id, before.id) < 0));
            before = (struct store_cursor){ page[i].time_ms, page[i].id };
            seen++;
        }
    } while (n == 3);
    CHECK_INT(seen, 20);
}

/* How many there are, by pages; the oldest one's time. */
static size_t count_appraisals(struct fixture *f, const char *vm, int64_t *ret_oldest)
{
    struct store_cursor before = { 0 };
    const struct store_appraisal *page;
    size_t n, seen = 0;

    do {
        if (!store_appraisal_list(f->store, &f->arena, vm, before, 100, &page, &n, &f->err))
            return 0;
        for (size_t i = 0; i < n; i++)
            before = (struct store_cursor){ *ret_oldest = page[i].time_ms, page[i].id };
        seen += n;
    } while (n == 100);
    return seen;
}

TEST(the_newest_appraisals_and_judgements_of_each_vm_are_kept_and_no_more)
{
    FIXTURE(f);
    const struct store_judgement *judgements;
    int64_t oldest = 0;
    size_t n;

    for (unsigned i = 0; i < LIMIT_APPRAISALS_KEPT + 3; i++) {
        struct store_appraisal row = appraisal_row(VM_A, id_of(i), 100 + i);
        struct store_judgement judgement = {
            .vm = VM_A, .appraisal_id = row.id, .verdict = "Healthy", .reason = "", .judged_ms = 100 + i, .findings = "[]"
        };

        REQUIRE_OK(store_appraisal_add(f.store, &row, BYTES_NONE, 0, &f.err), f.err);
        REQUIRE_OK(store_judgement_add(f.store, &judgement, NULL, NULL, &f.err), f.err);
        if (i < 2) {
            row = appraisal_row(VM_B, id_of(1000 + i), 1);
            REQUIRE_OK(store_appraisal_add(f.store, &row, BYTES_NONE, 0, &f.err), f.err);
        }
        if (i == LIMIT_APPRAISALS_KEPT - 1)
            CHECK_INT(count_appraisals(&f, VM_A, &oldest), LIMIT_APPRAISALS_KEPT);
    }
    CHECK_INT(count_appraisals(&f, VM_A, &oldest), LIMIT_APPRAISALS_KEPT);
    CHECK_INT(oldest, 103);
    CHECK_INT(count_appraisals(&f, VM_B, &oldest), 2);
    REQUIRE(store_judgement_list(f.store, &f.arena, VM_A, (struct store_cursor){ 0 }, 1000, &judgements, &n, &f.err));
    CHECK_INT(n, LIMIT_JUDGEMENTS_KEPT);
    CHECK_INT(judgements[n - 1].judged_ms, 103);
}

TEST(evidence_is_kept_for_the_newest_appraisals_of_each_vm)
{
    FIXTURE(f);
    struct bytes got;

    for (unsigned i = 1; i <= 5; i++) {
        struct store_appraisal row = appraisal_row(VM_A, id_of(i), 100); /* all at once: the id decides */
        char text[16];

        snprintf(text, sizeof text, "evidence %u", i);
        REQUIRE_OK(store_appraisal_add(f.store, &row, bytes_of_string(text), 2, &f.err), f.err);
    }
    struct store_appraisal other = appraisal_row(VM_B, id_of(9), 1);
    REQUIRE(store_appraisal_add(f.store, &other, BYTES_LIT("b"), 2, &f.err));
    for (unsigned i = 1; i <= 5; i++)
        CHECK(store_evidence_get(f.store, &f.arena, VM_A, id_of(i), &got, &f.err) == (i >= 4));
    CHECK(store_evidence_get(f.store, &f.arena, VM_A, id_of(5), &got, &f.err));
    CHECK_BYTES(got, BYTES_LIT("evidence 5"));
    CHECK(store_evidence_get(f.store, &f.arena, VM_B, id_of(9), &got, &f.err));
}

TEST(a_judgement_knows_since_when_it_holds)
{
    static const struct {
        const char *verdict, *reason;
        int64_t at, since;
    } judgements[] = {
        { "Healthy", "", 10, 10 },
        { "Healthy", "", 20, 10 },
        { "Unhealthy", "secureboot.disabled", 30, 30 },
        { "Unhealthy", "secureboot.disabled", 40, 30 },
        { "Unhealthy", "log.replay_mismatch", 50, 50 },
        { "Healthy", "", 60, 60 },
    };
    FIXTURE(f);
    struct store_judgement got;
    const struct store_judgement *list;
    size_t n;

    for (size_t i = 0; i < ARRAY_LEN(judgements); i++) {
        struct store_judgement row = { .vm = VM_A,
                                       .appraisal_id = id_of((unsigned)i),
                                       .baseline_version = 3,
                                       .verdict = judgements[i].verdict,
                                       .reason = judgements[i].reason,
                                       .judged_ms = judgements[i].at,
                                       .findings = "[]" };
        int64_t since;
        bool changed;

        REQUIRE_OK(store_judgement_add(f.store, &row, &since, &changed, &f.err), f.err);
        CHECK_INT(since, judgements[i].since);
        CHECK(changed == (judgements[i].since == judgements[i].at));
    }
    REQUIRE(store_judgement_latest(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK_STRING(got.verdict, "Healthy");
    CHECK_INT(got.since_ms, 60);
    CHECK_INT(got.baseline_version, 3);
    CHECK_STRING(got.findings, "[]");
    REQUIRE(store_judgement_list(f.store, &f.arena, VM_A, (struct store_cursor){ 50, id_of(4) }, 2, &list, &n, &f.err));
    REQUIRE(n == 2);
    CHECK_INT(list[0].judged_ms, 40);
    CHECK_INT(list[1].judged_ms, 30);
}

/* After the server's clock stepped back, what it says then is the newer word all the same. */
TEST(what_comes_later_is_newer_whatever_the_clock_says)
{
    FIXTURE(f);
    struct store_appraisal future = appraisal_row(VM_A, id_of(9), 86400000), now = appraisal_row(VM_A, id_of(1), 1000), got;
    struct store_judgement of_future = {
        .vm = VM_A, .appraisal_id = future.id, .verdict = "Healthy", .reason = "", .judged_ms = 86400000, .findings = "[]"
    };
    struct store_judgement of_now = { .vm = VM_A,
                                      .appraisal_id = now.id,
                                      .verdict = "Unhealthy",
                                      .reason = "x",
                                      .judged_ms = 1000,
                                      .findings = "[]" },
                           last;

    REQUIRE(store_appraisal_add(f.store, &future, BYTES_LIT("e"), 5, &f.err) &&
            store_appraisal_add(f.store, &now, BYTES_LIT("e"), 5, &f.err));
    REQUIRE(store_appraisal_latest(f.store, &f.arena, VM_A, &got, &f.err));
    CHECK_STRING(got.id, now.id);
    CHECK_INT(got.time_ms, 86400001);
    REQUIRE(store_judgement_add(f.store, &of_future, NULL, NULL, &f.err) && store_judgement_add(f.store, &of_now, NULL, NULL, &f.err));
    REQUIRE(store_judgement_latest(f.store, &f.arena, VM_A, &last, &f.err));
    CHECK_STRING(last.verdict, "Unhealthy");
    CHECK_INT(last.since_ms, 86400001);
}

TEST(a_baseline_follows_the_one_before_it)
{
    FIXTURE(f);
    struct store_baseline row = {
        .vm = VM_A, .version = 1, .components = "{\"n\":1}", .created_ms = 1, .by = "anna", .reason = "first boot"
    };
    struct store_baseline got;
    const struct store_baseline *list;
    size_t n;

    CHECK(!store_baseline_latest(f.store, &f.arena, VM_A, &got, &f.err) && f.err.code == ERR_NOT_FOUND);
    REQUIRE_OK(store_baseline_add(f.store, &row, &f.err), f.err);
    CHECK(!store_baseline_add(f.store, &row, &f.err) && f.err.code == ERR_CONFLICT);
    row.version = 3;
    CHECK(!store_baseline_add(f.store, &row, &f.err) && f.err.code == ERR_CONFLICT);
    row.version = 2;
    row.components = "{\"n\":2}";
    REQUIRE(store_baseline_add(f.store, &row, &f.err));
    CHECK(store_baseline_latest(f.store, &f.arena, VM_A, &got, &f.err) && got.version == 2);
    CHECK(store_baseline_get(f.store, &f.arena, VM_A, 1, &got, &f.err));
    CHECK_STRING(got.components, "{\"n\":1}");
    CHECK_STRING(got.by, "anna");
    CHECK_STRING(got.reason, "first boot");
    CHECK(store_baseline_list(f.store, &f.arena, VM_A, 0, 10, &list, &n, &f.err) && n == 2 && list[0].version == 2);
    CHECK(store_baseline_list(f.store, &f.arena, VM_A, 2, 10, &list, &n, &f.err) && n == 1 && list[0].version == 1);
}

TEST(an_accepted_boot_ends_once_and_what_it_is_stays)
{
    FIXTURE(f);
    struct store_baseline row = { .vm = VM_A, .version = 1, .components = "{}", .created_ms = 1, .by = "anna", .reason = "first boot" },
                          got;
    const struct store_baseline *list;
    int64_t none, added, changed, ended, next_end;
    size_t n;

    REQUIRE(store_baseline_changes(f.store, VM_A, &none, &f.err) && none == 0);
    REQUIRE_OK(store_baseline_add(f.store, &row, &f.err), f.err);
    row.version = 2;
    row.pinned = true;
    REQUIRE_OK(store_baseline_add(f.store, &row, &f.err), f.err);
    REQUIRE(store_baseline_changes(f.store, VM_A, &added, &f.err) && added > none);
    REQUIRE(store_baseline_next_end(f.store, VM_A, &next_end, &f.err) && next_end == 0);
    row.version = 1;
    row.pinned = false;
    row.until_ms = 70;
    row.by = "somebody else";
    REQUIRE_OK(store_baseline_change(f.store, &row, &f.err), f.err);
    REQUIRE(store_baseline_changes(f.store, VM_A, &changed, &f.err) && changed > added);
    REQUIRE(store_baseline_next_end(f.store, VM_A, &next_end, &f.err) && next_end == 70);
    REQUIRE(store_baseline_accepted(f.store, &f.arena, VM_A, 10, &list, &n, &f.err) && n == 2);
    CHECK(list[0].version == 2 && list[0].pinned && list[1].until_ms == 70 && !list[1].pinned && list[1].ended_ms == 0);
    CHECK_STRING(list[1].by, "anna");
    row.ended_ms = 80;
    row.ended_by = "ben";
    row.end_reason = "a hole";
    REQUIRE_OK(store_baseline_change(f.store, &row, &f.err), f.err);
    REQUIRE(store_baseline_changes(f.store, VM_A, &ended, &f.err) && ended > changed);
    REQUIRE(store_baseline_accepted(f.store, &f.arena, VM_A, 10, &list, &n, &f.err) && n == 1 && list[0].version == 2);
    CHECK(!store_baseline_change(f.store, &row, &f.err) && f.err.code == ERR_CONFLICT);
    row.version = 3;
    CHECK(!store_baseline_change(f.store, &row, &f.err) && f.err.code == ERR_CONFLICT);
    REQUIRE(store_baseline_get(f.store, &f.arena, VM_A, 1, &got, &f.err) && got.ended_ms == 80);
    CHECK_STRING(got.ended_by, "ben");
    CHECK_STRING(got.end_reason, "a hole");
    REQUIRE(store_baseline_next_end(f.store, VM_A, &next_end, &f.err) && next_end == 0);
}
