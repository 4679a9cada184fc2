"""A person looks at every image before a case with it can be assigned.

`models` keeps what was found at import and what was decided, `importing` writes the first,
`decisions` the second; `pages` is where it is done, in Django admin.
"""
