"""Ways to wake workers; none of them holds a job."""
