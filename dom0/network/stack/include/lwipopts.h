/*
 * lwIP's options: what dom0's stack is, and how much memory it may use.  What is not said here is
 * as lwIP's opt.h has it.
 *
 * All memory is static and lies in the image, so in the linear map, where grant copies can reach
 * it: buffers for what arrives (4 MiB), a heap for what is sent (1 MiB), and pools of structures
 * (about 300 KiB).  When one of them is used up packets are dropped; nothing grows.
 */
#ifndef NETWORK_STACK_LWIPOPTS_H
#define NETWORK_STACK_LWIPOPTS_H

/* Tasks are cooperative and nothing in lwIP sleeps: whoever runs may call it, without locks. */
#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS          1
#define LWIP_SOCKET          0
#define LWIP_NETCONN         0
#define LWIP_RAW             1

#define MEM_ALIGNMENT 8
#ifdef STACK_ON_HOST /* each piece of memory is to have red zones there (stack-world.h) */
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define mem_clib_malloc stack_malloc
#define mem_clib_calloc stack_calloc
#define mem_clib_free   stack_free
#endif
#define MEM_SIZE (1024 * 1024)

/* A buffer of the pool and the pbuf in front of it (24 bytes) are half a page: a packet of 1500
 * bytes, with room for what host-port.c remembers of it, is one buffer, and none crosses a page. */
#define PBUF_POOL_SIZE    2048
#define PBUF_POOL_BUFSIZE (2048 - 24)
#define MEMP_NUM_PBUF     1024
#define PBUF_LINK_HLEN    14

#define MEMP_NUM_TCP_PCB        32
#define MEMP_NUM_TCP_PCB_LISTEN 8
#define MEMP_NUM_TCP_SEG        2048
#define MEMP_NUM_UDP_PCB        16
#define MEMP_NUM_RAW_PCB        8
#define MEMP_NUM_REASSDATA      8
#define IP_REASS_MAX_PBUFS      64
#define MEMP_NUM_FRAG_PBUF      32
#define MEMP_NUM_ARP_QUEUE      32
#define MEMP_NUM_ND6_QUEUE      32
#define MEMP_NUM_MLD6_GROUP     8

#define LWIP_IPV4                      1
#define LWIP_IPV6                      1
#define LWIP_ICMP                      1
#define LWIP_ICMP6                     1
#define LWIP_MULTICAST_PING            0
#define LWIP_BROADCAST_PING            0
#define IP_REASSEMBLY                  1
#define IP_FRAG                        1
#define LWIP_IPV6_REASS                1
#define LWIP_IPV6_FRAG                 1
#define IPV6_FRAG_COPYHEADER           1 /* pointers do not fit into a fragment header */
#define LWIP_IPV6_NUM_ADDRESSES        4
#define LWIP_IPV6_AUTOCONFIG           1
#define LWIP_IPV6_MLD                  1
#define LWIP_ND6_NUM_NEIGHBORS         32
#define LWIP_ND6_NUM_DESTINATIONS      32
#define LWIP_ND6_NUM_PREFIXES          8
#define LWIP_ND6_NUM_ROUTERS           4
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2

#define LWIP_ARP                      1
#define ARP_TABLE_SIZE                64
#define ARP_QUEUEING                  1
#define ETHARP_TABLE_MATCH_NETIF      1
#define ETHARP_SUPPORT_STATIC_ENTRIES 0

#define LWIP_DHCP                 1
#define DHCP_DOES_ARP_CHECK       0 /* as most clients: the address is there a second earlier */
#define LWIP_DNS                  1
#define DNS_MAX_SERVERS           4
#define LWIP_DHCP_MAX_DNS_SERVERS 2

#define LWIP_NETIF_HOSTNAME     1
#define LWIP_NETIF_API          0
#define LWIP_HAVE_LOOPIF        1
#define LWIP_NETIF_LOOPBACK     1
#define LWIP_LOOPBACK_MAX_PBUFS 64
#define LWIP_SINGLE_NETIF       0

/*
 * TCP.  What has arrived and was not read yet lies with the connection (connection.c), whose
 * buffer is as large as the window.  No timestamps: lwIP makes no use of them.
 */
#define LWIP_TCP          1
#define LWIP_UDP          1
#define TCP_MSS           8960 /* the largest; a connection's is what its route allows */
#define LWIP_WND_SCALE    1
#define TCP_RCV_SCALE     5
#define TCP_WND           (1024 * 1024)
#define TCP_SND_BUF       (512 * 1024)
#define TCP_SND_QUEUELEN  1000
#define TCP_SNDLOWAT      (16 * 1024)
#define TCP_SNDQUEUELOWAT 100
/* A quarter of the window of a peer who cannot scale it (RFC 7323). */
#define TCP_WND_UPDATE_THRESHOLD           (16 * 1024)
#define LWIP_TCP_SACK_OUT                  1
#define LWIP_TCP_MAX_SACK_NUM              4
#define TCP_QUEUE_OOSEQ                    1
#define TCP_OOSEQ_MAX_BYTES                TCP_WND
#define TCP_OOSEQ_MAX_PBUFS                768
#define TCP_LISTEN_BACKLOG                 1
#define SO_REUSE                           1
#define LWIP_RANDOMIZE_INITIAL_LOCAL_PORTS 1

/*
 * Checksums of TCP are left to who needs them (devices/packet.h): a TCP packet goes out PARTIAL.
 * host-port.c says per interface and packet what is to be looked at.  UDP's are made here, since
 * a datagram may be cut into fragments.
 */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY        0

#define LWIP_STATS         1
#define LWIP_STATS_DISPLAY 0
#define MIB2_STATS         0

#endif
