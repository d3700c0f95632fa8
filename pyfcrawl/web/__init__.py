"""The site: what an index holds, for people to look at and for programs to ask.

It only reads. `app.create_app` puts it together, `catalog.Catalog` is all that it knows of stores.
"""
