/* eventlog/replay/replay.h: what register values a log gives, and whether a quote says the same.
 *
 * A replayed_log is the verified form of an eventlog (architecture.md 4.1): bootchain/, policy and claims take nothing else, and
 * replay_verify() is its only constructor. Rules: attestation-service.md 6.5 step 9, architecture.md 8, PFP 1.06 sections 3.3 and 10;
 * attack-suite.md 4.2. */
#pragma once
#include "crypto/pcr.h"
#include "eventlog/log/log.h"
#include "eventlog/replay/proof.h"
#include "findings/finding.h"

/* replay_compute extends each event into the registers of every bank that the log declares and we know, starting from the reset
 * values (StartupLocality and H-CRTM seen to, EV_NO_ACTION left out). `present` has a bit per register that at least one event
 * extended. Claimed values: for tools, and for prediction. */
void replay_compute(const struct eventlog *log, struct pcr_set *ret);
/* One bank only: none where the log has no such digests. Of *ret nothing else is written. */
void replay_compute_bank(const struct eventlog *log, enum digest_algorithm algorithm, struct pcr_set *ret);

/* The locality that register 0 starts from: StartupLocality's value, 4 after an H-CRTM event, else 0. */
uint8_t replay_startup_locality(const struct eventlog *log);

/* replay_marks says for each event which rule proves its data in all banks of the log, without any quote: for tools.
 * *ret_marks has log->n_events elements. */
MUST_CHECK bool replay_marks(struct arena *a, const struct eventlog *log, struct event_mark **ret_marks, struct err *err);

enum register_state {
    REGISTER_UNQUOTED,    /* in no quoted bank */
    REGISTER_UNCHECKED,   /* 16 and 23 (applications), 10 (IMA's: eventlog/ima/) */
    REGISTER_RESET,       /* reset value, no event */
    REGISTER_EXPLAINED,   /* the log gives the quoted value in every bank that is quoted */
    REGISTER_UNEXPLAINED, /* not the reset value, but no event extends it */
    REGISTER_MISMATCH,    /* the log gives another value in at least one quoted bank */
};

enum { USER_SPACE_PCR = 15 };

struct replayed_log; /* opaque; lives in the arena it was made in, together with everything it refers to */

struct replay_options {
    bool no_boot_log; /* the caller found no log at all and has said so: log.missing is not repeated */
};

/* replay_verify compares `log` with the registers that a TPM quoted. `log` and its input must outlive the result; `quoted` is
 * copied. What is wrong goes to `findings` (log.*, pcr.*), about quoted registers only; the result is made all the same and says
 * per register and per event what can be believed. Fails with ERR_NO_MEMORY, and ERR_MALFORMED when nothing is quoted at all. */
MUST_CHECK bool replay_verify(struct arena *a, const struct eventlog *log, const struct pcr_set *quoted,
                              const struct replay_options *options /* may be NULL */, struct findings *findings,
                              const struct replayed_log **ret, struct err *err);

const struct eventlog *replayed_events(const struct replayed_log *log);  /* the log itself: labels, unless marked */
const struct pcr_set *replayed_quoted(const struct replayed_log *log);   /* what the TPM said */
const struct pcr_set *replayed_computed(const struct replayed_log *log); /* what the log gives */
enum register_state replayed_register(const struct replayed_log *log, unsigned pcr);
/* USER_SPACE_PCR where no log says by what it was extended, nor that systemd keeps one: a hole, not a lie. */
bool replayed_is_unlogged(const struct replayed_log *log, unsigned pcr);
/* Everything known about event number i (< n_events). PROVED and MEASURED only where its register is explained. */
const struct event_mark *replayed_mark(const struct replayed_log *log, size_t i);
/* The event's digest in one bank, if that bank of the quote holds the event's register, and the register is explained; else empty. A log
 * may list digests of banks that nobody quoted: those are anybody's words. */
struct bytes replayed_digest_in(const struct replayed_log *log, size_t i, enum digest_algorithm bank);
/* The same in the strongest bank that quotes the register. */
struct bytes replayed_digest(const struct replayed_log *log, size_t i, enum digest_algorithm *ret_algorithm);
/* The proved bytes of event i; empty (NULL) unless PROVED. */
struct bytes replayed_proved(const struct replayed_log *log, size_t i);
enum digest_algorithm replayed_bank(const struct replayed_log *log); /* the strongest quoted bank */
/* Whether event i came before its register's separator (firmware's own part). False when there is no sound separator. */
bool replayed_before_separator(const struct replayed_log *log, size_t i);
/* Whether register 5 proves that ExitBootServices was called (attack L10). */
bool replayed_exit_boot_services(const struct replayed_log *log);
