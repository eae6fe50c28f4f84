"""Flows: what one reads, how it is built, and the windows that the past is cut into."""
