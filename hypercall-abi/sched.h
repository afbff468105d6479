/*
 * sched_op and vcpu_op.
 */
#ifndef HYPERCALL_ABI_SCHED_H
#define HYPERCALL_ABI_SCHED_H

#include "hypercall-abi/types.h"

#define SCHEDOP_yield           0
#define SCHEDOP_block           1
#define SCHEDOP_shutdown        2
#define SCHEDOP_poll            3
#define SCHEDOP_remote_shutdown 4
#define SCHEDOP_shutdown_code   5
#define SCHEDOP_watchdog        6
#define SCHEDOP_pin_override    7

#define SHUTDOWN_poweroff     0
#define SHUTDOWN_reboot       1
#define SHUTDOWN_suspend      2
#define SHUTDOWN_crash        3
#define SHUTDOWN_watchdog     4
#define SHUTDOWN_soft_reset   5
#define SHUTDOWN_MAX          5
#define SHUTDOWN_CODE_INVALID (~0U)

struct sched_shutdown {
    uint32_t reason; /* SHUTDOWN_* */
};
struct sched_poll {
    guest_handle_t ports; /* evtchn_port_t array */
    uint32_t nr_ports;
    uint64_t timeout; /* system time in ns, 0 for none */
};
struct sched_watchdog {
    uint32_t id;      /* 0: a new one, whose number is returned */
    uint32_t timeout; /* s; 0 ends it */
};
struct sched_remote_shutdown {
    domid_t domain_id;
    uint32_t reason;
};
struct sched_pin_override {
    int32_t pcpu; /* negative: take the pin back */
};

#define VCPUOP_initialise                     0
#define VCPUOP_up                             1
#define VCPUOP_down                           2
#define VCPUOP_is_up                          3
#define VCPUOP_get_runstate_info              4
#define VCPUOP_register_runstate_memory_area  5
#define VCPUOP_set_periodic_timer             6
#define VCPUOP_stop_periodic_timer            7
#define VCPUOP_set_singleshot_timer           8
#define VCPUOP_stop_singleshot_timer          9
#define VCPUOP_register_vcpu_info             10
#define VCPUOP_send_nmi                       11
#define VCPUOP_get_physid                     12
#define VCPUOP_register_vcpu_time_memory_area 13

#define RUNSTATE_running    0
#define RUNSTATE_runnable   1
#define RUNSTATE_blocked    2
#define RUNSTATE_offline    3
#define XEN_RUNSTATE_UPDATE (1UL << 63)

struct vcpu_runstate_info {
    int32_t state;             /* RUNSTATE_* */
    uint64_t state_entry_time; /* system time, ns */
    uint64_t time[4];          /* ns spent in each state */
};
struct vcpu_register_runstate_memory_area {
    guest_handle_t addr;
};
struct vcpu_register_time_memory_area {
    guest_handle_t addr;
};
struct vcpu_set_periodic_timer {
    uint64_t period_ns;
};
struct vcpu_set_singleshot_timer {
    uint64_t timeout_abs_ns;
    uint32_t flags; /* VCPU_SSHOTTMR_* */
};
#define VCPU_SSHOTTMR_future 1U /* -ETIME if the time is past */
struct vcpu_register_vcpu_info {
    uint64_t mfn;
    uint32_t offset; /* bytes */
    uint32_t rsvd;
};

#endif
