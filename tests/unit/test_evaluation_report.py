"""The document keeps to its schema, and the page shows it without asking anybody for anything."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest
from tests.evaluated import judge, mixed, sample, scored, unreadable, unseen
from tests.fakes import make_manifest

from dfd.evaluation.charts import histogram_plot, robustness_plots
from dfd.evaluation.conditions import CLEAN, Condition, Conditions
from dfd.evaluation.document import METRICS_NAME, PAGE_NAME, document, write
from dfd.evaluation.markup import Html, table
from dfd.evaluation.page import page
from dfd.evaluation.results import ClipResult
from dfd.evaluation.running import Results
from dfd.evaluation.samples import SampleList
from dfd.evaluation.setting import setting_of
from dfd.evaluation.svg import Axis, Plot, interval_bar, share_axis
from dfd.pipeline import AnalysisOptions

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs" / "evaluation.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PARTS = {"backend": "onnx", "detector": "blazeface", "detector_sha256": None}
LEVELS = (Condition("GB", 1), Condition("GB", 3), Condition("480p", 35))


def measured(results: list[ClipResult], wanted: tuple[Condition, ...] = (), *columns: str) -> dict[str, Any]:
    by_condition: Results = dict.fromkeys((CLEAN, *wanted), results)
    selection = {
        "list": "list.csv",
        "list_sha256": "ab" * 32,
        "split": None,
        "slices": list(columns),
        "group": None,
        "robustness": "quick" if wanted else "none",
    }
    setting = setting_of(make_manifest(), AnalysisOptions(), PARTS, selection, seed=0)
    listed = SampleList(tuple(result.sample for result in results), None, columns)
    return document(by_condition, Conditions(wanted, ("H265",)), listed, setting, judge())


NOTHING = [unseen(sample("r", is_fake=False)), unreadable(sample("f", is_fake=True))]
ODD = [
    scored(sample("<b>&\"'\x00\udcff.mp4", is_fake=True, family="<script>alert(1)</script>"), 0.1),
    scored(sample("/srv/media/secret/clip.mp4", is_fake=False), 0.9),
]
DOCUMENTS = {
    "whole": measured(mixed(), LEVELS, "sex"),
    "clean": measured(mixed()),
    "nothing": measured(NOTHING, LEVELS),
    "unreadable": measured([unreadable(sample(str(fake), is_fake=fake)) for fake in (False, True)]),
    "odd": measured(ODD),
}


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_keep_to_the_schema(name: str) -> None:
    written = json.loads(json.dumps(DOCUMENTS[name], allow_nan=False))
    assert [error.message for error in VALIDATOR.iter_errors(written)] == []


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        write(folder, measured(mixed(), LEVELS, "sex"))
    for name in (METRICS_NAME, PAGE_NAME):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


class Reader(HTMLParser):
    """Checks that every element ends where it should, and keeps what was seen."""

    EMPTY: ClassVar[set[str]] = {"meta"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_page_is_whole_and_asks_nobody(name: str) -> None:
    html = page(DOCUMENTS[name])
    reader = read(html)
    assert not {"script", "link", "img", "iframe", "object", "form", "a"} & set(reader.tags)
    assert not {"href", "src", "style", "onclick", "onload"} & {attribute for attribute, _ in reader.attributes}
    assert "url(" not in html
    assert "@import" not in html
    assert not re.search(r"https?://", html)
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan[a-z]*", "", html.lower())


def test_the_page_shows_what_was_measured() -> None:
    found = DOCUMENTS["whole"]
    text = " ".join(read(page(found)).text)
    for words in ("Evaluation of deepfake/1", "By family", "By method", "By sex", "Robustness", "Worst mistakes"):
        assert words in text
    assert f"{found['auc']['value']:.3f}" in text
    assert "GB: blur 3" in text
    assert "Left out, for lack of an encoder: H265" in text
    assert "r3.mp4" in text


def test_what_was_not_measured_is_not_shown() -> None:
    text = " ".join(read(page(DOCUMENTS["nothing"])).text)
    assert "n/a" in text
    assert "Forgeries" not in text
    assert "Worst mistakes" not in text


def test_strange_names_stay_text_and_paths_stay_private(tmp_path: Path) -> None:
    write(tmp_path, DOCUMENTS["odd"])
    html = (tmp_path / PAGE_NAME).read_text(encoding="utf-8")
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)" in html
    for name in (METRICS_NAME, PAGE_NAME):
        content = (tmp_path / name).read_text(encoding="utf-8")
        assert "srv/media" not in content
        assert "secret/clip.mp4" in content


def test_the_page_serves_light_dark_and_paper() -> None:
    html = page(DOCUMENTS["whole"])
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    colours = set(re.findall(r"#[0-9a-f]{3,6}\b", html.partition("</style>")[2]))
    assert colours == set()  # plots take theirs from the style sheet


# --- pieces -------------------------------------------------------------------------------------------------------


def test_values_beyond_an_axis_are_brought_to_its_edge() -> None:
    axis = Axis("", -1, 1, ())
    assert [axis.share(value) for value in (-5, -1, 0, 1, 5)] == [0, 0, 0.5, 1, 1]
    with pytest.raises(ValueError, match="length"):
        Axis("", 1, 1, ())


def test_a_plot_is_well_formed_and_says_what_it_is() -> None:
    plot = Plot('a "plot" & more', share_axis("x < 1"), share_axis("y"))
    plot.line([], "curve")
    plot.area([], "band")
    plot.line([(0, 0), (1, 1)], "curve")
    plot.dot((0.5, 0.5), "value", "half & half")
    svg = plot.render()
    reader = read(svg)
    assert ("aria-label", 'a "plot" & more') in reader.attributes
    assert "half & half" in reader.text
    assert svg.count("<polyline") == 1
    assert '<polyline class="curve" points="46.00,240.00 328.00,10.00"/>' in svg


def test_an_intervals_bar_tells_its_numbers() -> None:
    assert "0.700, 95 % interval 0.600 to 0.800" in interval_bar(0.7, 0.6, 0.8, 0.5, Axis("", 0, 1, ()))


def test_a_class_without_videos_is_a_flat_histogram() -> None:
    assert "fill fake" in histogram_plot({"real": [2, 0], "fake": [0, 0]}, 0.5)


def test_only_kinds_of_several_levels_get_a_plot() -> None:
    robust = DOCUMENTS["whole"]["robustness"]
    assert [title for title, _ in robustness_plots(robust["conditions"], DOCUMENTS["whole"]["auc"])] == ["GB: blur"]


def test_tables_escape_all_but_html() -> None:
    found = table(("a", "b"), [("<i>", Html("<i>x</i>"))], numbers=(1,))
    assert "<td>&lt;i&gt;</td>" in found
    assert '<td class="number"><i>x</i></td>' in found
