"""Entry point of the live tuner: a local web page with sliders for a study's parameters."""

from __future__ import annotations

import signal
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Any

from gclust.errors import StudyError
from gclust.experiments.tune.session import Session
from gclust.experiments.tune.worker import Worker
from gclust.progress import Report, resolve
from gclust.study.schema import read_study
from gclust.threads import default_threads

if TYPE_CHECKING:
    from bokeh.document import Document
    from bokeh.server.server import BaseServer


def tune(
    study: str | Path,
    *,
    port: int = 0,
    ready: Callable[[str], Any],
    show: bool = False,
    progress: bool | Report | None = None,
    n_jobs: int | None = None,
) -> None:
    """Serve a web page on which a study's parameters can be tried, until Ctrl-C.

    The page has sliders for ``eps_km``, ``min_samples`` and the merging of clusters. A map, the
    ranking and its changes against the study follow the sliders; heat maps show both parameters.
    The page is served only to browsers on this machine that have its full address, and needs no
    network.

    Parameters
    ----------
    study : path-like
        ``study.toml``; its section ``[sweep]`` sets the values of the sliders.
    port : int
        Port to listen at; 0 for a free one.
    ready : callable
        Called with the page's address once it is served. The address holds a secret token:
        whoever knows it can see the ranking and write studies, and nobody else.
    show : bool
        Whether to open the page in a browser.
    progress : bool or callable, optional
        True draws a bar on the terminal; a callable is called with ``(fraction, stage)``.
    n_jobs : int, optional
        Number of threads; all by default.

    Raises
    ------
    StudyError
        If the study or the data it names cannot be used, if the port is taken, or if Bokeh is not
        installed.
    """
    try:
        import bokeh  # noqa: F401
    except ModuleNotFoundError as error:
        raise StudyError('gclust tune needs Bokeh: pip install "bokeh>=3.7"') from error
    from gclust.experiments.tune.server import listen

    path = Path(study)
    read = read_study(path)
    with ExitStack() as stack:
        stack.enter_context(default_threads(n_jobs, read.engine.threads))
        # First, because preparing a large study takes minutes.
        sockets = listen(port)
        for each in sockets:
            stack.enter_context(each)
        session = Session(read, n_jobs=n_jobs, report=resolve(progress))
        stack.callback(session.close)
        _serve(session, path, sockets, ready, show)


def _serve(
    session: Session, path: Path, sockets: list[socket], ready: Callable[[str], Any], show: bool
) -> None:
    from gclust.experiments.tune.page import Page
    from gclust.experiments.tune.server import make_server

    pages: dict[Document, Page] = {}

    def refresh() -> None:
        for page in list(pages.values()):
            page.refresh_soon()

    worker = Worker(session, refresh)

    def open_page(document: Document) -> None:
        pages[document] = Page(document, session, worker, path)
        document.on_session_destroyed(lambda _: pages.pop(document, None))

    title = session.study.heading
    server, address = make_server(open_page, sockets, title)
    worker.start()
    server.start()
    try:
        ready(address)
        if show:
            webbrowser.open(address)
        _until_stopped(server)
    finally:
        server.stop()
        worker.end()


def _until_stopped(server: BaseServer) -> None:
    """Run the server until Ctrl-C or a signal to terminate."""

    def stop(number: int, frame: Any) -> None:  # noqa: ARG001
        server.io_loop.add_callback_from_signal(server.io_loop.stop)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.io_loop.start()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
