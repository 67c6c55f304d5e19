"""How good is it: labelled videos through the pipeline, figures with intervals, and a report of them.

::

    list (samples) -> conditions (robustness) -> running -> clips.jsonl (results) -> figures -> metrics.json, index.html

Label polarity: 1 = fake. A video that got no score is counted, never guessed and never dropped.
"""
