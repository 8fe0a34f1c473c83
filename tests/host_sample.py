"""A small function app that tells what its functions see, and the embedded host running it."""

import importlib
import json
import os
import sys
from contextlib import contextmanager

from mailer.local import programs
from mailer.local.host import functions

FUNCTION_APP = """
import json, logging, sys, time
from typing import List
import azure.functions as func

app = func.FunctionApp()


def seen(req):
    return {
        "method": req.method, "url": req.url, "headers": dict(req.headers), "params": dict(req.params),
        "route_params": dict(req.route_params), "body": req.get_body().decode(),
    }


@app.route(route="Seen/{id}/{rest?}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def see(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(seen(req)), mimetype="application/json", status_code=203)


@app.route(route="seen/literal/{rest?}", methods=["GET"], auth_level="ANONYMOUS")
async def see_literal(req: func.HttpRequest) -> str:
    return "literal"


@app.route(auth_level="ANONYMOUS")
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("é", headers={"x-custom": "1"}, charset="utf-8")
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; HttpOnly")
    return response


@app.route(route="wrong/{what}", auth_level="ANONYMOUS")
def wrong(req: func.HttpRequest):
    match req.route_params["what"]:
        case "dict": return {"a": 1}
        case "none": return None
        case "exit": sys.exit(3)
        case _: raise ValueError("a reason to be logged")


@app.route(route="wrong-async", auth_level="ANONYMOUS")
async def wrong_async(req: func.HttpRequest):
    raise ValueError("an async reason")


@app.route(route="context", auth_level="ANONYMOUS")
def about(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    logging.info("from %s", context.function_name)
    logging.debug("too quiet to be shown")
    logging.getLogger("azure.functions.mine").info("a system log")
    return func.HttpResponse(json.dumps({
        "id": context.invocation_id, "name": context.function_name, "directory": context.function_directory,
        "trace": context.trace_context.trace_parent, "retries": context.retry_context.retry_count,
    }))


@app.route(route="threads", auth_level="ANONYMOUS")
def threads(req: func.HttpRequest) -> str:
    time.sleep(0.4)
    return "done"


@app.route(route="function-key", auth_level=func.AuthLevel.FUNCTION)
def function_key(req: func.HttpRequest) -> str:
    return "opened"


@app.route(route="other-key")
def other_key(req: func.HttpRequest) -> str:
    return "opened"


@app.route(route="master-key", auth_level=func.AuthLevel.ADMIN)
def master_key(req: func.HttpRequest) -> str:
    return "opened"


@app.route(route="send", methods=["POST"], auth_level="ANONYMOUS")
@app.queue_output(arg_name="out", queue_name="%QUEUE%", connection="Storage")
@app.queue_output(arg_name="many", queue_name="%QUEUE%-many", connection="Storage")
async def send(req: func.HttpRequest, out: func.Out[str], many: func.Out[List[str]]) -> func.HttpResponse:
    out.set(req.get_body().decode())
    many.set(["one", "two"])
    if "then-fail" in req.params:
        raise ValueError("after the outputs were set")
    return func.HttpResponse(status_code=202)


@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="Storage")
@app.queue_output(arg_name="$return", queue_name="%QUEUE%-seen", connection="Storage")
def take(message: func.QueueMessage) -> str:
    body = message.get_body().decode()
    if "fail" in body:
        raise ValueError("told to fail")
    if "slow" in body:
        time.sleep(0.8)
    return json.dumps({
        "id": message.id, "body": body, "dequeue_count": message.dequeue_count, "pop_receipt": message.pop_receipt,
        "times": [str(t) for t in (message.insertion_time, message.expiration_time, message.time_next_visible)],
    })


@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%", run_on_startup=True)
@app.queue_output(arg_name="out", queue_name="%QUEUE%-ticks", connection="Storage")
def tick(timer: func.TimerRequest, out: func.Out[str]) -> None:
    out.set(json.dumps({"past_due": timer.past_due, "status": timer.schedule_status}))
"""


def write(root, source=FUNCTION_APP, *, host_json=None, local_settings=None):
    """The app's folder with its files."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "function_app.py").write_text(source)
    (root / "host.json").write_text(json.dumps(host_json or {"version": "2.0"}))
    if local_settings is not None:
        text = local_settings if isinstance(local_settings, str) else json.dumps(local_settings)
        (root / "local.settings.json").write_text(text)
    return root


def load(root, env, only=()):
    """The functions as the embedded host indexes them, leaving no trace of the import."""
    path, before = sys.path[:], sys.modules.pop("function_app", None)
    importlib.invalidate_caches()
    try:
        return functions.load(root, env, only)
    finally:
        sys.path[:] = path
        sys.modules.pop("function_app", None)
        if before is not None:
            sys.modules["function_app"] = before


def environment(storage, **settings):
    """The environment of a shell, with the app settings that the sample needs."""
    mine = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": storage, "Storage": storage}
    return os.environ | mine | {"QUEUE": "sample", "SCHEDULE": "0 0 0 1 1 *"} | settings


def start(root, env, *options):
    """The host, answering."""
    (port,) = programs.free_ports(1)
    host = programs.host(root, port=port, env=env, root=root)
    host.command += options
    host.start()
    return host


@contextmanager
def running(folder, storage, *options, **settings):
    """The host inside a `with`, over this storage account."""
    host = start(write(folder), environment(storage.connection_string, **settings), *options)
    try:
        yield host
    finally:
        host.stop()


def url(host):
    """Where the host answers."""
    return f"http://127.0.0.1:{host.ports[0]}"
