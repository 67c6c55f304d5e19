"""Settings from files: one for each secret, as Docker, Compose and Kubernetes hand them to a container."""

from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsError

from dfd.errors import ConfigurationError


class SecretFiles(SecretsSettingsSource):
    """Reads the files of the folder that `SECRETS_DIR` names in the sources before this one.

    A file is named as a setting, in small or capital letters (``database_url``). White space around its content is
    dropped, and an empty file counts as no file.
    """

    def __call__(self) -> dict[str, Any]:
        """The settings that there are files for.

        Raises:
            ConfigurationError: the folder is not there, or a file in it cannot be read.
        """
        named = self.current_state.get("secrets_dir")
        if named is None:
            return {}
        folder = Path(named)
        if not folder.is_dir():
            raise ConfigurationError(f"SECRETS_DIR={named!s} is no folder")
        self.secrets_dir = folder
        try:
            found = super().__call__()
        except SettingsError as error:  # its cause would show what stands in the file
            cause = error.__cause__
            why = cause.strerror if isinstance(cause, OSError) else "it is not text in UTF-8"
            raise ConfigurationError(f"SECRETS_DIR: a file in {folder} cannot be read: {why}") from None
        return {name: value for name, value in found.items() if value}


class BaseWithSecretFiles(BaseSettings):
    """Settings that `SecretFiles` is the last source of."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, the strongest first: arguments, the environment, ``.env``, secret files."""
        del file_secret_settings  # reads a folder that is fixed; ours is a setting
        return init_settings, env_settings, dotenv_settings, SecretFiles(settings_cls)
