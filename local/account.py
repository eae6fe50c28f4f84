"""The one account and Region of the embedded cloud."""

ACCOUNT = "123456789012"
REGION = "us-east-1"
