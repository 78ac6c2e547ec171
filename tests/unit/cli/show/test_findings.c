/* Whatever is part of what, and however it was lowered: a person sees each finding, and sees it once. */
#include <stdio.h>
#include <unistd.h>
#include "cli/show/findings.h"
#include "json/parse.h"
#include "support/test.h"

/* What findings_print puts on standard output, in the arena. */
static const char *printed(struct cli *cli, const char *array)
{
    FILE *to = tmpfile();
    int out = dup(STDOUT_FILENO);
    const struct json *findings;
    struct err err = ERR_INIT;
    char *text = arena_alloc(&cli->arena, 8192);
    size_t n;

    if (!to || out < 0 || !text || !json_parse(&cli->arena, bytes_of_string(array), NULL, &findings, &err))
        return "";
    fflush(stdout);
    dup2(fileno(to), STDOUT_FILENO);
    findings_print(cli, findings, FINDINGS_JUDGED);
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
    rewind(to);
    n = fread(text, 1, 8191, to);
    text[n] = '\0';
    fclose(to);
    return text;
}

static size_t times(const char *text, const char *word)
{
    size_t n = 0;

    for (; (text = strstr(text, word)); text += strlen(word))
        n++;
    return n;
}

#define WHOLE(severity, text) "{\"id\":\"whole\",\"severity\":\"" severity "\",\"title\":\"W\",\"text\":\"" text "\"}"
#define PART(severity, text)  "{\"id\":\"part\",\"severity\":\"" severity "\",\"title\":\"P\",\"text\":\"" text "\",\"follows\":\"whole\"}"

TEST(each_finding_is_shown_once_whatever_it_is_part_of)
{
    static const struct {
        const char *array;
        size_t n_with; /* said with another one */
    } rows[] = {
        { "[" WHOLE("medium", "first.") "," PART("medium", "second.") "," PART("medium", "third.") "]", 2 },
        { "[" PART("medium", "second.") "," WHOLE("medium", "first.") "," PART("medium", "third.") "]", 2 },
        { "[" WHOLE("low", "first.") "," PART("low", "second.") "," PART("low", "third.") "]", 2 },
        { "[" WHOLE("low", "first.") "," PART("medium", "second.") "," PART("low", "third.") "]",
          1 }, /* what is held against it is no part of a note */
        { "[" WHOLE("medium", "first.") "," WHOLE("low", "second.") "," PART("low", "third.") "]", 1 },
        { "[" PART("medium", "first.") "," PART("low", "second.") "," PART("info", "third.") "]", 0 }, /* its whole is not told */
        { "[" WHOLE("info", "first.") "," PART("critical", "second.") "," PART("info", "third.") "]", 1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cli cli = { 0 };
        const char *text = printed(&cli, rows[i].array);

        if (times(text, "first.") != 1 || times(text, "second.") != 1 || times(text, "third.") != 1 ||
            times(text, "with it") != rows[i].n_with)
            test_note("%s: %s", rows[i].array, text);
        CHECK(times(text, "first.") == 1 && times(text, "second.") == 1 && times(text, "third.") == 1);
        CHECK(times(text, "with it") == rows[i].n_with);
        arena_done(&cli.arena);
    }
}
