"""The project's own words: jobs, slices, batches, their encoding. Imports nothing but errors."""
