"""The site's own web server, which needs no proxy before it.

    worker                the process that gunicorn starts: uvicorn's loop, and threads for Django
    client_connections    who is connected: deadlines, and who must go when there are too many
    asgi_to_wsgi_request  a request as Django takes it, its body in memory or passed on as it comes
    wsgi_response         an answer as Django gives it, whole or in parts
    asgi_application      both, and the threads between them

A thread is never lent to a client who is slow: it works from the moment a request is complete until
its answer is. Only a large body is handed on while it still comes, to a view that takes uploads and
has checked who sends it; for those there is a number of places.
"""
