"""The forms in which the report of a case is given."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from dfd.casefile.content import KeyFrames, document_of
from dfd.casefile.html import to_html
from dfd.casefile.pdf.writing import A4, LETTER, to_pdf


class CaseForm(StrEnum):
    """For people as a page or for print, or for programs."""

    HTML = "html"
    PDF = "pdf"
    JSON = "json"

    @property
    def has_pictures(self) -> bool:
        """Whether key frames are shown."""
        return self is not CaseForm.JSON


class Paper(StrEnum):
    """Sizes of a PDF file's pages."""

    A4 = "a4"
    LETTER = "letter"


_SHEETS: Final = {Paper.A4: A4, Paper.LETTER: LETTER}


def case_file(
    form: CaseForm, report: Mapping[str, Any], labels: Sequence[tuple[str, str]], key_frames: KeyFrames, paper: Paper
) -> bytes:
    """The file's bytes; the same arguments give the same.

    Args:
        form: which.
        report: the JSON report, signed or not.
        labels: see `dfd.casefile.content.document_of`.
        key_frames: likewise; not looked at for JSON.
        paper: of a PDF file.
    """
    as_json = json.dumps(report, indent=2, ensure_ascii=True, allow_nan=False).encode() + b"\n"
    if form is CaseForm.JSON:
        return as_json
    document = document_of(report, labels, key_frames)
    if form is CaseForm.HTML:
        return to_html(document).encode()
    return to_pdf(document, _SHEETS[paper], as_json)
