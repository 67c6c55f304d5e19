"""Every listed video through the pipeline, under every condition; what is known already is not done again."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from dfd.errors import InputError
from dfd.evaluation.conditions import CLEAN, Condition
from dfd.evaluation.openers import spoilt
from dfd.evaluation.results import ClipResult, ResultFile
from dfd.evaluation.samples import Sample, file_stamp
from dfd.pipeline import AnalysisOptions, Analyzer, Progress
from dfd.ports import VideoOpener

Results = dict[Condition, list[ClipResult]]
"""Results by condition, `CLEAN` first, each in the order of the list."""


class Stopped(Exception):
    """The run has ended: carries the stop through an analysis whose result nobody waits for."""


@dataclass(frozen=True, slots=True)
class Runner:
    """How videos are judged.

    Attributes:
        opener: opens videos as they are.
        analyzer_for: the analyzer that reads through a given opener; must be cheap to make.
        options: of each analysis.
        jobs: videos judged at the same time.
        strict: let an unreadable video end the run, instead of counting it.
        done: told each video's name once it is judged, in the caller's thread.
    """

    opener: VideoOpener
    analyzer_for: Callable[[VideoOpener], Analyzer]
    options: AnalysisOptions = field(default_factory=AnalysisOptions)
    jobs: int = 1
    strict: bool = False
    done: Callable[[str], None] = lambda _name: None

    def run(self, samples: Sequence[Sample], conditions: Sequence[Condition], file: ResultFile) -> Results:
        """Judge all videos, writing each result to `file` as it comes.

        An interrupt, or whatever else ends the run, stops the analyses under way; what is written stays.

        Raises:
            InputError: a video cannot be read, and `strict` is on.
            BackendUnavailable: the model does not answer.
            ConfigurationError: the file holds what cannot be read.
        """
        results: dict[tuple[Condition, int], ClipResult] = {}
        # taken before the files are read, so that one that changes meanwhile is judged again by the next run
        stamps = [file_stamp(sample.path) for sample in samples]
        tasks = [(condition, number) for condition in (CLEAN, *conditions) for number in range(len(samples))]
        for condition, number in tasks:
            known = file.find(samples[number], condition, stamps[number])
            if known is not None and not (self.strict and known.error):
                results[condition, number] = known
                self.done(samples[number].shown_name)
        stop = Event()
        with _pool(self.jobs, stop) as pool:
            waiting = {
                pool.submit(self._judge, condition, samples[number], stamps[number], stop): (condition, number)
                for condition, number in tasks
                if (condition, number) not in results
            }
            for future in as_completed(waiting):
                condition, number = waiting[future]
                result = results[condition, number] = future.result()
                file.add(result, condition)
                self.done(samples[number].shown_name)
        return {
            condition: [results[condition, number] for number in range(len(samples))]
            for condition in (CLEAN, *conditions)
        }

    def _judge(self, condition: Condition, sample: Sample, stamp: str, stop: Event) -> ClipResult:
        def check(_progress: Progress | None = None) -> None:
            if stop.is_set():
                raise Stopped

        analyzer = self.analyzer_for(spoilt(self.opener, condition, sample.name, check))
        try:
            return ClipResult.of(sample, analyzer.analyze(sample.path, self.options, check), stamp)
        except InputError as error:
            if self.strict:
                raise
            return ClipResult(sample, None, error=error.code, stamp=stamp)


@contextmanager
def _pool(jobs: int, stop: Event) -> Iterator[ThreadPoolExecutor]:
    """Threads that are told to stop when the block ends early."""
    pool = ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="dfd-evaluate")
    try:
        yield pool
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
