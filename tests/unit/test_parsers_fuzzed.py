"""Our own parsers, given examples that were changed at random: nothing comes out of them but what they promise."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.parsers import PARSERS, Parser

TELLING = [b"\0\0\1", b"\xff" * 8, b"--b", b"\r\n\r\n", b'"', b"9" * 30, b"{[" * 9]


def changed(parser: Parser) -> st.SearchStrategy[bytes]:
    """Random bytes, or an example with some of its bytes replaced, doubled or left out."""

    def splice(example: bytes, at: int, size: int, middle: bytes) -> bytes:
        at %= len(example) + 1
        return example[:at] + middle + example[at + size :]

    spliced = st.builds(
        splice,
        st.sampled_from([*parser.examples, *(2 * example for example in parser.examples)]),
        st.integers(0, 500),
        st.integers(0, 20),
        st.binary(max_size=20)
        | st.sampled_from([b"\0\0\1", b"\xff" * 8, b"--b", b"\r\n\r\n", b'"', b"9" * 30, b"{[" * 9]),
    )
    return st.binary(max_size=300) | spliced


@pytest.mark.parametrize("name", PARSERS)
def test_nothing_comes_out_but_what_is_promised(name: str) -> None:
    @given(changed(PARSERS[name]))
    @settings(max_examples=400, derandomize=True, database=None)
    def parse(data: bytes) -> None:
        PARSERS[name](data)

    parse()


@pytest.mark.parametrize("name", PARSERS)
def test_examples_are_parsed(name: str) -> None:
    for example in PARSERS[name].examples:
        PARSERS[name](example)
