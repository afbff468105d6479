/* Whether guests can live with SMAP on this machine. */
#ifndef BOOT_SMAP_TEST_H
#define BOOT_SMAP_TEST_H

/* Switches SMAP off, with a line in the log, if they cannot.  On the boot CPU, once it has its
 * tables, before the others start and before a guest runs. */
void smap_test(void);

#endif
