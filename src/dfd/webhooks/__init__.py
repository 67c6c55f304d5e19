"""Telling callers of the end of their jobs, over HTTP: signing, and sending to addresses that strangers chose."""
