/*
 * A guest's interface on a Linux dom0: what Xen's script vif-bridge does.  The kernel's netback has
 * made a network device vifDOMID.DEVID; it becomes a port of the bridge.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <unistd.h>

#include "vmctl/platform/platform.h"

#define APPEARS_NS (5 * 1000000000LL)

/* The kernel makes the device beside us, when it has seen the nodes. */
static unsigned int device_wait(const char *name)
{
    int64_t deadline = platform_now_ns() + APPEARS_NS;
    unsigned int index;

    while (!(index = if_nametoindex(name)) && platform_now_ns() < deadline)
        platform_sleep_ns(10000000);
    return index;
}

static int device_up(int s, const char *name, unsigned int index, const struct vif_config *vif)
{
    struct ifreq request;
    unsigned int bridge = if_nametoindex(vif->bridge);

    if (!bridge)
        return -ENODEV;
    memset(&request, 0, sizeof(request));
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    request.ifr_mtu = vif->mtu ? (int)vif->mtu : 1500;
    if (ioctl(s, SIOCSIFMTU, &request))
        return -errno;
    if (ioctl(s, SIOCGIFFLAGS, &request))
        return -errno;
    request.ifr_flags |= IFF_UP;
    if (ioctl(s, SIOCSIFFLAGS, &request))
        return -errno;
    memset(&request, 0, sizeof(request));
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", vif->bridge);
    request.ifr_ifindex = (int)index;
    return ioctl(s, SIOCBRADDIF, &request) && errno != EBUSY ? -errno : 0;
}

int platform_vif_up(uint32_t domid, const struct vif_config *vif, char *why, size_t size)
{
    char name[IFNAMSIZ];
    unsigned int index;
    int s, error;

    snprintf(name, sizeof(name), "vif%u.%u", (unsigned int)domid, (unsigned int)vif->device_id);
    index = device_wait(name);
    if (!index) {
        snprintf(why, size, "the kernel made no %s (is xen-netback loaded?)", name);
        return -ENODEV;
    }
    s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -errno;
    error = device_up(s, name, index, vif);
    close(s);
    if (error)
        snprintf(why, size, "%s cannot join the bridge %s: %s", name, vif->bridge,
                 strerror(-error));
    return error;
}
