"""gRPC to a model server: one kept channel, faults in the words of `ServerFault`. Needs ``dfd[grpc]``."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError, Message

from dfd.backends.model_server import Fault, ServerFault
from dfd.tracing import SpanKind, outgoing, span

Reply = TypeVar("Reply", bound=Message)

_OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),  # as for HTTP: directly, never through a proxy of the environment
    ("grpc.enable_retries", 0),  # sending again is decided in one place, for every protocol
    ("grpc.initial_reconnect_backoff_ms", 100),  # else a server that comes back is left alone for up to two minutes
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_send_message_length", -1),  # a batch of pictures is larger than the usual 4 MB
    ("grpc.max_receive_message_length", 16 << 20),
)

_TOO_LARGE: Final = "larger than max"
"""gRPC's words, on either side, for a message over a limit."""

_FAULTS: Final[Mapping[grpc.StatusCode, tuple[Fault, bool]]] = {
    grpc.StatusCode.UNAVAILABLE: (Fault.AWAY, True),
    grpc.StatusCode.DEADLINE_EXCEEDED: (Fault.SLOW, False),
    grpc.StatusCode.NOT_FOUND: (Fault.UNKNOWN_MODEL, False),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (Fault.AWAY, True),  # no room now, unless it speaks of the message's size
    grpc.StatusCode.INTERNAL: (Fault.FAILED, False),
}
"""What a status means, and whether the same request may succeed in a moment."""


class GrpcFault(ServerFault):
    """A fault, with the words in which the server told it."""

    def __init__(self, fault: Fault, message: str, *, again: bool, told: str) -> None:
        super().__init__(fault, message, again=again)
        self.told = told


class GrpcCalls:
    """Calls methods of one server. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        """Prepare; nothing is sent yet.

        Args:
            url: ``grpc://HOST:PORT``, or ``grpcs://HOST:PORT`` for TLS.
        """
        parts = urlsplit(url)
        self._address = parts.netloc.rpartition("@")[2]
        self._secure = parts.scheme == "grpcs"
        self.where = f"model server {parts.scheme}://{self._address}"
        self._channel = self._open()

    def call(self, method: str, request: Message, reply: Callable[[], Reply], timeout_s: float) -> Reply:
        """Call one method.

        Args:
            method: ``/package.Service/Method``.
            request: what to send.
            reply: class of the message that is expected.
            timeout_s: longest wait.

        Raises:
            ServerFault: there was no answer, or not this one.
        """
        ask: grpc.UnaryUnaryMultiCallable[Message, bytes] = self._channel.unary_unary(
            method, request_serializer=_serialized
        )
        try:
            with span(method.removeprefix("/"), SpanKind.CLIENT) as noted:
                noted.attributes |= {"rpc.system": "grpc", "server.address": self._address}
                raw: bytes = ask(request, timeout=timeout_s, metadata=tuple(outgoing().items()))
        except grpc.RpcError as error:
            raise self._fault(error, timeout_s) from error
        answer = reply()
        try:
            answer.ParseFromString(raw)
        except DecodeError as error:
            raise ServerFault(Fault.GARBAGE, f"{self.where} answered no message of {method}") from error
        return answer

    def close(self) -> None:
        """Close the channel, and prepare another."""
        self._channel.close()
        self._channel = self._open()

    def _open(self) -> grpc.Channel:
        if self._secure:
            return grpc.secure_channel(self._address, grpc.ssl_channel_credentials(), _OPTIONS)
        return grpc.insecure_channel(self._address, _OPTIONS)

    def _fault(self, error: grpc.RpcError, timeout_s: float) -> GrpcFault:
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        told = (error.details() or "" if isinstance(error, grpc.Call) else str(error))[:300]
        fault, again = _FAULTS.get(code, (Fault.FAILED, False))
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in told:
            fault, again = Fault.TOO_LARGE, False
        if fault is Fault.SLOW:
            message = f"{self.where} did not answer within {timeout_s:.3g} s (REQUEST_TIMEOUT)"
        elif fault is Fault.AWAY:
            message = f"{self.where} does not answer: {told or code.name}"
        else:
            message = f"{self.where} answered {code.name}: {told}"
        return GrpcFault(fault, message, again=again, told=told)


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()
