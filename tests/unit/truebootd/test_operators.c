/* Who owns the server over its socket: looked up by the machine's own lists, whatever they hold. */
#include "truebootd/operators.h"
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include "support/test.h"

enum { ROUNDS = 3000, PAIRS_MAX = 8, NOBODYS_GROUP = 65534 };

struct pair {
    char group[64];
    uid_t uid;
    bool listed;
};

/* Some groups with a member that they list, and the same groups with a user that they do not. */
static size_t pairs_here(struct pair ret[static PAIRS_MAX])
{
    const struct group *g;
    size_t n = 0;

    setgrent();
    while (n + 1 < PAIRS_MAX && (g = getgrent()) != NULL) {
        const struct passwd *member = g->gr_mem[0] ? getpwnam(g->gr_mem[0]) : NULL;
        if (!member || member->pw_uid == 0 || g->gr_gid == NOBODYS_GROUP)
            continue;
        snprintf(ret[n].group, sizeof ret[n].group, "%s", g->gr_name);
        ret[n + 1] = ret[n];
        ret[n].uid = member->pw_uid;
        ret[n].listed = true;
        ret[n + 1].uid = 0;
        ret[n + 1].listed = false;
        for (char **other = g->gr_mem; *other; other++)
            if (strcmp(*other, "root") == 0)
                ret[n + 1].listed = true;
        n += 2;
    }
    endgrent();
    return n;
}

TEST(a_caller_is_an_operator_by_the_group_of_its_process_or_by_the_lists)
{
    struct pair pairs[PAIRS_MAX];
    const struct group *any = getgrgid(0);
    size_t n = pairs_here(pairs);

    REQUIRE(any != NULL);
    CHECK(operators_include(any->gr_name, NOBODYS_GROUP, 0));
    CHECK(!operators_include(any->gr_name, NOBODYS_GROUP, NOBODYS_GROUP));
    CHECK(!operators_include("no-such-group-here", 0, 0));
    CHECK(!operators_include(any->gr_name, 4000000000u, NOBODYS_GROUP)); /* a user without a name */
    for (size_t i = 0; i < n; i++)
        CHECK(operators_include(pairs[i].group, pairs[i].uid, NOBODYS_GROUP) == pairs[i].listed);
}

static struct pair asked[PAIRS_MAX];
static atomic_uint wrong;

static void *ask(void *pair)
{
    const struct pair *p = pair;

    for (int i = 0; i < ROUNDS; i++)
        wrong += operators_include(p->group, p->uid, NOBODYS_GROUP) != p->listed;
    return NULL;
}

TEST(callers_at_the_same_moment_are_not_taken_for_each_other)
{
    pthread_t threads[2];

    if (pairs_here(asked) < 2)
        SKIP("no group here lists a member");
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        REQUIRE(pthread_create(&threads[i], NULL, ask, &asked[i]) == 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(wrong, 0);
}
