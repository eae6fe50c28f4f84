"""Access to AWS: clients, folders in the bucket, logs, and metrics."""
