/* trueboot server status. */
#include "cli/remote/remote.h"
#include "cli/server/commands.h"

static int run_server_status(struct cli *cli) { return remote_print(cli, "GET", "/v1/server", NULL, NULL); }

const struct cli_command command_server_status = { "server status",  "", 0, 0, "Where the server is and how it runs", NULL, 0,
                                                   run_server_status };
