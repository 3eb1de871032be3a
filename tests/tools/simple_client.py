#!/usr/bin/env python3
"""Uses an org as any other customer of simple-salesforce would: HOST:PORT over TLS (REQUESTS_CA_BUNDLE says whom to
trust), the session id on standard input. Prints what it saw as one JSON object."""

import json
import sys
import tempfile
import zipfile

from simple_salesforce import Salesforce

METADATA = "http://soap.sforce.com/2006/04/metadata"
PACKAGE = f"""<?xml version="1.0" encoding="UTF-8"?>
<Package xmlns="{METADATA}"><types><members>Billing_glbloauth</members><name>ExtlClntAppGlobalOauthSettings</name></types>
<version>63.0</version></Package>"""
SETTINGS = f"""<?xml version="1.0" encoding="UTF-8"?>
<ExtlClntAppGlobalOauthSettings xmlns="{METADATA}">
    <callbackUrl>https://app.example/callback</callbackUrl>
    <externalClientApplication>Billing</externalClientApplication>
    <isClientCredentialsFlowEnabled>true</isClientCredentialsFlowEnabled>
    <label>Billing</label>
    <shouldRotateConsumerSecret>true</shouldRotateConsumerSecret>
</ExtlClntAppGlobalOauthSettings>"""


def refused(call):
    try:
        call()
    except Exception as error:  # simple-salesforce raises plain Exception for a failed result
        return str(error)
    return None


def main():
    instance, new_secret = sys.argv[1], sys.argv[2]
    session = sys.stdin.readline().strip()
    sf = Salesforce(instance=instance, session_id=session, version="63.0")
    seen = {"query": sf.query("SELECT Id, DeveloperName FROM ExternalClientApplication")["totalSize"]}
    seen["limits"] = sf.limits()["DailyApiRequests"]["Max"]

    metadata = sf.mdapi
    described = metadata.describe_metadata()
    seen["types"] = [one.xmlName for one in described.metadataObjects]
    listed = metadata.list_metadata([metadata.ListMetadataQuery(type="ConnectedApp")])
    seen["listed"] = [[one.fullName, one.lastModifiedByName] for one in listed]

    app = metadata.ConnectedApp.read(["Legacy"])
    seen["read"] = {
        "label": app.label,
        "description": app.description,
        "key": app.oauthConfig.consumerKey,
        "secret": app.oauthConfig.consumerSecret,
        "certificate": app.oauthConfig.certificate,
        "scopes": app.oauthConfig.scopes,
        "sets": app.permissionSetName,
    }
    app.description = "changed by a stranger"
    app.oauthConfig.consumerSecret = new_secret
    metadata.ConnectedApp.update([app])
    seen["reread"] = metadata.ConnectedApp.read(["Legacy"]).description

    app.oauthConfig.consumerKey = "3MVG9other"
    seen["other_key"] = refused(lambda: metadata.ConnectedApp.update([app]))
    missing = metadata.ConnectedApp.read(["Nobody"])
    seen["missing"] = None if missing is None else getattr(missing, "fullName", None)

    with tempfile.NamedTemporaryFile(suffix=".zip") as package:
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("package.xml", PACKAGE)
            archive.writestr("extlClntAppGlobalOauthSets/Billing_glbloauth.ecaGlblOauth", SETTINGS)
        package.flush()
        sent = sf.deploy(package.name, sandbox=False, ignoreWarnings=True, singlePackage=True, testLevel="NoTestRun")
    ended = sf.checkDeployStatus(sent["asyncId"])
    failures = ended["deployment_detail"]["errors"]
    seen["deployed"] = [sent["state"], ended["state"], failures[0] if failures else None]
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
