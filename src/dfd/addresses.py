"""Checks of the addresses that an operator sets; what does not hold is a `ValueError` that shows no address."""

from urllib.parse import urlsplit


def http_url(value: str) -> str:
    """Check the address of a web service, and take off its last slash."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must be an http or https address, for example http://localhost:8501")
    return value.rstrip("/")


def server_url(value: str) -> str:
    """Check the address of a model server, and take off its last slash."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https", "grpc", "grpcs") or not parts.hostname:
        raise ValueError("it must be an http, https, grpc or grpcs address, for example http://localhost:8501")
    if parts.scheme.startswith("grpc") and (parts.port is None or parts.path.strip("/") or parts.username is not None):
        raise ValueError("an address for gRPC is host and port alone, for example grpc://localhost:8500")
    return value.rstrip("/")


def split_origins(value: object) -> object:
    """Take a list apart that is written with commas; leave anything else alone."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def checked_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Check the origins that browsers may call from."""
    if "*" in origins and len(origins) > 1:
        raise ValueError("it must be either * or a list of origins")
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path):
            raise ValueError("an origin is scheme and host, for example https://example.org")
    return origins
