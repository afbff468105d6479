/*
 * Paths: grammar and walking.  See path.h.
 */
#include "xenstore/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool character_is_good(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '/' || c == '_' || c == '@';
}

/* Slashes in their places, only good characters, nothing too long. */
static bool path_is_good(const char *path, size_t length)
{
    if (length == 0 || length > XENSTORE_ABS_PATH_MAX)
        return false;
    if (path[0] != '/' && path[0] != '@')
        return false;
    for (size_t i = 0; i < length; i++) {
        if (!character_is_good(path[i]))
            return false;
        if (path[i] == '/' && path[i + 1] == '/')
            return false;
    }
    return length == 1 ? path[0] == '/' : path[length - 1] != '/';
}

int path_canonicalise(char canonical[PATH_BUFFER], const char *sent, uint32_t domid, bool specials)
{
    size_t length = strlen(sent);
    int n;

    if (sent[0] == '/' || sent[0] == '@') {
        if (length > XENSTORE_ABS_PATH_MAX)
            return -EINVAL;
        n = snprintf(canonical, PATH_BUFFER, "%s", sent);
    } else {
        if (length == 0 || length > XENSTORE_REL_PATH_MAX)
            return -EINVAL;
        n = snprintf(canonical, PATH_BUFFER, "/local/domain/%u/%s", (unsigned int)domid, sent);
    }
    if (n <= 0 || n >= PATH_BUFFER || !path_is_good(canonical, (size_t)n))
        return -EINVAL;
    if (path_is_special(canonical) && !specials)
        return -EINVAL;
    return 0;
}

bool path_is_special(const char *path)
{
    return path[0] == '@';
}

void path_parent(char parent[PATH_BUFFER], const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;

    if (length == 0)
        length = 1; /* "/" for what is right below it */
    memcpy(parent, path, length);
    parent[length] = '\0';
}

unsigned int path_depth(const char *path)
{
    unsigned int depth = 0;
    const char *name;
    size_t length;

    while (path_next(&path, &name, &length))
        depth++;
    return depth;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

bool path_next(const char **cursor, const char **name, size_t *length)
{
    const char *at = *cursor, *end;

    while (*at == '/')
        at++;
    if (!*at)
        return false;
    for (end = at; *end && *end != '/';)
        end++;
    *name = at;
    *length = (size_t)(end - at);
    *cursor = end;
    return true;
}

bool path_is_below(const char *path, const char *ancestor)
{
    size_t length = strlen(ancestor);

    if (length == 1 && ancestor[0] == '/')
        return path[0] == '/';
    return !strncmp(path, ancestor, length) && (path[length] == '\0' || path[length] == '/');
}
