"""The report of one analysis for people, fit to be attached to a case: as one HTML file and as PDF.

`content` says what stands in it, once, from the JSON report (``docs/report.schema.json``) and pictures of faces; `html`
and `pdf` set it. Nothing here reads a clock, a file of the case or the network: the same report and pictures give the
same bytes.
"""
