"""Executions: how they start and end, their history, and the API that shows them."""
