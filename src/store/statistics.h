/* store/statistics.h: how often the database was asked, how long that took, and how often it refused, in this process. */
#pragma once
#include <stdint.h>

struct store_statistics {
    uint64_t statements[2], microseconds[2], errors[2]; /* of reads, of writes */
};

void store_statistics(struct store_statistics *ret);
