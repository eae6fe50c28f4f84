"""The run of an execution: its plan, its outcomes, and the decision after each round."""
