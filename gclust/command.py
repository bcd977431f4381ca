"""Helpers of the command line: safe printing, one-line errors, handling of signals."""

from __future__ import annotations

import io
import os
import shutil
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
"""Exit code after errors that users can correct; click also uses it for wrong options."""
LONGEST = 2000
"""Largest number of characters in a message; longer messages are cut in the middle."""
SIGNALLED = 128
"""Added to a signal's number to give the exit code, as shells do."""
SIGNALS = ("SIGTERM", "SIGHUP")
"""Signals that end a command as Ctrl-C does, unless they are ignored (nohup ignores SIGHUP)."""
NARROW, NORMAL, WIDE = 60, 80, 200
"""Least, default and largest width of tables, in characters."""


class Stopped(KeyboardInterrupt):
    """Exception raised on a signal that ends the command; handled like Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Command(click.Command):
    """Command that reports errors that users can correct in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print warnings and errors in one line each."""
        with warnings.catch_warnings():
            warnings.simplefilter("always", GclustWarning)
            warnings.showwarning = _show_warning
            try:
                return super().invoke(ctx)
            except (StudyError, FileExistsError) as error:
                _end(str(error), error)
            except KeyboardInterrupt as error:
                # click would start with an empty line.
                raise click.exceptions.Exit(_stopped(error)) from None
            except BrokenPipeError:
                raise
            except OSError as error:
                named = [] if error.filename is None else [str(error.filename)]
                _end(": ".join([*named, error.strerror or str(error)]), error)
            except MemoryError as error:
                _end(f"there is not enough memory{f' ({error})' if str(error) else ''}", error)


class Commands(click.Group):
    """Group of commands that also handles signals and closed pipes."""

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
                # The command handled it as Ctrl-C, and has ended normally.
                code = _stopped(Stopped(come[0]))
        sys.exit(code if isinstance(code, int) else 0)


def say(text: object = "") -> None:
    """Print a text of one or more lines, with control characters escaped."""
    click.echo("\n".join(visible(line) for line in str(text).split("\n")))


def terminal() -> dict[str, Any]:
    """Return the ``width`` of tables, and whether the terminal shows only ``ascii`` characters."""
    width = shutil.get_terminal_size((NORMAL, 24)).columns
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    ascii_only = not encoding.replace("-", "").startswith("utf")
    return {"width": min(max(width, NARROW), WIDE), "ascii": ascii_only}


def _end(message: str, error: BaseException | None = None) -> NoReturn:
    """Print an error in one line, each of its notes in another, and end the command."""
    line = visible(message)
    if len(line) > LONGEST:
        line = f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
    click.echo(f"gclust: {line}", err=True)
    _print_notes(error)
    raise click.exceptions.Exit(WRONG)


def _print_notes(error: BaseException | None) -> None:
    for note in getattr(error, "__notes__", ()):
        click.echo(f"gclust: {visible(note)}", err=True)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    if issubclass(category, GclustWarning):
        click.echo(f"gclust: warning: {visible(message)}", err=True)


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Raise `Stopped` on a signal; yield the list to which the first signal is appended.

    Further signals are ignored, so that they do not interrupt the clean-up.
    """
    come: list[int] = []
    handlers: dict[int, Any] = {}

    def stop(number: int, _: object) -> None:
        # Later signals are not set to SIG_IGN: if one has come but is not handled yet, Python
        # prints on stderr that it was ignored.
        if not come:
            come.append(number)
            raise Stopped(number)

    wanted = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    try:
        for number in wanted:
            if signal.getsignal(number) == signal.SIG_DFL:
                handlers[number] = signal.signal(number, stop)
    except ValueError:
        pass  # only the main thread can set handlers
    try:
        yield come
    finally:
        if not come:
            for number, before in handlers.items():
                signal.signal(number, before)


def _stopped(error: BaseException) -> int:
    """Print in one line which signal ended the command; return the exit code."""
    number = error.number if isinstance(error, Stopped) else int(signal.SIGINT)
    # The cursor may be in the line of a progress bar.
    start = "\n" if sys.stderr.isatty() else ""
    by = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    with suppress(OSError):  # after SIGHUP the terminal is gone
        click.echo(f"{start}gclust: stopped by {by}", err=True)
        _print_notes(error)
    return SIGNALLED + number


def _drop_output() -> None:
    """Discard the remaining output, because its reader has closed the pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
