# Turns `nm -n` of the linked image into an assembly table of function names.
$3 == "text_start" { base = $1 }
$2 ~ /^[tT]$/ && $3 !~ /^\./ { n++; address[n] = $1; names[n] = $3 }
END {
    print "    .section .symbols, \"a\"\n    .globl symbol_table, symbol_count, symbol_names"
    print "    .balign 4\nsymbol_table:"
    for (i = 1; i <= n; i++) print "    .long 0x" address[i] " - 0x" base ", name" i " - symbol_names"
    print "symbol_count:\n    .long " n + 0 "\nsymbol_names:"
    for (i = 1; i <= n; i++) print "name" i ":\n    .asciz \"" names[i] "\""
    print "    .section .note.GNU-stack, \"\", @progbits"
}
