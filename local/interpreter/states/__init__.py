"""States: entering and leaving, errors, choices, waits, branches, task tokens."""
