"""Redis streams: consumers, leases, publishing with backpressure, dead letters."""
