/* Nonces for agents: no state, one VM, a time. */
#include <stdlib.h>
#include "support/attestation_fixture.h"
#include "support/test.h"

#define VM    "11111111-2222-4333-8444-000000000001"
#define OTHER "11111111-2222-4333-8444-000000000002"

TEST(a_nonce_holds_for_its_vm_until_two_intervals_and_a_boot_later)
{
    FIXTURE(f);
    uint8_t nonce[MONITOR_NONCE_LEN];
    const struct health_times *t = f.monitor.times;
    int64_t end = fixture_time + 2 * t->interval + t->boot_deadline;
    struct err err = ERR_INIT;

    REQUIRE_OK(monitor_nonce_make(&f.monitor, VM, fixture_time, nonce, &err), err);
    CHECK(monitor_nonce_check(&f.monitor, VM, BYTES_OF(nonce), fixture_time, &err));
    CHECK(monitor_nonce_check(&f.monitor, VM, BYTES_OF(nonce), end, &err));
    CHECK(!monitor_nonce_check(&f.monitor, VM, BYTES_OF(nonce), end + 1, &err) && err.code == ERR_UNTRUSTED);
    CHECK(!monitor_nonce_check(&f.monitor, OTHER, BYTES_OF(nonce), fixture_time, &err) && err.code == ERR_UNTRUSTED);
}

TEST(every_altered_bit_and_every_cut_is_refused)
{
    FIXTURE(f);
    uint8_t nonce[MONITOR_NONCE_LEN + 1] = { 0 };
    struct err err = ERR_INIT;

    REQUIRE_OK(monitor_nonce_make(&f.monitor, VM, fixture_time, nonce, &err), err);
    for (size_t bit = 0; bit < 8 * MONITOR_NONCE_LEN; bit++) {
        nonce[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!monitor_nonce_check(&f.monitor, VM, (struct bytes){ nonce, MONITOR_NONCE_LEN }, fixture_time, &err));
        nonce[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n <= sizeof nonce; n++) {
        struct bytes cut = exact_copy((struct bytes){ nonce, n });
        CHECK(monitor_nonce_check(&f.monitor, VM, cut, fixture_time, &err) == (n == MONITOR_NONCE_LEN));
        free((void *)cut.data);
    }
}

TEST(all_servers_of_one_store_accept_each_others_nonces)
{
    FIXTURE(f);
    struct monitor second = f.monitor;
    uint8_t nonce[MONITOR_NONCE_LEN];
    struct err err = ERR_INIT;

    memset(second.nonce_key, 0, sizeof second.nonce_key);
    REQUIRE_OK(monitor_init(&second, &err), err);
    REQUIRE_OK(monitor_nonce_make(&second, VM, fixture_time, nonce, &err), err);
    CHECK(monitor_nonce_check(&f.monitor, VM, BYTES_OF(nonce), fixture_time, &err));
}
