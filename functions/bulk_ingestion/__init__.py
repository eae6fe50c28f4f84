"""What the functions share: windows, flows, requests, outcomes. Nothing here imports boto3."""
