"""Where documents and state are kept: I/O without Scrapy."""
