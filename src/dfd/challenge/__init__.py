"""A challenger against the champion on live traffic: its rules, its states and what is observed. Values alone."""
