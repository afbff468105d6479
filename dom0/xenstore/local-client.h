/*
 * dom0's own clients: where xs_open() finds the store.
 */
#ifndef DOM0_XENSTORE_LOCAL_CLIENT_H
#define DOM0_XENSTORE_LOCAL_CLIENT_H

struct xenstore;

/* Called once, before the first xs_open(). */
void local_clients_start(struct xenstore *store);

#endif
