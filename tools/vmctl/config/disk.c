/*
 * One disk of a config.  See disk.h.
 */
#include "vmctl/config/disk.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAJOR_XVD  202u
#define MAJOR_SD   8u
#define MAJOR_IDE0 3u
#define MAJOR_IDE1 22u

int disk_name_number(const char *name, uint32_t *number)
{
    uint32_t disk = 0, part = 0;
    const char *at = name + (strncmp(name, "xvd", 3) ? 2 : 3);
    const char *letters = at;
    char *end;

    if (strncmp(name, "xvd", 3) != 0 && strncmp(name, "sd", 2) != 0 && strncmp(name, "hd", 2) != 0)
        return -EINVAL;
    while (islower((unsigned char)*at) && at - letters < 3)
        disk = disk * 26 + (uint32_t)(*at++ - 'a') + 1;
    if (at == letters)
        return -EINVAL;
    disk--;
    if (*at) {
        if (*at < '1' || *at > '9')
            return -EINVAL;
        part = (uint32_t)strtoul(at, &end, 10);
        if (*end || part > 255)
            return -EINVAL;
    }
    if (name[0] == 'x')
        *number = disk < 16 && part < 16 ? MAJOR_XVD << 8 | disk << 4 | part
                                         : 1u << 28 | disk << 8 | part;
    else if (name[0] == 's' && disk < 16 && part < 16)
        *number = MAJOR_SD << 8 | disk << 4 | part;
    else if (name[0] == 'h' && disk < 4 && part < 64)
        *number = (disk < 2 ? MAJOR_IDE0 : MAJOR_IDE1) << 8 | (disk & 1) << 6 | part;
    else
        return -EINVAL;
    return 0;
}

struct spec {
    const char *where, *text;
    struct failure *failure;
    struct disk_config *disk;
    unsigned int position; /* of the next word without a key */
    bool has_access;
};

static int spec_error(const struct spec *spec, const char *why, const char *remedy)
{
    return failure_set(spec->failure, -EINVAL, "%s: disk \"%s\": %s (%s)", spec->where, spec->text,
                       why, remedy);
}

static int set_target(struct spec *spec, const char *value)
{
    static const char *const prefixes[] = { "phy:", "raw:" };

    for (size_t i = 0; i < 2; i++)
        if (!strncmp(value, prefixes[i], strlen(prefixes[i])))
            value += strlen(prefixes[i]);
    const char *colon = strchr(value, ':');

    if (colon && colon < value + strcspn(value, "/"))
        return spec_error(spec, "this kind of target is not supported", "use phy:/dev/NAME");
    if (!value[0] || strlen(value) >= sizeof(spec->disk->target))
        return spec_error(spec, "no target", "name a device, as in phy:/dev/vda1,xvda,w");
    snprintf(spec->disk->target, sizeof(spec->disk->target), "%s", value);
    return 0;
}

static int set_format(struct spec *spec, const char *value)
{
    if (value[0] && strcmp(value, "raw") != 0)
        return spec_error(spec, "only the format raw is supported", "convert the image");
    return 0;
}

static int set_name(struct spec *spec, const char *value)
{
    if (disk_name_number(value, &spec->disk->number) || strlen(value) >= sizeof(spec->disk->name))
        return spec_error(spec, "bad device name for the guest", "use xvda, xvdb, xvda1 ...");
    snprintf(spec->disk->name, sizeof(spec->disk->name), "%s", value);
    return 0;
}

static int set_access(struct spec *spec, const char *value)
{
    if (!strcmp(value, "r") || !strcmp(value, "ro"))
        spec->disk->writable = false;
    else if (!strcmp(value, "w") || !strcmp(value, "rw"))
        spec->disk->writable = true;
    else
        return spec_error(spec, "bad access mode", "it is r or w");
    spec->has_access = true;
    return 0;
}

static int set_backend_type(struct spec *spec, const char *value)
{
    if (strcmp(value, "phy") != 0)
        return spec_error(spec, "only the backend type phy is supported", "use backendtype=phy");
    return 0;
}

static int set_backend(struct spec *spec, const char *value)
{
    if (strcmp(value, "0") != 0 && strcmp(value, "Domain-0") != 0)
        return spec_error(spec, "backends in other domains are not supported", "leave it out");
    return 0;
}

static int spec_key(struct spec *spec, const char *key, const char *value)
{
    static const struct {
        const char *name;
        int (*set)(struct spec *spec, const char *value);
    } keys[] = {
        { "target", set_target },
        { "format", set_format },
        { "vdev", set_name },
        { "access", set_access },
        { "backendtype", set_backend_type },
        { "backend", set_backend },
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!strcmp(keys[i].name, key))
            return keys[i].set(spec, value);
    return spec_error(spec, "unknown or unsupported key", "keys are target format vdev access");
}

static bool is_format(const char *word)
{
    return !strcmp(word, "raw") || !strcmp(word, "qcow") || !strcmp(word, "qcow2") ||
           !strcmp(word, "vhd") || !strcmp(word, "qed");
}

/* A word without a key: target, format, vdev, access in this order; the format may be left out
 * altogether. */
static int spec_word(struct spec *spec, const char *word)
{
    static int (*const set[])(struct spec * spec, const char *value) = { set_target, set_format,
                                                                         set_name, set_access };

    if (!strcmp(word, "discard") || !strcmp(word, "no-discard")) {
        spec->disk->no_discard = word[0] == 'n';
        return 0;
    }
    if (!strcmp(word, "direct-io-safe"))
        return 0;
    if (!strcmp(word, "cdrom"))
        return spec_error(spec, "CD-ROM drives are not supported", "use an ordinary disk");
    if (spec->position == 1 && word[0] && !is_format(word))
        spec->position++;
    if (spec->position >= sizeof(set) / sizeof(set[0]))
        return spec_error(spec, "too many words", "it is target,format,vdev,access");
    unsigned int position = spec->position++;

    if (!word[0] && position == 3)
        return 0;
    return set[position](spec, word);
}

int disk_config_parse(struct disk_config *disk, const char *text, const char *where,
                      struct failure *failure)
{
    struct spec spec = { where, text, failure, disk, 0, false };
    char copy[512];
    char *rest = copy, *word;

    memset(disk, 0, sizeof(*disk));
    disk->writable = true;
    if (strlen(text) >= sizeof(copy))
        return spec_error(&spec, "too long", "a disk is TARGET,FORMAT,VDEV,ACCESS");
    snprintf(copy, sizeof(copy), "%s", text);
    while ((word = strsep(&rest, ","))) {
        while (isspace((unsigned char)*word))
            word++;
        for (size_t n = strlen(word); n && isspace((unsigned char)word[n - 1]); n--)
            word[n - 1] = '\0';
        char *equals = strchr(word, '=');
        int error;

        if (equals && strspn(word, "abcdefghijklmnopqrstuvwxyz-") == (size_t)(equals - word)) {
            *equals = '\0';
            error = spec_key(&spec, word, equals + 1);
        } else {
            error = spec_word(&spec, word);
        }
        if (error)
            return error;
    }
    if (!disk->target[0])
        return spec_error(&spec, "no target", "name a device, as in phy:/dev/vda1,xvda,w");
    if (!disk->name[0])
        return spec_error(&spec, "no name for the guest", "add one, as in phy:/dev/vda1,xvda,w");
    return 0;
}
