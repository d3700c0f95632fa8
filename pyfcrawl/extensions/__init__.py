"""Small components that watch a crawl: the keeper of the account, and progress."""
