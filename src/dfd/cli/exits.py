"""What the process tells its caller in one number, and how errors become sentences."""

import os
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum

from dfd.errors import ConfigurationError, DfdError, InputError, ModelError, RequestError, Unavailable


class ExitCode(IntEnum):
    """Exit codes; ``docs/cli.md`` and ``dfd --help`` list them."""

    DONE = 0
    MATCHED = 1
    USAGE = 2
    UNREADABLE_MEDIA = 3
    MODEL_OR_CONFIGURATION = 4
    INTERNAL = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130  # as a shell reports a process that SIGINT ended
    CLOSED_PIPE = 141  # as a shell reports a process that SIGPIPE ended


EXIT_CODES: dict[type[DfdError], ExitCode] = {
    InputError: ExitCode.UNREADABLE_MEDIA,
    RequestError: ExitCode.USAGE,
    ConfigurationError: ExitCode.MODEL_OR_CONFIGURATION,
    ModelError: ExitCode.MODEL_OR_CONFIGURATION,
    Unavailable: ExitCode.MODEL_OR_CONFIGURATION,
}
"""Exit code of each branch of the error tree; every other error is internal."""

INTERNAL_CODE = "internal"
"""What stands for a bug where an error's ``code`` is shown."""


def exit_code_of(error: BaseException) -> ExitCode:
    """Exit code for an error."""
    return next((code for branch, code in EXIT_CODES.items() if isinstance(error, branch)), ExitCode.INTERNAL)


def error_code_of(error: BaseException) -> str:
    """Stable code of an error, as in `dfd.errors`."""
    return error.code if isinstance(error, DfdError) else INTERNAL_CODE


def sentence_of(error: BaseException) -> str:
    """An error in words fit for the user; of a bug only its kind, since its text may say anything."""
    if isinstance(error, DfdError):
        return str(error)
    return f"internal error ({type(error).__name__}); `dfd --debug ...` shows where, please report it"


def printable(text: str) -> str:
    """`text` with everything replaced that could steer a terminal: file names are chosen by strangers."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def complain(message: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"dfd: {printable(message)}\n")


def show_trace(error: BaseException) -> None:
    """Write an error's stack trace to stderr."""
    sys.stderr.writelines(traceback.format_exception(error))


def guarded(command: Callable[[], int], debug: Callable[[], bool]) -> int:
    """Run a command at the edge of the process, where every way to fail becomes an exit code.

    Args:
        command: does the work and returns an exit code.
        debug: whether to show the stack trace of a bug; asked only then.
    """
    try:
        code = command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        _discard_stdout()
        return ExitCode.CLOSED_PIPE
    except Exception as error:  # noqa: BLE001 - the process boundary: a user gets a sentence, never a stack trace
        complain(sentence_of(error))
        if not isinstance(error, DfdError) and debug():
            show_trace(error)
        return exit_code_of(error)
    return code


def _discard_stdout() -> None:
    """Let what is still buffered go nowhere, or the interpreter would complain about it on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
