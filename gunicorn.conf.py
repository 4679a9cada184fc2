"""How the site is served. gunicorn reads this file by itself where it is started in this folder;
what is said on its command line goes before it (docs/admin.md, "Serving the site")."""

wsgi_app = "readerstudy.wsgi"
worker_class = "readerstudy.operations.serving.worker.Worker"
threads = 8  # requests that a process works on at once
worker_connections = 512  # that a process has at once; beyond it the slowest clients go
keepalive = 75  # seconds: a reader looks at a case, and finds the line as it was
control_socket_disable = True
