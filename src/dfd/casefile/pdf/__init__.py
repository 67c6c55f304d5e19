"""The report of a case as PDF: set here, written with pydyf, in fonts that lie beside."""
