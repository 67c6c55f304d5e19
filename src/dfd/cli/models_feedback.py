"""``dfd models recalibrate`` and ``dfd models monitor``: what the job database says of a version."""

import os
import sys
import tempfile
import time
from pathlib import Path

from dfd.bootstrap.registry import build_registry, examiner
from dfd.cli.exits import ExitCode
from dfd.cli.jobs import opened_parts
from dfd.cli.models import write_lines, write_table
from dfd.feedback import Label
from dfd.jobs.telling import moment
from dfd.manifest import ModelManifest
from dfd.monitoring.drift import DriftStatus, drift_to_dict
from dfd.monitoring.labelled import BIASED, MOST_LABELS, CalibrationStatus, calibration_to_dict, one_a_video
from dfd.monitoring.recalibration import Provenance, RefitFigures, recalibrated
from dfd.monitoring.refitting import LabelledVideo
from dfd.ports.feedback import FeedbackFilter
from dfd.ports.registry import RegisteredModel
from dfd.registry.version_folder import CARD, MANIFEST_NAME
from dfd.settings import load_settings


def recalibrate(name: str, version: str, reason: str, min_labels: int, seed: int, as_json: bool) -> ExitCode:
    """Register a version with the same weights, whose calibration is fitted to the labelled videos.

    Raises:
        ModelNotFound: there is no such version.
        ModelCorrupt: it does not hold what its manifest says.
        RecalibrationRefused: there are too few labels, or the fit is not better; nothing is registered.
        ModelConflict: somebody registered a version meanwhile.
        ConfigurationError, RegistryUnavailable, JobStoreUnavailable: something cannot be read or written.
    """
    settings = load_settings()
    registry, examine = build_registry(settings), examiner(settings)
    model = registry.load(name, registry.resolve(name, version))
    with opened_parts() as parts:
        wanted = FeedbackFilter(name, weights_sha256=model.manifest.weights_sha256)
        given = one_a_video(parts.feedback.latest(wanted, MOST_LABELS))
    videos = [video for one in given if (video := LabelledVideo.of(one)) is not None]
    number = str(max(map(int, registry.versions(name))) + 1)
    provenance = Provenance(reason, moment(time.time()) or "", seed, len(given) - len(videos))
    manifest, figures = recalibrated(model.manifest, number, videos, min_labels, provenance)

    def check(made: RegisteredModel) -> None:
        examine(made)

    with tempfile.TemporaryDirectory(prefix="dfd-") as folder:
        _write(model, manifest, Path(folder))
        registry.add(Path(folder), check)
    _tell(model.manifest.version, manifest, figures, as_json)
    return ExitCode.DONE


def monitor(name: str, version: str, hours: int, as_json: bool) -> ExitCode:
    """Write drift and calibration of a version to stdout; raises as `recalibrate` does."""
    registry = build_registry(load_settings())
    version = registry.resolve(name, version)
    registry.load(name, version)  # a missing one is the registry's error here; asked over HTTP it is the request's
    with opened_parts() as parts:
        watching = parts.monitor(registry)
        drift, calibration = watching.drift(name, version, hours), watching.calibration(name, version)
    if as_json:
        write_lines([{"drift": drift_to_dict(drift), "calibration": calibration_to_dict(calibration)}])
        return ExitCode.DONE
    _write_drift(drift)
    _write_calibration(calibration)
    return ExitCode.DONE


def _write(model: RegisteredModel, manifest: ModelManifest, folder: Path) -> None:
    """The folder of the new version: the files of the old one, without copying them, its manifest, and a card."""
    for relative in model.manifest.files:
        place = folder / relative
        place.parent.mkdir(parents=True, exist_ok=True)
        _link(model.directory / relative, place)
    manifest.write(folder / MANIFEST_NAME)
    about = (
        f"> Version {manifest.version} is version {model.manifest.version} with its calibration fitted again to "
        f"labelled videos (`reference.recalibration` and `metrics.recalibration` in the manifest). What follows "
        f"was written of version {model.manifest.version}: its probabilities and thresholds are others.\n\n"
    )
    old = model.directory / CARD[0]
    card = old.read_text(encoding="utf-8") if old.is_file() else ""
    (folder / CARD[0]).write_text(about + card, encoding="utf-8")
    pictures = model.directory / CARD[1]
    if pictures.is_dir():
        (folder / CARD[1]).mkdir()
        for picture in sorted(pictures.iterdir()):
            _link(picture, folder / CARD[1] / picture.name)


def _link(source: Path, place: Path) -> None:
    try:
        os.link(source.resolve(), place)
    except OSError:  # another file system
        place.write_bytes(source.read_bytes())


def _tell(before: str, manifest: ModelManifest, figures: RefitFigures, as_json: bool) -> None:
    row = {"name": manifest.name, "version": manifest.version, "from_version": before, **figures.to_dict()}
    if as_json:
        write_lines([row])
        return
    sys.stdout.write(
        f"{manifest.name}/{manifest.version} is registered: version {before} with its calibration fitted to "
        f"{figures.fake_count} fake and {figures.real_count} real videos; on held-out ones log loss "
        f"{figures.log_loss_before:.4f} -> {figures.log_loss_after:.4f}, calibration error {figures.ece_before:.4f} -> "
        f"{figures.ece_after:.4f}. {BIASED} To let it answer: dfd models promote {manifest.name} {manifest.version} "
        "--reason ...\n"
    )


def _write_drift(status: DriftStatus) -> None:
    rows = []
    for one in status.measures:
        told = [f"{distance.psi:.3f} (noise {distance.noise:.3f})" for distance in one.distances.values()] or ["-", "-"]
        rows.append((one.measure, str(one.level), str(one.videos), *told))
    heading = f"{status.model_name}/{status.model_version}, {status.window_hours} h: {status.level}"
    write_table((heading, "level", "videos", "PSI from all", "PSI from real"), rows)


def _write_calibration(status: CalibrationStatus) -> None:
    labels = ", ".join(f"{status.labels[label]} {label}" for label in Label)
    rows = [
        (
            name,
            "-" if found is None else f"{found.value:.3f}",
            "-" if found is None else f"{found.low:.3f} to {found.high:.3f}",
        )
        for name, found in status.figures.items()
    ]
    write_table((f"labelled: {labels}", "value", "95 %"), rows)
    sys.stdout.write(f"{BIASED}\n")
