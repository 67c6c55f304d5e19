"""The report of a case as the bytes of a PDF file.

Nothing in it depends on when or where it is written: its date is that of the analysis, its identifier comes from its
content, and its fonts lie beside this module.
"""

import hashlib
from io import BytesIO
from typing import Final

import pydyf

from dfd.casefile.blocks import Document, Tone
from dfd.casefile.pdf.fonts import Face
from dfd.casefile.pdf.pages import Pages, Sheet, run
from dfd.casefile.pdf.setting import Setter

A4: Final = Sheet(595.28, 841.89)
LETTER: Final = Sheet(612.0, 792.0)

ATTACHED: Final = "report.json"
"""Name of the file that is attached to the PDF file."""

_FOOT_SIZE: Final = 7.2


def to_pdf(document: Document, sheet: Sheet, json_report: bytes) -> bytes:
    """The whole file; the same arguments give the same bytes.

    Args:
        document: what stands in it.
        sheet: size of the paper.
        json_report: the JSON report, which is attached.
    """
    regular, bold = Face("DejaVuSansCondensed", "DFDRPT"), Face("DejaVuSansCondensed-Bold", "DFDRPT")
    pages = Pages(sheet, regular, bold)
    setter = Setter(pages)
    setter.title(document.title)
    setter.set(document.blocks)
    _feet(pages, document)
    pdf = pydyf.PDF()
    pages.write_into(pdf)
    _describe(pdf, document)
    _outline(pdf, setter, sheet)
    _attach(pdf, json_report)
    out = BytesIO()
    identity = hashlib.sha256(repr(document.title).encode() + json_report).hexdigest()[:32]
    pdf.write(out, version=b"1.7", identifier=identity.encode())
    return out.getvalue()


def _feet(pages: Pages, document: Document) -> None:
    """The line at the foot of every page."""
    baseline = pages.sheet.height - 26
    left = run(pages.regular, document.running)
    for page in range(pages.count):
        number = run(pages.regular, f"page {page + 1} of {pages.count}")
        x = pages.sheet.width - pages.sheet.right - pages.regular.width(number.text, _FOOT_SIZE)
        pages.text(left, pages.sheet.left, baseline, _FOOT_SIZE, Tone.SOFT, page=page)
        pages.text(number, x, baseline, _FOOT_SIZE, Tone.SOFT, page=page)


def _describe(pdf: pydyf.PDF, document: Document) -> None:
    pdf.catalog["Lang"] = pydyf.String("en")
    pdf.catalog["ViewerPreferences"] = pydyf.Dictionary({"DisplayDocTitle": "true"})
    pdf.info["Title"] = pydyf.String(document.title)
    pdf.info["Producer"] = pydyf.String(document.producer)
    digits = "".join(char for char in document.made_at[:19] if char.isascii() and char.isdigit())
    if len(digits) == 14:
        pdf.info["CreationDate"] = pydyf.String(f"D:{digits}Z")


def _outline(pdf: pydyf.PDF, setter: Setter, sheet: Sheet) -> None:
    """The sections, for the reader's side bar."""
    outline = pydyf.Dictionary({"Type": "/Outlines", "Count": len(setter.headings)})
    pdf.add_object(outline)
    entries = [pydyf.Dictionary({"Title": pydyf.String(text)}) for text, _, _ in setter.headings]
    for entry in entries:
        pdf.add_object(entry)
    for index, (entry, (_, page, y)) in enumerate(zip(entries, setter.headings, strict=True)):
        place = [pdf.page_references[page], "/XYZ", 0, round(sheet.height - y, 2), 0]
        entry.update({"Parent": outline.reference, "Dest": pydyf.Array(place)})
        if index:
            entry["Prev"] = entries[index - 1].reference
        if index + 1 < len(entries):
            entry["Next"] = entries[index + 1].reference
    if entries:
        outline.update({"First": entries[0].reference, "Last": entries[-1].reference})
        pdf.catalog["Outlines"] = outline.reference


def _attach(pdf: pydyf.PDF, json_report: bytes) -> None:
    extra = {"Type": "/EmbeddedFile", "Subtype": "/application#2Fjson"}
    content = pydyf.Stream([json_report], extra, compress=True)
    pdf.add_object(content)
    name = pydyf.String(ATTACHED)
    specification = pydyf.Dictionary(
        {
            "Type": "/Filespec",
            "F": name,
            "UF": name,
            "AFRelationship": "/Source",
            "EF": pydyf.Dictionary({"F": content.reference}),
        }
    )
    pdf.add_object(specification)
    files = pydyf.Dictionary({"Names": pydyf.Array([name, specification.reference])})
    pdf.catalog["Names"] = pydyf.Dictionary({"EmbeddedFiles": files})
    pdf.catalog["AF"] = pydyf.Array([specification.reference])
