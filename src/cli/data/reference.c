#include "cli/data/reference.h"

bool cli_reference(struct cli *cli, const struct refdata **ret, struct err *err)
{
    const char *given = cli_option(cli, "data"), *own = refdata_user_path(&cli->arena), *problem = NULL;
    struct refdata *named = ARENA_NEW(&cli->arena, struct refdata);

    if (!named || !own)
        return err_set(err, ERR_NO_MEMORY, "no memory for reference data");
    if (given && !refdata_read(&cli->arena, given, own, named, err))
        return false;
    *ret = given ? named : refdata_load(&cli->arena, own, &problem);
    if (problem)
        fprintf(stderr, "trueboot: note: %s\n", problem);
    return true;
}
