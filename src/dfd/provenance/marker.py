"""Whether a file can hold content credentials at all: most do not, and need no further look.

A manifest store begins with a JUMBF description box whose type is the identifier below (C2PA specification 2.1,
"Manifest Store"), uncompressed and in one piece in every container; an address of one kept elsewhere stands in the XMP
packet under the name below.
"""

from typing import BinaryIO, Final

_STORE: Final = bytes.fromhex("63327061 0011 0010 8000 00aa00389b71")
_ADDRESS: Final = b"dcterms:provenance"
_PIECE_BYTES: Final = 1 << 20
_OVERLAP: Final = max(len(_STORE), len(_ADDRESS)) - 1


def may_hold_credentials(file: BinaryIO) -> bool:
    """Whether the bytes from here to the end hold either; True says no more than that it is worth a look.

    Raises:
        OSError: the file cannot be read.
    """
    before = b""
    while piece := file.read(_PIECE_BYTES):
        seen = before + piece
        if _STORE in seen or _ADDRESS in seen:
            return True
        before = seen[-_OVERLAP:]
    return False
