/*
 * Writing many nodes in one transaction without an if behind each: the first error stays.
 */
#ifndef TOOLS_VMCTL_DOMAIN_WRITER_H
#define TOOLS_VMCTL_DOMAIN_WRITER_H

#include <stdint.h>

struct xs_client;

struct node_writer {
    struct xs_client *store;
    uint32_t tx;
    uint32_t domid; /* the guest that nodes are given to */
    char base[128];
    int error;
};

/* Who may do what with a node. */
enum node_rights {
    NODE_SHOWN,  /* dom0's; the guest may read it */
    NODE_GUESTS, /* the guest's; nobody else's but dom0's */
    NODE_FRONT,  /* the guest's; its backend may read it */
};

int node_writer_start(struct node_writer *writer, struct xs_client *store, uint32_t domid);
/* Paths from now on are below this one. */
void node_writer_base(struct node_writer *writer, const char *path);
void node_put(struct node_writer *writer, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A node without a value. */
void node_make(struct node_writer *writer, const char *path);
void node_give(struct node_writer *writer, const char *path, enum node_rights rights);
/* Commits, or drops everything if there was an error, which it returns. */
int node_writer_end(struct node_writer *writer);

#endif
