"""Integrations: the calls that Tasks make."""
