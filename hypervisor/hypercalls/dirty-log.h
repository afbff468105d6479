/* XEN_DOMCTL_shadow_op, as far as it is about the log of frames that may have been written. */
#ifndef HYPERCALLS_DIRTY_LOG_H
#define HYPERCALLS_DIRTY_LOG_H

#include "domain/domain.h"

/* All may return -ERESTART; another but the same operation gets -EBUSY then.  begin: -EINVAL if
 * there is one, -ENOMEM.  read: the first *frames of them (cut to what there can be), a bit each,
 * to the caller's memory (0: nowhere); *dirty of them are set; -EINVAL: there is no log, -EFAULT:
 * then every frame counts as written, for what was taken off did not arrive. */
int must_check dirty_log_begin(struct domain *d);
int must_check dirty_log_end(struct domain *d);
int must_check dirty_log_read(struct domain *d, guest_handle_t bitmap, uint64_t *frames, bool clean,
                              uint64_t *dirty);

#endif
