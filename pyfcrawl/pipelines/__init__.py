"""From item to written document, one stage a module."""
