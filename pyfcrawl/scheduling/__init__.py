"""scrapy-redis's scheduler and queue made crash-safe: requests are leased and never popped.

Workers of one run share its queue in Redis. What a worker takes it holds a lease on, and the lease
ends when the work that grew out of the request is durable. One that ends before, because its
worker was killed or cut off, sends the request back to the queue.
"""
