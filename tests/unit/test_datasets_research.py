"""The two lists of clips from research pages, and sets without a published layout."""

from pathlib import Path

import pytest
from tests import dataset_layouts as layouts

from dfd_train.datasets import DatasetError, read, read_face_clips, read_whole_clips


def test_the_lists_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "faces.csv").write_text(
        "path,label,family,method,split,repo,person,sha256\nfaces/fake/f1.mp4,fake,swap,X,train,o/r,ann,00\n"
    )
    (folder / "manifest.csv").write_text(
        "path,label,split,method,source,sha256\nreal/r1.mp4,real,dev,phone clip,o__r/a/b.mp4,00\n"
        "fake/f2.mp4,fake,dev,Wav2Lip,p__q/c.mp4,01\n"
    )
    (face,) = read_face_clips(tmp_path)
    assert (face.key, face.is_fake, face.family, face.source, face.persons) == ("f1", True, "swap", "o/r", ("ann",))
    real, fake = read_whole_clips(tmp_path)
    assert (real.key, real.is_fake, real.family, real.source) == ("whole_real_r1", False, "real", "o/r")
    assert real.persons == ("o__r/a/b.mp4",)
    assert (fake.is_fake, fake.family) == (True, "lipsync")


def test_a_missing_list_names_the_fix(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="DFD_DATA_DIR"):
        read_face_clips(tmp_path)


def test_an_unknown_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "manifest.csv").write_text("path,label,split,method,source,sha256\na.mp4,FAKE,dev,x,y,z\n")
    with pytest.raises(DatasetError, match=r"manifest\.csv: a\.mp4 has label 'FAKE': write real or fake"):
        read_whole_clips(tmp_path)


@pytest.mark.parametrize("path", ["fake/a.mp4", "faces/fake/a.mp4", "train_fake/a.mp4"])
def test_a_label_unlike_the_folder_is_refused(path: str, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "faces.csv").write_text(
        f"path,label,family,method,split,repo,person,sha256\n{path},real,real,X,train,o/r,ann,00\n"
    )
    (tmp_path / "clips" / "manifest.csv").write_text(
        f"path,label,split,method,source,sha256\ntrain_real/b.mp4,real,dev,x,y,z\n{path},real,dev,x,y,z\n"
    )
    for reader, name in ((read_face_clips, "faces"), (read_whole_clips, "manifest")):
        with pytest.raises(DatasetError, match=rf"{name}\.csv: {path} has label 'real', unlike its folder: mend the"):
            reader(tmp_path)


def test_the_real_lists_are_read(data_dir: Path) -> None:
    assert {clip.is_fake for clip in read("face_clips", data_dir)} == {False, True}
    assert {clip.split for clip in read("whole_clips", data_dir)} == {"train", "dev"}


def test_folders_give_the_labels(tmp_path: Path) -> None:
    clips = read("folders", layouts.make_folders(tmp_path))
    found = {clip.path.relative_to(tmp_path).as_posix(): clip for clip in clips}
    assert {name: (clip.is_fake, clip.family, clip.method) for name, clip in found.items()} == {
        "real/000.mp4": (False, "real", "real"),
        "real/001.mp4": (False, "real", "real"),
        "fake/000.mp4": (True, "unknown", "fake"),
        "fake/SimSwap/000.mp4": (True, "swap", "SimSwap"),
        "fake/SimSwap/002.mp4": (True, "swap", "SimSwap"),
    }
    assert len({clip.key for clip in clips}) == 5
    assert found["real/000.mp4"].source == found["fake/000.mp4"].source == found["fake/SimSwap/000.mp4"].source
    assert {clip.split for clip in clips} == {""}


def test_both_folders_are_needed(tmp_path: Path) -> None:
    layouts.touch(tmp_path / "Real" / "a.mp4")
    with pytest.raises(DatasetError, match="must hold a folder 'real' and a folder 'fake'"):
        read("folders", tmp_path)
    layouts.touch(tmp_path / "FAKE" / "b.png", tmp_path / "FAKE" / ".hidden.mp4", tmp_path / "FAKE" / "notes.txt")
    assert [clip.path.name for clip in read("folders", tmp_path)] == ["a.mp4", "b.png"]


def test_frames_of_one_video_are_one_clip(tmp_path: Path) -> None:
    layouts.make_folders(tmp_path)
    for folder, names in {
        "real/vid1": ("frame9.png", "frame10.png", "frame8.png"),
        "real/tube/vid2": ("000.jpg", "010.jpg", "035.jpg"),  # below a method's folder gaps do not matter
        "fake/SimSwap/vid1": ("000.png", "001.png"),
        "fake/FaceSwap": ("000.png", "001.png"),  # a known method: photographs
        "fake/animated": ("000.gif", "001.gif"),
        "fake/photographs": ("ann.jpg", "bob2.jpg", "cid3.jpg"),
        "fake/one": ("000.png",),
        "real": ("000.png", "002.png"),
    }.items():
        layouts.touch(*(tmp_path / folder / name for name in names))
    found = {clip.path.relative_to(tmp_path).as_posix(): clip for clip in read("folders", tmp_path)}
    videos = {name: [frame.name for frame in clip.frames] for name, clip in found.items() if clip.frames}
    assert videos == {
        "real/vid1": ["frame8.png", "frame9.png", "frame10.png"],
        "real/tube/vid2": ["000.jpg", "010.jpg", "035.jpg"],
        "fake/SimSwap/vid1": ["000.png", "001.png"],
    }
    assert found["real/vid1"].source == found["fake/SimSwap/vid1"].source == "folders/vid1"
    assert (found["fake/SimSwap/vid1"].method, found["fake/SimSwap/vid1"].family) == ("SimSwap", "swap")
    assert (found["real/vid1"].method, found["real/vid1"].family) == ("real", "real")
    assert len(found) == 5 + 3 + 2 + 2 + 3 + 1 + 2


def test_pictures_that_may_be_frames_or_photographs_are_refused(tmp_path: Path) -> None:
    layouts.make_folders(tmp_path)
    layouts.touch(tmp_path / "fake" / "mine" / "003.png", tmp_path / "fake" / "mine" / "007.png")
    with pytest.raises(DatasetError, match=r"fake/mine may hold frames .* or photographs.*in a CSV file \('csv'\)"):
        read("folders", tmp_path)


def test_a_csv_gives_all_it_has(tmp_path: Path) -> None:
    path = layouts.make_csv(
        tmp_path,
        "path,label,group,split,method,person,family\n"
        "x/a.mp4,real,g1,train,,ann,\n"
        "x/b.mp4,Fake,g1,train,SimSwap,ann; bob,\n"
        "x/c.mp4,1,,test,thing,,lipsync\n",
    )
    real, fake, other = read("csv", path)
    assert (real.is_fake, real.family, real.source, real.persons) == (False, "real", "csv/g1", ("csv/ann",))
    assert (fake.is_fake, fake.family, fake.source, fake.persons) == (True, "swap", "csv/g1", ("csv/ann", "csv/bob"))
    assert (other.is_fake, other.family, other.source, other.persons) == (True, "lipsync", "csv/c", ())
    assert [clip.split for clip in (real, fake, other)] == ["train", "train", "test"]


def test_a_csv_needs_only_paths_and_labels(tmp_path: Path) -> None:
    path = layouts.make_csv(tmp_path, "path,label\nreal/000.mp4,0\nfake/000.mp4,1\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"/", b"\\"))  # as a spreadsheet on Windows writes it
    real, fake = read("csv", path)
    assert (real.is_fake, fake.is_fake) == (False, True)
    assert real.source == fake.source
    assert real.key != fake.key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\nx/real/a.mp4,fake\n", r"1 labels of .*clips\.csv contradict the folder .*x/real/a\.mp4: mend"),
        ("path,label\nreal/deep/fake/a.mp4,real\n", "contradict the folder"),
        ("path,label\na.mp4,real\na.mp4,fake\n", r"listed more than once in .*clips\.csv, for example a\.mp4: remove"),
        ("path,label\na.mp4,maybe\n", "'maybe' and split ''; a label is real or fake"),
        ("path,label,split\na.mp4,real,some\n", "split 'some'"),
        ("path,label,family\na.mp4,real,swap\n", "labelled real, but its family is 'swap'"),
        ("path,label,family\na.mp4,fake,magic\n", "'magic' is none of"),
        ("path,tag\na.mp4,real\n", r"clips\.csv lacks the columns label: add them, or name another list"),
        ("path,label\na.mp4\n", r"clips\.csv, line 2: the row and the header differ in length: mend the row"),
        ("path,label\na.mp4,real,more\n", "line 2: the row and the header differ in length"),
        ('path,label\n"a.mp4,real\n', r"clips\.csv, line 1: unexpected end of data: mend the row"),
    ],
)
def test_a_bad_csv_is_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=message):
        read("csv", layouts.make_csv(tmp_path, text))


def test_files_of_a_csv_must_be_there(tmp_path: Path) -> None:
    path = layouts.make_csv(tmp_path, "path,label\na.mp4,real\nb.mp4,fake\n")
    (tmp_path / "b.mp4").unlink()
    with pytest.raises(DatasetError, match=r"1 listed files are missing, for example .*b\.mp4: mend the paths"):
        read("csv", path)
    path.write_bytes(b"path,label\n\xff.mp4,real\n")
    with pytest.raises(DatasetError, match="is not UTF-8 text"):
        read("csv", path)
    with pytest.raises(DatasetError, match="cannot be read"):
        read("csv", tmp_path)
