"""Maps: inline Maps, and Map Runs with their child executions."""
