/* Until when work is wanted (base/deadline.h). */
#include "support/late.h"
#include "support/test.h"

TEST(without_a_deadline_nothing_is_ever_late)
{
    struct err err = ERR_INIT;

    CHECK(!deadline_passed() && deadline_check("testing", &err));
    CHECK_INT(deadline_left_ms(1234), 1234);
}

TEST(a_deadline_that_passed_is_an_error_that_says_where)
{
    struct err err = ERR_INIT;

    late_after(1);
    CHECK(deadline_check("testing", &err));
    CHECK(!deadline_check("testing", &err) && err.code == ERR_LATE && strstr(err.text, "given up while testing"));
    CHECK(deadline_passed());
    CHECK_INT(deadline_left_ms(1234), 0);
    CHECK(err_ends_work(&err));
    late_end();
    CHECK(!deadline_passed());
}

TEST(what_has_been_stored_is_finished_late_or_not)
{
    struct err err = ERR_INIT;

    late_after(0);
    deadline_note_stored();
    CHECK(!deadline_passed() && deadline_check("testing", &err));
    CHECK_INT(deadline_left_ms(77), 77);
    deadline_forget_stored();
    CHECK(deadline_passed());
    late_end();
}

TEST(deadlines_nest_and_are_each_threads_own)
{
    struct deadline outer = { 10, late_now_us, false }, before;

    before = deadline_set(outer);
    CHECK(before.at_us == 0);
    late_looks = 100;
    before = deadline_set((struct deadline){ 1, late_now_us, false });
    CHECK(before.at_us == 10 && before.now_us == late_now_us);
    deadline_set(before);
    late_looks = 0;
    CHECK(!deadline_passed()); /* 2 is before 10 */
    late_end();
}

TEST(a_loop_looks_at_the_clock_at_every_stride_only)
{
    struct err err = ERR_INIT;
    size_t i = 0;

    late_after(2);
    while (i < 1000 && DEADLINE_EVERY(i, 64, "looping", &err))
        i++;
    CHECK_INT(i, 128);
    late_end();
}
