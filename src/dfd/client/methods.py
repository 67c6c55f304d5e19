"""Turns conversations into methods that a type checker, ``help()`` and editors understand."""

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from dfd.client.conversations import Conversations

Parameters = ParamSpec("Parameters")
Steps = TypeVar("Steps")
Result = TypeVar("Result")


class Method(Generic[Parameters, Result]):
    """A method of a client: the parameters and the docstring of a conversation, and the result of the client's way."""

    def __init__(
        self,
        conversation: Callable[Concatenate[Conversations, Parameters], Steps],
        take: Callable[[Any, Steps], Result],
    ) -> None:
        """Make a method.

        Args:
            conversation: gives the steps.
            take: takes them; its first argument is the client, which has its `Conversations` as ``conversations``.
        """

        def method(client: Any, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            return take(client, conversation(client.conversations, *args, **kwargs))

        update_wrapper(method, conversation)
        steps = inspect.signature(conversation)  # whose result is the steps, not what the caller gets
        method.__signature__ = steps.replace(return_annotation=steps.empty)  # type: ignore[attr-defined]
        self._method = method
        self.__doc__ = conversation.__doc__

    @overload
    def __get__(self, client: None, owner: type) -> Callable[Concatenate[Any, Parameters], Result]: ...

    @overload
    def __get__(self, client: object, owner: type) -> Callable[Parameters, Result]: ...

    def __get__(self, client: object, owner: type) -> Callable[..., Result]:
        return self._method if client is None else self._method.__get__(client, owner)
