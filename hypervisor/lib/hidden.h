/* Included before everything else by the makefile: all symbols are local to the image, so code
 * reaches them RIP-relative, without a table of addresses. */
#pragma GCC visibility push(hidden)
