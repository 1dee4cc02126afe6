"""Raw batch in, stats batch out: the 10-minute statistics."""
