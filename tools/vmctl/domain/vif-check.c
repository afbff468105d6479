/*
 * What can be known of a network interface before it is made: whether there is its bridge, and
 * whether somebody on it has its address already.  See nodes.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/domain/domain.h"
#include "vmctl/domain/nodes.h"
#include "xenstore/client.h"

#define BRIDGES "/local/domain/0/bridge"
#define VIFS    "/local/domain/0/backend/vif"

static char *text_of(struct xs_client *store, const char *base, const char *node)
{
    char path[160], *text;

    snprintf(path, sizeof(path), "%.120s/%s", base, node);
    return xs_read(store, XS_NO_TX, path, &text, NULL) ? NULL : text;
}

static bool same_mac(const char *text, const uint8_t mac[6])
{
    uint8_t other[6];

    return text && !mac_parse(other, text) && !memcmp(other, mac, 6);
}

/* On a Linux dom0 bridges have no nodes: the kernel knows them. */
static int bridge_check(struct xs_client *store, const struct vif_config *vif, const char *guest,
                        struct failure *failure)
{
    char path[80], *state, *mac, **names;
    size_t count;
    bool hosts;

    if (xs_list(store, XS_NO_TX, BRIDGES, &names, &count))
        return 0;
    free(names);
    snprintf(path, sizeof(path), BRIDGES "/%s", vif->bridge);
    state = text_of(store, path, "state");
    mac = text_of(store, path, "mac");
    hosts = vif->has_mac && same_mac(mac, vif->mac);
    free(mac);
    if (!state)
        return failure_set(
            failure, -ENODEV,
            "%s: there is no bridge %s (vmctl bridge-list shows the bridges there are)", guest,
            vif->bridge);
    free(state);
    return hosts ? failure_set(failure, -EADDRINUSE,
                               "%s: this mac is dom0's own on bridge %s (choose another)", guest,
                               vif->bridge)
                 : 0;
}

bool vifs_collide(const struct vif_config *a, const struct vif_config *b)
{
    return a->has_mac && b->has_mac && !memcmp(a->mac, b->mac, 6) &&
           !strcmp(a->bridge, b->bridge) && (!a->vlan || !b->vlan || a->vlan == b->vlan);
}

/* Is what is below this path another interface with its address? */
static bool is_taken_by(struct xs_client *store, const char *base, const struct vif_config *vif)
{
    struct vif_config other = { .has_mac = true };
    char *bridge = text_of(store, base, "bridge"), *mac = text_of(store, base, "mac");
    char *vlan = text_of(store, base, "vlan");
    bool taken = bridge && same_mac(mac, vif->mac);

    if (taken) {
        memcpy(other.mac, vif->mac, 6);
        snprintf(other.bridge, sizeof(other.bridge), "%s", bridge);
        other.vlan = vlan ? (uint32_t)strtoul(vlan, NULL, 10) : 0;
        taken = vifs_collide(vif, &other);
    }
    free(vlan);
    free(mac);
    free(bridge);
    return taken;
}

/* The guest that has it; 0: nobody. */
static uint32_t taken_by(struct xs_client *store, const char *domain, const struct vif_config *vif)
{
    char path[100], **vifs;
    size_t count;
    uint32_t user = 0;

    snprintf(path, sizeof(path), VIFS "/%.20s", domain);
    if (xs_list(store, XS_NO_TX, path, &vifs, &count))
        return 0;
    for (size_t i = 0; i < count && !user; i++) {
        snprintf(path, sizeof(path), VIFS "/%.20s/%.20s", domain, vifs[i]);
        if (is_taken_by(store, path, vif))
            user = (uint32_t)strtoul(domain, NULL, 10);
    }
    free(vifs);
    return user;
}

int vif_check(struct xs_client *store, const struct vif_config *vif, const char *guest,
              struct failure *failure)
{
    char **domains, name[64];
    size_t count;
    uint32_t user = 0;
    int error = bridge_check(store, vif, guest, failure);

    if (error || !vif->has_mac || xs_list(store, XS_NO_TX, VIFS, &domains, &count))
        return error;
    for (size_t i = 0; i < count && !user; i++)
        user = taken_by(store, domains[i], vif);
    free(domains);
    if (!user)
        return 0;
    domain_name(store, user, name, sizeof(name));
    return failure_set(failure, -EADDRINUSE,
                       "%s: this mac is on bridge %s already, guest %s has it (choose another)",
                       guest, vif->bridge, name);
}
