"""What each Lambda function of the bulk ingestion does, step by step, using all other rooms."""
