//! The Kustomize base: rendered, fits the schemas, keeps the restricted pod security standard, and what its parts have to
//! say of each other fits.

use std::collections::BTreeSet;
use std::fs;

use rekeyd::policy::{self, Login, Policy, SourceFile, StorePolicy, TokenSource, VaultAuth};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools::{repository, run, text, yaml};

const BASE: &str = "deploy/kustomize/base";

fn rendered() -> String {
    let (done, said) = run("kube/bin/kubectl", &["kustomize", BASE], "");
    assert!(done, "{said}");
    said
}

fn of_kind(kind: &str) -> Value {
    let found: Vec<Value> = yaml(&rendered())
        .into_iter()
        .filter(|object| object["kind"] == kind)
        .collect();
    assert_eq!(found.len(), 1, "{kind}");
    found.into_iter().next().unwrap()
}

fn validate(text: &str) -> (bool, String) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("all.yaml");
    fs::write(&file, text).unwrap();
    run(
        "kube/bin/kubernetes-validate",
        &["--strict", file.to_str().unwrap()],
        "",
    )
}

#[test]
fn the_base_fits_the_schemas() {
    let base = rendered();
    let (fits, said) = validate(&base);
    assert!(fits, "{said}");
    let kinds: BTreeSet<String> = yaml(&base)
        .iter()
        .map(|object| object["kind"].as_str().unwrap().to_owned())
        .collect();
    let wanted = [
        "ConfigMap",
        "Deployment",
        "Namespace",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Service",
        "ServiceAccount",
    ];
    assert_eq!(kinds, wanted.map(str::to_owned).into());
    for kind in wanted {
        assert!(
            said.to_lowercase()
                .contains(&format!("passed for resource {}/", kind.to_lowercase())),
            "{said}"
        );
    }
    let (fits, said) = validate(&base.replace("runAsNonRoot", "runAsNoRoot"));
    assert!(!fits, "a key that does not exist: {said}");
}

#[test]
fn the_component_is_added_by_an_overlay() {
    let directory = TempDir::new().unwrap();
    let at = |path: &str| {
        let up = "../".repeat(directory.path().components().count() - 1);
        let path = repository(path);
        format!("{up}{}", path.strip_prefix("/").unwrap().display())
    };
    let overlay = format!(
        "resources: [{}]\ncomponents: [{}]\n",
        at(BASE),
        at("deploy/kustomize/components/service-monitor")
    );
    fs::write(directory.path().join("kustomization.yaml"), overlay).unwrap();
    let (done, said) = run(
        "kube/bin/kubectl",
        &["kustomize", directory.path().to_str().unwrap()],
        "",
    );
    assert!(done, "{said}");
    let monitor = yaml(&said)
        .into_iter()
        .find(|object| object["kind"] == "ServiceMonitor")
        .unwrap();
    let service = of_kind("Service");
    assert_eq!(
        monitor["spec"]["endpoints"][0]["port"],
        service["spec"]["ports"][0]["name"]
    );
    let labels = &service["metadata"]["labels"];
    for (label, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&labels[label], value);
    }
}

/// The fields of the restricted standard, one by one, and what goes beyond it.
#[test]
fn the_pod_is_restricted() {
    let namespace = of_kind("Namespace");
    assert_eq!(
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
        "restricted"
    );
    let deployment = of_kind("Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let wanted = json!({
        "runAsNonRoot": true,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": { "type": "RuntimeDefault" },
    });
    assert_eq!(pod["securityContext"], wanted);
    for field in [
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "initContainers",
        "ephemeralContainers",
    ] {
        assert_eq!(pod[field], Value::Null, "{field}");
    }
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    let container = &pod["containers"][0];
    let wanted = json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": { "drop": ["ALL"] },
    });
    assert_eq!(container["securityContext"], wanted);
    let ports = container["ports"].as_array().unwrap();
    assert!(ports.iter().all(|port| port["hostPort"].is_null()));
    let volumes = pod["volumes"].as_array().unwrap();
    let allowed = ["configMap", "secret", "persistentVolumeClaim", "emptyDir"];
    for volume in volumes {
        let kind = volume
            .as_object()
            .unwrap()
            .keys()
            .find(|key| *key != "name")
            .unwrap();
        assert!(allowed.contains(&kind.as_str()), "{volume}");
    }
    // No token of the cluster reaches the pod, twice.
    assert_eq!(pod["automountServiceAccountToken"], false);
    let account = of_kind("ServiceAccount");
    assert_eq!(account["automountServiceAccountToken"], false);
    assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
}

#[test]
fn there_is_one_process_and_it_may_finish() {
    let deployment = of_kind("Deployment");
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(deployment["spec"]["strategy"], json!({ "type": "Recreate" }));
    assert_eq!(
        of_kind("PersistentVolumeClaim")["spec"]["accessModes"],
        json!(["ReadWriteOncePod"])
    );
    // As the unit has it.
    let unit = text("systemd/rekeyd.service");
    assert!(unit.lines().any(|line| line == "TimeoutStopSec=20min"), "{unit}");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], 20 * 60);
}

#[test]
fn the_probes_ask_what_is_there_for_them() {
    let pod = of_kind("Deployment")["spec"]["template"]["spec"].clone();
    let container = &pod["containers"][0];
    let document: Value = serde_json::from_str(rekeyd::api::OPENAPI).unwrap();
    for (probe, path) in [
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ] {
        let asked = &container[probe]["httpGet"];
        assert_eq!(
            *asked,
            json!({ "path": path, "port": "https", "scheme": "HTTPS" }),
            "{probe}"
        );
        assert!(document["paths"][path].is_object(), "{path}");
    }
    assert_eq!(of_kind("Service")["spec"]["ports"][0]["targetPort"], "https");
}

#[test]
fn the_network_is_as_open_as_it_says() {
    let policy = of_kind("NetworkPolicy")["spec"].clone();
    assert_eq!(policy["policyTypes"], json!(["Ingress", "Egress"]));
    let from = json!([{ "namespaceSelector": { "matchLabels": { "rekeyd-client": "true" } } }]);
    let port =
        of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"]
            .clone();
    let ingress = json!([{ "from": from, "ports": [{ "protocol": "TCP", "port": port }] }]);
    assert_eq!(policy["ingress"], ingress);
    let out: Vec<(String, u64)> = policy["egress"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|rule| rule["ports"].as_array().unwrap())
        .map(|port| {
            (
                port["protocol"].as_str().unwrap().to_owned(),
                port["port"].as_u64().unwrap(),
            )
        })
        .collect();
    let wanted = [("UDP", 53), ("TCP", 53), ("TCP", 443), ("TCP", 8200)];
    assert_eq!(out, wanted.map(|(protocol, port)| (protocol.to_owned(), port)));
}

fn example() -> Policy {
    let config = of_kind("ConfigMap");
    let text = config["data"]["rekeyd.toml"].as_str().unwrap().to_owned();
    let file = SourceFile {
        name: "rekeyd.toml".into(),
        text,
    };
    policy::compile(&[file]).unwrap_or_else(|faults| panic!("{}", policy::to_text(&faults)))
}

/// Each file that the example names lies in a volume that is mounted there, from a Secret that deploy/README.md makes.
#[test]
fn the_example_policy_fits_the_pod() {
    let policy = example();
    let deployment = of_kind("Deployment");
    let pod = &deployment["spec"]["template"]["spec"];
    let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
    let source_of = |path: &std::path::Path| {
        let mount = mounts
            .iter()
            .find(|mount| path.parent() == Some(mount["mountPath"].as_str().unwrap().as_ref()))
            .unwrap_or_else(|| panic!("{} is not mounted", path.display()));
        let volumes = pod["volumes"].as_array().unwrap();
        let volume = volumes
            .iter()
            .find(|volume| volume["name"] == mount["name"])
            .unwrap();
        (volume.clone(), mount.clone())
    };
    let api = policy.api.as_ref().unwrap();
    let tls = api.tls.as_ref().unwrap();
    let Login::Jwt { key_file, .. } = &policy.orgs["prod"].login;
    let StorePolicy::Vault(vault) = &policy.stores["corp"] else {
        panic!("the example publishes to Vault");
    };
    let VaultAuth::Token(TokenSource::File(token)) = &vault.auth else {
        panic!("the example has a token file");
    };
    let readme = text("deploy/README.md");
    for (file, secret, made_by) in [
        (&policy.journal.key_file, "rekeyd", "--from-file=journal.key"),
        (key_file, "rekeyd", "--from-file=salesforce.pem"),
        (token, "rekeyd", "--from-file=vault.token"),
        (
            &tls.certificate_file,
            "rekeyd-tls",
            "create secret tls rekeyd-tls",
        ),
        (&tls.key_file, "rekeyd-tls", "create secret tls rekeyd-tls"),
    ] {
        let (volume, mount) = source_of(file);
        assert_eq!(volume["secret"]["secretName"], secret, "{}", file.display());
        assert_eq!(volume["secret"]["defaultMode"], 0o400);
        assert_eq!(mount["readOnly"], true);
        assert!(readme.contains(made_by), "{made_by}");
    }
    for file in [&policy.journal.database, api.socket.as_ref().unwrap()] {
        let (volume, mount) = source_of(file);
        assert_eq!(
            volume["persistentVolumeClaim"]["claimName"],
            "rekeyd-state",
            "{}",
            file.display()
        );
        assert_eq!(mount["readOnly"], Value::Null);
    }
    assert_eq!(api.listen.unwrap().to_string(), "0.0.0.0:8440");
    // A ConfigMap's name with the digest of its content: another policy is another pod.
    let (volume, _) = source_of("/etc/rekeyd/rekeyd.toml".as_ref());
    assert_eq!(
        volume["configMap"]["name"],
        of_kind("ConfigMap")["metadata"]["name"]
    );
    assert_ne!(volume["configMap"]["name"], "rekeyd-policy");
}
