"""The embedded cloud: the stack of template.yaml, run on this machine with no account."""
