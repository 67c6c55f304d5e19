"""``python -m dfd.cli`` is the same as ``dfd``."""

from dfd.cli import main

main()
