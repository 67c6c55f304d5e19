"""Adapter that reads content credentials (C2PA) with the official library, in a process of its own.

The library is native code that parses whatever strangers send, so no process that holds anything loads it
(`dfd.provenance.child`).
"""
