"""pyfcrawl keeps a searchable, fresh index of every package in a framework's ecosystem."""

__version__ = "0.1.0"
