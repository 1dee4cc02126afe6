"""The read API over the results, and the pages on which a person sees wind and pipeline."""
