"""The embedded function host: what `func start` does, for Python v2 apps, where Core Tools cannot be installed.

Start it with `python -m mailer.local.host` in the folder of function_app.py, host.json and local.settings.json.
It binds one loopback port, talks to the app's storage account, and writes `.local/host-keys.json` in the app's folder.

As the real host has it: indexing and its errors; routes, methods, keys (`--enable-auth`) and admin calls; sync
functions in a thread pool, async ones on one event loop; the life of a queue message with its lease, retries and
poison queue; queue outputs; timers; settings and their precedence; log lines.

Not here: other triggers and bindings, and func.QueueMessage as an output (refused by name); `functionTimeout`,
`retry`, `logging` and `concurrency` of host.json (ignored); CORS; reload when a file changes (restart it); more than
one worker process; past-due timers, which need a stored schedule; `dataType` of a binding; HTTP throttling; streaming
HTTP types; the response object in a returned JSON string.
"""
