#!/usr/bin/env python3
"""Validates SOAP bodies against the Metadata WSDL v63.0 that the package simple-salesforce ships.

Standard input: one JSON object a line, {"label": TEXT, "xml": ENVELOPE, "strip": [NAME, ...]}. Elements named in
`strip` (and enumeration values as NAME=VALUE) are newer than that WSDL and removed first. Standard output: one
JSON object a line, {"label", "valid", "errors"}. A fault is checked against SOAP 1.1's own rules.
"""

import json
import sys
from pathlib import Path

import simple_salesforce
from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
XSD = "http://www.w3.org/2001/XMLSchema"


def load_schema():
    """The one schema inside the WSDL; prefixes of the outer document are carried in."""
    wsdl = etree.parse(str(Path(simple_salesforce.__file__).parent / "metadata.wsdl"))
    schema = wsdl.find(f".//{{{XSD}}}schema")
    return etree.XMLSchema(etree.fromstring(etree.tostring(schema)))


def check_fault(fault):
    """SOAP 1.1, 4.4: unqualified faultcode and faultstring, the code a qualified name with a known prefix."""
    code = fault.findtext("faultcode")
    if code is None or fault.findtext("faultstring") is None:
        return ["a fault has a faultcode and a faultstring"]
    prefix, _, local = code.rpartition(":")
    if not prefix or not local or prefix not in fault.nsmap:
        return [f"faultcode {code} is no qualified name"]
    return []


def strip(body, names):
    for entry in names:
        name, _, value = entry.partition("=")
        for element in list(body.iter(f"{{*}}{name}")):
            if not value or element.text == value:
                element.getparent().remove(element)


def check(schema, entry):
    try:
        envelope = etree.fromstring(entry["xml"].encode())
    except etree.XMLSyntaxError as error:
        return [f"not well-formed: {error}"]
    if envelope.tag != f"{{{SOAP}}}Envelope":
        return ["not a SOAP 1.1 envelope"]
    body = envelope.find(f"{{{SOAP}}}Body")
    if body is None or len(body) != 1:
        return ["not one element in the body"]
    strip(body, entry.get("strip", []))
    if body[0].tag == f"{{{SOAP}}}Fault":
        return check_fault(body[0])
    headers = envelope.find(f"{{{SOAP}}}Header")
    errors = []
    for element in [body[0], *(headers if headers is not None else [])]:
        # A copy of its own, so that namespaces declared further out come along.
        schema.validate(etree.fromstring(etree.tostring(element)))
        errors += [f"line {error.line}: {error.message}" for error in schema.error_log]
    return errors


def main():
    schema = load_schema()
    for line in sys.stdin:
        entry = json.loads(line)
        errors = check(schema, entry)
        print(json.dumps({"label": entry["label"], "valid": not errors, "errors": errors}))


if __name__ == "__main__":
    main()
