"""Watching a model that answers: what it is fed, how its answers are spread, and whether its probabilities hold."""
