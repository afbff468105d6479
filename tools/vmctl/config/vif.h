/*
 * One network interface of a config, in xl's syntax (xl-network-configuration(5)):
 *     "mac=00:16:3e:01:02:03,bridge=xenbr0,rate=10Mb/s"   "" (all by default)
 */
#ifndef TOOLS_VMCTL_CONFIG_VIF_H
#define TOOLS_VMCTL_CONFIG_VIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmctl/failure.h"

struct vif_config {
    char bridge[16]; /* xenbr0 if none is named */
    uint8_t mac[6];
    bool has_mac;        /* else one is made up at the start */
    char name[16];       /* in dom0; empty: vifDOMID.DEVID */
    uint64_t rate_bytes; /* in each interval; 0: no limit */
    uint32_t rate_us;
    uint32_t vlan; /* 0: tags pass */
    uint32_t mtu;  /* 0: 1500 */
    uint32_t device_id;
    bool has_device_id;
};

/* 0 or -EINVAL; where ("demo.cfg:3: vif") starts the message.  `ignored` names the keys passed
 * over, "model, script", or is empty. */
int vif_config_parse(struct vif_config *vif, const char *text, const char *where, char *ignored,
                     size_t ignored_size, struct failure *failure);
/* "00:16:3e:01:02:03"; -EINVAL: it is none, or not one station's. */
int mac_parse(uint8_t mac[6], const char *text);
void mac_format(const uint8_t mac[6], char text[18]);

#endif
