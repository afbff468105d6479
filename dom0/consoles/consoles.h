/*
 * Guest consoles: dom0's end of each guest's console ring.
 *
 * The service watches the store for introduced domains, maps each console page, and makes for every
 * guest a terminal (tasks/terminal.h) and the log file /var/log/xen/console/guest-NAME.log, whether
 * or not somebody looks.  The terminal's name is in /local/domain/DOMID/console/tty, as xenconsoled
 * has it.
 */
#ifndef DOM0_CONSOLES_CONSOLES_H
#define DOM0_CONSOLES_CONSOLES_H

/* Starts the service's tasks.  Needs xenstore_start().  Returns 0 or -errno. */
int consoles_start(void);

#endif
