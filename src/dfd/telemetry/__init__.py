"""What operators see: logs as JSON lines, and metrics for Prometheus. The only place that knows either form."""
