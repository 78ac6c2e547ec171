/* truebootd/operators.h: who on this machine owns the server over its local socket, besides root. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* Whether a process with this user and primary group is of `group`, by that primary group or by the lists of groups. Any number of threads
 * may ask at once. What cannot be looked up is no. */
bool operators_include(const char *group, uid_t uid, gid_t gid);
