"""Messages to people: what happened, what to do, and where to look."""
