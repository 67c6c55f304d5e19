"""Running code that must not be trusted in processes of its own, which can do next to nothing. Linux only.

::

    launcher (this process) -- starts once --> nursery -- forks for every file --> child

The nursery (`dfd.sandbox.nursery`) is a fresh interpreter that has loaded the code and never sees a file. A child takes
away from itself all it does not need (`dfd.sandbox.confinement`) before it looks at the first byte, works for one file,
and is killed. What it answers is read as what a stranger says (`dfd.sandbox.wire`).
"""
