"""Sending to an address that a stranger chose, without becoming his way into the network behind.

The name is resolved once, the addresses found are checked, and the connection goes to the very one that was checked, so
that a name which answers differently the second time gains nothing. Redirects are not followed, proxies of the
environment not used. No more of the answer is read than its head, and the whole exchange is bounded in time.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

Resolve = Callable[[str, int], Sequence[str]]
"""Every address of a name, for a port; raises OSError where there is none."""

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one try.

    Attributes:
        status: HTTP status of the answer; None where there was none.
        error: why there was none, in a stable word: ``address`` (no address that may be sent to), ``name`` (not
            resolved), ``connection``, ``tls``, ``time`` or ``answer`` (no HTTP). None where there was one.
    """

    status: int | None = None
    error: str | None = None

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Sender:
    """Sends deliveries. Safe to use from several threads."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        limit_s: float = 10.0,
        resolver: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Set up.

        Args:
            allow_private: whether to send to private, loopback and link-local addresses too.
            limit_s: longest time of an exchange, from the connection on; resolving has limits of its own.
            resolver: finds addresses.
            tls: whom to trust; None trusts whom the system trusts.
        """
        self._allow_private = allow_private
        self._limit_s = limit_s
        self._resolve = resolver
        self._tls = tls or ssl.create_default_context()

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        """Post a body once; never raises on account of the receiver."""
        parts = _checked(url)
        if parts is None or parts.hostname is None:
            return Sent(error="address")
        port = parts.port or _PORTS[parts.scheme]
        try:
            found = self._resolve(parts.hostname, port)
        except (OSError, UnicodeError):
            return Sent(error="name")
        allowed = [address for address in found if self._allow_private or is_public(address)]
        if not allowed:
            return Sent(error="address")
        return self._exchange(parts, allowed[0], port, body, headers)

    def _exchange(self, parts: SplitResult, address: str, port: int, body: bytes, headers: Mapping[str, str]) -> Sent:
        late = threading.Event()
        try:
            plain = socket.create_connection((address, port), timeout=self._limit_s)
        except TimeoutError:
            return Sent(error="time")
        except OSError:
            return Sent(error="connection")

        def cut() -> None:  # a receiver that sends a byte now and then would outlast any timeout of a read
            late.set()
            try:
                plain.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed already
                return

        watch = threading.Timer(self._limit_s, cut)
        watch.daemon = True
        watch.start()
        try:
            return self._post(parts, plain, body, headers)
        except ssl.SSLError:
            return Sent(error="time" if late.is_set() else "tls")
        except TimeoutError:
            return Sent(error="time")
        except (OSError, http.client.HTTPException, ValueError):
            return Sent(error="time" if late.is_set() else "answer")
        finally:
            watch.cancel()
            plain.close()

    def _post(self, parts: SplitResult, plain: socket.socket, body: bytes, headers: Mapping[str, str]) -> Sent:
        host = parts.hostname or ""
        connection = http.client.HTTPConnection(parts.netloc)
        try:
            secure = parts.scheme == "https"
            connection.sock = self._tls.wrap_socket(plain.dup(), server_hostname=host) if secure else plain.dup()
            connection.request("POST", _target(parts), body, {"Host": parts.netloc, "Connection": "close", **headers})
            return Sent(status=connection.getresponse().status)
        finally:
            connection.close()


def is_public(address: str) -> bool:
    """Whether an address belongs to the open internet, and to one machine there."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if found.teredo is not None:
            return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def _checked(url: str) -> SplitResult | None:
    """The parts of an address that may be sent to; None for any other."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if usable and "@" not in parts.netloc and url.isascii() and url.isprintable() else None


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
