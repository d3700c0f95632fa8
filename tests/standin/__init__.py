"""The parts of `tests/upstream.py`: what the stand-in holds, and how it answers."""
