/*
 * NVMe disks (NVM Express 1.4).
 */
#ifndef DEVICES_NVME_H
#define DEVICES_NVME_H

/* Starts all controllers; their namespaces become disks nvme0n1 ... */
void nvme_start(void);

#endif
