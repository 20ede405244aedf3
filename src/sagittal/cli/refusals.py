"""What the parser and everything below it raise, as one of our errors with the nearest name."""

from __future__ import annotations

from typing import Any

from sagittal.errors import SagittalError, UsageError, nearest, one_line


def help_of(error: BaseException) -> str | None:
    """The help to print where a command was named without any word after it; None for every other error."""
    if type(error).__name__ != "NoArgsIsHelpError":
        return None
    return str(getattr(error, "ctx").get_help())  # noqa: B009 - typer carries its parser with it under a private name


def as_refusal(error: BaseException) -> SagittalError:
    """Our error for any exception."""
    if isinstance(error, SagittalError):
        return error
    if callable(getattr(error, "format_message", None)):
        return _usage(error)
    from sagittal import failures

    return failures.as_refusal(error)


def _usage(error: Any) -> UsageError:
    """The parser's own complaints in our form, with the nearest name."""
    message = one_line(error.format_message()).rstrip(".")
    context, param = getattr(error, "ctx", None), getattr(error, "param", None)
    remedy = f"see `{context.command_path} --help`" if context is not None else "see --help"
    if type(error).__name__ == "NoSuchOption" and context is not None:
        known = [o for p in context.command.params for o in (*p.opts, *p.secondary_opts)]
        remedy = nearest(error.option_name, [*known, "--json", "--debug", "--help"])
        return UsageError("USAGE", error.option_name, "there is no such option", remedy)
    if message.startswith("No such command") and context is not None:
        name = message.split("'")[1]
        return UsageError("USAGE", name, "there is no such command", nearest(name, context.command.list_commands(context)))
    if param is not None:
        item = next((o for o in param.opts if o.startswith("--")), param.metavar or param.name)
        return UsageError("USAGE", item, message, remedy)
    return UsageError("USAGE", getattr(error, "option_name", "command line"), message, remedy)
