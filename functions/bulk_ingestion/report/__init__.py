"""The report of an execution: figures, page and metrics."""
