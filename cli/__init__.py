"""The command line, ``bulk``: run, serve, watch and inspect."""
