"""``dfd backup``: copies of all that the service keeps, and the service made anew from one."""

import json
import sys
from pathlib import Path

from dfd.backup.archive import Archive, Contents
from dfd.bootstrap.backup import opened_backups
from dfd.cli.clock import clock_time
from dfd.cli.exits import ExitCode, complain
from dfd.settings import load_settings


def create(folder: Path, as_json: bool) -> ExitCode:
    """Write a backup of the database and the storage of the settings; raises as `Backups.create` does."""
    with opened_backups(load_settings()) as backups:
        contents = backups.create(folder)
    if contents.missing:
        complain(f"{len(contents.missing)} files that jobs name were gone; {folder} lists them")
    return _told("written", folder, contents, as_json)


def verify(folder: Path, as_json: bool) -> ExitCode:
    """Read a backup to its end and compare every hash; raises as `Archive.verified` does."""
    return _told("whole", folder, Archive(folder).verified(), as_json)


def restore(folder: Path, force: bool, as_json: bool) -> ExitCode:
    """Make database and storage of the settings what they were; raises as `Backups.restore` does."""
    with opened_backups(load_settings()) as backups:
        contents = backups.restore(folder, force=force)
    return _told("restored", folder, contents, as_json)


def _told(what: str, folder: Path, contents: Contents, as_json: bool) -> ExitCode:
    if as_json:
        sys.stdout.write(json.dumps({"folder": str(folder), **contents.to_dict()}) + "\n")
        return ExitCode.DONE
    rows = sum(table.lines for table in contents.tables.values())
    sys.stdout.write(
        f"{folder} is {what}: {rows} rows of {len(contents.tables)} tables, {contents.objects.lines} files of "
        f"{contents.object_bytes / 2**20:.1f} MiB, as of {clock_time(contents.created_at_s)} UTC\n"
    )
    return ExitCode.DONE
