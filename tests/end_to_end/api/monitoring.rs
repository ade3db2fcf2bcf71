//! What is written of the numbers, in docs/monitoring.md, the alert rules and the dashboard, holds of
//! a real scrape; and the rules do what they say, by promtool.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use gangway_tests::{Recorder, Scrape, binary, skipped};

use super::metrics::{counted, eventful, scripted};
use super::*;

const RULES: &str = "config/prometheus/alerts.yml";
const RULES_TEST: &str = "config/prometheus/alerts_test.yml";
const DASHBOARD: &str = "config/grafana/gangway.json";

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap()
}

/// What promtool says of something, which has to be nothing bad; nothing at all where it is missing,
/// unless all was installed (`.ci/run` under CI).
fn promtool(arguments: &[&str], input: &str) {
    let asked = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut asked) = asked else {
        let why = "promtool is not here; `apt-get install prometheus` brings it";
        assert!(std::env::var_os("SKIP_NOTHING").is_none(), "{why}");
        skipped("the rules of alerts", why);
        return;
    };
    asked.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let said = asked.wait_with_output().unwrap();
    let text = [said.stdout, said.stderr].concat();
    assert!(said.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&text));
}

/// The names of metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("gangway_")).map(str::to_owned).collect()
}

/// The table of docs/monitoring.md, as this scrape has it.
fn table(scrape: &Scrape) -> String {
    let row = |(name, (kind, says)): (&String, &(String, String))| {
        let labels = scrape.labels_of(name).into_iter().map(|(label, _)| label);
        let labels: BTreeSet<String> = labels.filter(|label| label != "le").collect();
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let says = says.trim_end_matches('.');
        format!("| `{name}` | {kind} | {} | {says} |\n", labels.join(", "))
    };
    scrape.types.iter().map(row).collect()
}

/// Each expression of the dashboard.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_page_the_rules_and_the_dashboard_name_what_a_scrape_has() {
    let sandbox = scripted();
    let receiver = Recorder::start(|_| (200, String::new()));
    let (_gangway, worker, api) = eventful(&sandbox, &receiver);
    let scrape = counted(&api);
    worker.stop();
    promtool(&["check", "metrics"], &scrape.text);

    let page = read("docs/monitoring.md");
    let table = table(&scrape);
    assert!(page.contains(&table), "docs/monitoring.md has to have this table:\n{table}");
    let names = scrape.names();
    for (place, text) in [(RULES, read(RULES)), (DASHBOARD, expressions(&dashboard()).join("\n"))] {
        let found = named(&text);
        assert!(!found.is_empty());
        let unknown: Vec<_> = found.iter().filter(|name| !names.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "{place} names what no scrape has: {unknown:?}");
    }
    // What is nowhere shown need not be counted.
    let shown = named(&expressions(&dashboard()).join("\n"));
    for name in scrape.types.keys() {
        assert!(shown.iter().any(|it| it.starts_with(name)), "{name} is not on the dashboard");
    }
}

#[test]
fn the_rules_fire_when_they_should_and_not_else() {
    let (rules, tests) = (file(RULES), file(RULES_TEST));
    promtool(&["check", "rules", rules.to_str().unwrap()], "");
    promtool(&["test", "rules", tests.to_str().unwrap()], "");
    let (rules, tests, page) = (read(RULES), read(RULES_TEST), read("docs/monitoring.md"));
    let values = |key: &'static str| {
        let lines = rules.lines().filter_map(move |line| line.trim().strip_prefix(key));
        lines.map(|value| value.trim().trim_start_matches("- ")).collect::<Vec<_>>()
    };
    let alerts = values("- alert:");
    assert!(alerts.len() > 10);
    for alert in &alerts {
        assert!(tests.contains(&format!("alertname=\"{alert}\",alertstate=\"firing\"")), "{alert}");
        assert!(page.contains(&format!("`{alert}`")), "{alert} is not in docs/monitoring.md");
    }
    for key in ["summary:", "description:", "command:", "severity:"] {
        assert_eq!(values(key).len(), alerts.len(), "each has its {key}");
    }
    for command in values("command:") {
        let Some(words) = command.strip_prefix("gangway ") else {
            assert!(["systemctl", "journalctl"].iter().any(|tool| command.starts_with(tool)));
            continue;
        };
        let asked = Command::new(binary()).args(words.split(' ')).arg("--help").output().unwrap();
        assert!(asked.status.success(), "{command} is no command");
    }
}

fn dashboard() -> Value {
    serde_json::from_str(&read(DASHBOARD)).unwrap()
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut places = BTreeSet::new();
    for panel in panels {
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for (x, y) in (place("x")..place("x") + place("w"))
            .flat_map(|x| (place("y")..place("y") + place("h")).map(move |y| (x, y)))
        {
            assert!(places.insert((x, y)), "{} covers another", panel["title"]);
        }
        let is_row = panel["type"] == "row";
        assert!(is_row || !panel["description"].as_str().unwrap().is_empty());
    }
    // As rules, promtool reads the expressions as Prometheus does.
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (number, expression) in expressions(&dashboard).iter().enumerate() {
        let expression = expression
            .replace("$__rate_interval", "5m")
            .replace("$job", ".*")
            .replace("$instance", ".*");
        rules.push_str(&format!("  - record: panel{number}\n    expr: {}\n", json!(expression)));
    }
    let folder = alone();
    promtool(&["check", "rules", &folder.write("dashboard.yml", rules)], "");
}
