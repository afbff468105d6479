/*
 * Network devices: the registry, and what every driver would check.  See net-device.h.
 */
#include "devices/net-device.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct net_device *first_device, **last_device = &first_device;
static unsigned int device_count;

struct net_device *net_devices_first(void)
{
    return first_device;
}

struct net_device *net_device_find(const char *name)
{
    struct net_device *device = first_device;

    while (device && strcmp(device->name, name) != 0)
        device = device->next;
    return device;
}

int net_device_register(struct net_device *device)
{
    snprintf(device->name, sizeof(device->name), "eth%u", device_count++);
    *last_device = device;
    last_device = &device->next;
    return 0;
}

unsigned int net_device_skip(void)
{
    return device_count++;
}

int net_device_open(struct net_device *device, const struct net_user *user, void *user_state,
                    unsigned int mtu)
{
    int error;

    if (device->user)
        return -EBUSY;
    if (mtu > device->mtu_max)
        return -EINVAL;
    device->user = user;
    device->user_state = user_state;
    error = device->driver->open(device, mtu);
    if (error)
        device->user = NULL;
    return error;
}

static bool is_able(const struct net_device *device, const struct packet_offload *offload)
{
    uint32_t needed = 0;

    if (offload->checksum == PACKET_CHECKSUM_PARTIAL)
        needed |= NET_SENDS_CHECKSUM;
    if (offload->segmentation == PACKET_TCP4)
        needed |= NET_SENDS_TCP4;
    if (offload->segmentation == PACKET_TCP6)
        needed |= NET_SENDS_TCP6;
    return !(needed & ~device->features);
}

/* A NIC takes such numbers at their word. */
static bool is_sound(const struct net_transmit *transmit)
{
    const struct packet_offload *offload = &transmit->offload;
    uint32_t field = (uint32_t)offload->checksum_start + offload->checksum_offset;

    if (offload->checksum == PACKET_CHECKSUM_PARTIAL &&
        (offload->checksum_start < PACKET_BYTES_LEAST || field + 2 > transmit->bytes))
        return false;
    if (offload->segmentation == PACKET_WHOLE)
        return true;
    return offload->checksum == PACKET_CHECKSUM_PARTIAL && offload->segment_bytes &&
           transmit->header && offload->header_bytes >= field + 2 &&
           offload->header_bytes <= transmit->buffers[0].bytes &&
           offload->header_bytes < transmit->bytes;
}

int net_device_submit(struct net_device *device, struct net_transmit *transmit)
{
    if (!transmit->buffer_count || transmit->buffer_count > device->buffers_max ||
        transmit->bytes < PACKET_BYTES_LEAST || transmit->bytes > PACKET_BYTES_MAX ||
        !is_able(device, &transmit->offload) || !is_sound(transmit))
        return -EINVAL;
    return device->driver->submit(device, transmit);
}

void net_device_kick(struct net_device *device)
{
    device->driver->kick(device);
}

int net_device_filter(struct net_device *device, const struct net_filter *filter)
{
    if (filter->multicast_count > NET_MULTICAST_MAX)
        return -EINVAL;
    return device->driver->filter(device, filter);
}
