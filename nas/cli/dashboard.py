"""`nas dashboard`: Optuna's own dashboard on the record of a search."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from nas.errors import ExperimentError, NasError

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
HOST, PORT = "127.0.0.1", 8080


def add_dashboard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="of the search; it may be running")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"default {PORT}; 0: any that is free")
    parser.add_argument(
        "--host", default=HOST, help=f"who may look: {HOST} for this machine (default), 0.0.0.0 for all"
    )
    parser.set_defaults(run=run_dashboard)


def run_dashboard(options: argparse.Namespace) -> int:
    server = make_dashboard(options.directory, options.host, options.port)
    print(
        f"{options.directory} in the dashboard: http://{options.host}:{server.server_port}/   (Ctrl-C ends it)",
        flush=True,
    )
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
    return 0


def make_dashboard(directory: Path, host: str = HOST, port: int = PORT) -> WSGIServer:
    """A server of the search in `directory`, to be run by `serve_forever`. It follows the record and never writes to it.

    Raises:
        StudyError: there is no search.
        ExperimentError: there is no optuna-dashboard.
        NasError: the port is taken.
    """
    from nas.study.directory import location, read_settings
    from nas.study.storage import open_storage

    settings = read_settings(directory)
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise ExperimentError("the dashboard needs the package optuna-dashboard: run `pip install optuna-dashboard`")
    app = importlib.import_module("optuna_dashboard").wsgi(open_storage(location(directory, settings)))
    try:
        return make_server(host, port, _reading(app), server_class=_Server, handler_class=_Handler)
    except (OSError, OverflowError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise NasError(f"the dashboard cannot use port {port} of {host}: {reason}; give another --port") from None


def _reading(app: App) -> App:
    """The dashboard can delete studies and write notes; the record has one writer, the search."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "application/json")])
        return [b'{"reason": "this dashboard only looks: the record of a search has one writer"}']

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    """A request at a time would keep a page waiting for the slowest of its parts."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    """Without a line for every request."""

    def log_message(self, format: str, *args: Any) -> None:
        return
