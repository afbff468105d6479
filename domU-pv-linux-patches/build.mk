# A Linux for guests with the patches of this folder; needed by nothing else, so not part of `all`.
.PHONY: linux
linux: deps
	tools/linux $(CACHE)
