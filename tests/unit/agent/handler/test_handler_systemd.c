/* systemd, as far as the handler talks to it, and its units. */
#include <sys/stat.h>
#include "handler_ground.h"

TEST(systemd_is_asked_in_the_right_order)
{
    struct ground g CLEANUP(ground_done);
    struct service_control c;
    struct err err = ERR_INIT;

    REQUIRE(ground_make(&g));
    put(below(&g, "systemctl"), arena_printf(&g.in.arena, "#!/bin/sh\necho \"$*\" >> %s/asked\nexit 0\n", g.dir));
    REQUIRE(chmod(below(&g, "systemctl"), 0755) == 0);
    setenv("TRUEBOOT_AGENT_TOOLS", g.dir, 1);
    REQUIRE_OK(service_choose(&c, "systemd", &g.in.places_of, &err), err);
    REQUIRE_OK(c.ops->units_changed(&c, &err), err);
    REQUIRE_OK(c.ops->start(&c, &err), err);
    CHECK(c.ops->is_active(&c));
    REQUIRE_OK(c.ops->reload(&c, &err), err);
    REQUIRE_OK(c.ops->stop(&c, &err), err);
    CHECK(bytes_equal_string(
        read_text(&g, "asked"),
        "daemon-reload\nreset-failed trueboot-agent.service\n"
        "enable --now trueboot-agent.service trueboot-agent-collect.path trueboot-agent-publish.path trueboot-agent-publish.timer\n"
        "is-active --quiet trueboot-agent.service\nreload trueboot-agent.service\ncat trueboot-agent.service\n"
        "disable --now trueboot-agent-collect.path trueboot-agent-publish.path trueboot-agent-publish.timer trueboot-agent.service\n"));
    put(below(&g, "systemctl"), "#!/bin/sh\nexit 3\n");
    REQUIRE(chmod(below(&g, "systemctl"), 0755) == 0);
    CHECK(!c.ops->is_active(&c));
    CHECK(!c.ops->start(&c, &err) && strstr(err.text, "systemctl enable --now ended with 3") != NULL);
    CHECK(c.ops->stop(&c, &err)); /* there is no unit */
    CHECK(!service_choose(&c, "upstart", &g.in.places_of, &err));
}

TEST(units_are_installed_and_the_publishers_is_told_its_folders)
{
    struct ground g CLEANUP(ground_done);

    REQUIRE(ground_make(&g));
    CHECK_INT(verb_install(&g.in), VERB_EXIT_OK);
    CHECK(file_exists(below(&g, "root/etc/systemd/system/trueboot-agent.service")));
    settings(&g, 0, "{\"AttestationConfig\":{\"MaaSettings\":{\"maaEndpoint\":\"https://a.example\"}}}");
    CHECK_INT(verb_enable(&g.in), VERB_EXIT_OK);
    CHECK(says(&g, "root/etc/systemd/system/trueboot-agent-publish.service.d/handler.conf", "ReadWritePaths=\"-"));
    CHECK_INT(verb_uninstall(&g.in), VERB_EXIT_OK);
    CHECK(!file_exists(below(&g, "root/etc/systemd/system/trueboot-agent.service")));
}
