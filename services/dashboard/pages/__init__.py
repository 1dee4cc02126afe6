"""The pages, one module each: ask, render, act."""
