"""Receivers of logs over HTTP: each an ASGI application over `logs.arrival`, and the server that bounds whoever connects."""
