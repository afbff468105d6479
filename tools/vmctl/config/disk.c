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
    unsigned int given;    /* which of the keys were, a bit each */
};

static int spec_error(const struct spec *spec, const char *why, const char *remedy)
{
    return failure_set(spec->failure, -EINVAL, "%s: disk \"%s\": %s (%s)", spec->where, spec->text,
                       why, remedy);
}

static const char *const other_formats[] = { "qcow", "qcow2", "vhd", "qed" };

static bool is_other_format(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof(other_formats) / sizeof(*other_formats); i++)
        if (strlen(other_formats[i]) == length && !strncmp(word, other_formats[i], length))
            return true;
    return false;
}

static bool is_format(const char *word)
{
    return !strcmp(word, "raw") || is_other_format(word, strlen(word));
}

static int set_format(struct spec *spec, const char *value)
{
    if (value[0] && strcmp(value, "raw") != 0)
        return spec_error(spec, "only the format raw is supported",
                          "convert it: qemu-img convert -O raw IMAGE NEW");
    return 0;
}

/* Behind the prefixes that said, before there were keys, who serves the target: all one here. */
static const char *after_prefixes(const char *value)
{
    static const char *const prefixes[] = { "phy:", "file:", "raw:",     "aio:",
                                            "tap:", "tap2:", "tapdisk:", "ioemu:" };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        if (strncmp(value, prefixes[i], strlen(prefixes[i])) != 0)
            continue;
        value += strlen(prefixes[i]);
        i = (size_t)-1;
    }
    return value;
}

static int set_target(struct spec *spec, const char *given)
{
    const char *value = after_prefixes(given), *colon = strchr(value, ':');
    size_t prefix = colon ? (size_t)(colon - value) : 0;

    if (!value[0])
        return 0; /* another may follow as target= */
    if (prefix && is_other_format(value, prefix))
        return set_format(spec, "qcow2");
    if (prefix && prefix < strcspn(value, "/"))
        return spec_error(spec, "this kind of target is not supported",
                          "use phy:/dev/NAME or file:/PATH");
    if (strlen(value) >= sizeof(spec->disk->target) - 1)
        return spec_error(spec, "the target is too long", "255 bytes at most");
    snprintf(spec->disk->target, sizeof(spec->disk->target), "%s%s",
             !strncmp(given, "file:", 5) && value[0] != '/' ? "/" : "", value);
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
    static const struct {
        const char *name;
        bool writable, shared;
    } modes[] = { { "r", false, false }, { "ro", false, false }, { "w", true, false },
                  { "rw", true, false }, { "w!", true, true },   { "!", true, true } };

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(modes[i].name, value) != 0)
            continue;
        spec->disk->writable = modes[i].writable;
        spec->disk->shared = modes[i].shared;
        return 0;
    }
    return spec_error(spec, "bad access mode", "it is r, w, or w! to write what others use, too");
}

/* Who serves it is one for all targets here. */
static int set_backend_type(struct spec *spec, const char *value)
{
    if (strcmp(value, "phy") != 0 && strcmp(value, "qdisk") != 0)
        return spec_error(spec, "this backend type is not supported", "leave it out");
    return 0;
}

static int set_backend(struct spec *spec, const char *value)
{
    if (strcmp(value, "0") != 0 && strcmp(value, "Domain-0") != 0)
        return spec_error(spec, "backends in other domains are not supported", "leave it out");
    return 0;
}

static int set_script(struct spec *spec, const char *value)
{
    return value[0] ? spec_error(spec, "block scripts are not supported",
                                 "name the device or file itself")
                    : 0;
}

static int set_device_type(struct spec *spec, const char *value)
{
    return strcmp(value, "disk") != 0
               ? spec_error(spec, "CD-ROM drives are not supported", "use an ordinary disk")
               : 0;
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
        { "script", set_script },
        { "devtype", set_device_type },
    };

    for (unsigned int i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].name, key) != 0)
            continue;
        if (spec->given & 1u << i)
            return spec_error(spec, "a key is there twice", "say it once");
        spec->given |= 1u << i;
        return keys[i].set(spec, value);
    }
    return spec_error(spec, "unknown or unsupported key", "keys are target format vdev access");
}

/* Words that stand anywhere and are no part of the order; false: it is none. */
static bool spec_flag(struct spec *spec, const char *word, int *error)
{
    static const char *const no_matter[] = { "direct-io-safe", "no-direct-io-safe", "removable",
                                             "no-removable" };

    *error = 0;
    if (!strcmp(word, "discard") || !strcmp(word, "no-discard")) {
        spec->disk->no_discard = word[0] == 'n';
        return true;
    }
    if (!strcmp(word, "cdrom")) {
        *error = set_device_type(spec, word);
        return true;
    }
    for (size_t i = 0; i < sizeof(no_matter) / sizeof(*no_matter); i++)
        if (!strcmp(word, no_matter[i]))
            return true;
    return false;
}

/* A word without a key: target, format, vdev, access in this order; the format may be left out
 * altogether. */
static int spec_word(struct spec *spec, const char *word)
{
    static const char *const order[] = { "target", "format", "vdev", "access" };
    unsigned int position;
    int error;

    if (spec_flag(spec, word, &error))
        return error;
    if (spec->position == 1 && word[0] && !is_format(word))
        spec->position++;
    if (spec->position >= sizeof(order) / sizeof(order[0]))
        return spec_error(spec, "too many words", "it is target,format,vdev,access");
    position = spec->position++;
    return word[0] ? spec_key(spec, order[position], word) : 0;
}

static char *trimmed(char *word)
{
    while (isspace((unsigned char)*word))
        word++;
    for (size_t n = strlen(word); n && isspace((unsigned char)word[n - 1]); n--)
        word[n - 1] = '\0';
    return word;
}

static int spec_part(struct spec *spec, char *word)
{
    char *equals = strchr(word, '=');

    if (!equals || strspn(word, "abcdefghijklmnopqrstuvwxyz-") != (size_t)(equals - word))
        return spec_word(spec, word);
    *equals = '\0';
    return spec_key(spec, word, equals + 1);
}

int disk_config_parse(struct disk_config *disk, const char *text, const char *where,
                      struct failure *failure)
{
    struct spec spec = { where, text, failure, disk, 0, 0 };
    char copy[512];
    char *rest = copy, *word;
    int error = 0;

    memset(disk, 0, sizeof(*disk));
    disk->writable = true;
    if (strlen(text) >= sizeof(copy))
        return spec_error(&spec, "too long", "a disk is TARGET,FORMAT,VDEV,ACCESS");
    snprintf(copy, sizeof(copy), "%s", text);
    while (!error && (word = strsep(&rest, ",")))
        error = spec_part(&spec, trimmed(word));
    if (error)
        return error;
    if (!disk->target[0])
        return spec_error(&spec, "no target", "name one, as in phy:/dev/vda1,xvda,w");
    if (!disk->name[0])
        return spec_error(&spec, "no name for the guest", "add one, as in phy:/dev/vda1,xvda,w");
    return 0;
}
