/* cli/frame/terminal.h: words for people: as wide as the terminal that they are read on. What is not a terminal (a pipe, a file) gets every line whole. */
#pragma once
#include <stdio.h>

/* Columns of the terminal that standard output is: COLUMNS, or what the terminal says; never fewer than TERMINAL_NARROWEST. 0: no terminal. */
enum { TERMINAL_NARROWEST = 40 };
int terminal_columns(void);

/* Columns that a text takes, near enough: code points. */
int text_columns(const char *text);
int text_columns_of(const char *text, size_t bytes);
/* The longest piece of it that stays together when it is folded. */
int text_piece_columns(const char *text);
/* How many bytes of the text go on a line of at most `columns`, one at least (unless the text is empty): up to its last blank, or, where a
 * word is longer than the line, up to a character behind which one may break. *ret_next: where the next line begins, behind the blanks. */
size_t text_fold(const char *text, int columns, const char **ret_next);

/* Prints the text, which stands behind `column` columns of its line, and the end of the line; folded with `indent` blanks in front of
 * each further line. */
void print_folded(int column, int indent, const char *text);
/* "  Name            text": the name in a column of `width`, the text folded behind it. Nothing for a text that is NULL or "". */
void print_named(int indent, int width, const char *name, const char *text);
