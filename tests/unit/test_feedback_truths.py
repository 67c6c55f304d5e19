"""What a rollout is told of the truth of files: the feedback in the table, through the composition root."""

from dataclasses import replace
from pathlib import Path

from tests.fakes import make_job
from tests.feedback_fakes import make_evidence, make_feedback

from dfd.bootstrap.jobs import build_job_parts
from dfd.feedback import Label
from dfd.settings import load_settings


def test_of_one_file_the_newest_word_counts_and_others_are_left_out(tmp_path: Path) -> None:
    parts = build_job_parts(load_settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/jobs.db"))
    said = (
        ("first", "a" * 64, Label.FAKE),
        ("again", "a" * 64, Label.REAL),
        ("other", "b" * 64, Label.FAKE),
        ("unasked", "c" * 64, Label.REAL),
        ("unkept", None, Label.REAL),
    )
    for job_id, digest, label in said:
        parts.store.add([make_job(job_id=job_id)])
        word = make_feedback(label, job_id=job_id, evidence=replace(make_evidence(), input_sha256=digest))
        assert parts.feedback.add(job_id, lambda _known, word=word: word) is not None  # type: ignore[misc]
    known = parts.truths(make_evidence().model_name)({"a" * 64, "b" * 64, "d" * 64})
    assert known == {"a" * 64: False, "b" * 64: True}
    assert parts.truths("another model")({"a" * 64}) == {}
    parts.store.close()
