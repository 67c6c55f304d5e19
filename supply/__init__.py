"""What looks after the supply chain: known weaknesses, secrets in the source, and the list of what is inside.

Run by `make audit`, `make secrets` and `make sbom`.
"""
