"""The execution's input: read, completed by presets, and checked before any work starts."""
