/* Files that people name; "-" is standard input. */
#include "base/file.h"
#include "cli/frame/cli.h"

bool cli_read(struct cli *cli, const char *path, size_t limit, struct bytes *ret, struct err *err)
{
    if (strcmp(path, "-") != 0) {
        bool read = file_read_in(&cli->arena, path, limit, ret, err);
        if (!read && err->code == ERR_NOT_FOUND) /* which exit code 3 says of what the server was asked for */
            err->code = ERR_IO;
        return read;
    }
    if (cli->has_read_stdin)
        return err_set(err, ERR_MALFORMED, "\"-\" is standard input, which can be read once only");
    cli->has_read_stdin = true;
    return file_read_in(&cli->arena, "/dev/stdin", limit, ret, err) || err_within(err, "standard input");
}
