"""Kinds of values that settings have: how each is read from text, and what speaks against it."""

import re
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

MIN_SECRET_LENGTH: Final = 8

_SAMPLE_SECRET: Final = re.compile(
    r"(super|top|my|jwt|the|your)*(secret|password|token)(key|value|here)*|example|sample|default|placeholder|replaceme"
    r"|.*change(me|it|this|$).*"
)
"""Secrets out of examples and tutorials, once reduced to letters in lower case."""


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must be an http or https address, for example http://localhost:8501")
    return value.rstrip("/")


def _server_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https", "grpc", "grpcs") or not parts.hostname:
        raise ValueError("it must be an http, https, grpc or grpcs address, for example http://localhost:8501")
    if parts.scheme.startswith("grpc") and (parts.port is None or parts.path.strip("/") or parts.username is not None):
        raise ValueError("an address for gRPC is host and port alone, for example grpc://localhost:8500")
    return value.rstrip("/")


def _broker_url(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in ("redis", "rediss", "amqp", "amqps"):
        raise ValueError("it must be a redis or amqp address, for example redis://localhost:6379/0")
    return value


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _checked_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    if "*" in origins and len(origins) > 1:
        raise ValueError("it must be either * or a list of origins")
    for origin in origins:
        parts = urlsplit(origin)
        if origin != "*" and (parts.scheme not in ("http", "https") or not parts.netloc or parts.path):
            raise ValueError("an origin is scheme and host, for example https://example.org")
    return origins


def _some_methods(methods: tuple[str, ...]) -> tuple[str, ...]:
    if not methods:
        raise ValueError("name at least one of bearer, keys and jwt")
    return methods


def _key_set_place(value: str) -> str:
    parts = urlsplit(value)
    if "://" not in value or (parts.scheme == "https" and parts.hostname):
        return value
    if parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return value
    raise ValueError("it must be a file or an https address, for example https://id.example/.well-known/jwks.json")


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lenient_bool(value: object) -> bool:
    return str(value).strip().lower() in ("1", "true", "yes", "on")


HttpUrl: TypeAlias = Annotated[str, AfterValidator(_http_url)]
"""Address of a server, without a slash at its end."""

ServerUrl: TypeAlias = Annotated[str, AfterValidator(_server_url)]
"""Address of a model server, by HTTP or gRPC, without a slash at its end."""

BrokerUrl: TypeAlias = Annotated[SecretStr, AfterValidator(_broker_url)]
"""Address of Redis or RabbitMQ, which may hold a password."""

Origins: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_split), AfterValidator(_checked_origins)]
"""Origins (RFC 6454) with commas between, or ``*`` alone."""

AuthMethods: TypeAlias = Annotated[
    tuple[Literal["bearer", "keys", "jwt"], ...], BeforeValidator(_split), AfterValidator(_some_methods)
]
"""Kinds of credentials, with commas between."""

KeySetPlace: TypeAlias = Annotated[str, AfterValidator(_key_set_place)]
"""Where a JSON Web Key Set lies: a file, or an address that nobody between can change."""

LogLevel: TypeAlias = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]
"""A level of `logging`, in whatever case."""

LenientBool: TypeAlias = Annotated[bool, BeforeValidator(_lenient_bool)]
"""Many programs share the name DEBUG and fill it with words of their own, which must not stop this one."""


def weakness_of(secret: str) -> str | None:
    """What speaks against a secret, as the end of a sentence; None where nothing does."""
    if _SAMPLE_SECRET.fullmatch(re.sub(r"[^a-z]", "", secret.lower())) is not None:
        return "is a sample value; make one: openssl rand -hex 32"
    return f"has fewer than {MIN_SECRET_LENGTH} characters" if len(secret) < MIN_SECRET_LENGTH else None
