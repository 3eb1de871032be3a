//! An app whose secret is in AWS: what is checked before anything is asked of AWS, and which calls are announced.

use std::fs;

use crate::bench::Bench;

fn bench(mode: u32) -> Bench {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    let file = bench.path("aws");
    fs::write(
        &file,
        "[default]\naws_access_key_id = x\naws_secret_access_key = y\n",
    )
    .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let text = fs::read_to_string(bench.path("rekeyd.toml")).unwrap();
    let text = text.replace(
        "{ store = \"local\", path = \"billing\" }",
        "{ store = \"cloud\", name = \"sf/billing\" }",
    );
    let cloud = format!(
        "\n[store.cloud.aws]\nregion = \"eu-west-1\"\ncredentials_file = \"{}\"\n",
        file.display()
    );
    bench.write("rekeyd.toml", &(text + &cloud));
    bench
}

#[test]
fn its_policy_is_taken_and_its_credentials_are_looked_at() {
    bench(0o600).run(&["check"]).ends(0);
    let ran = bench(0o644).run(&["check"]).ends(78);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(
        said.contains("[store.cloud.aws] credentials_file") && said.contains("open to others"),
        "{said}"
    );
    let missing = bench(0o600);
    fs::remove_file(missing.path("aws")).unwrap();
    let ran = missing.run(&["check"]).ends(78);
    assert!(format!("{}{}", ran.out, ran.err).contains("cannot be read"));
}

#[test]
fn the_plan_names_each_request() {
    let json = bench(0o600).run(&["plan", "billing", "--json"]).ends(0).json();
    let calls = json["apps"][0]["calls"].as_array().unwrap().iter();
    let changes: Vec<&str> = calls
        .filter(|call| call["mutating"] == true)
        .filter_map(|call| call["target"].as_str())
        .filter(|target| target.starts_with("secretsmanager"))
        .collect();
    let label = "secretsmanager in eu-west-1 UpdateSecretVersionStage sf/billing";
    let put = "secretsmanager in eu-west-1 PutSecretValue sf/billing";
    assert_eq!(changes, [put, label, label, label, label]);
}
