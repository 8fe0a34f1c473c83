"""Every problem of a folder of Bicep files, each by file, line and symbol."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bicep.fit import misfits
from tests.bicep.scope import Scope
from tests.bicep.source import Module, Resource, named, read
from tests.bicep.types import Types, hint

BICEP_OWN = {"parent", "scope", "dependsOn"}  # what a resource may have beside its type's own properties


def check(folder: Path, types: Types, *, untyped: set[str]) -> list[str]:
    """The problems; resources of the types in `untyped` are let through. Raises NotUnderstood."""
    sources = {path.resolve(): read(path) for path in sorted(folder.glob("*.bicep"))}
    return [
        problem for source in sources.values() for problem in _problems(Scope(source, sources, types), untyped=untyped)
    ]


def _problems(scope: Scope, *, untyped: set[str]) -> Iterator[str]:
    source, file = scope.source, scope.source.path.name
    used: set[str] = set()
    for where, value, local in _places(scope):
        found = named(value) - {"null", "true", "false"}
        used |= found
        for symbol in sorted(found - source.symbols - local):
            yield f"{where}: {symbol} is not declared{hint(symbol, source.symbols)}"
        for problem in scope.wrong_members(value):
            yield f"{where}: {problem}"
    for unused in sorted({*source.params, *source.variables} - used):
        yield f"{file}: {unused} is declared and not used"
    for symbol, resource in source.resources.items():
        yield from _resource(f"{file}:{resource.line}: {symbol}", resource, scope, untyped)
    for symbol, module in source.modules.items():
        yield from _module(f"{file}:{module.line}: {symbol}", module, scope)
    for symbol, output in source.outputs.items():
        if (kind := scope.kind(output["value"])) not in {None, output["type"]}:
            yield f"{file}: output {symbol} is {kind}, and should be {output['type']}"


def _places(scope: Scope) -> Iterator[tuple[str, Any, set[str]]]:
    """Each statement's expressions, and the names that hold in it alone."""
    source, file = scope.source, scope.source.path.name
    for symbol, value in source.variables.items():
        yield f"{file}: var {symbol}", value, set()
    for symbol, resource in source.resources.items():
        item, array = resource.loop or ("", None)
        yield f"{file}:{resource.line}: {symbol}", [resource.config, resource.condition, array], {item}
    for symbol, module in source.modules.items():
        yield f"{file}:{module.line}: {symbol}", module.config, set()
    for symbol, output in source.outputs.items():
        yield f"{file}: output {symbol}", output["value"], set()


def _resource(where: str, resource: Resource, scope: Scope, untyped: set[str]) -> Iterator[str]:
    body = scope.types.body(resource.type, resource.version)
    if body is None:
        if versions := scope.types.versions(resource.type):
            yield f"{where}: {resource.type} has no version {resource.version}; known: {', '.join(versions)}"
        elif resource.type not in untyped:
            yield f"{where}: unknown type {resource.type}"
        return
    if resource.type.count("/") > 1 and "parent" not in resource.config and "/" not in str(resource.config.get("name")):
        yield f"{where}: a {resource.type} needs its parent"
    if resource.loop:
        item, array = resource.loop
        known = scope.source.variables.get(array, array) if isinstance(array, str) else array
        scope.items = {item: known if isinstance(known, list) else []}
    own = {name: value for name, value in resource.config.items() if name not in BICEP_OWN}
    yield from misfits(own, body, where, scope, whole=not resource.existing)


def _module(where: str, module: Module, scope: Scope) -> Iterator[str]:
    target = scope.sources.get(module.path.resolve())
    if target is None:
        yield f"{where}: there is no {module.path.name}"
        return
    given = module.config.get("params", {})
    for name, value in given.items():
        if name not in target.params:
            yield f"{where}: {target.path.name} has no parameter {name}{hint(name, target.params)}"
        elif (kind := scope.kind(value)) not in {None, target.params[name]["type"]}:
            yield f"{where}: {name} is {kind}, and should be {target.params[name]['type']}"
    for name, param in target.params.items():
        if param["default"] is None and name not in given:
            yield f"{where}: the parameter {name} of {target.path.name} is missing"
