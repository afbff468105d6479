# split-drivers: the backends are linked into the dom0 image (see dom0/build.mk).
