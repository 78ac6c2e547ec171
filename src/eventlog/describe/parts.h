/* eventlog/describe/parts.h: private to describe*.c: sentences about one kind of event, appended to a writer. */
#pragma once
#include "base/arena.h"
#include "base/writer.h"
#include "eventlog/log/log.h"
#include "eventlog/replay/proof.h"

struct describing {
    struct arena *a;
    struct writer *w;
    const struct eventlog *log;
    const struct event *event;
    const struct event_mark *mark; /* may be NULL */
};

/* Untrusted text, made safe and cut to a line's length. */
void say_text(struct describing *d, struct bytes text);
void say_utf16(struct describing *d, struct bytes utf16);
bool looks_utf16(struct bytes data);

/* Each writes one sentence with its full stop, without what the proof is worth. */
void describe_variable(struct describing *d);
void describe_boot_variable(struct describing *d);
void describe_authority(struct describing *d);
void describe_ipl(struct describing *d);
void describe_tagged(struct describing *d);
void describe_windows(struct describing *d, struct bytes data);
void describe_version(struct describing *d);
void describe_blob(struct describing *d, bool has_description);
void describe_tables(struct describing *d, bool has_description);
void describe_text(struct describing *d);
void describe_opaque(struct describing *d);
/* Titles of the same. */
void title_ipl(struct describing *d);
void title_tagged(struct describing *d);
void title_version(struct describing *d);
void title_blob(struct describing *d, bool has_description);
void title_tables(struct describing *d, bool has_description);
void title_text(struct describing *d);
void title_opaque(struct describing *d);
