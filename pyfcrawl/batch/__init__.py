"""One Scrapy request that stands for many GETs.

Scrapy spends some 2.5 ms of CPU on a request whatever it fetches; pooled asyncio HTTP a tenth of
that. A crawl of a whole registry therefore schedules batches: a request with the `batch:` scheme,
its body the list of addresses as JSON, is carried out by `BatchDownloadHandler` and answered with
one `BatchResponse`.
"""
