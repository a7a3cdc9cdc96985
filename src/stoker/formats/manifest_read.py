"""A service bundle's elements → `Service` data. Mistakes are told with line and element.

Every element of the DTD becomes groups and properties as svccfg(8) makes them (dependency and
method groups, method_context, template groups), so that the bundle can be written again.
"""

from __future__ import annotations

from collections.abc import Callable

from stoker.errors import UsageError
from stoker.model import Group, Property, canonical, check_name, checked

from .manifest_template import patterns, template
from .services import Dependent, Service
from .xml import Element

__all__ = ["file_target", "read_services"]

Tell = Callable[[Element, str, str], None]


def file_target(text: str) -> str | None:
    """The canonical form of a file's FMRI (file://localhost/x, file:///x, file:/x); None if it is
    none.
    """
    if not text.startswith("file:"):
        return None
    path = text[5:]
    if path.startswith("//"):
        host, slash, rest = path[2:].partition("/")
        if host not in ("", "localhost") or not slash:
            return None
        path = "/" + rest
    return f"file://{path}" if path.startswith("/") else None


def read_services(root: Element, profile: bool, file: str, tell: Tell) -> list[Service]:
    """All services of a bundle and of the bundles in it, in their order."""
    found: dict[str, Service] = {}
    work = list(reversed(root.children))
    while work:
        one = work.pop()
        if one.name == "service_bundle":
            work += reversed(one.children)
        elif one.name == "service":
            service = _Reader(profile, file, tell).service(one)
            if service is not None and service.fmri in found:
                tell(one, "the service is described twice", "make one of the two")
            elif service is not None:
                found[service.fmri] = service
    return list(found.values())


class _Reader:
    """Reads one service."""

    def __init__(self, profile: bool, file: str, tell: Tell) -> None:
        self.profile = profile
        self.tell = tell
        self.into = Service("", file=file)
        self.who = ""  # the instance that is being read
        self.groups: dict[str, Group] = {}

    def service(self, one: Element) -> Service | None:
        name = one.get("name")
        try:
            for part in name.split("/"):
                check_name(part, "service")
            self.into.fmri = canonical(f"svc:/{name}", "")
        except UsageError as wrong:
            self.tell(one, wrong.message, wrong.hint)
            return None
        self.into.kind = one.get("type", "service")
        self.into.version = one.get("version", "1")
        if not self.into.version[:1].isdigit():
            self.tell(one, f"the version {self.into.version[:40]!r} is no number", "version='1'")
        self.into.lines["  "] = one.line
        self.groups = self.into.groups
        self._entity(one)
        if one.first("single_instance") is not None:
            self._put(one, "general", "framework", "single_instance", "boolean", "true")
        default = one.first("create_default_instance")
        if default is not None:
            self._instance(default, "default")
        for instance in one.all("instance"):
            self._instance(instance, instance.get("name"))
        self.who, self.groups = "", self.into.groups
        stability = one.first("stability")
        if stability is not None:
            self._stability(stability, "general", "framework", "entity_stability")
        return self.into

    def _instance(self, one: Element, name: str) -> None:
        try:
            check_name(name, "instance")
        except UsageError as wrong:
            self.tell(one, wrong.message, wrong.hint)
            return
        if name in self.into.instances:
            self.tell(one, f"the instance {name!r} is described twice", "make one of the two")
            return
        self.who = name
        self.groups = self.into.instances[name] = {}
        self.into.lines[f"{name}  "] = one.line
        if "enabled" in one.attributes:
            self._put(one, "general", "framework", "enabled", "boolean", one.get("enabled"))
        self._entity(one)

    def _entity(self, one: Element) -> None:
        """What services and instances have in common."""
        for child in one.children:
            read = _PARTS.get(child.name)
            if read is not None:
                read(self, child)

    # -- parts

    def _restarter(self, one: Element) -> None:
        for target in one.all("service_fmri"):
            self._put(target, "general", "framework", "restarter", "fmri", target.get("value"))

    def _dependency(self, one: Element) -> None:
        name = self._new(one, "dependency")
        if not name:
            return
        kind = one.get("type")
        targets = []
        for target in one.all("service_fmri"):
            text = target.get("value")
            if kind == "path":
                found = file_target(text)
                if found is None:
                    self.tell(target, f"{text[:80]!r} names no file", "file://localhost/PATH")
                    continue
            else:
                found = self._target(target, text)
            if found:
                targets.append(text)
        if kind not in ("service", "path"):
            self.tell(one, f"a dependency of type {kind[:40]!r} is not known", "service or path")
        self._fill(one, name, "grouping", "astring", one.get("grouping"))
        self._fill(one, name, "restart_on", "astring", one.get("restart_on"))
        self._fill(one, name, "type", "astring", kind)
        self._fill(one, name, "entities", "fmri", *targets)
        self._values(one, name)

    def _target(self, one: Element, text: str) -> str | None:
        try:
            if not text.startswith("svc:/") or "/:properties/" in text:
                raise UsageError(f"{text[:80]!r} names no service")
            return canonical(text, "")
        except UsageError as wrong:
            self.tell(one, wrong.message, "svc:/NAME or svc:/NAME:INSTANCE")
            return None

    def _dependent(self, one: Element) -> None:
        name, target = one.get("name"), one.first("service_fmri")
        if target is None:
            return  # told by the DTD
        found = self._target(target, target.get("value"))
        mine = self.into.dependents.setdefault(self.who, [])
        if any(other.name == name for other in mine):
            self.tell(one, f"the dependent {name!r} is given twice", "names are used once")
            return
        if not self._named(one, name, "dependent") or found is None:
            return
        if one.get("delete") == "true":
            return
        given = {
            child.get("name"): made
            for child in one.children
            if child.name in ("propval", "property") and (made := self._property(child)) is not None
        }
        mine.append(Dependent(name, found, one.get("grouping"), one.get("restart_on"), given))

    def _method(self, one: Element) -> None:
        name = self._new(one, "method")
        if not name:
            return
        self._fill(one, name, "type", "astring", one.get("type"))
        self._fill(one, name, "exec", "astring", one.get("exec"))
        self._fill(one, name, "timeout_seconds", "count", one.get("timeout_seconds"))
        context = one.first("method_context")
        if context is not None:
            self._context_into(context, name)
        self._values(one, name)

    def _context(self, one: Element) -> None:
        self.groups.setdefault("method_context", Group("framework", {}))
        self._note(one, "method_context")
        self._context_into(one, "method_context")

    def _context_into(self, one: Element, group: str) -> None:
        for name in ("working_directory", "project", "resource_pool", "security_flags"):
            if name in one.attributes:
                self._fill(one, group, name, "astring", one.get(name))
        credential, profile = one.first("method_credential"), one.first("method_profile")
        if credential is not None:
            self._fill(credential, group, "use_profile", "boolean", "false")
            for name in ("user", "group", "supp_groups", "privileges", "limit_privileges"):
                if name in credential.attributes:
                    self._fill(credential, group, name, "astring", credential.get(name))
        elif profile is not None:
            self._fill(profile, group, "use_profile", "boolean", "true")
            self._fill(profile, group, "profile", "astring", profile.get("name"))
        environment = one.first("method_environment")
        if environment is not None:
            pairs = []
            for pair in environment.children:
                name = pair.get("name")
                if not name or "=" in name or name.startswith("SMF_"):
                    hint = "it is not empty, has no = and does not begin with SMF_"
                    self.tell(pair, f"{name[:60]!r} is no name for a variable", hint)
                else:
                    pairs.append(f"{name}={pair.get('value')}")
            self._fill(environment, group, "environment", "astring", *pairs)

    def _group(self, one: Element) -> None:
        name = one.get("name")
        known = self.groups.get(name)
        if known is None or known.type == one.get("type", known.type):
            # "general" is begun by other elements; any other may be given once.
            if known is not None and name not in ("general", "method_context"):
                self.tell(one, f"the group {name!r} is given twice", "put both into one")
                return
            if known is None and not self._new(one, one.get("type")):
                return
        else:
            self.tell(one, f"the group {name!r} is of type {known.type}", "types must agree")
            return
        self._values(one, name)

    def _template(self, one: Element) -> None:
        for name, group in template(one, self.tell).items():
            self.groups[name] = group
            self._note(one, name)
        for pattern in one.all("pg_pattern"):
            for name, group in patterns(pattern, self.tell).items():
                if name in self.groups:
                    self.tell(pattern, "the pattern is given twice", "make one of the two")
                self.groups[name] = group

    def _notify(self, one: Element) -> None:
        event = one.first("event")
        if event is None:
            return
        found: dict[str, Property] = {}
        for kind in one.all("type"):
            prefix = kind.get("name")
            found[f"{prefix},active"] = Property("boolean", (kind.get("active"),))
            for child in kind.children:
                values = [child.get("value")] if child.name == "paramval" else [
                    node.get("value") for node in child.children
                ]  # fmt: skip
                found[f"{prefix},{child.get('name')}"] = Property("astring", tuple(values))
        self.groups[event.get("value")] = Group("notify_params", found)

    # -- groups and properties

    def _named(self, one: Element, name: str, what: str) -> bool:
        try:
            check_name(name, what)
        except UsageError as wrong:
            self.tell(one, wrong.message, wrong.hint)
            return False
        return True

    def _new(self, one: Element, kind: str) -> str:
        """Begin the group that an element stands for; "" when it cannot be."""
        name = one.get("name")
        if not self._named(one, name, one.name):
            return ""
        if one.get("delete") == "true":
            self.into.deletes.append((self.who, name))
            return ""
        if name in self.groups and name != "general":
            self.tell(one, f"the name {name!r} is used twice", "names are used once")
            return ""
        self.groups[name] = Group(kind, {})
        self._note(one, name)
        return name

    def _note(self, one: Element, group: str, name: str = "") -> None:
        self.into.lines.setdefault(f"{self.who} {group} {name}", one.line)

    def _put(self, one: Element, group: str, kind: str, name: str, type_: str, value: str) -> None:
        if group not in self.groups:
            self.groups[group] = Group(kind, {})
            self._note(one, group)
        self._fill(one, group, name, type_, value)

    def _fill(self, one: Element, group: str, name: str, kind: str, *values: str) -> None:
        """A property that an element stands for."""
        texts = []
        for value in values:
            try:
                texts.append(checked(kind, value))
            except UsageError as wrong:
                self.tell(one, f"{name}: {wrong.message}", wrong.hint)
                return
        self.groups[group].properties[name] = Property(kind, tuple(texts))
        self._note(one, group, name)

    def _values(self, one: Element, group: str) -> None:
        """The property and propval elements, and the stability, of an element."""
        into = self.groups[group].properties
        for child in one.children:
            if child.name == "stability":
                self._stability(child, group, self.groups[group].type, "stability")
            elif child.name in ("propval", "property"):
                name = child.get("name")
                made = self._property(child)
                if made is None:
                    continue
                if name in into and group != "general":
                    self.tell(child, f"{group}/{name} is given twice", "make one of the two")
                    continue
                into[name] = made
                self._note(child, group, name)
                if child.get("override") == "true":
                    self.into.overrides.append((self.who, group, name))

    def _property(self, one: Element) -> Property | None:
        if not self._named(one, one.get("name"), "property"):
            return None
        nodes = one.children[:1]
        kind = one.get("type")
        if one.name == "property" and nodes:
            listed = nodes[0].name.removesuffix("_list")
            if kind and listed != kind:
                hint = f"write {kind}_list"
                self.tell(one, f"is of type {kind}, but holds a {listed}_list", hint)
                return None
            kind = listed
        values = [node.get("value") for node in nodes[0].children] if nodes else []
        if one.name == "propval":
            values = [one.get("value")]
        if not kind:
            return Property("", tuple(values))  # a profile may leave it to what is there
        found = []
        for value in values:
            try:
                found.append(checked(kind, value))
            except UsageError as wrong:
                self.tell(one, wrong.message, wrong.hint)
                return None
        return Property(kind, tuple(found))

    def _stability(self, one: Element, group: str, kind: str, name: str) -> None:
        self._put(one, group, kind, name, "astring", one.get("value"))


_PARTS: dict[str, Callable[[_Reader, Element], None]] = {
    "restarter": _Reader._restarter,
    "dependency": _Reader._dependency,
    "dependent": _Reader._dependent,
    "method_context": _Reader._context,
    "exec_method": _Reader._method,
    "notification_parameters": _Reader._notify,
    "property_group": _Reader._group,
    "template": _Reader._template,
}
