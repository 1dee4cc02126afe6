"""How pyarrow works in a service: without pandas, and with the allocator of the C library."""

import sys
from importlib.abc import MetaPathFinder

import pyarrow as pa


class _WithoutPandas(MetaPathFinder):
    """As if pandas were not installed."""

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas":
            raise ModuleNotFoundError("services do not use pandas", name=fullname)


def set_up() -> None:
    """Call it before pyarrow makes the first array of the process.

    To recognise objects of pandas, pyarrow would import it then, which takes 0.25 s and 40 MB; it
    looks for pandas only once. mimalloc, its default allocator, keeps more memory that is free.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    finder = _WithoutPandas()
    sys.meta_path.insert(0, finder)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(finder)
