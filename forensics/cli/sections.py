"""Options under headings in a command's help, and the decorators that declare several at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]


class SectionOption(click.Option):
    """An option that its command's help lists under the heading `section`."""

    def __init__(self, *args: Any, section: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.section = section


class SectionedCommand(click.Command):
    """Lists the options without a section first, then each section, in the order of declaration."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                section = param.section if isinstance(param, SectionOption) else "Options"
                sections.setdefault(section, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def option(section: str, *names: str, **attributes: Any) -> Decorator:
    """`click.option` under the heading `section`."""
    return click.option(*names, cls=SectionOption, section=section, **attributes)


def together(*decorators: Decorator) -> Callable[[Command], Command]:
    """One decorator of several options, which the help lists in this order."""

    def declare(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return declare
