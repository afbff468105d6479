/*
 * Paths: their grammar and the walk along their components.
 *
 * A canonical path is "/", or "/a/b" with no empty component and no slash at its end, or one
 * of the special names "@...".  Pure functions, fuzzed and unit-tested.
 */
#ifndef DOM0_XENSTORE_PATH_H
#define DOM0_XENSTORE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xenstore/wire.h"

#define PATH_BUFFER (XENSTORE_ABS_PATH_MAX + 1)

/* Makes a canonical path of what a client of domain `domid` sent: relative paths are below
 * /local/domain/<domid>.  specials: are "@..." names welcome?  -EINVAL for anything else. */
int path_canonicalise(char canonical[PATH_BUFFER], const char *sent, uint32_t domid, bool specials);
bool path_is_special(const char *path);
/* The parent of a canonical path other than "/". */
void path_parent(char parent[PATH_BUFFER], const char *path);
/* How many components a canonical path has. */
unsigned int path_depth(const char *path);
/* The last component. */
const char *path_base(const char *path);
/* Next component of a walk: *cursor starts at the path; false at the end. */
bool path_next(const char **cursor, const char **name, size_t *length);
/* Is `path` the same as `ancestor` or below it? */
bool path_is_below(const char *path, const char *ancestor);

#endif
