"""From each set's metrics to tables, statistics and the claims table."""
