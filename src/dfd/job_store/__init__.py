"""The table of jobs in an SQL database: SQLite for one machine, PostgreSQL for many."""
