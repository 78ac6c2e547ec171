/* bench/where.h: in whose code a program's CPU time went, from what bench/sampler.c counted. */
#pragma once

/* Prints the shares: the program's own code, each library, the kernel. `user_us` and `system_us` are the process's accounting. */
void where_print(const char *file, double user_us, double system_us);
