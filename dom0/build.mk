# dom0: rules are added to the top-level Makefile.
