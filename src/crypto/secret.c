#include "crypto/secret.h"

char *secret_text(const char *text)
{
    size_t len = text ? strlen(text) + 1 : 0;
    char *copy = text ? secret_alloc(len) : NULL;

    if (copy)
        memcpy(copy, text, len);
    return copy;
}

void secret_text_free(char *text)
{
    if (text)
        secret_free(text, strlen(text) + 1);
}
