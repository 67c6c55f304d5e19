"""What a file says of itself: bounded whatever it is, read back as it was, and places withheld."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import make_media_facts

from dfd.credentials import ContentCredentials, CredentialAction, CredentialState
from dfd.media import (
    LONGEST_TEXT,
    MOST_TAGS,
    PLACE_WITHHELD,
    MediaFacts,
    Tag,
    bounded_count,
    bounded_text,
    kept_tags,
)


@given(st.text(st.characters(), max_size=600))
def test_any_text_becomes_one_bounded_line_and_stays_so(text: str) -> None:
    bounded = bounded_text(text)
    assert len(bounded) <= LONGEST_TEXT
    assert bounded.isprintable()
    bounded.encode("utf-8")
    assert bounded_text(bounded) == bounded


def test_what_is_cut_shows_that_it_is() -> None:
    assert bounded_text("a" * 200) == "a" * 200
    assert bounded_text("a" * 201) == "a" * 199 + "\N{HORIZONTAL ELLIPSIS}"


@pytest.mark.parametrize(
    ("count", "kept"), [(None, None), (0, None), (-5, None), (1, 1), (2**53 - 1, 2**53 - 1), (2**53, None)]
)
def test_numbers_are_those_that_json_holds(count: int | None, kept: int | None) -> None:
    assert bounded_count(count) == kept


def test_facts_and_credentials_come_back_from_json_as_they_were() -> None:
    facts = make_media_facts()
    assert MediaFacts.from_dict(json.loads(json.dumps(facts.to_dict()))) == facts
    credentials = ContentCredentials(
        CredentialState.VALID, signer="A", actions=(CredentialAction("c2pa.edited"),), problems=("x",)
    )
    assert ContentCredentials.from_dict(json.loads(json.dumps(credentials.to_dict()))) == credentials


def test_words_that_are_not_bounded_are_refused() -> None:
    with pytest.raises(ValueError, match="bounded"):
        make_media_facts(tags=(Tag("container", "a", "x" * 300),))
    with pytest.raises(ValueError, match="bounded"):
        ContentCredentials(CredentialState.VALID, signer="two\nlines")


@pytest.mark.parametrize(
    "changes", [{"size_bytes": -1}, {"audio_tracks": True}, {"bit_rate_bps": 1.5}, {"tags_left_out": 2**53}]
)
def test_numbers_that_are_no_counts_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="counts"):
        make_media_facts(**changes)


def test_where_something_was_filmed_is_not_repeated() -> None:
    tags, left_out = kept_tags([("container", "com.apple.quicktime.location.ISO6709", "+48.1+11.5/")])
    assert (tags[0].value, left_out) == (PLACE_WITHHELD, 0)


def test_tags_are_kept_once_and_not_without_end() -> None:
    tags, left_out = kept_tags([("container", f"name{number % 100}", "value") for number in range(200)])
    assert (len(tags), left_out) == (MOST_TAGS, 100 - MOST_TAGS)
