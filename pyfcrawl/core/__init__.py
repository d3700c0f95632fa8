"""Pure functions and values: no Scrapy, network, environment or clock."""
