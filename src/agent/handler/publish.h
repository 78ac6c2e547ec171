/* agent/handler/publish.h: from the daemon's output to the files that the VM agent reads (guest-agent.md 11.3). The publisher is root and the
 * daemon is not trusted: fixed names in a folder of ours, no links, at most 64 KiB each, and nothing is copied: what is read is parsed and
 * written anew. */
#pragma once
#include "agent/files/places.h"
#include "agent/handler/record.h"

/* Once: status, heartbeat, events. A folder of the VM agent that is gone is none of our business: the handler is being removed. */
MUST_CHECK bool publish_once(const struct places *places, const struct handler_record *record, int64_t now_ms, struct err *err);

/* The heartbeat alone, when the handler stops. */
MUST_CHECK bool publish_stopped(const struct handler_record *record, int64_t now_ms, struct err *err);

/* A status that comes from a verb, not from the daemon: settings that are refused, say. */
struct handler_status;
MUST_CHECK bool publish_status_file(const char *status_file, const struct handler_status *status, int64_t now_ms, struct err *err);
