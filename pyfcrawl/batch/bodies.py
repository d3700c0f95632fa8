"""Bodies of answers, read as they come and never beyond a size."""

from __future__ import annotations

import aiohttp

from pyfcrawl.errors import SourceError


class TooLargeError(SourceError):
    """A body larger than BATCH_MAX_BODY; asking again gives no other."""


async def read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The whole body, of `most` bytes. Raises TooLargeError, and then closes the connection."""
    if (response.content_length or 0) > most:
        response.close()
        raise TooLargeError(f"{response.content_length} bytes, over BATCH_MAX_BODY")
    pieces = []
    size = 0
    async for piece in response.content.iter_any():
        size += len(piece)
        if size > most:
            response.close()
            raise TooLargeError(f"more than {most} bytes, over BATCH_MAX_BODY")
        pieces.append(piece)
    return b"".join(pieces)
