"""Errors of models: missing, damaged or silent."""

from dfd.errors.base import DfdError


class ModelError(DfdError):
    """The model is missing, damaged or silent."""

    code = "model"


class ModelNotFound(ModelError):
    """The registry holds no such model or version."""

    code = "model_not_found"


class ModelCorrupt(ModelError):
    """The manifest cannot be read, or the model's files are not, or do not answer, what it states."""

    code = "model_corrupt"


class ModelConflict(ModelError):
    """The registry is in no state for it: the version exists, or an alias is elsewhere than was thought."""

    code = "model_conflict"


class RecalibrationRefused(ModelError):
    """There are too few labels to fit calibration again, or it gets no better by it."""

    code = "recalibration_refused"


class BackendUnavailable(ModelError):
    """The model backend does not answer, or answers nonsense."""

    code = "backend_unavailable"


class ExplanationUnavailable(ModelError):
    """No explanation can be shown: it was not measured to be faithful."""

    code = "explanation_unavailable"
