/* diagnose/diagnosis.h: what was checked and found, for people and for programs (guest-agent.md 10).
 *
 * Checks are run by whoever can: the machine's in this folder, the TPM's in agent/, the server's in cli/. Each adds results here. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/writer.h"
#include "diagnose/checks.h"

enum result { RESULT_PASS, RESULT_WARN, RESULT_FAIL, RESULT_SKIP };
enum { DIAGNOSIS_FIXES_MAX = 6 };

struct checked {
    enum check check;
    enum result result;
    enum cause cause;                       /* the row's, unless whoever added it knew better */
    const char *subject;                    /* which of several, e.g. an endpoint; NULL: there is only one */
    const char *measured;                   /* what was seen; safe to show */
    const char *remedy;                     /* one line; NULL when there is nothing to do */
    const char *class;                      /* of network failures: "connect_timeout"; NULL: none */
    unsigned number;                        /* 6401 … 6411; 0: none */
    const char *fixes[DIAGNOSIS_FIXES_MAX]; /* lines to type or to paste, ready for use */
    size_t n_fixes;
};

struct diagnosis {
    struct arena *arena;
    const char *program;           /* "trueboot-agent" */
    int64_t start_ms, deadline_ms; /* monotonic; network checks that begin after the deadline are skipped */
    struct checked *items;
    size_t n;
    struct bytes claims; /* JSON: of the token of an attestation that was made; empty: none */
    bool no_memory;
};

void diagnosis_init(struct diagnosis *ret, struct arena *a, const char *program, unsigned seconds);
bool diagnosis_has_time(const struct diagnosis *d);
unsigned diagnosis_left_ms(const struct diagnosis *d); /* 0: none */

/* diagnosis_add appends a result and gives it back, so that remedy, class and fixes can be set; storage never fails visibly: without memory a
 * spare is returned. */
struct checked *diagnosis_add(struct diagnosis *d, enum check check, enum result result, const char *fmt, ...) PRINTF_LIKE(4, 5);
void checked_remedy(struct diagnosis *d, struct checked *c, const char *fmt, ...) PRINTF_LIKE(3, 4);
void checked_fix(struct diagnosis *d, struct checked *c, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The last result of a check (NULL: not run), and whether it stands in the way of what depends on it. */
const struct checked *diagnosis_find(const struct diagnosis *d, enum check check, const char *subject);

enum result diagnosis_worst(const struct diagnosis *d); /* PASS, WARN or FAIL */
/* The most probable cause in one sentence, by the order of CAUSES; NULL: no memory. */
MUST_CHECK char *diagnosis_cause(const struct diagnosis *d, struct arena *a);

const char *result_name(enum result result); /* "PASS" */

/* For people: a line a check, what to do below it, the cause last. */
void diagnosis_write_text(const struct diagnosis *d, struct writer *w);
/* {"schema":1,"program","version","timeUtc","result":"FAIL","summary":{"pass":n,…},
 *  "claims":{…}?,"checks":[{"id","group","name","result","subject"?,"measured","remedy"?,"class"?,"number"?,"fixes"?:[…]}],"cause":"…"} */
void diagnosis_write_json(const struct diagnosis *d, int64_t now_ms, struct writer *w);
