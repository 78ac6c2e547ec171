/* agent/state/inside.h: what the files of the state share. state.c: the folder, identity and key; progress.c: state.json; token.c: token.jwt. */
#pragma once
#include "agent/state/state.h"
#include "json/parse.h"

enum { STATE_PATH_LEN = 512 };

/* DIR/NAME SUFFIX; false when it is too long. */
bool state_path(const char *dir, const char *name, const char *suffix, char out[static STATE_PATH_LEN]);
void state_go_to_memory(struct agent_state *s, const char *why);
/* False: it is not there, was set aside, or is newer. */
bool state_load_json(struct agent_state *s, struct arena *a, const char *name, const struct json **ret);

uint64_t state_number_of(const struct json *v, const char *name);
void state_text_of(const struct json *v, const char *name, char *out, size_t size);
int64_t state_time_of(const struct json *v, const char *name); /* 0: none */
void state_put_time(struct json_out *out, const char *name, int64_t time_ms);
void state_put_text(struct json_out *out, const char *name, const char *text); /* "": null */
/* "{" and the schema. */
struct json_out state_begin(struct writer *w);

void state_load_progress(struct agent_state *s, struct arena *a);
void state_remove_token(struct agent_state *s);
