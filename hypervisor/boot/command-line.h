/* The hypervisor's command line. */
#ifndef BOOT_COMMAND_LINE_H
#define BOOT_COMMAND_LINE_H

#include "lib/log.h"
#include "lib/types.h"
#include "machine/serial.h"

struct options {
    bool console_vga;
    unsigned serial_first, serial_count; /* of com: those that may be the console */
    struct serial_port com[2];
    enum log_level log_level;
    uint64_t dom0_bytes;     /* 0: the default */
    unsigned dom0_max_vcpus; /* 0: as many as CPUs */
    unsigned max_cpus;
    bool no_reboot, smap;
};
extern struct options options;

/* Parses it; unknown words are named in a warning once the log is up. */
void command_line_parse(const char *line);
void command_line_warn(void);

#endif
