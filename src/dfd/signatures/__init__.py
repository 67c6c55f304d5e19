"""Signed reports: Ed25519 keys, and what they say of a report. The only place that knows the cryptography."""
