"""The embedded cloud: the stack of template.yaml, run on this machine with no account."""

from local import startup

startup.import_batch_lazily()
startup.read_models_once()
