"""Adapters of `dfd.ports.ModelBackend`: the runtimes and servers that score crops."""
