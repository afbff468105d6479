/*
 * Who may do what: control operations and device operations, as the initial domain and as a guest.
 */
#include "guest-test.h"
#include "hypercall-abi/domctl.h"
#include "hypercall-abi/physdev.h"
#include "hypercall-abi/platform.h"
#include "hypercall-abi/sysctl.h"
#include "hypercall-abi/version.h"
#include "pv-kernel/string.h"

static int64_t domctl(uint32_t cmd, domid_t domid, struct xen_domctl *op)
{
    op->cmd = cmd;
    op->domain = domid;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return hypercall_domctl(HYPERCALL_ARG(op));
}

static void control(bool ours)
{
    struct xen_domctl op = { 0 };
    struct xen_sysctl sys = { .cmd = XEN_SYSCTL_physinfo,
                              .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    struct xen_platform_op platform = { .cmd = 9999, .interface_version = XENPF_INTERFACE_VERSION };

    check("sysctl physinfo", hypercall_sysctl(HYPERCALL_ARG(&sys)), ours ? 0 : -XEN_EPERM);
    sys.interface_version = 1;
    check("sysctl of another version", hypercall_sysctl(HYPERCALL_ARG(&sys)), -XEN_EACCES);
    check("domain info of domain 0", domctl(XEN_DOMCTL_getdomaininfo, 0, &op),
          ours ? 0 : -XEN_EPERM);
    check("pause nobody", domctl(XEN_DOMCTL_pausedomain, 4321, &op), -XEN_ESRCH);
    check("unknown domctl", domctl(9999, 0, &op), ours ? -XEN_ENOSYS : -XEN_EPERM);
    op.interface_version = 1;
    op.cmd = XEN_DOMCTL_getdomaininfo;
    check("domctl of another version", hypercall_domctl(HYPERCALL_ARG(&op)), -XEN_EACCES);
    check("wild domctl", hypercall_domctl(BAD_POINTER), -XEN_EFAULT);
    check("unknown platform operation", hypercall_platform_op(HYPERCALL_ARG(&platform)),
          ours ? -XEN_ENOSYS : -XEN_EPERM);
}

static void devices(bool ours)
{
    struct physdev_set_iopl iopl = { .iopl = 1 };
    struct physdev_eoi eoi = { .irq = 9999 };
    struct physdev_irq_status_query query = { .irq = 9999 };

    check("set iopl", hypercall_physdev_op(PHYSDEVOP_set_iopl, HYPERCALL_ARG(&iopl)), 0);
    iopl.iopl = 4;
    check("iopl 4", hypercall_physdev_op(PHYSDEVOP_set_iopl, HYPERCALL_ARG(&iopl)), -XEN_EINVAL);
    check("eoi of no pirq", hypercall_physdev_op(PHYSDEVOP_eoi, HYPERCALL_ARG(&eoi)), -XEN_EINVAL);
    check("status of no pirq",
          hypercall_physdev_op(PHYSDEVOP_irq_status_query, HYPERCALL_ARG(&query)), -XEN_EINVAL);
    check("unknown", hypercall_physdev_op(99, HYPERCALL_ARG(&eoi)), -XEN_ENOSYS);
    check("wild argument", hypercall_physdev_op(PHYSDEVOP_set_iopl, BAD_POINTER), -XEN_EFAULT);
    (void)ours;
}

void guest_test(void)
{
    bool ours = kernel_is_initial_domain();
    static char text[] = "console: written\n";

    control(ours);
    devices(ours);
    check("console write",
          hypercall_console_io(CONSOLEIO_write, sizeof(text) - 1, HYPERCALL_ARG(text)),
          ours ? 0 : -XEN_EPERM);
    check("console write, wild", hypercall_console_io(CONSOLEIO_write, 10, BAD_POINTER),
          ours ? -XEN_EFAULT : -XEN_EPERM);
    check("console unknown", hypercall_console_io(99, 0, 0), ours ? -XEN_ENOSYS : -XEN_EPERM);
}
