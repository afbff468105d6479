# tools: rules are added to the top-level Makefile.
