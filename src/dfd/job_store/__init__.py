"""The table of jobs, and of what belongs to them, in an SQL database: SQLite for one machine, PostgreSQL for many."""
