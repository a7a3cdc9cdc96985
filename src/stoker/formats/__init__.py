"""Text on disk becomes definitions. One module per format behind one interface (`Format`).

What it decides: which entry of a directory is of which format, what its text means, and what is
wrong with it. All mistakes of all files are found in one run, each with file, line, key and a hint;
nothing that stands in a file makes anything here raise. One table of keys (`keys`) drives reading,
mistakes, JSON Schema, the reference and `stoker new`.

Invariants: a file with an error is not loaded at all; a warning never keeps anything from being
loaded; what is read depends on the files alone, in the order of names; a FIFO or a device is never
opened. It must not start anything, write anything but the blob it is asked for, or know how
definitions are used.

The life of a text: directory → entry → format → `Toml` and table of keys → values → `Builder` →
definition → `Compiled`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .advice import advise
    from .bundle_roots import find_bundle, roots
    from .compile import compile_main, compile_place, write_compiled
    from .composing import compose_definition
    from .describe import reference_rows, schema
    from .entry import Entry, Format, Reading, Reference, Surroundings
    from .fstab import FstabLine, convert_fstab, fstab_lines
    from .inetd import INETD, INETD_DEFAULTS, INETD_TYPES
    from .layer import Layer, Overlay, OverlayGroup, overlaid, read_layer
    from .manifest import Bundle, read_bundle
    from .manifest_write import write_manifest, write_profile
    from .new import file_name, new_definition
    from .place_services import read_services_of
    from .registry import FORMATS, format_of
    from .services import Dependent, Service
    from .settings import read_settings
    from .systemd import Converted, convert_unit, native_name
    from .systemd_socket import socket_service
    from .systemd_unit import Unit, find_unit, read_unit
    from .systemd_words import command_lines, span
    from .toml_text import definition_text

_HOME = {
    "INETD": "inetd",
    "INETD_DEFAULTS": "inetd",
    "INETD_TYPES": "inetd",
    "read_services_of": "place_services",
    "compose_definition": "composing",
    "write_profile": "manifest_write",
    "write_manifest": "manifest_write",
    "read_layer": "layer",
    "overlaid": "layer",
    "OverlayGroup": "layer",
    "Overlay": "layer",
    "Layer": "layer",
    "Bundle": "manifest",
    "Dependent": "services",
    "Service": "services",
    "read_bundle": "manifest",
    "FORMATS": "registry",
    "Entry": "entry",
    "Format": "entry",
    "Reading": "entry",
    "Reference": "entry",
    "Surroundings": "entry",
    "advise": "advice",
    "FstabLine": "fstab",
    "convert_fstab": "fstab",
    "fstab_lines": "fstab",
    "Converted": "systemd",
    "convert_unit": "systemd",
    "native_name": "systemd",
    "socket_service": "systemd_socket",
    "Unit": "systemd_unit",
    "command_lines": "systemd_words",
    "span": "systemd_words",
    "find_unit": "systemd_unit",
    "read_unit": "systemd_unit",
    "find_bundle": "bundle_roots",
    "roots": "bundle_roots",
    "compile_main": "compile",
    "definition_text": "toml_text",
    "compile_place": "compile",
    "file_name": "new",
    "format_of": "registry",
    "new_definition": "new",
    "read_settings": "settings",
    "reference_rows": "describe",
    "schema": "describe",
    "write_compiled": "compile",
}

__all__ = [
    "INETD",
    "INETD_DEFAULTS",
    "INETD_TYPES",
    "read_services_of",
    "compose_definition",
    "write_profile",
    "write_manifest",
    "read_layer",
    "overlaid",
    "OverlayGroup",
    "Overlay",
    "Layer",
    "Bundle",
    "Dependent",
    "Service",
    "read_bundle",
    "FORMATS",
    "Entry",
    "Format",
    "Reading",
    "Reference",
    "Surroundings",
    "advise",
    "compile_main",
    "compile_place",
    "file_name",
    "FstabLine",
    "convert_fstab",
    "fstab_lines",
    "Converted",
    "Unit",
    "command_lines",
    "span",
    "convert_unit",
    "definition_text",
    "find_bundle",
    "find_unit",
    "socket_service",
    "native_name",
    "read_unit",
    "format_of",
    "roots",
    "new_definition",
    "read_settings",
    "reference_rows",
    "schema",
    "write_compiled",
]


def __getattr__(name: str) -> Any:
    part = _HOME.get(name)
    if part is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{part}", __name__), name)
    globals()[name] = value
    return value
