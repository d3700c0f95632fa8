"""Commands beside Scrapy's own: look into the index, and take care of it, from a shell.

Scrapy makes a command of every ScrapyCommand class it finds in a module of this package, so what
the commands share (`frame`, `output`) is functions and a mix-in.
"""

from pyfcrawl.commands.output import report

__all__ = ["report"]
