/* cli/frame/table.h: results as people read them. */
#pragma once
#include "cli/frame/cli.h"

struct table; /* columns as wide as their content; the last one is free */
struct table *table_new(struct arena *a, const char *const *headings, size_t n);
/* Values are made safe to show; NULL shows "-". */
void table_row(struct table *t, const char *const *values);
/* On a terminal that is narrower, cells are folded; where that does not do, a row is a few lines. */
void table_print(const struct table *t);

/* "3 min ago", "in 2 h", from now. */
const char *relative_time(struct arena *a, int64_t time_ms, int64_t now_ms);
/* A JSON string member, made safe to show; NULL when absent. */
const char *show_member(struct cli *cli, const struct json *v, const char *name);
