"""Export, import, export is the same; what is exported is what was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoker.formats import Service, read_bundle, write_manifest, write_profile

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "data" / "smf"
MANIFESTS = sorted((CORPUS / "manifests").glob("*.xml"))
needs_corpus = pytest.mark.skipif(not MANIFESTS, reason=f"{CORPUS} is not here")

DOCTYPE = "<!DOCTYPE service_bundle SYSTEM '/usr/share/lib/xml/dtd/service_bundle.dtd.1'>\n"
EVERYTHING = (
    DOCTYPE
    + """<service_bundle type='manifest' name='all'>
<service name='site/all' type='restarter' version='3'>
 <single_instance/>
 <restarter><service_fmri value='svc:/network/inetd:default'/></restarter>
 <dependency name='d' grouping='require_any' restart_on='error' type='path'>
  <service_fmri value='file://localhost/etc/a'/><stability value='Stable'/>
  <propval name='extra' type='count' value='3'/></dependency>
 <dependent name='back' grouping='optional_all' restart_on='none'>
  <service_fmri value='svc:/other'/></dependent>
 <method_context working_directory='/' project='p' resource_pool='r' security_flags='s'>
  <method_credential user='u' group='g' supp_groups='a,b' privileges='basic' limit_privileges=''/>
  <method_environment><envvar name='A' value='b&lt;c&quot;d&#10;e'/></method_environment>
 </method_context>
 <exec_method type='method' name='start' exec='/bin/x "a&amp;b"' timeout_seconds='-1'>
  <method_context><method_profile name='prof'/></method_context>
  <stability value='Evolving'/><propval name='more' type='astring' value=''/></exec_method>
 <exec_method type='monitor' name='watch' exec=':true' timeout_seconds='0'/>
 <notification_parameters><event value='from-online'/><type name='smtp' active='false'>
  <paramval name='to' value='root'/><parameter name='l'><value_node value='1'/>
  <value_node value='2'/></parameter></type></notification_parameters>
 <property_group name='cfg' type='application'><stability value='Unstable'/>
  <property name='list' type='net_address_v4'><net_address_v4_list>
   <value_node value='10.0.0.1'/><value_node value='10.0.0.2'/></net_address_v4_list></property>
  <property name='none' type='boolean'/><propval name='t' type='time' value='1.5'/>
 </property_group>
 <instance name='one' enabled='true'>
  <dependency name='own' grouping='exclude_all' restart_on='none' type='service'/>
  <property_group name='general' type='framework'>
   <propval name='auth' type='astring' value='x'/></property_group>
  <template><common_name><loctext xml:lang='C'>One</loctext></common_name></template>
 </instance>
 <instance name='default' enabled='false'/>
 <stability value='Obsolete'/>
 <template><common_name><loctext xml:lang='C'>All &lt;of&gt; it</loctext>
   <loctext xml:lang='de'>Alles</loctext></common_name>
  <description><loctext xml:lang='C'>Much
text</loctext></description>
  <documentation><manpage title='all' section='8' manpath='/m'/><doc_link name='w' uri='http://x/'/>
  </documentation>
  <pg_pattern name='cfg' type='application' target='this' required='true'>
   <common_name><loctext xml:lang='C'>Config</loctext></common_name>
   <prop_pattern name='list' type='astring' required='true'>
    <units><loctext xml:lang='C'>each</loctext></units><visibility value='readonly'/>
    <cardinality min='1' max='4'/><internal_separators>,</internal_separators>
    <values><value name='a'><common_name><loctext xml:lang='C'>A</loctext></common_name></value>
    </values>
    <constraints><value name='a'/><range min='1' max='2'/></constraints>
    <choices><value name='a'/><include_values type='constraints'/></choices>
   </prop_pattern></pg_pattern></template>
</service></service_bundle>"""
)


def same(one: Service, two: Service) -> bool:
    """Equal but for where they stand, and for what only an import asks."""
    two.file, two.lines = one.file, one.lines
    two.overrides, two.deletes = one.overrides, one.deletes
    # An instance that is only enabled or not comes first, as create_default_instance.
    return (
        one == two and sorted(one.instances) == sorted(two.instances) and one.groups == two.groups
    )


def test_every_element_is_written_again() -> None:
    first = read_bundle("/a.xml", EVERYTHING.encode())
    assert first.mistakes == []
    text = write_manifest(first.services)
    second = read_bundle("/b.xml", text.encode())
    assert second.mistakes == []
    (one,), (two,) = first.services, second.services
    assert same(one, two)
    assert write_manifest(second.services) == text


@needs_corpus
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_t80_export_import_export(path: Path) -> None:
    first = read_bundle(str(path))
    text = write_manifest(first.services)
    second = read_bundle("/b.xml", text.encode())
    assert [str(one) for one in second.mistakes] == []
    for one, two in zip(first.services, second.services, strict=True):
        assert same(one, two)
    assert write_manifest(second.services) == text


def test_a_profile_says_what_is_enabled() -> None:
    first = read_bundle("/a.xml", EVERYTHING.encode())
    text = write_profile(first.services)
    second = read_bundle("/b.xml", text.encode())
    assert (second.mistakes, second.kind) == ([], "profile")
    (service,) = second.services
    assert {
        name: own["general"].properties["enabled"].values for name, own in service.instances.items()
    } == {"one": ("true",), "default": ("false",)}
