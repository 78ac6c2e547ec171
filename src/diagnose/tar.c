#include "diagnose/tar.h"
#include <stdio.h>

enum { BLOCK = 512, NAME_LEN = 100, SUM_AT = 148, SUM_LEN = 8 };

static void put(uint8_t *block, size_t at, const char *text) { memcpy(block + at, text, strlen(text)); }

static void put_octal(uint8_t *block, size_t at, unsigned digits, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%0*llo", (int)digits, (unsigned long long)value);
    put(block, at, text);
}

static void pad(struct writer *w, size_t len)
{
    static const uint8_t zeros[BLOCK];

    if (len % BLOCK)
        write_bytes(w, (struct bytes){ zeros, BLOCK - len % BLOCK });
}

void tar_add(struct writer *w, const char *name, struct bytes content, int64_t time_ms)
{
    uint8_t block[BLOCK] = { 0 };
    unsigned sum = 0;

    if (strlen(name) >= NAME_LEN) {
        w->bad = true;
        return;
    }
    put(block, 0, name);
    put_octal(block, 100, 7, 0600);
    put_octal(block, 108, 7, 0);
    put_octal(block, 116, 7, 0);
    put_octal(block, 124, 11, content.len);
    put_octal(block, 136, 11, time_ms > 0 ? (uint64_t)time_ms / 1000 : 0);
    memset(block + SUM_AT, ' ', SUM_LEN); /* as if blank, says POSIX */
    block[156] = '0';
    put(block, 257, "ustar");
    put(block, 263, "00");
    for (size_t i = 0; i < BLOCK; i++)
        sum += block[i];
    put_octal(block, SUM_AT, 6, sum);
    block[SUM_AT + 6] = 0;
    write_bytes(w, BYTES_OF(block));
    write_bytes(w, content);
    pad(w, content.len);
}

void tar_end(struct writer *w)
{
    static const uint8_t zeros[2 * BLOCK];

    write_bytes(w, BYTES_OF(zeros));
}
