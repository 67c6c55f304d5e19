"""What a video is, as it crosses from the process that decodes: as it was, or refused."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_media_facts, make_video_info

from dfd.media import MOST_AUDIO_TRACKS, MOST_TAGS, AudioTrack, MediaFacts, Tag, bounded_text
from dfd.sandbox.wire import Nonsense
from dfd.video.entry import MOST_ANSWER_BYTES
from dfd.video.protocol import Opened

words = st.text(max_size=300).map(bounded_text)
counts = st.none() | st.integers(1, 2**53 - 1)
facts = st.builds(
    MediaFacts,
    size_bytes=st.integers(0, 2**53 - 1),
    container_name=words,
    bit_rate_bps=counts,
    profile=st.none() | words,
    audio=st.lists(st.builds(AudioTrack, words, st.none() | words, counts, counts, counts, words), max_size=4).map(
        tuple
    ),
    tags=st.lists(st.builds(Tag, words, words, words), max_size=6).map(tuple),
)


@given(facts)
def test_facts_cross_as_they_are(told: MediaFacts) -> None:
    opened = Opened(make_video_info(), Fraction(4, 3), told)
    assert Opened.unpacked(opened.packed()) == opened


def test_the_most_that_a_file_may_say_of_itself_is_taken() -> None:
    long = "\N{GRINNING FACE}" * 200
    most = make_media_facts(
        tags=tuple(Tag(long, f"{number:03}" + long[3:], long) for number in range(MOST_TAGS)),
        audio=(AudioTrack(long, long, 2**53 - 1, 2**53 - 1, 2**53 - 1, long),) * MOST_AUDIO_TRACKS,
    )
    assert len(Opened(make_video_info(), None, most).packed()) <= MOST_ANSWER_BYTES


@pytest.mark.parametrize(
    "changes",
    [
        {"size_bytes": "many"},
        {"size_bytes": -1},
        {"container_name": "x" * 300},
        {"container_name": None},
        {"tags": [{"where": "a", "name": "b", "value": "c\nd"}]},
        {"tags": [{"where": "a"}]},
        {"tags": [{"where": "a", "name": "b", "value": 7}]},
        {"tags": [{"where": "a", "name": "b", "value": "c"}] * 65},
        {"audio": 7},
        {"audio": [{"codec": "aac", "channels": 1.5}]},
        {"more": 1},
    ],
)
def test_facts_that_no_decoder_tells_are_nonsense(changes: dict[str, Any]) -> None:
    body = Opened(make_video_info(), None, make_media_facts()).packed()
    at = body.index(b"{")
    changed = {**json.loads(body[at:]), **changes}
    with pytest.raises(Nonsense):
        Opened.unpacked(body[:at] + json.dumps(changed).encode())


@given(st.binary(max_size=60), st.integers(0, 400))
def test_no_bytes_are_worse_than_nonsense(more: bytes, cut: int) -> None:
    body = Opened(make_video_info(), None, make_media_facts()).packed()
    try:
        Opened.unpacked(body[:cut] + more)
    except Nonsense:
        return
