"""How commands end: with one line on what users can mend, and without a trace on a signal."""

from __future__ import annotations

import io
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

import click

from gclust.errors import GclustWarning, StudyError
from gclust.escapes import visible

WRONG = 2
"""Exit code for what the user can mend; click's own for wrong options."""
LONGEST = 2000
"""Letters of a message; names that are longer are cut in their middle."""
SIGNALLED = 128
"""What shells add to the number of a signal for an exit code."""
SIGNALS = ("SIGTERM", "SIGHUP")
"""They end a command as Ctrl-C does, unless they are ignored, as by nohup."""


class Stopped(KeyboardInterrupt):
    """A signal that ends the command; whatever heeds Ctrl-C heeds it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Command(click.Command):
    """A command that ends with one sentence, not a traceback, on what users can mend."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", GclustWarning)
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except (StudyError, FileExistsError) as error:
                _end(str(error))
            except KeyboardInterrupt as error:
                # Before click meets it, which begins with an empty line.
                raise click.exceptions.Exit(_stopped(error)) from None
            except BrokenPipeError:
                raise
            except OSError as error:
                named = [] if error.filename is None else [str(error.filename)]
                _end(": ".join([*named, error.strerror or str(error)]))
            except MemoryError as error:
                _end(f"there is not enough memory{f' ({error})' if str(error) else ''}")


class Commands(click.Group):
    """Commands of one program, from the first option to the exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Read the options, run the command, and exit."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        with _signals() as come:
            try:
                code = super().main(args, prog_name, complete_var, False, **extra)
            except click.ClickException as error:
                shown = io.StringIO()
                error.show(file=shown)
                click.echo("\n".join(map(visible, shown.getvalue().splitlines())), err=True)
                code = error.exit_code
            except (click.Abort, KeyboardInterrupt) as error:
                code = _stopped(error)
            except BrokenPipeError:
                _drop_output()
                code = 1
            if come and code != SIGNALLED + come[0]:
                # The command took it for Ctrl-C, and has ended well.
                code = _stopped(Stopped(come[0]))
        sys.exit(code if isinstance(code, int) else 0)


def say(text: object = "") -> None:
    """Print lines; nothing in them acts on the terminal."""
    click.echo("\n".join(visible(line) for line in str(text).split("\n")))


def _end(message: str) -> NoReturn:
    """Say what is wrong, in one line, and end."""
    told = visible(message)
    if len(told) > LONGEST:
        told = f"{told[: LONGEST // 2]} ... {told[-LONGEST // 2 :]}"
    click.echo(f"gclust: {told}", err=True)
    raise click.exceptions.Exit(WRONG)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, GclustWarning):
        click.echo(f"gclust: warning: {visible(message)}", err=True)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Raise `Stopped` on a signal; yield the list in which the first one is noted.

    Further ones are ignored, so that nothing disturbs what cleans up.
    """
    come: list[int] = []
    held: dict[int, Any] = {}

    def stop(number: int, _: object) -> None:
        # Not SIG_IGN from here on: of a signal that has come by then, but not yet been handled,
        # Python says on stderr that it was ignored.
        if not come:
            come.append(number)
            raise Stopped(number)

    wanted = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    try:
        for number in wanted:
            if signal.getsignal(number) == signal.SIG_DFL:
                held[number] = signal.signal(number, stop)
    except ValueError:
        pass  # not the main thread, which alone may say what signals do
    try:
        yield come
    finally:
        if not come:
            for number, before in held.items():
                signal.signal(number, before)


def _stopped(error: BaseException) -> int:
    """Say what has ended the command, in one line; return the exit code."""
    number = error.number if isinstance(error, Stopped) else int(signal.SIGINT)
    # A bar may stand in the line at which the cursor is.
    start = "\n" if sys.stderr.isatty() else ""
    by = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    with suppress(OSError):  # the terminal may have gone, which is what SIGHUP says
        click.echo(f"{start}gclust: stopped by {by}", err=True)
    return SIGNALLED + number


def _drop_output() -> None:
    """Let what is left to print go nowhere: whoever read it has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
