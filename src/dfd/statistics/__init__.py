"""Figures of detection quality and their intervals, for evaluation, training and the monitoring of a running model."""
