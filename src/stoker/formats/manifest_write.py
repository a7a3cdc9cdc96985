"""`Service` data → the text of a service bundle: what an export says, and an import reads again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from stoker.model import VALUE_TYPES, Group, Property

from .manifest_dtd import SYSTEM_ID
from .services import Dependent, Service

__all__ = ["write_manifest", "write_profile"]

_DEPENDENCY = ("grouping", "restart_on", "type", "entities")
_METHOD = ("type", "exec", "timeout_seconds")
_CONTEXT = ("working_directory", "project", "resource_pool", "security_flags")
_CREDENTIAL = ("user", "group", "supp_groups", "privileges", "limit_privileges")
_SHOWN = ("enabled", "single_instance", "restarter", "entity_stability")


def write_manifest(
    services: Iterable[Service], name: str = "export", kind: str = "manifest"
) -> str:
    """The bundle of these services. Reading it gives the same services again."""
    out = _Writer()
    out.head(kind, name)
    for service in services:
        out.service(service)
    out.close("service_bundle")
    return out.text()


def write_profile(services: Iterable[Service], name: str = "extract") -> str:
    """A profile with whether each instance is enabled."""
    out = _Writer()
    out.head("profile", name)
    for service in services:
        attributes = {"name": _bare(service.fmri), "type": "service", "version": "0"}
        out.open("service", attributes)
        for instance, groups in service.instances.items():
            enabled = _value(groups, "general", "enabled", "false")
            out.empty("instance", {"name": instance, "enabled": enabled})
        out.close("service")
    out.close("service_bundle")
    return out.text()


def _bare(fmri: str) -> str:
    return fmri.removeprefix("svc:/")


def _value(groups: Mapping[str, Group], group: str, name: str, default: str = "") -> str:
    known = groups.get(group)
    prop = known.properties.get(name) if known is not None else None
    return prop.values[0] if prop is not None and prop.values else default


class _Writer:
    """Elements as indented lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def _put(self, text: str) -> None:
        self.lines.append("  " * self.depth + text)

    def open(self, name: str, attributes: Mapping[str, str] | None = None) -> None:
        self._put(f"<{_tag(name, attributes)}>")
        self.depth += 1

    def close(self, name: str) -> None:
        self.depth -= 1
        last = self.lines[-1].lstrip()
        if last.startswith((f"<{name}>", f"<{name} ")) and not last.endswith("/>"):
            self.lines[-1] = self.lines[-1][:-1] + "/>"  # nothing stands in it
        else:
            self._put(f"</{name}>")

    def empty(self, name: str, attributes: Mapping[str, str] | None = None) -> None:
        self._put(f"<{_tag(name, attributes)}/>")

    def head(self, kind: str, name: str) -> None:
        self._put('<?xml version="1.0"?>')
        self._put(f"<!DOCTYPE service_bundle SYSTEM {_quoted(SYSTEM_ID)}>")
        self.open("service_bundle", {"type": kind, "name": name})

    # -- services and instances

    def service(self, one: Service) -> None:
        attributes = {"name": _bare(one.fmri), "type": one.kind, "version": one.version}
        self.open("service", attributes)
        rest = dict(one.instances)
        if _only_enabled(rest.get("default")) and not one.dependents.get("default"):
            enabled = _value(rest.pop("default"), "general", "enabled")
            self.empty("create_default_instance", {"enabled": enabled})
        if _value(one.groups, "general", "single_instance") == "true":
            self.empty("single_instance")
        self.entity(one.groups, one.dependents.get("", []))
        for name, groups in rest.items():
            enabled = _value(groups, "general", "enabled", "false")
            self.open("instance", {"name": name, "enabled": enabled})
            self.entity(groups, one.dependents.get(name, []))
            self.template(groups)
            self.close("instance")
        stability = _value(one.groups, "general", "entity_stability")
        if stability:
            self.empty("stability", {"value": stability})
        self.template(one.groups)
        self.close("service")

    def entity(self, groups: Mapping[str, Group], dependents: Iterable[Dependent]) -> None:
        restarter = _value(groups, "general", "restarter")
        if restarter:
            self.open("restarter")
            self.empty("service_fmri", {"value": restarter})
            self.close("restarter")
        done: set[str] = set()
        for name, group in groups.items():
            if group.type == "dependency" and all(key in group.properties for key in _DEPENDENCY):
                done.add(name)
                self.dependency(name, group)
        for one in dependents:
            self.dependent(one)
        if "method_context" in groups and groups["method_context"].type == "framework":
            done.add("method_context")
            self.context(groups["method_context"].properties)
        for name, group in groups.items():
            if group.type == "method" and all(group.properties.get(key) for key in _METHOD):
                done.add(name)
                self.method(name, group)
        for name, group in groups.items():
            if group.type == "notify_params":
                done.add(name)
                self.notify(name, group)
        templated = _templated(groups)
        for name, group in groups.items():
            if name not in done and not (templated and _is_template(name, group)):
                self.group(name, group)

    def dependency(self, name: str, group: Group) -> None:
        given = group.properties
        attributes = {"name": name}
        for key in ("grouping", "restart_on", "type"):
            attributes[key] = given[key].values[0]
        self.open("dependency", attributes)
        for target in given["entities"].values:
            self.empty("service_fmri", {"value": target})
        self.values(given, _DEPENDENCY)
        self.close("dependency")

    def dependent(self, one: Dependent) -> None:
        attributes = {"name": one.name, "grouping": one.grouping, "restart_on": one.restart_on}
        self.open("dependent", attributes)
        self.empty("service_fmri", {"value": one.target})
        self.values(one.properties, ())
        self.close("dependent")

    def method(self, name: str, group: Group) -> None:
        given = group.properties
        seconds = given["timeout_seconds"].values[0]
        attributes = {
            "type": given["type"].values[0],
            "name": name,
            "exec": given["exec"].values[0],
            "timeout_seconds": "-1" if seconds == str(2**64 - 1) else seconds,
        }
        self.open("exec_method", attributes)
        known = (*_CONTEXT, *_CREDENTIAL, "use_profile", "profile", "environment")
        context = {key: one for key, one in given.items() if key in known}
        if context:
            self.context(context)
        self.values(given, (*_METHOD, *context))
        self.close("exec_method")

    def context(self, given: Mapping[str, Property]) -> None:
        def text(name: str) -> str:
            return given[name].values[0] if name in given and given[name].values else ""

        self.open("method_context", {name: text(name) for name in _CONTEXT if name in given})
        if text("use_profile") == "true":
            self.empty("method_profile", {"name": text("profile")})
        elif "user" in given:
            known = {name: text(name) for name in _CREDENTIAL if name in given}
            self.empty("method_credential", known)
        if "environment" in given and given["environment"].values:
            self.open("method_environment")
            for pair in given["environment"].values:
                name, _, value = pair.partition("=")
                self.empty("envvar", {"name": name, "value": value})
            self.close("method_environment")
        self.close("method_context")

    def notify(self, name: str, group: Group) -> None:
        self.open("notification_parameters")
        self.empty("event", {"value": name})
        kinds = dict.fromkeys(key.partition(",")[0] for key in group.properties)
        for kind in kinds:
            active = group.properties.get(f"{kind},active")
            self.open("type", {"name": kind, "active": active.values[0] if active else "true"})
            for key, one in group.properties.items():
                prefix, _, parameter = key.partition(",")
                if prefix == kind and parameter != "active":
                    self.open("parameter", {"name": parameter})
                    for value in one.values:
                        self.empty("value_node", {"value": value})
                    self.close("parameter")
            self.close("type")
        self.close("notification_parameters")

    def group(self, name: str, group: Group) -> None:
        skip = _SHOWN if name == "general" else ()
        if name == "general" and not set(group.properties) - set(_SHOWN):
            return
        self.open("property_group", {"name": name, "type": group.type})
        self.values(group.properties, skip)
        self.close("property_group")

    def values(self, given: Mapping[str, Property], skip: Iterable[str]) -> None:
        """The stability and the properties that are not said otherwise."""
        if "stability" in given and given["stability"].values:
            self.empty("stability", {"value": given["stability"].values[0]})
        for name, one in given.items():
            if name in skip or name == "stability":
                continue
            kind = one.type if one.type in VALUE_TYPES else "astring"
            if len(one.values) == 1:
                attributes = {"name": name, "type": kind, "value": one.values[0]}
                self.empty("propval", attributes)
            elif not one.values:
                self.empty("property", {"name": name, "type": kind})
            else:
                self.open("property", {"name": name, "type": kind})
                self.open(f"{kind}_list")
                for value in one.values:
                    self.empty("value_node", {"value": value})
                self.close(f"{kind}_list")
                self.close("property")

    # -- templates

    def template(self, groups: Mapping[str, Group]) -> None:
        if not _templated(groups):
            return
        self.open("template")
        self.texts("common_name", _plain(groups["tm_common_name"]))
        if "tm_description" in groups:
            self.texts("description", _plain(groups["tm_description"]))
        pages = [one for name, one in groups.items() if name.startswith(("tm_man_", "tm_doc_"))]
        if pages:
            self.open("documentation")
            for page in pages:
                attributes = {key: one.values[0] for key, one in page.properties.items()}
                self.empty("manpage" if "title" in attributes else "doc_link", attributes)
            self.close("documentation")
        for name, group in groups.items():
            if group.type == "template_pg_pattern":
                self.pattern(name, group, groups)
        self.close("template")

    def texts(self, tag: str, texts: Mapping[str, str]) -> None:
        if not texts:
            return
        self.open(tag)
        for name, text in texts.items():
            self._put(f"<loctext xml:lang={_quoted(name)}>{escape(text, quote=False)}</loctext>")
        self.close(tag)

    def pattern(self, name: str, group: Group, groups: Mapping[str, Group]) -> None:
        self.open("pg_pattern", _simple(group, "name", "type", "target", "required"))
        for tag in ("common_name", "description"):
            self.texts(tag, _localized(group, f"{tag}_"))
        for other in groups.values():
            owner = other.properties.get("pg_pattern")
            if other.type == "template_prop_pattern" and owner and owner.values == (name,):
                self.property_pattern(other)
        self.close("pg_pattern")

    def property_pattern(self, group: Group) -> None:
        self.open("prop_pattern", _simple(group, "name", "type", "required"))
        for tag in ("common_name", "description", "units"):
            self.texts(tag, _localized(group, f"{tag}_"))
        given = group.properties
        if "visibility" in given:
            self.empty("visibility", {"value": given["visibility"].values[0]})
        cardinality = {
            key: given[f"cardinality_{key}"].values[0]
            for key in ("min", "max")
            if f"cardinality_{key}" in given
        }
        if cardinality:
            self.empty("cardinality", cardinality)
        told: set[str] = set()
        if "internal_separators" in given:
            text = escape("".join(given["internal_separators"].values), quote=False)
            self._put(f"<internal_separators>{text}</internal_separators>")
        for tag, key in (("values", "values"), ("constraints", "constraint"),
                         ("choices", "choices")):  # fmt: skip
            if f"{key}_name" in given:
                self.block(tag, key, given, told)
        self.close("prop_pattern")

    def block(self, tag: str, key: str, given: Mapping[str, Property], told: set[str]) -> None:
        self.open(tag)
        for name in given[f"{key}_name"].values:
            self.open("value", {"name": name})
            for part in ("common_name", "description") if name not in told else ():
                prefix = f"value_{name}_{part}_"
                texts = {
                    k.removeprefix(prefix): one.values[0]
                    for k, one in given.items()
                    if k.startswith(prefix)
                }
                self.texts(part, texts)
            told.add(name)
            self.close("value")
        if f"{key}_range" in given:
            for pair in given[f"{key}_range"].values:
                low, _, high = pair.partition(",")
                self.empty("range", {"min": low, "max": high})
        if f"{key}_include_values" in given:
            for word in given[f"{key}_include_values"].values:
                self.empty("include_values", {"type": word})
        self.close(tag)


def _tag(name: str, attributes: Mapping[str, str] | None) -> str:
    words = [name, *(f"{key}={_quoted(value)}" for key, value in (attributes or {}).items())]
    return " ".join(words)


def _quoted(value: str) -> str:
    """An attribute's value: its line ends and tabs would come back as spaces if they stood there as
    they are.
    """
    text = escape(value)
    for character in "\n\r\t":
        text = text.replace(character, f"&#{ord(character)};")
    return f'"{text}"'


def _only_enabled(groups: Mapping[str, Group] | None) -> bool:
    return (
        groups is not None
        and set(groups) == {"general"}
        and set(groups["general"].properties) == {"enabled"}
    )


def _is_template(name: str, group: Group) -> bool:
    return group.type.startswith("template") and name.startswith("tm_")


def _templated(groups: Mapping[str, Group]) -> bool:
    """Whether the groups of type template can be said as a template, which needs a name."""
    return bool(groups.get("tm_common_name", Group("")).properties)


def _plain(group: Group) -> dict[str, str]:
    return {name: one.values[0] for name, one in group.properties.items() if one.values}


def _simple(group: Group, *names: str) -> dict[str, str]:
    given = group.properties
    return {name: given[name].values[0] for name in names if name in given}


def _localized(group: Group, prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): one.values[0]
        for name, one in group.properties.items()
        if name.startswith(prefix) and one.values
    }
