/*
 * One network interface of a config.  See vif.h.
 */
#include "vmctl/config/vif.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE_INTERVAL_US 50000u /* xl's default */
#define MTU_LEAST        68u
#define MTU_MAX          9000u
#define VLAN_MAX         4094u
#define DEVICE_ID_MAX    1023u

struct spec {
    const char *where, *text;
    struct failure *failure;
    struct vif_config *vif;
    char *ignored;
    size_t ignored_size;
};

static int spec_error(const struct spec *spec, const char *key, const char *why, const char *remedy)
{
    return failure_set(spec->failure, -EINVAL, "%s \"%s\": %s%s%s (%s)", spec->where, spec->text,
                       key, key[0] ? ": " : "", why, remedy);
}

int mac_parse(uint8_t mac[6], const char *text)
{
    for (int i = 0; i < 6; i++) {
        char pair[3] = { text[0], text[0] ? text[1] : '\0', '\0' };

        if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]))
            return -EINVAL;
        mac[i] = (uint8_t)strtoul(pair, NULL, 16);
        text += 2;
        if (*text++ != (i < 5 ? ':' : '\0'))
            return -EINVAL;
    }
    return mac[0] & 1 ? -EINVAL : 0;
}

void mac_format(const uint8_t mac[6], char text[18])
{
    snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
             mac[5]);
}

static int set_mac(struct spec *spec, const char *value)
{
    static const uint8_t none[6];

    if (mac_parse(spec->vif->mac, value) || !memcmp(spec->vif->mac, none, sizeof(none)))
        return spec_error(spec, "mac", "not an address for one interface",
                          "write one as 00:16:3e:12:34:56");
    spec->vif->has_mac = true;
    return 0;
}

static int set_name(struct spec *spec, const char *key, char to[16], const char *value)
{
    if (!value[0] || strlen(value) > 15 || strpbrk(value, "/ \t"))
        return spec_error(spec, key, "not a usable name",
                          "use at most 15 letters, digits, - and _");
    snprintf(to, 16, "%s", value);
    return 0;
}

static int set_bridge(struct spec *spec, const char *value)
{
    return set_name(spec, "bridge", spec->vif->bridge, value);
}

static int set_vifname(struct spec *spec, const char *value)
{
    return set_name(spec, "vifname", spec->vif->name, value);
}

static int set_number(struct spec *spec, const char *key, const char *value, uint32_t least,
                      uint32_t most, uint32_t *number)
{
    char *end, range[48];
    unsigned long got = strtoul(value, &end, 10);

    snprintf(range, sizeof(range), "use %u to %u", (unsigned int)least, (unsigned int)most);
    if (!isdigit((unsigned char)value[0]) || *end || got < least || got > most)
        return spec_error(spec, key, "out of range", range);
    *number = (uint32_t)got;
    return 0;
}

static int set_mtu(struct spec *spec, const char *value)
{
    return set_number(spec, "mtu", value, MTU_LEAST, MTU_MAX, &spec->vif->mtu);
}

static int set_vlan(struct spec *spec, const char *value)
{
    return set_number(spec, "vlan", value, 1, VLAN_MAX, &spec->vif->vlan);
}

static int set_devid(struct spec *spec, const char *value)
{
    spec->vif->has_device_id = true;
    return set_number(spec, "devid", value, 0, DEVICE_ID_MAX, &spec->vif->device_id);
}

/* Bits in one of a unit's: of "Mb/s" 1000000; 0: it is none. */
static uint64_t unit_bits(const char *unit)
{
    static const struct {
        const char *name;
        uint64_t bits;
    } units[] = { { "b/s", 1 }, { "Kb/s", 1000 }, { "Mb/s", 1000000 }, { "Gb/s", 1000000000 },
                  { "B/s", 8 }, { "KB/s", 8000 }, { "MB/s", 8000000 }, { "GB/s", 8000000000 } };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (!strcmp(unit, units[i].name))
            return units[i].bits;
    return 0;
}

static uint64_t interval_unit_us(const char *unit)
{
    return !strcmp(unit, "us") ? 1 : !strcmp(unit, "ms") ? 1000 : !strcmp(unit, "s") ? 1000000 : 0;
}

/* RATE[@INTERVAL]: 10Mb/s, 250KB/s@20ms. */
static int set_rate(struct spec *spec, const char *value)
{
    static const char remedy[] = "write it as 10Mb/s or 1MB/s@20ms";
    char copy[40], *at, *end;
    uint64_t amount, bits, interval = RATE_INTERVAL_US, bytes;

    if (strlen(value) >= sizeof(copy) || !isdigit((unsigned char)value[0]))
        return spec_error(spec, "rate", "not understood", remedy);
    strcpy(copy, value);
    at = strchr(copy, '@');
    if (at) {
        *at++ = '\0';
        interval = strtoul(at, &end, 10);
        if (!isdigit((unsigned char)at[0]) || interval > 1000000 || !interval_unit_us(end))
            return spec_error(spec, "rate", "its interval is not understood", remedy);
        interval *= interval_unit_us(end);
    }
    amount = strtoul(copy, &end, 10);
    bits = unit_bits(end);
    if (!bits || amount > 1000000000000 / bits || !interval || interval > 1000000)
        return spec_error(spec, "rate", "not understood, or too large", remedy);
    bytes = amount * bits / 8 * interval / 1000000;
    if (!bytes || bytes >= UINT32_MAX)
        return spec_error(spec, "rate", "not even a byte in each interval, or far too many",
                          remedy);
    spec->vif->rate_bytes = bytes;
    spec->vif->rate_us = (uint32_t)interval;
    return 0;
}

static int set_backend(struct spec *spec, const char *value)
{
    if (strcmp(value, "0") != 0 && strcmp(value, "Domain-0") != 0)
        return spec_error(spec, "backend", "there are no driver domains yet", "leave it out");
    return 0;
}

static bool is_ignored(const char *key)
{
    static const char *const keys[] = { "type", "model", "script", "ip", "gatewaydev", "trusted" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!strcmp(key, keys[i]))
            return true;
    return false;
}

static int spec_key(struct spec *spec, const char *key, const char *value)
{
    static const struct {
        const char *name;
        int (*set)(struct spec *spec, const char *value);
    } keys[] = {
        { "mac", set_mac },     { "bridge", set_bridge },   { "vifname", set_vifname },
        { "rate", set_rate },   { "mtu", set_mtu },         { "vlan", set_vlan },
        { "devid", set_devid }, { "backend", set_backend },
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!strcmp(keys[i].name, key))
            return keys[i].set(spec, value);
    if (is_ignored(key)) {
        size_t used = strlen(spec->ignored);

        snprintf(spec->ignored + used, spec->ignored_size - used, "%s%s",
                 used ? ", " : "vif: ", key);
        return 0;
    }
    return spec_error(spec, key, "unknown key", "keys are mac bridge rate vlan mtu vifname devid");
}

static char *trimmed(char *word)
{
    while (isspace((unsigned char)*word))
        word++;
    for (size_t n = strlen(word); n && isspace((unsigned char)word[n - 1]); n--)
        word[n - 1] = '\0';
    return word;
}

int vif_config_parse(struct vif_config *vif, const char *text, const char *where, char *ignored,
                     size_t ignored_size, struct failure *failure)
{
    struct spec spec = { where, text, failure, vif, ignored, ignored_size };
    char copy[512], *rest = copy, *word;

    memset(vif, 0, sizeof(*vif));
    strcpy(vif->bridge, "xenbr0");
    ignored[0] = '\0';
    if (strlen(text) >= sizeof(copy))
        return spec_error(&spec, "", "too long", "an interface is KEY=VALUE,KEY=VALUE...");
    strcpy(copy, text);
    while ((word = strsep(&rest, ","))) {
        char *equals;
        int error;

        word = trimmed(word);
        if (!word[0])
            continue;
        equals = strchr(word, '=');
        if (!equals)
            return spec_error(&spec, word, "no value", "write KEY=VALUE");
        *equals = '\0';
        error = spec_key(&spec, trimmed(word), trimmed(equals + 1));
        if (error)
            return error;
    }
    return 0;
}
