"""Load tests of the bounds: full streams, many concurrent clients, slow clients."""
