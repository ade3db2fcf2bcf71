//! An import that docs/architecture.md does not draw is forbidden.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// What each crate may import of ours.
const DRAWN: &[(&str, &[&str])] = &[
    ("onboarding", &[]),
    ("documents", &["onboarding"]),
    ("crossmint", &["onboarding"]),
    ("store", &["onboarding"]),
    ("engine", &["onboarding", "documents", "crossmint", "store"]),
    ("notifications", &["onboarding", "store"]),
    ("sandbox", &[]),
    ("server", &["onboarding", "documents", "store", "engine", "notifications"]),
    (
        "gangway",
        &[
            "onboarding",
            "documents",
            "crossmint",
            "store",
            "engine",
            "notifications",
            "server",
            "sandbox",
        ],
    ),
    ("simulation", &["onboarding", "documents", "store", "engine"]),
    ("model", &["onboarding"]),
    ("gangway-tests", &["sandbox"]),
    ("crash-vfs", &[]),
    (
        "fuzz-targets",
        &["onboarding", "documents", "crossmint", "store", "sandbox", "gangway", "simulation"],
    ),
];

/// What is at home in these crates alone.
const AT_HOME: [(&str, &[&str]); 6] = [
    ("reqwest", &["crossmint", "notifications"]),
    ("sqlx", &["store"]),
    ("axum", &["sandbox", "server"]),
    ("clap", &["gangway"]),
    ("prometheus-client", &["server"]),
    ("opentelemetry_sdk", &["gangway"]),
];

/// The crates that neither wait nor touch the outside.
const PURE: [&str; 2] = ["onboarding", "documents"];

/// What waits, or touches the outside: nothing for them.
const IMPURE: [&str; 5] = ["tokio", "tokio-util", "tracing", "reqwest", "sqlx"];

type Imports = BTreeMap<String, BTreeSet<String>>;

fn imports() -> Imports {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages.map(|package| (text(&package["name"]), imports_of(package))).collect()
}

/// What the package itself imports; its tests may import more.
fn imports_of(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    let own = dependencies.filter(|dependency| dependency["kind"] != "dev");
    own.map(|dependency| text(&dependency["name"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What is wrong with the imports, a line each.
fn violations(imports: &Imports) -> Vec<String> {
    let mut wrong = Vec::new();
    let ours: BTreeSet<&str> = imports.keys().map(String::as_str).collect();
    let drawn: BTreeMap<&str, &[&str]> = DRAWN.iter().copied().collect();
    for (package, imported) in imports {
        let Some(allowed) = drawn.get(package.as_str()) else {
            wrong.push(format!("{package} is not drawn"));
            continue;
        };
        for name in imported.iter().map(String::as_str) {
            if ours.contains(name) && !allowed.contains(&name) {
                wrong.push(format!("{package} imports {name}"));
            }
            let at_home = AT_HOME.iter().find(|(library, _)| *library == name);
            if at_home.is_some_and(|(_, homes)| !homes.contains(&package.as_str())) {
                wrong.push(format!("{package} imports {name}"));
            }
            if PURE.contains(&package.as_str()) && IMPURE.contains(&name) {
                wrong.push(format!("{package} imports {name}"));
            }
        }
    }
    wrong
}

#[test]
fn crates_import_what_is_drawn_and_nothing_else() {
    let imports = imports();
    let names: BTreeSet<&str> = imports.keys().map(String::as_str).collect();
    assert_eq!(names, DRAWN.iter().map(|(name, _)| *name).collect(), "every crate is drawn");
    assert_eq!(violations(&imports), Vec::<String>::new());
}

#[test]
fn an_import_that_is_not_drawn_is_found() {
    for (package, name) in [
        ("onboarding", "store"),
        ("onboarding", "tokio"),
        ("documents", "tracing"),
        ("engine", "sqlx"),
        ("engine", "axum"),
        ("server", "crossmint"),
        ("store", "gangway"),
        ("new", "serde"),
    ] {
        let mut imports = imports();
        imports.entry(package.to_owned()).or_default().insert(name.to_owned());
        assert_eq!(violations(&imports).len(), 1, "{package} -> {name}");
    }
}
