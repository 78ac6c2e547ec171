#include "base/uuid.h"
#include <stdio.h>

static bool is_hyphen_place(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

bool uuid_canonical(struct bytes text, char out[static UUID_TEXT_LEN])
{
    if (text.len != UUID_TEXT_LEN - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        if (c >= 'A' && c <= 'F')
            c = (char)(c - 'A' + 'a');
        bool fits = is_hyphen_place(i) ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        if (!fits)
            return false;
        out[i] = c;
    }
    out[text.len] = '\0';
    return true;
}

void uuid_format(const uint8_t u[static UUID_LEN], char out[static UUID_TEXT_LEN])
{
    snprintf(out, UUID_TEXT_LEN, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3], u[4], u[5],
             u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* An EFI_GUID keeps its first three fields little-endian. */
static const uint8_t guid_order[UUID_LEN] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

void guid_format(const uint8_t guid[static UUID_LEN], char out[static UUID_TEXT_LEN])
{
    uint8_t uuid[UUID_LEN];

    for (size_t i = 0; i < UUID_LEN; i++)
        uuid[i] = guid[guid_order[i]];
    uuid_format(uuid, out);
}

bool guid_parse(struct bytes text, uint8_t out[static UUID_LEN])
{
    char canonical[UUID_TEXT_LEN];
    uint8_t uuid[UUID_LEN];
    size_t n = 0;

    if (!uuid_canonical(text, canonical))
        return false;
    for (size_t i = 0; i < UUID_TEXT_LEN - 1; i += 2) {
        unsigned value;
        if (is_hyphen_place(i))
            i++;
        if (sscanf(canonical + i, "%2x", &value) != 1)
            return false;
        uuid[n++] = (uint8_t)value;
    }
    for (size_t i = 0; i < UUID_LEN; i++)
        out[guid_order[i]] = uuid[i];
    return n == UUID_LEN;
}

void uuid_from_random(uint8_t bytes[static UUID_LEN])
{
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
}
