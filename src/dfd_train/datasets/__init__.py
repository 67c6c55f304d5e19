"""Readers that turn a data set's own lists and folders into `Clip` records."""

from dfd_train.datasets.catalogue import AUTO, READERS, detect, read
from dfd_train.datasets.clip import (
    FAMILIES,
    Clip,
    DatasetError,
    check_present,
    check_unique,
    digest_of,
    label_name,
    make_key,
    require_both_classes,
    sha256_of,
)
from dfd_train.datasets.joined import NamedSet, read_sets
from dfd_train.datasets.research_clips import read_face_clips, read_whole_clips

__all__ = [
    "AUTO",
    "FAMILIES",
    "READERS",
    "Clip",
    "DatasetError",
    "NamedSet",
    "check_present",
    "check_unique",
    "detect",
    "digest_of",
    "label_name",
    "make_key",
    "read",
    "read_face_clips",
    "read_sets",
    "read_whole_clips",
    "require_both_classes",
    "sha256_of",
]
