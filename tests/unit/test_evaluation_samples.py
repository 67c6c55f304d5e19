"""The list of labelled videos: what is read from it, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfd.errors import InputError, MediaNotFound
from dfd.evaluation.samples import Sample, SampleListError, read_samples

WHOLE = """path,label,split,method,family,dataset,person,gender,age,licence
r/a.mp4,real,dev,phone,real,one,ann,f,17,x
f/a.mp4,fake,dev,GHOST,swap,one,ann,f,18,x
f/a.mp4,1,train,Wav2Lip,lipsync,two,,m,60,x
r/b.mp4,0,train,film,real,two,bob,,old,x
"""


def write(folder: Path, text: str, *, files: bool = True) -> Path:
    path = folder / "list.csv"
    path.write_text(text, encoding="utf-8")
    for line in text.splitlines()[1:] if files else ():
        media = folder / line.partition(",")[0]
        media.parent.mkdir(parents=True, exist_ok=True)
        media.touch()
    return path


def test_a_whole_list(tmp_path: Path) -> None:
    listed = read_samples(write(tmp_path, WHOLE))
    real, fake, lipsync, other = listed.samples
    assert (listed.group_column, listed.slice_columns) == ("person", ("gender", "age"))
    assert real.key == ("one", "real", "r/a.mp4")
    assert real.path == tmp_path / "r" / "a.mp4"
    assert (fake.is_fake, fake.method, fake.family, fake.dataset) == (True, "GHOST", "swap", "one")
    assert real.cluster == fake.cluster == ("ann",)
    assert lipsync.cluster == lipsync.key  # the cell is empty: it stands alone
    assert [sample.slices["age"] for sample in listed.samples] == ["0 to 17", "18 to 29", "60 and over", "old"]
    assert other.slices["gender"] == ""


def test_one_person_in_two_data_sets_is_drawn_as_one() -> None:
    ann = Sample("a.mp4", Path("a.mp4"), is_fake=False, dataset="one", group="ann")
    alone = replace(ann, group=None)
    assert replace(ann, dataset="two").cluster == ann.cluster
    assert replace(alone, dataset="two").cluster != alone.cluster


def test_path_and_label_are_enough(tmp_path: Path) -> None:
    listed = read_samples(write(tmp_path, "\ufeffpath,label\na.mp4,REAL\nb.mp4,Fake\n"))
    assert listed.group_column is None
    assert [sample.is_fake for sample in listed.samples] == [False, True]
    assert listed.samples[0].cluster == ("", "real", "a.mp4")


def test_a_split_is_taken_alone(tmp_path: Path) -> None:
    listed = read_samples(write(tmp_path, WHOLE), "dev")
    assert [sample.name for sample in listed.samples] == ["r/a.mp4", "f/a.mp4"]


def test_columns_are_chosen(tmp_path: Path) -> None:
    listed = read_samples(write(tmp_path, WHOLE), slices=("licence", "gender"), group="method")
    assert listed.slice_columns == ("gender", "age", "licence")
    assert listed.samples[0].group == "phone"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,method\na.mp4,x\n", "lacks the column label; it has path, method"),
        ("", "lacks the column path, label; it has none"),
        ("path,label\na.mp4,maybe\nb.mp4,fake\n", "line 2: a label is real, fake, 0 or 1 .fake., got 'maybe'"),
        ("path,label\na.mp4,real\n,fake\n", "line 3: the path is empty"),
        ("path,label\na.mp4,real,x\n", "line 2: it has not as many cells"),
        ("path,label\na.mp4\n", "line 2: it has not as many cells"),
        ('path,label\n"a.mp4,real\n', "no CSV file"),
        ("path,label\na.mp4,real\nb.mp4,0\n", "only real videos"),
        ("path,label\na.mp4,fake\n", "only fake videos"),
        ("path,label\n", "no video"),
        ("path,label\na.mp4,real\na.mp4,fake\n", "lists a.mp4 more than once"),
    ],
)
def test_what_does_not_hold_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SampleListError, match=message):
        read_samples(write(tmp_path, text, files=False))


def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SampleListError, match="cannot read the list"):
        read_samples(tmp_path / "none.csv")
    (tmp_path / "latin.csv").write_bytes(b"path,label\n\xe4.mp4,real\n")
    with pytest.raises(SampleListError, match="UTF-8"):
        read_samples(tmp_path / "latin.csv")


def test_an_unknown_split_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SampleListError, match="no row of the split 'test'; it has: dev, train"):
        read_samples(write(tmp_path, WHOLE), "test")
    with pytest.raises(SampleListError, match="lacks the column split"):
        read_samples(write(tmp_path, "path,label\na,real\nb,fake\n"), "dev")


def test_missing_files_are_counted_and_the_first_are_named(tmp_path: Path) -> None:
    rows = "".join(f"v{number}.mp4,{number % 2}\n" for number in range(5))
    with pytest.raises(MediaNotFound, match=r"5 of 5 files .* the first: v0.mp4, v1.mp4, v2.mp4$"):
        read_samples(write(tmp_path, "path,label\n" + rows, files=False))


def test_absolute_paths_are_not_shown() -> None:
    assert Sample("/srv/media/set/a.mp4", Path("/srv/media/set/a.mp4"), is_fake=True).shown_name == "set/a.mp4"
    assert Sample("set/a.mp4", Path("set/a.mp4"), is_fake=True).shown_name == "set/a.mp4"


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", lambda *_args, **_options: Lines(text))
        with pytest.raises(InputError):
            read_samples(Path("list.csv"))


class Lines(list[str]):
    """A file that holds a text."""

    def __init__(self, text: str) -> None:
        super().__init__(text.splitlines(keepends=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return None
