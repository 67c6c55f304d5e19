"""What the protocols of model servers have in common: `ModelServer`, which `dfd.backends.remote` asks.

An adapter of a protocol sends one request and says what came of it. Connections to keep, time-outs, repetitions and
batches are the business of `dfd.backends.remote`, once for all protocols.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from dfd.errors import BackendUnavailable
from dfd.types import FloatArray


class Fault(StrEnum):
    """What can be wrong with a server; also the label of counters, so the set is closed."""

    AWAY = "away"
    """Nobody answers, or the server says that it cannot now."""
    SLOW = "slow"
    """It did not answer in time."""
    UNKNOWN_MODEL = "unknown_model"
    """It has no model of the name, or not the version."""
    MISMATCH = "mismatch"
    """Its model is not the one that the manifest describes."""
    TOO_LARGE = "too_large"
    """It takes fewer crops at once."""
    FAILED = "failed"
    """It says that it failed."""
    GARBAGE = "garbage"
    """What it answers is no answer."""


class ServerFault(BackendUnavailable):
    """A request to a model server that came to nothing.

    Attributes:
        fault: what is wrong.
        again: whether the same request may succeed in a moment; sending it twice does no harm, as scoring changes
            nothing.
    """

    def __init__(self, fault: Fault, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.fault = fault
        self.again = again


@dataclass(frozen=True, slots=True)
class Target:
    """Which model a server is asked for.

    Attributes:
        name: of the model.
        version: asked for by its number; None leaves the choice to the server.
        expected: version of the manifest, which whatever answers must be.
    """

    name: str
    version: str | None
    expected: str

    def refuse_other(self, answering: str, where: str) -> None:
        """Check which version answers.

        Raises:
            ServerFault: another than that of the manifest.
        """
        if answering != self.expected:
            raise ServerFault(
                Fault.MISMATCH,
                f"{where} answers with version {answering} of model {self.name}, but the manifest here is that of "
                f"version {self.expected}: serve that version, or set MODEL_VERSION to the one to be asked for",
            )


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What a server says of its model; None for each thing that it does not say.

    Attributes:
        path_version: version to name in requests.
        input_name: name of its one input.
        output_name: name of its one output.
        input_shape: of a batch, -1 where any size goes.
        max_batch: most crops of one request.
    """

    path_version: str | None = None
    input_name: str | None = None
    output_name: str | None = None
    input_shape: tuple[int, ...] | None = None
    max_batch: int | None = None


class ModelServer(ABC):
    """One model on one server, by one protocol. Safe to call from several threads.

    Every method takes the longest wait for the answer to each request that it sends, at most three, and raises
    `ServerFault`.
    """

    @property
    @abstractmethod
    def where(self) -> str:
        """The server in words for messages, without credentials."""

    @abstractmethod
    def describe(self, timeout_s: float) -> ServedModel:
        """Find the model, and what the server says of it."""

    @abstractmethod
    def infer(self, model: ServedModel, batch: FloatArray, timeout_s: float) -> npt.NDArray[np.floating]:
        """Send one batch.

        Args:
            model: what `describe` answered.
            batch: ``(N, ...) float32``, contiguous, N at least 1.
            timeout_s: longest wait.

        Returns:
            what the model emitted, in the shape in which it came.
        """

    @abstractmethod
    def status(self, timeout_s: float) -> object:
        """What the server says of the model's state, JSON-ready, as it said it."""

    @abstractmethod
    def close(self) -> None:
        """Close idle connections; the server may be asked again all the same."""


def sole(names: list[str], what: str, where: str) -> str:
    """The one name in a list.

    Raises:
        ServerFault: there are none or several, so this is no model of one picture and one score.
    """
    if len(names) != 1:
        found = ", ".join(sorted(names)) or "none"
        raise ServerFault(Fault.MISMATCH, f"the model of {where} must have one {what}; it has: {found}")
    return names[0]


def no_such_model(target: Target, where: str, told: str) -> ServerFault:
    """The server does not know the name."""
    words = " ".join(told.split())
    return ServerFault(
        Fault.UNKNOWN_MODEL, f"{where} has no model of the name {target.name} (MODEL_NAME): {words:.200}"
    )
