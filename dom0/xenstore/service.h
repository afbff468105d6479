/*
 * The store as a service of dom0: the task that serves the guests' rings and the in-dom0
 * connections.  main.c starts it first of all services, since each other one is its client.
 */
#ifndef DOM0_XENSTORE_SERVICE_H
#define DOM0_XENSTORE_SERVICE_H

/* Creates the store, writes dom0's own nodes, binds VIRQ_DOM_EXC, spawns the serving task.
 * Returns 0 or -errno. */
int xenstore_start(void);

#endif
