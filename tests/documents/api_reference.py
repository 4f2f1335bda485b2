"""Makes docs/reference/api.md of the docstrings: what is public, and what it does.

    python -m tests.documents.api_reference -o docs/reference/api.md

Nothing is said there that does not stand at the code. What is compiled is read from its stub.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import FunctionType
from typing import Any, Final

import blockstm
from blockstm import NativeProgram

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "reference" / "api.md"

MODULES: Final = (
    "blockstm",
    "blockstm.programs",
    "blockstm.models",
    "blockstm.state",
    "blockstm.trees",
    "blockstm.store",
    "blockstm.settlement",
    "blockstm.simulate",
    "blockstm.pipeline",
    "blockstm.testing",
    "blockstm.measure",
    "blockstm.compare",
    "blockstm.workloads",
    "blockstm.sweep",
)
"""The public modules: what their `__all__` names is public."""

HEAD: Final = """# API reference

Made of the docstrings by `python -m tests.documents.api_reference`; a test keeps it up to date.

Public is what stands here: the names that these modules export, and their members. All else may move or change
without notice, and so may whatever begins with an underscore.
"""

SECTIONS: Final = ("Arguments", "Returns", "Raises", "Yields")
SECTION_BEGINS: Final = rf"\n(?=(?:{'|'.join(SECTIONS)}):)"


def page() -> str:
    """Return the whole page."""
    contents = [f"- [`{module}`](#{module.replace('.', '')})" for module in MODULES]
    parts = [HEAD + "\n" + "\n".join(contents), *(module_part(module) for module in MODULES)]
    return "\n\n".join(parts) + "\n"


def module_part(name: str) -> str:
    """Return the part of a module: its docstring, then its names: functions and classes, errors last.

    What `blockstm` itself exports stands there only.
    """
    module = import_module(name)
    elsewhere = () if module is blockstm else blockstm.__all__
    names = [each for each in module.__all__ if not each.startswith("_") and each not in elsewhere]
    errors = [each for each in names if is_exception(getattr(module, each))]
    others = [each for each in names if each not in errors]
    parts = [f"## {name}", short(inspect.getdoc(module) or "")]
    parts += [object_part(each, getattr(module, each)) for each in others]
    if errors:
        parts.append("### Exceptions of `blockstm`")
        parts += [exception_part(each, getattr(module, each)) for each in errors]
    return "\n\n".join(filter(None, parts))


def is_exception(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, BaseException)


def exception_part(name: str, found: type) -> str:
    bases = ", ".join(f"`{base.__name__}`" for base in found.__bases__)
    return f"**`{name}`** ({bases}): {prose(inspect.getdoc(found) or '')}"


def object_part(name: str, found: Any) -> str:
    if name == "Context":
        return context_part()
    if isinstance(found, FunctionType):
        signature = inspect.signature(found)
        return f"### {name}\n\n`{name}{signature_text(signature)}`\n\n{prose(inspect.getdoc(found) or '')}"
    if isinstance(found, type):
        return class_part(name, found)
    if isinstance(found, NativeProgram):
        return f"### {name}\n\n`{name}({', '.join(map(str, found.parameters))})`, a `NativeProgram`."
    return f"### {name}\n\nA `{type(found).__name__}`."


def class_part(name: str, found: type) -> str:
    text = inspect.getdoc(found) or ""
    signature = "" if inspect.isabstract(found) else signature_text(signature_of(found))
    if is_made_by_others(found):
        signature = ""
        text = re.sub(r"\n\nArguments:\n(    .*\n?)+", "", text)
    parts = [f"### class {name}", signature and f"`{name}{signature}`", prose(text)]
    members = [
        f"- **`{member}`**: {text}" if text else f"- **`{member}`**" for member, text in members_of(found)
    ]
    return "\n\n".join(filter(None, (*parts, "\n".join(members))))


def is_made_by_others(found: type) -> bool:
    """Tell whether users do not make it themselves: its constructor takes what only the package has."""
    return any(
        str(parameter.annotation) in ("Snapshot", "Steps")
        for parameter in signature_of(found).parameters.values()
    )


def signature_of(found: type) -> inspect.Signature:
    return inspect.signature(found)


def members_of(found: type) -> Iterator[tuple[str, str]]:
    """Yield the public members of a class, inherited ones of this package's too, and what each is."""
    seen = set()
    for owner in (each for each in found.__mro__ if each.__module__.partition(".")[0] == "blockstm"):
        described = attribute_texts(owner)
        names = [*described, *vars(owner)]
        for name in dict.fromkeys(names):
            if name.startswith("_") or name in seen:
                continue
            seen.add(name)
            member = inspect.getattr_static(owner, name, None)
            text = (
                short(inspect.getdoc(member) or "")
                if callable_or_property(member)
                else described.get(name, "")
            )
            if name in described and not text:
                text = described[name]
            if callable_or_property(member):
                yield member_name(name, member), text
            elif name in described:
                yield name, text


def callable_or_property(member: object) -> bool:
    return isinstance(member, FunctionType | classmethod | staticmethod | property) or hasattr(
        member, "attrname"
    )


def member_name(name: str, member: Any) -> str:
    function = getattr(member, "__func__", member)
    if not isinstance(function, FunctionType):
        return name
    prefix = "async " if inspect.iscoroutinefunction(function) else ""
    return f"{prefix}{name}{signature_text(inspect.signature(function))}"


def attribute_texts(owner: type) -> dict[str, str]:
    """Return the texts under assignments in a class's body, and in its constructor, by the attribute's name."""
    node = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(node, ast.ClassDef)
    bodies = [node.body]
    bodies += [
        each.body for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"
    ]
    texts = {}
    for body in bodies:
        for statement, following in pairwise(body):
            if isinstance(statement, ast.AnnAssign | ast.Assign) and isinstance(following, ast.Expr):
                targets = [statement.target] if isinstance(statement, ast.AnnAssign) else statement.targets
                text = following.value.value if isinstance(following.value, ast.Constant) else None
                for target in targets:
                    name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "_")
                    if isinstance(text, str):
                        texts[name] = short(inspect.cleandoc(text))
    return texts


def context_part() -> str:
    """Return the part of the context, which is compiled: its stub has the signatures and the texts."""
    stub = ast.parse((ROOT / "blockstm" / "native" / "_core.pyi").read_text())
    node = next(each for each in stub.body if isinstance(each, ast.ClassDef) and each.name == "Context")
    parts = ["### class Context", prose(ast.get_docstring(node) or "")]
    for member in node.body:
        text = ast.get_docstring(member) if isinstance(member, ast.FunctionDef) else None
        if isinstance(member, ast.FunctionDef) and text:
            signature = (
                "" if member.decorator_list and member.name == "txn_idx" else f"({stub_arguments(member)})"
            )
            returned = f" -> {ast.unparse(member.returns)}" if member.returns else ""
            parts.append(f"#### `Context.{member.name}{signature}{returned}`\n\n{prose(text)}")
    return "\n\n".join(parts)


def stub_arguments(member: ast.FunctionDef) -> str:
    return ast.unparse(member.args).removeprefix("self").removeprefix(", ")


def signature_text(signature: inspect.Signature) -> str:
    """Return a signature as one line, without `self`, the module names of types, and addresses."""
    kept = [each for name, each in signature.parameters.items() if name not in ("self", "cls")]
    text = str(signature.replace(parameters=kept)).replace("'", "").replace("mappingproxy({})", "{}")
    return re.sub(r"<([\w.]+) object at 0x\w+>|<factory>", "...", text)


def short(text: str) -> str:
    """Return a docstring as one paragraph: what it does, and what it may raise."""
    first, *_ = re.split(f"\n\n|{SECTION_BEGINS}", text)
    return " ".join(first.split())


def prose(text: str) -> str:
    """Return a docstring as Markdown: the sections become lists."""
    parts: list[str] = []
    for block in re.split(SECTION_BEGINS, text):
        name, colon, rest = block.partition(":\n")
        if colon and name in SECTIONS:
            parts.append(f"{name}:\n\n" + "\n".join(items(textwrap.dedent(rest).splitlines())))
        elif block.startswith(SECTIONS) and ": " in block.splitlines()[0]:
            parts.append(block.strip())
        else:
            parts.append(block.strip())
    return "\n\n".join(filter(None, parts))


def items(lines: Sequence[str]) -> list[str]:
    """Return the entries of a section as a list; a line that is indented goes on with the entry before."""
    found: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        if line.startswith(" ") and found:
            found[-1] += f" {line.strip()}"
        elif re.match(r"[\w*`, ]+: ", line) or not found:
            name, colon, text = line.partition(": ")
            found.append(f"- `{name}`: {text}" if colon else f"- {line}")
        else:
            found[-1] += f" {line.strip()}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    parser.parse_args().output.write_text(page())


if __name__ == "__main__":
    assert blockstm.__all__
    main()
