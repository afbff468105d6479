/*
 * What the network commands share, a file each.
 */
#ifndef DOM0_SHELL_NETWORK_H
#define DOM0_SHELL_NETWORK_H

#include <stdint.h>

#include "lwip/ip_addr.h"

/* How long a command waits for somebody who says nothing. */
#define NETWORK_PATIENCE_MS 30000u

int ip_command(int argc, char **argv);
int ping_command(int argc, char **argv);
int nslookup_command(int argc, char **argv);
int fetch_command(int argc, char **argv);
int nc_command(int argc, char **argv);
int net_bench_command(int argc, char **argv);

/* lwIP's err_t as 0 or -errno. */
int network_error(int error);
/* Prints "command: what: why (what to do)"; returns 1. */
int network_failed(const char *command, const char *what, int error);

/* An address as RFC 5952 wants it, until the next call. */
const char *network_text(const ip_addr_t *address);
const char *network_text6(const ip6_addr_t *address);

#endif
