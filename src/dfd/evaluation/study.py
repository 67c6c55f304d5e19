"""The whole of an evaluation, from a list to its report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dfd.evaluation.conditions import CLEAN, Conditions
from dfd.evaluation.document import document, write
from dfd.evaluation.figures import Judge
from dfd.evaluation.results import ResultFile
from dfd.evaluation.running import Runner
from dfd.evaluation.samples import SampleList, file_stamp
from dfd.evaluation.setting import Setting
from dfd.statistics.resampling import ROUNDS


@dataclass(frozen=True, slots=True)
class Study:
    """What is to be measured.

    Attributes:
        listed: the videos.
        conditions: under which they are judged, besides as they are.
        setting: what stands behind the figures.
        out: folder of results and report.
        resume: go on with the results that are there.
        rounds: draws a figure.
    """

    listed: SampleList
    conditions: Conditions
    setting: Setting
    out: Path
    resume: bool = False
    rounds: int = ROUNDS

    def carry_out(self, runner: Runner) -> dict[str, Any]:
        """Judge what has not been judged yet, and write the report of it all.

        Returns:
            the document that was written to ``metrics.json``.

        Raises:
            ConfigurationError: see `ResultFile`.
            InputError, BackendUnavailable: see `Runner.run`.
        """
        with ResultFile(self.out, self.setting.header, resume=self.resume) as file:
            results = runner.run(self.listed.samples, self.conditions.wanted, file)
        judge = Judge(self.setting.threshold, np.random.default_rng(self.setting.seed), self.rounds)
        measured = document(results, self.conditions, self.listed, self.setting, judge)
        write(self.out, measured)
        return measured

    def unreadable(self) -> list[str]:
        """Names of the listed videos that could not be read, once the study is carried out.

        Raises:
            ConfigurationError: see `ResultFile`.
        """
        with ResultFile(self.out, self.setting.header, resume=True) as file:
            found = [file.find(sample, CLEAN, file_stamp(sample.path)) for sample in self.listed.samples]
        return [result.sample.shown_name for result in found if result is not None and result.error is not None]
