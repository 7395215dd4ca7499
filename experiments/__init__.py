"""Command lines: thin scripts that parse, call the library and print."""
