/*
 * A function for make, $(make-status N), with which make ends at once and its status is N;
 * for 0, or nothing, it goes on.
 *
 * A recipe that fails makes make's own status 2, whatever it was, and a script that `make run` ran
 * wants its own to be seen.  make loads this file ("Loading Dynamic Objects" in its manual); the
 * name of the function that it then calls follows from the file's.
 */
#include <gnumake.h>
#include <stdlib.h>

/* make wants to see this before it calls anything; our licence goes with its. */
int plugin_is_GPL_compatible;

int make_status_gmk_setup(const gmk_floc *place);

static char *make_status(const char *name, unsigned int count, char **words)
{
    int status = count ? atoi(words[0]) : 0;

    (void)name;
    if (status)
        exit(status);
    return NULL;
}

int make_status_gmk_setup(const gmk_floc *place)
{
    (void)place;
    gmk_add_function("make-status", make_status, 1, 1, GMK_FUNC_DEFAULT);
    return 1;
}
