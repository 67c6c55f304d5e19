"""Letting callers in, their keys, and what is written down of it."""
