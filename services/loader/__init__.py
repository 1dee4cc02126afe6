"""The loader: replaces windows in the target database and marks their slices as loaded."""
