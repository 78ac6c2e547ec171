/* appraise/kernel.h: the running kernel: module signatures, lockdown, modules that were refused or have no signature (issue 5, scope 4).
 *
 * Two sources, never mixed: what a digest proves (IMA's list under the quoted register 10, the measured command line), and the guest's own words
 * (eventlog/kernel/state.h), which are shown as such. Words add findings, at most of low severity, and take none away: a guest that says nothing is
 * judged no worse, and one that lies no better, than the proof alone has it. */
#pragma once
#include "appraise/evidence.h"
#include "bootchain/chain/chain.h"
#include "eventlog/ima/summary.h"
#include "json/write.h"

/* text NULL: nothing is known. */
struct kernel_fact {
    const char *text;
    bool proved; /* else the guest's own words */
};

struct kernel_facts {
    struct kernel_fact module_signatures; /* "enforced", "not enforced", "no module can be loaded" */
    struct kernel_fact lockdown;          /* "none", "integrity", "confidentiality" */
    struct kernel_fact modules;           /* what IMA's list says of modules */
    struct kernel_fact taint;             /* "none", or what taints it */
};

/* The object "kernelState" in facts: {"moduleSignatures":{"is":text|null,"proved":bool},"lockdown":…,"modules":…,"taint":…}. */
void kernel_facts_write(struct json_out *out, const struct kernel_facts *facts);

/* Any of `words`, `ima` (of a list that register 10 proves) and `chain` may be NULL. Texts live in `a` and are safe to show. */
MUST_CHECK bool kernel_judge(struct arena *a, const struct kernel_state *words, const struct ima_summary *ima,
                             const struct bootchain *chain, struct findings *findings, struct kernel_facts *ret, struct err *err);
