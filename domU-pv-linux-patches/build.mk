# A Linux for guests with the patches of this folder; needed by nothing else, so not part of `all`.
# make linux [LINUX_SERIES=6.12]: with the series for a newer kernel.
.PHONY: linux soak
linux: deps
	@tools/linux $(CACHE) --find > /dev/null || \
	    echo "building a Linux for guests (once, some minutes; kept in $(CACHE))"
	@tools/linux $(CACHE)

# make soak [MODES="direct writable shadow"] [MINUTES=5] [HV=xen]: a guest with that kernel under load.
soak: all linux
	@tools/soak
