"""The matrix: what takes long, by the machinery of the system tests (`make matrix`)."""
import pathlib
import sys

for folder in ("system", "guest"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / folder))
