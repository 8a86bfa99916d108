"""The command line. One file per command: parse, call, exit code."""

from __future__ import annotations

import atexit
import logging
import os
import platform
import signal
import sys
import threading
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from sentinelqa import __version__
from sentinelqa.allocation import share_memory
from sentinelqa.errors import SentinelError, UsageError
from sentinelqa.terminal import OneLine, plain

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("sentinelqa.cli.run:run", "Generate, score and deliver a job."),
    "score": ("sentinelqa.cli.score:score", "Score existing images against a rubric."),
    "explain": ("sentinelqa.cli.explain:explain", "One image's measurements, drawn."),
    "rubric": ("sentinelqa.cli.rubric:rubric", "Write, check, test and calibrate rubrics."),
    "report": ("sentinelqa.cli.report:report", "Build the report of a run again."),
    "show": ("sentinelqa.cli.show:show", "Tell what became of one request."),
    "models": ("sentinelqa.cli.models:models", "List, fetch and verify models and their licences."),
    "known": ("sentinelqa.cli.known:known", "Index pictures, so that copies are found."),
    "fsck": ("sentinelqa.cli.fsck:fsck", "Check a run against its ledger, and mend it."),
    "doctor": ("sentinelqa.cli.doctor:doctor", "Check this machine and this installation."),
    "bench": ("sentinelqa.cli.bench:bench", "Measure speed and memory (from a checkout)."),
}
"""Command -> where it lives, and its line in the help. A command's module loads when it runs."""

INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 everything wanted is there; 1 complete, but some fell short; "
    "2 something you can mend; 3 something that should not have failed; 130 interrupted.",
)
@click.version_option(__version__, prog_name="sentinelqa")
@click.option("-v", "--verbose", is_flag=True, help="Log more, to standard error.")
def cli(verbose: bool) -> None:
    """Generate, score, select: deliver only the images that pass your rubric."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code. Errors go to standard error."""
    share_memory()
    if threading.current_thread() is threading.main_thread():
        # TERM interrupts as Ctrl-C does, from the first moment on
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        # once all is done an interrupt changes nothing, least of all the exit code
        atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)
        atexit.register(signal.signal, signal.SIGTERM, signal.SIG_IGN)
    try:
        result = cli.main(args=arguments, standalone_mode=False)
    except click.exceptions.Abort:
        code = INTERRUPTED
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except click.ClickException as error:
        error.show()
        code = UsageError.exit_code
    except click.exceptions.Exit as error:
        code = error.exit_code
    except UsageError as error:
        click.echo(plain(f"error: {error}"), err=True)
        code = error.exit_code
    except SentinelError as error:
        click.echo(plain(f"failed: {error}\n  log: {_crash_log()}"), err=True)
        code = error.exit_code
    except Exception as error:  # noqa: BLE001 - the last line of defence writes a log to attach
        said = f"failed: {type(error).__name__}: {error}\n  log: {_crash_log()}"
        click.echo(plain(said), err=True)
        code = SentinelError.exit_code
    else:
        code = result if isinstance(result, int) else 0
    sys.exit(code)


def _crash_log() -> Path:
    """Write the current traceback, with versions, where the user can find and attach it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sentinelqa"
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / f"crash-{os.getpid()}.log"
    versions: list[Any] = [
        f"sentinelqa {__version__}",
        f"python {platform.python_version()}",
        platform.platform(),
    ]
    path.write_text("\n".join([*versions, "", traceback.format_exc()]), encoding="utf-8")
    return path
