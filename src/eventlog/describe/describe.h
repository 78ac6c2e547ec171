/* eventlog/describe/describe.h: what an event is and what it means, in one English sentence that is safe to show. */
#pragma once
#include "eventlog/log/log.h"
#include "eventlog/replay/proof.h"

/* event_describe: "Secure Boot was switched on (variable SecureBoot = 1)." `mark` may be NULL. What is only a label is worded as one
 * ("says that …"). NULL: no memory. */
MUST_CHECK char *event_describe(struct arena *a, const struct eventlog *log, const struct event *event, const struct event_mark *mark);

/* A few words for tables: "SecureBoot", "\EFI\debian\shimx64.efi", "grub_cmd: set default=0". NULL: no memory. */
MUST_CHECK char *event_title(struct arena *a, const struct eventlog *log, const struct event *event);

/* What a PC's register is for: "Secure Boot policy"; "" for registers past 23. */
const char *pcr_purpose(unsigned pcr);
/* The same for the measurement registers of a confidential VM (UEFI 2.10, 38.4.1, for Intel TDX). */
const char *measurement_register_purpose(unsigned number);
