/* fuzz/fuzz.h: properties, not only survival. A target is one file, fuzz_NAME.c, with LLVMFuzzerTestOneInput(), its seeds
 * in fuzz/corpus/NAME/. `make test` replays the corpora under plain gcc; `make fuzz T=NAME N=RUNS` mutates them. */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include "base/bytes.h"

#define ENSURE(condition)                                                           \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: ENSURE(%s)\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

static inline bool lies_within(struct bytes view, const uint8_t *data, size_t size)
{
    return view.len == 0 || (view.data >= data && view.len <= size && (size_t)(view.data - data) <= size - view.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
