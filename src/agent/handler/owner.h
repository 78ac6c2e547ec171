/* agent/handler/owner.h: STATE/owner: which version of the handler owns units, user and program on this machine. The VM agent calls the old version's
 * uninstall after the new version's update; what is not its own it must leave alone (guest-agent.md 6.8). */
#pragma once
#include "agent/files/places.h"

enum { OWNER_MAX = 64 };

/* False when nobody does. */
bool owner_read(const struct places *places, char ret[static OWNER_MAX]);
MUST_CHECK bool owner_write(const struct places *places, const char *version, struct err *err);
void owner_forget(const struct places *places);
