/* Attack suite 4.2, variants of L1, L2, L6, L7 and L8: beside the event that gives a bad boot away, the log is filled with events that weigh
 * little, in another register. Whoever owns the guest may extend any register, and the order between two registers is covered by no digest:
 * what stands first in the log is the attacker's choice. */
#include "attack.h"
#include "eventlog/log/event_type.h"

enum { UNKNOWN_TYPE = 0x8000f100, FLOOD = 24 };

/* The Secure Boot that was off is hidden under other types, and one that is on comes behind it. */
static bool off_under_type(struct attack *x, uint32_t type)
{
    const size_t again[] = { x->at.secure_boot,  x->at.pk,   x->at.kek,           x->at.db, x->at.dbx, x->at.separator7,
                             x->at.authority_db, x->at.sbat, x->at.authority_shim };
    size_t genuine = x->log.n, off;

    for (size_t i = 0; i < ARRAY_LEN(again); i++)
        x->log.events[x->log.n++] = x->log.events[again[i]];
    off = built_variable(&x->log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG),
                         "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c", "SecureBoot", BYTES_LIT("\0"));
    x->log.events[x->at.secure_boot] = x->log.events[off];
    x->log.n--;
    if (!attack_measure(x))
        return false;
    for (size_t i = 0; i < genuine; i++)
        if (x->log.events[i].pcr == 7)
            x->log.events[i].type = type;
    return true;
}

static bool off_unknown(struct attack *x) { return off_under_type(x, UNKNOWN_TYPE); }
static bool off_misplaced(struct attack *x) { return off_under_type(x, EVENT_TYPE(EV_POST_CODE)); }
static bool off_as_actions(struct attack *x) { return off_under_type(x, EVENT_TYPE(EV_EFI_ACTION)); }

static bool loader_under_type(struct attack *x, uint32_t type)
{
    size_t clean = x->log.n;

    x->log.events[x->log.n++] = x->log.events[x->at.shim];
    x->log.events[x->at.shim].hashed = BYTES_LIT("evil loader");
    attack_move(x, clean, x->at.shim + 1);
    if (!attack_measure(x))
        return false;
    x->log.events[x->at.shim].type = type;
    return true;
}

static bool loader_unknown(struct attack *x) { return loader_under_type(x, UNKNOWN_TYPE); }
static bool loader_misplaced(struct attack *x) { return loader_under_type(x, EVENT_TYPE(EV_POST_CODE)); }

static bool command_line_rewritten(struct attack *x)
{
    x->log.events[x->at.cmdline].hashed = BYTES_LIT("/vmlinuz-6.1 init=/bin/sh");
    return attack_measure(x);
}

static bool variable_twice(struct attack *x)
{
    x->log.events[x->log.n++] = x->log.events[x->at.secure_boot];
    return attack_measure(x);
}

static bool variable_late(struct attack *x)
{
    built_variable(&x->log, 7, EVENT_TYPE(EV_EFI_VARIABLE_DRIVER_CONFIG),
                   "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c", "Another", BYTES_LIT("\1"));
    return attack_measure(x);
}

static const struct {
    const char *name;
    uint32_t pcr;
    bool (*commit)(struct attack *x);
} evils[] = {
    { "Secure Boot off, unknown types", 7, off_unknown },
    { "Secure Boot off, misplaced types", 7, off_misplaced },
    { "Secure Boot off, actions without text", 7, off_as_actions },
    { "another loader, unknown type", 4, loader_unknown },
    { "another loader, misplaced type", 4, loader_misplaced },
    { "a command line that is not the measured one", 8, command_line_rewritten },
    { "SecureBoot measured twice", 7, variable_twice },
    { "a variable after the separator", 7, variable_late },
};

static const struct {
    uint32_t type;
    struct bytes data, hashed;
} floods[] = {
    { UNKNOWN_TYPE, { (const uint8_t *)"vendor", 6 }, { (const uint8_t *)"vendor", 6 } },
    { EVENT_TYPE(EV_EFI_VARIABLE_AUTHORITY), { (const uint8_t *)"x", 1 }, { (const uint8_t *)"x", 1 } },
    { EVENT_TYPE(EV_EFI_ACTION), { (const uint8_t *)"shown", 5 }, { (const uint8_t *)"measured", 8 } },
    { EVENT_TYPE(EV_EFI_ACTION), { (const uint8_t *)"\1", 1 }, { (const uint8_t *)"\1", 1 } },
    { EVENT_TYPE(EV_S_CRTM_VERSION), { (const uint8_t *)"shown", 5 }, { (const uint8_t *)"measured", 8 } },
    { EVENT_TYPE(EV_SEPARATOR), { (const uint8_t *)"\0\0\0\0", 4 }, { (const uint8_t *)"\0\0\0\0", 4 } },
    { EVENT_TYPE(EV_IPL), { (const uint8_t *)"grub_cmd: true", 14 }, { (const uint8_t *)"false", 5 } },
};

/* The events of the register behind all others: in their own register nothing changes its place. */
static void put_last(struct attack *x, uint32_t pcr)
{
    size_t left = x->log.n;

    for (size_t i = 0; left-- > 0;)
        if (x->log.events[i].pcr == pcr)
            attack_move(x, i, x->log.n - 1);
        else
            i++;
}

static bool same_finding(const struct finding *a, const struct finding *b)
{
    return a->id == b->id && a->pcr == b->pcr && a->severity == b->severity;
}

/* Every finding about the log that the attack without a flood has in the evil's own register is there, with its weight. */
static bool all_there(const struct findings *want, const struct findings *have, uint32_t pcr)
{
    for (size_t i = 0; i < want->n; i++) {
        bool found = have->overflow || want->items[i].pcr != (int)pcr || finding_kind(want->items[i].id)->phase != PHASE_EVIDENCE;

        for (size_t j = 0; j < have->n && !found; j++)
            found = same_finding(&want->items[i], &have->items[j]);
        if (!found) {
            test_note("%s of register %u is gone", finding_kind(want->items[i].id)->id, pcr);
            return false;
        }
    }
    return true;
}

/* flood: ARRAY_LEN(floods) for none. */
static bool send(struct attack *x, size_t evil, size_t flood, uint32_t pcr, bool last)
{
    for (unsigned i = 0; flood < ARRAY_LEN(floods) && i < FLOOD; i++)
        built_add(&x->log, pcr, floods[flood].type, floods[flood].data, floods[flood].hashed);
    if (!evils[evil].commit(x))
        return false;
    if (last)
        put_last(x, evils[evil].pcr);
    return attack_send(x);
}

static void check_flood(size_t evil, size_t flood, uint32_t pcr, bool last, const struct attack *plain)
{
    ATTACK(x);

    REQUIRE_OK(send(&x, evil, flood, pcr, last), x.err);
    CHECK(attack_refused(&x) && findings_worst(&x.findings) >= findings_worst(&plain->findings));
    CHECK(!findings_have(&x.findings, FINDING_LOG_REPLAY_MISMATCH)); /* the flood was measured */
    CHECK(all_there(&plain->findings, &x.findings, evils[evil].pcr));
    if (test_failed()) {
        test_note("%s, and %d events of type %08x in register %u, %s it", evils[evil].name, FLOOD, floods[flood].type, pcr,
                  last ? "before" : "behind");
        attack_show(&x);
    }
}

TEST(L1_no_flood_of_another_register_hides_an_event_that_gives_the_boot_away)
{
    static const uint32_t registers[] = { 0, 1, 2, 3, 5, 6, 9, 12, 14, 16 };

    for (size_t evil = 0; evil < ARRAY_LEN(evils); evil++)
        for (int last = 0; last < 2; last++) {
            ATTACK(plain);

            REQUIRE_OK(send(&plain, evil, ARRAY_LEN(floods), 0, last), plain.err);
            CHECK(attack_refused(&plain) && findings_worst(&plain.findings) >= SEVERITY_HIGH);
            for (size_t flood = 0; flood < ARRAY_LEN(floods); flood++)
                for (size_t r = 0; r < ARRAY_LEN(registers); r++) {
                    check_flood(evil, flood, registers[r], last, &plain);
                    if (test_failed())
                        return;
                }
        }
}
