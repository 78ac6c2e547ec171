/* tests/unit/bootchain/stock_boot.h: a boot made by hand that a test changes and then has read. */
#pragma once
#include "boot_sample.h"
#include "log_builder.h"

struct boot {
    struct arena a;
    struct built_log log;
    struct stock at;
    struct boot_sample sample;
};

UNUSED static void boot_done(struct boot *b) { arena_done(&b->a); }

UNUSED static void boot_stock(struct boot *b)
{
    *b = (struct boot){ 0 };
    built_stock(&b->a, &b->log, &b->at);
}

/* The finding with this id; an empty one when there is none. */
UNUSED static struct finding find(const struct boot *b, enum finding_id id)
{
    for (size_t i = 0; i < b->sample.findings.n; i++)
        if (b->sample.findings.items[i].id == id)
            return b->sample.findings.items[i];
    return (struct finding){ .id = FINDING_ID_COUNT, .pcr = -2, .text = "" };
}

UNUSED static bool said(const struct boot *b, enum finding_id id) { return find(b, id).id == id; }
