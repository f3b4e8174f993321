"""Options and errors that the client's commands share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from photochrom.client import DEFAULT_SERVER
from photochrom.errors import ClientError, ProblemError, ServerUnreachable
from photochrom.wire.retries import span
from photochrom.wire.transport import clean_key

F = TypeVar("F", bound=Callable[..., Any])

#: Exit statuses beside 0.
SOME_FAILED = 1
USAGE = 2
UNREACHABLE = 3


#: Which of a tenant's jobs goes first; what the service knows, said again.
PRIORITIES = ("low", "normal", "high")


class Failure(click.ClickException):
    """A client's error, as a person reads it."""

    exit_code: int  # type: ignore[misc]  # each failure has its own

    def __init__(self, error: ClientError) -> None:
        hint = _hint(error)
        super().__init__(f"{error}\n{hint}" if hint else str(error))
        self.exit_code = UNREACHABLE if isinstance(error, ServerUnreachable) else USAGE


def _hint(error: ClientError) -> str:
    """Returns what a person can do, or nothing where the error says it itself."""
    if isinstance(error, ServerUnreachable):
        return "Is it running? `photochrom up` starts one on this machine; --server names another."
    if not isinstance(error, ProblemError):
        return ""
    if error.status == 401:
        return "Give a key with --api-key or PHOTOCHROM_API_KEY; `photochrom keys create` on the server makes one."
    if error.code == "forbidden":
        return "Whoever runs the server makes such a key: `photochrom keys create --scope ...`."
    if error.status == 429 and error.retry_after is not None:
        return f"There is more in {span(error.retry_after)}: try again then."
    return ""


class Unusable(click.ClickException):
    """What the operating system refuses: a folder, a disk."""

    exit_code = USAGE


class Command(click.Command):
    """A command that ends with words instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except ClientError as error:
            raise Failure(error) from error
        except KeyboardInterrupt:  # whoever pressed Ctrl-C knows, and `submit` has said what that means
            raise click.exceptions.Exit(SOME_FAILED) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise Unusable(f"{where}{error.strerror or error}") from error


def _address(context: click.Context, option: click.Parameter, text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise click.BadParameter(
            f"{text!r} is no address such as {DEFAULT_SERVER}: it begins with http:// or https://."
        )
    return text


def _key(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    try:
        return clean_key(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def server_options(function: F) -> F:
    """Adds --server and --api-key."""
    function = click.option(
        "--api-key", envvar="PHOTOCHROM_API_KEY", callback=_key, help="API key (PHOTOCHROM_API_KEY)."
    )(function)
    return click.option(
        "--server",
        default=DEFAULT_SERVER,
        envvar="PHOTOCHROM_SERVER",
        show_default=True,
        callback=_address,
        help="Address of the server (PHOTOCHROM_SERVER).",
    )(function)


def json_option(function: F) -> F:
    """Adds --json."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")(function)


def recipe_options(function: F) -> F:
    """Adds the fields of a recipe; what is not given is None and has the default of whoever colors."""
    for option in reversed(_RECIPE):
        function = option(function)
    return function


def number(text: str) -> float:
    """Returns a number that JSON can say; whether it is in range is for whoever colors to say."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise click.BadParameter(f"{text!r} is no number such as 0.38.")
    return value


def temperatures(text: str) -> list[float]:
    """Returns numbers with commas between them, as `number` does."""
    try:
        return [number(part) for part in text.split(",")]
    except click.BadParameter:
        raise click.BadParameter(f"{text!r} is no list of numbers such as 0.2,0.38,0.7.") from None


def _recipe_option(name: str, kind: Any, words: str) -> Callable[[F], F]:
    return click.option(f"--{name}", type=kind, envvar=f"PHOTOCHROM_{name.upper().replace('-', '_')}", help=words)


#: What the service knows, said again, since the client stands alone; a test compares the two.
_RECIPE: tuple[Callable[[Any], Any], ...] = (
    _recipe_option("model", str, "Net to color with."),
    _recipe_option("temperature", number, "0.05 (each cell's likeliest color) to 1 (the mean of all); 0.38."),
    _recipe_option(
        "candidates",
        temperatures,
        "Several temperatures instead of one, such as 0.2,0.38,0.7: a result at each, to choose from.",
    ),
    _recipe_option("chroma-gain", number, "0 (gray) to 2 (twice the color); 1."),
    _recipe_option(
        "format",
        click.Choice(["master", "tiff", "jpeg", "png", "jp2", "webp"]),
        "File format of the results; master keeps each master's own, and is the default.",
    ),
    _recipe_option(
        "compression",
        click.Choice(["auto", "deflate", "none", "lzw", "zstd", "lossy", "lossless"]),
        "TIFF: deflate, none, lzw, zstd. JPEG 2000 and WebP: lossless, lossy. auto keeps the master's where it can.",
    ),
    _recipe_option("quality", click.IntRange(1, 100), "Of lossy results; 95."),
    _recipe_option("bit-depth", click.Choice(["master", "8", "16"]), "Bits a sample; the master's where they fit."),
    _recipe_option("pages", click.Choice(["first", "all"]), "Pages of a multi-page TIFF to color; first."),
    _recipe_option(
        "colored", click.Choice(["recolor", "skip"]), "What to do with masters in color already; recolor, and say so."
    ),
)
