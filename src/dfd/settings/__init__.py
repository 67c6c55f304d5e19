"""What an operator may set, read from the environment, from ``.env`` and from secret files. Nothing else reads those.

Every name is written in capitals in the environment: ``MAX_FRAMES`` sets `Settings.max_frames`. An empty value counts
as unset. ``docs/settings.md`` lists them all. Each module holds the settings of one concern; `Settings` has them all.
"""

from dfd.settings.loading import Settings, load_settings
from dfd.settings.models import default_models_dir

__all__ = ["Settings", "default_models_dir", "load_settings"]
