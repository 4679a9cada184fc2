"""What the web server and the views must agree on about what a request brings."""

DATA_BYTES = 2**20
"""Of a view that takes no upload: the longest reading has 2,000 events, the longest form a list of
people. The web server awaits that much before it lends a thread; only uploads are read slowly."""
CLIENT_GONE = 499
"""The status of a request whose client hung up before it was complete: nobody reads it."""
