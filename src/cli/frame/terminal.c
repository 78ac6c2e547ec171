#include "cli/frame/terminal.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

int terminal_columns(void)
{
    const char *said = getenv("COLUMNS");
    char *end = NULL;
    unsigned long columns = said ? strtoul(said, &end, 10) : 0;
    struct winsize size;

    if (!isatty(STDOUT_FILENO))
        return 0;
    if (!columns || *end)
        columns = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
    return columns < TERMINAL_NARROWEST ? TERMINAL_NARROWEST : columns > 9999 ? 9999 : (int)columns;
}

static bool starts_character(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

int text_columns_of(const char *text, size_t bytes)
{
    int width = 0;

    for (size_t i = 0; i < bytes; i++)
        width += starts_character(text[i]);
    return width;
}

int text_columns(const char *text) { return text_columns_of(text, strlen(text)); }

/* Behind these a path, an id or a list may go on in the next line. */
static bool may_break_after(char c) { return strchr("/-_,;:.=", c) != NULL; }

int text_piece_columns(const char *text)
{
    int longest = 0;

    for (int piece = 0; *text; text++) {
        piece = *text == ' ' ? 0 : piece + starts_character(*text);
        longest = piece > longest ? piece : longest;
        if (may_break_after(*text))
            piece = 0;
    }
    return longest;
}

size_t text_fold(const char *text, int columns, const char **ret_next)
{
    size_t blank = 0, softly = 0, i = 0;

    for (int taken = 0; text[i]; i++) {
        if (starts_character(text[i]) && taken++ >= columns && i > 0)
            break;
        if (text[i] == ' ')
            blank = i;
        else if (may_break_after(text[i]))
            softly = i + 1;
    }
    if (text[i] && text[i] != ' ')
        i = blank ? blank : softly ? softly : i;
    *ret_next = text + i + strspn(text + i, " ");
    return i;
}

void print_folded(int column, int indent, const char *text)
{
    int columns = terminal_columns();

    while (columns && column + text_columns(text) > columns) {
        const char *next;
        size_t n = text_fold(text, column + 8 < columns ? columns - column : 8, &next);
        printf("%.*s\n", (int)n, text);
        if (!*next)
            return;
        printf("%*s", indent, "");
        text = next;
        column = indent;
    }
    puts(text);
}

void print_named(int indent, int width, const char *name, const char *text)
{
    if (!text || !*text)
        return;
    printf("%*s%-*s ", indent, "", width, name);
    print_folded(indent + (text_columns(name) > width ? text_columns(name) : width) + 1, indent + width + 1, text);
}
