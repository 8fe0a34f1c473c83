"""Bindings as the worker hands them to the host, and azure.functions' own converters for their values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.functions.meta import get_binding_registry

TRIGGERS = ("httpTrigger", "queueTrigger", "timerTrigger")
OUTPUTS = ("http", "queue")
RETURN = "$return"


@dataclass(frozen=True, kw_only=True)
class Binding:
    """One binding, with all that function.json would say of it."""

    name: str
    type: str
    properties: Mapping[str, Any]

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - JSON
        """A property by its name in function.json."""
        value = self.properties.get(name)
        return default if value is None else value


def converter(binding_type: str) -> Any:  # noqa: ANN401 - azure.functions has an InConverter or an OutConverter for each
    """The converter for a binding's values."""
    return get_binding_registry().get(binding_type)
