"""The one ASGI application: Actions and the feed now, pages later; and the Unix socket over which commands reach it.

application(store, who)       the app; `who` says which Actor a request comes from
local.listen(data_dir)        the socket in the data folder that only its owner can reach
plain.error_to_plain(error)   an error as JSON, which the client turns into words in its own language
"""
