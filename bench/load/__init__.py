"""What happens at the bounds: a loader that stays away, crowds, and clients that are slow."""
