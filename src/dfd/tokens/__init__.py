"""Tokens that other issuers have signed: JSON Web Tokens (RFC 7519)."""
