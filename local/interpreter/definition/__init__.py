"""Definitions: what CreateStateMachine accepts and refuses, and how they are parsed."""
