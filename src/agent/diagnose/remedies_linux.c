/* The table's words are Linux' own. */
#include "agent/diagnose/diagnose.h"

const char *diagnose_remedy_here(enum failure_id id UNUSED) { return NULL; }
