/*
 * What can be known of a network interface before it is made: whether there is its bridge, and
 * whether somebody on it has its address already.  See nodes.h.  Who is made at the same time is
 * not seen here; the switch refuses the later one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmctl/domain/domain.h"
#include "vmctl/domain/nodes.h"
#include "vmctl/platform/platform.h"
#include "xenstore/client.h"

#define BRIDGES "/local/domain/0/bridge"
#define VIFS    "/local/domain/0/backend/vif"
#define DRAWS   16

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

static int unreadable(struct failure *failure, int error, const char *guest)
{
    return failure_set(failure, error, "%s: xenstore: %s", guest, failure_reason(error));
}

/* On a Linux dom0 bridges have no nodes: the kernel knows them. */
static int bridge_check(struct xs_client *store, const struct vif_config *vif, const char *guest,
                        struct failure *failure)
{
    char path[80], *state, **names;
    size_t count;
    int error = xs_list(store, XS_NO_TX, BRIDGES, &names, &count);

    if (error)
        return error == -ENOENT ? 0 : unreadable(failure, error, guest);
    free(names);
    snprintf(path, sizeof(path), BRIDGES "/%s", vif->bridge);
    state = text_of(store, path, "state");
    if (!state)
        return failure_set(
            failure, -ENODEV,
            "%s: there is no bridge %s (vmctl bridge-list shows the bridges there are)", guest,
            vif->bridge);
    free(state);
    return 0;
}

static bool is_dom0s(struct xs_client *store, const struct vif_config *vif)
{
    char path[80], *mac;
    bool same;

    snprintf(path, sizeof(path), BRIDGES "/%s", vif->bridge);
    mac = text_of(store, path, "mac");
    same = same_mac(mac, vif->mac);
    free(mac);
    return same;
}

/* Would the two answer for each other? */
static bool collide(const struct vif_config *a, const struct vif_config *b)
{
    return !memcmp(a->mac, b->mac, 6) && !strcmp(a->bridge, b->bridge) &&
           (!a->vlan || !b->vlan || a->vlan == b->vlan);
}

/* Is what is below this path another interface with its address? */
static bool is_taken_by(struct xs_client *store, const char *base, const struct vif_config *vif)
{
    struct vif_config other = { 0 };
    char *bridge = text_of(store, base, "bridge"), *mac = text_of(store, base, "mac");
    char *vlan = text_of(store, base, "vlan");
    bool taken = bridge && same_mac(mac, vif->mac);

    if (taken) {
        memcpy(other.mac, vif->mac, 6);
        snprintf(other.bridge, sizeof(other.bridge), "%s", bridge);
        other.vlan = vlan ? (uint32_t)strtoul(vlan, NULL, 10) : 0;
        taken = collide(vif, &other);
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

static int guests_check(struct xs_client *store, const struct vif_config *vif, const char *guest,
                        struct failure *failure)
{
    char **domains, name[64];
    size_t count;
    uint32_t user = 0;
    int error = xs_list(store, XS_NO_TX, VIFS, &domains, &count);

    if (error)
        return error == -ENOENT ? 0 : unreadable(failure, error, guest);
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

static int address_check(struct xs_client *store, const struct vif_config *vif, size_t before,
                         const char *guest, struct failure *failure)
{
    if (is_dom0s(store, vif))
        return failure_set(failure, -EADDRINUSE,
                           "%s: this mac is dom0's own on bridge %s (choose another)", guest,
                           vif->bridge);
    for (size_t i = 1; i <= before; i++)
        if (collide(vif - i, vif))
            return failure_set(failure, -EADDRINUSE,
                               "%s: two interfaces with one mac on bridge %s (choose another)",
                               guest, vif->bridge);
    return guests_check(store, vif, guest, failure);
}

static void address_draw(struct vif_config *vif)
{
    vif->mac[0] = 0x00; /* Xen's */
    vif->mac[1] = 0x16;
    vif->mac[2] = 0x3e;
    platform_random(&vif->mac[3], 3);
    vif->mac[3] &= 0x7f;
}

int vif_settle(struct xs_client *store, struct vif_config *vif, size_t before, const char *guest,
               struct failure *failure)
{
    int error = bridge_check(store, vif, guest, failure);
    unsigned int draws = 0;

    if (error)
        return error;
    do {
        if (!vif->has_mac)
            address_draw(vif);
        error = address_check(store, vif, before, guest, failure);
    } while (error == -EADDRINUSE && !vif->has_mac && ++draws < DRAWS);
    vif->has_mac |= !error;
    return error;
}
