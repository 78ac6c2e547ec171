/* eventlog/ima/kexec.h: the IMA list of a kernel that kexec started, where the lists of the kernels before it are gone.
 *
 * Each kernel begins its list with the boot_aggregate and extends register 10 with it; the register goes on, the list begins anew (only some kernels
 * hand it on). A kernel without an IMA policy measures nothing else; and its boot_aggregate is that of the one before, for registers 0 to 9
 * are the same. So the register holds that entry once for each earlier kernel, and then the list. If it holds just that, nothing else was
 * extended, by the one-way hash. Source: Linux security/integrity/ima (ima_init.c, ima_kexec.c). */
#pragma once
#include "eventlog/ima/replay.h"

/* ima_replay_behind_kexec looks for up to LIMIT_IMA_KEXECS earlier kernels before a list of at most LIMIT_IMA_KEXEC_ENTRIES whose boot_aggregate is that of the
 * quoted registers. `start` as for ima_replay_begin(). *ret: what was extended, the earlier kernels' entries in its summaries, and only the
 * list's in its n. False, *ret not written: there is no such thing; or the list cannot be read, or no memory. */
bool ima_replay_behind_kexec(struct bytes list, const struct pcr_set *quoted, const struct pcr_set *start, struct ima_replay *ret,
                             struct ima_fit *ret_fit);
