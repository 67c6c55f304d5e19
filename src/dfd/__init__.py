"""DFD finds and follows every face in a video and answers: fake, real or inconclusive, and why."""

import os
from importlib.metadata import PackageNotFoundError, version

# ONNX Runtime's official builds (1.29 and later) report their use, model names included, to their maker and leave a
# file in the temporary folder. They decide when they are imported, so the package says no before any module of it can
# import them. Whoever wants the reports sets ORT_DISABLE_TELEMETRY=0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow's client does the same

try:
    __version__ = version("dfd")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0.0.0"
