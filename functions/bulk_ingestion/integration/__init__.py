"""The continuous integration: created, remembered and monitored."""
