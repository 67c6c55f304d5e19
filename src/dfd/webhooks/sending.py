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
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

from dfd.delivery import FORBIDDEN, Answer

Resolve = Callable[[str, int], Sequence[str]]
"""Every address of a name, for a port; raises OSError where there is none."""

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_NEVER: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "64:ff9b:1::/48", "3fff::/20", "fec0::/10")
)
"""Special networks (IANA) that `ipaddress` takes for global, or took in a version of Python that is supported."""

_PORTS: Final = {"http": 80, "https": 443}
_ASKS_FOR_PATIENCE: Final = frozenset({429, 503})
_OWN_NAMES: Final = frozenset({"localhost", "localhost."})
_MOST_ADDRESSES: Final = 4
"""Addresses of a name that are tried: the first may be of a kind that this machine cannot reach."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Sender:
    """Sends deliveries. Safe to use from several threads."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        allow_http: bool = False,
        limit_s: float = 10.0,
        resolver: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Set up.

        Args:
            allow_private: whether to send to private, loopback and link-local addresses too.
            allow_http: whether to send without encryption too.
            limit_s: longest time of connecting, and again of the exchange; resolving has limits of its own.
            resolver: finds addresses.
            tls: whom to trust; None trusts whom the system trusts.
            clock: seconds since the epoch, for a ``Retry-After`` that names a moment.
        """
        self._allow_private = allow_private
        self._allow_http = allow_http
        self._limit_s = limit_s
        self._resolve = resolver
        self._tls = tls or ssl.create_default_context()
        self._clock = clock

    def objection(self, url: str) -> str | None:
        """Why an address would never be sent to, as far as that can be told without resolving its name."""
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname
        except ValueError:
            return "it is no web address"
        if parts.scheme not in _PORTS or not host or port == 0 or not (url.isascii() and url.isprintable()):
            return "it must be a web address, for example https://example.org/hook"
        if " " in url or "@" in parts.netloc:
            return "it must hold no blank and no user name or password"
        if parts.scheme == "http" and not self._allow_http:
            return "it must begin with https://"
        if not self._allow_private and (_is_number(host) or host in _OWN_NAMES) and not is_public(host):
            return "it names this machine or a private network"
        return None

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body once; never raises on account of the receiver."""
        if self.objection(url) is not None:
            return Answer(error=FORBIDDEN)
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        try:
            found = self._resolve(parts.hostname or "", port)
        except (OSError, UnicodeError):
            return Answer(error="name")
        allowed = [address for address in found if self._allow_private or is_public(address)]
        if not allowed:
            return Answer(error=FORBIDDEN)
        return self._exchange(parts, allowed[:_MOST_ADDRESSES], port, body, headers)

    def _connected(self, addresses: Sequence[str], port: int) -> socket.socket | Answer:
        """A connection to the first address that takes one."""
        last_s = time.monotonic() + self._limit_s
        answer = Answer(error="time")
        for address in addresses:
            rest_s = last_s - time.monotonic()
            if rest_s <= 0:
                break
            try:
                return socket.create_connection((address, port), timeout=rest_s)
            except TimeoutError:
                answer = Answer(error="time")
            except OSError:
                answer = Answer(error="connection")
        return answer

    def _exchange(
        self, parts: SplitResult, addresses: Sequence[str], port: int, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        plain = self._connected(addresses, port)
        if isinstance(plain, Answer):
            return plain
        plain.settimeout(self._limit_s)
        late = threading.Event()

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
            return Answer(error="time" if late.is_set() else "tls")
        except TimeoutError:
            return Answer(error="time")
        except (OSError, http.client.HTTPException, ValueError):
            return Answer(error="time" if late.is_set() else "answer")
        finally:
            watch.cancel()
            plain.close()

    def _post(self, parts: SplitResult, plain: socket.socket, body: bytes, headers: Mapping[str, str]) -> Answer:
        host = parts.hostname or ""
        connection = http.client.HTTPConnection(parts.netloc)
        try:
            secure = parts.scheme == "https"
            connection.sock = self._tls.wrap_socket(plain.dup(), server_hostname=host) if secure else plain.dup()
            connection.request("POST", _target(parts), body, {"Host": parts.netloc, "Connection": "close", **headers})
            response = connection.getresponse()
            asks = response.status in _ASKS_FOR_PATIENCE
            pause_s = retry_after_s(response.getheader("Retry-After"), self._clock()) if asks else 0.0
            return Answer(status=response.status, retry_after_s=pause_s)
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
    if any(found in network for network in _NEVER):
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def retry_after_s(text: str | None, now_s: float) -> float:
    """Seconds that a ``Retry-After`` asks for (RFC 9110, 10.2.3): a number, or a moment; 0 where it says neither."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter of an offset from Greenwich that is too large for a number
        return 0.0
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now_s)


def _is_number(host: str) -> bool:
    """Whether a host is an address and no name, however it is written: resolvers take 127.1 and 0x7f000001 too."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return last.isdecimal() or last.startswith("0x")  # so the URL standard tells numbers from names
    return True


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
