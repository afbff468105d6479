/* Error numbers inside the hypervisor are those of the ABI. */
#ifndef LIB_ERRNO_H
#define LIB_ERRNO_H

#include "hypercall-abi/errno.h"

#define EPERM      XEN_EPERM
#define ENOENT     XEN_ENOENT
#define ESRCH      XEN_ESRCH
#define EINTR      XEN_EINTR
#define EIO        XEN_EIO
#define ENXIO      XEN_ENXIO
#define E2BIG      XEN_E2BIG
#define EAGAIN     XEN_EAGAIN
#define ENOMEM     XEN_ENOMEM
#define EACCES     XEN_EACCES
#define EFAULT     XEN_EFAULT
#define EBUSY      XEN_EBUSY
#define EEXIST     XEN_EEXIST
#define ENODATA    XEN_ENODATA
#define ENODEV     XEN_ENODEV
#define EINVAL     XEN_EINVAL
#define ENOSPC     XEN_ENOSPC
#define EDOM       XEN_EDOM
#define ERANGE     XEN_ERANGE
#define EDEADLK    XEN_EDEADLK
#define ENOSYS     XEN_ENOSYS
#define ETIME      XEN_ETIME
#define EOVERFLOW  XEN_EOVERFLOW
#define ERESTART   XEN_ERESTART
#define EOPNOTSUPP XEN_EOPNOTSUPP
#define ENOBUFS    XEN_ENOBUFS

#endif
