"""Takes out of an environment what nothing in the container reads; a quarter of it. Run while the image is built.

    python prune.py SITE_PACKAGES

A pattern that matches nothing is an error: a package has changed, and the list has to be looked at.
"""

import shutil
import sys
from pathlib import Path

UNREAD = (
    "**/tests",
    "**/*.pyi",
    "**/*.pxd",
    "**/*.pyx",
    "**/*.h",
    "cv2/data/haarcascade_[!f]*",  # DFD has haarcascade_frontalface_default.xml
    "cv2/data/haarcascade_frontalface_alt*",
    "cv2/data/haarcascade_frontalcatface*",
    "cv2/data/haarcascade_fullbody*",
    "dfd_train",
    "alembic/testing",
    "numpy/distutils",
    "numpy/f2py",
    "onnxruntime/backend",
    "onnxruntime/capi/libonnxruntime.so.*",  # for programs in C; the module for Python has it inside
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "click_repl",  # with the next two: a prompt of Celery's own command line
    "prompt_toolkit",
    "wcwidth",
    "pygments/lexers/[!_p]*.py",  # but Python's, which stack traces are coloured by
    "pygments/lexers/p[!y]*.py",
    "pygments/lexers/_*_builtins.py",
    "celery/contrib",
    "pycparser",  # makes C of declarations; what is compiled needs it no more
    "sqlalchemy/dialects/mssql",
    "sqlalchemy/dialects/mysql",
    "sqlalchemy/dialects/oracle",
    "sqlalchemy/testing",
)


def main() -> int:
    """Remove it all, and say how much that was."""
    root = Path(sys.argv[1])
    removed = 0
    for pattern in UNREAD:
        found = [path for path in root.glob(pattern) if path.exists() or path.is_symlink()]
        if not found:
            sys.stderr.write(f"nothing in {root} is {pattern}\n")
            return 1
        for path in found:
            if not path.exists():  # inside a folder that went a moment ago
                continue
            removed += sum(file.lstat().st_size for file in (path.rglob("*") if path.is_dir() else [path]))
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    sys.stdout.write(f"{removed / 1e6:.0f} MB removed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
