"""Spiders: arguments in, requests and items out."""
