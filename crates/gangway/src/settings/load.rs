//! Brings the sources together.

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Settings;
use super::keys::{KEYS, Key, PREFIX};

/// The variable that names the file.
const FILE_VARIABLE: &str = "GANGWAY_CONFIG";

/// Below this likeness (0 to 1), a suggestion would mislead.
const LIKENESS_MIN: f64 = 0.8;

/// Where settings come from, besides the defaults.
/// They hold secrets: no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Inputs {
    /// The file of `--config`.
    pub(crate) file: Option<PathBuf>,
    /// The process's environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Keys and values that flags give, with the flag's name.
    pub(crate) flags: Vec<(&'static str, String, String)>,
}

/// Settings that passed every check. They hold secrets: no `Debug`.
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    said: BTreeMap<&'static str, Said>,
}

/// Everything that is wrong with the settings, a line each.
#[derive(Debug, thiserror::Error)]
#[error("the configuration is not usable:\n{}", .0.join("\n"))]
pub(crate) struct Problems(pub(crate) Vec<String>);

/// Who set a value. The later beats the earlier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(&'static str),
}

/// A value as text, and who said so.
struct Said {
    text: String,
    source: Source,
}

/// A key as it holds, for showing.
pub(crate) struct Effective<'a> {
    pub(crate) key: &'static Key,
    /// What holds; `None` when it is unset.
    pub(crate) text: Option<&'a str>,
    pub(crate) source: &'a Source,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

impl Loaded {
    /// Each key as it holds, in the table's order; secrets are not shown.
    pub(crate) fn effective(&self) -> impl Iterator<Item = Effective<'_>> {
        KEYS.iter().map(|key| match self.said.get(key.name) {
            Some(said) if key.is_secret() => {
                Effective { key, text: Some("***"), source: &said.source }
            }
            Some(said) => Effective { key, text: Some(&said.text), source: &said.source },
            None => Effective { key, text: None, source: &Source::Default },
        })
    }
}

/// Reads and checks every source.
pub(crate) fn load(inputs: Inputs) -> Result<Loaded, Problems> {
    let mut reading =
        Reading { settings: Settings::blank(), said: BTreeMap::new(), problems: Vec::new() };
    for key in KEYS {
        if let Some(text) = key.default {
            reading.set(key, text.to_owned(), Source::Default);
        }
    }
    let named = |(name, path): &(String, String)| {
        (name == FILE_VARIABLE && !path.is_empty()).then(|| path.into())
    };
    let file = inputs.file.or_else(|| inputs.environment.iter().find_map(named));
    if let Some(path) = &file {
        reading.file(path);
    }
    for (name, text) in inputs.environment {
        reading.variable(name, text);
    }
    for (flag, name, text) in inputs.flags {
        reading.flag(flag, &name, text);
    }
    reading.choose_key();
    // Checks of keys against each other would speak of values that nobody gave.
    if reading.problems.is_empty() {
        reading.problems = reading.settings.check();
        reading.problems.extend(reading.settings.texts.read());
        reading.problems.extend(reading.settings.read_requirements());
    }
    let Reading { settings, said, problems } = reading;
    if problems.is_empty() { Ok(Loaded { settings, file, said }) } else { Err(Problems(problems)) }
}

struct Reading {
    settings: Settings,
    said: BTreeMap<&'static str, Said>,
    problems: Vec<String>,
}

impl Reading {
    fn set(&mut self, key: &'static Key, text: String, source: Source) {
        if key.set(&mut self.settings, &text).is_some() {
            self.said.insert(key.name, Said { text, source });
        } else {
            self.unfit(key, &source);
        }
    }

    fn unfit(&mut self, key: &Key, source: &Source) {
        self.problems.push(format!("{} ({source}): expected {}", key.name, key.expected()));
    }

    fn file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let path = path.display();
                let remedy = if error.kind() == ErrorKind::NotFound {
                    format!("`gangway config --template > {path}` writes one")
                } else {
                    "check the path and its permissions".to_owned()
                };
                return self
                    .problems
                    .push(format!("the file {path} can't be read ({error}); {remedy}"));
            }
        };
        match text.parse::<toml::Table>() {
            Ok(table) => self.table("", table, path),
            Err(error) => {
                // The parser's whole text would quote the line, which may hold a secret.
                let line =
                    error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                self.problems.push(format!("{}, line {line}: {}", path.display(), error.message()));
            }
        }
    }

    fn table(&mut self, section: &str, table: toml::Table, path: &Path) {
        for (name, value) in table {
            let name = if section.is_empty() { name } else { format!("{section}.{name}") };
            let source = Source::File(path.to_owned());
            match (find(&name), value) {
                (Some(key), value) => match key.text_of(&value) {
                    Some(text) => self.set(key, text, source),
                    None => self.unfit(key, &source),
                },
                (None, toml::Value::Table(inner)) if is_section(&name) => {
                    self.table(&name, inner, path);
                }
                (None, toml::Value::Table(_)) => {
                    let sections = KEYS.iter().filter_map(|key| key.name.rsplit_once('.'));
                    let known = sections.map(|(section, _)| section.to_owned());
                    self.unknown(&name, &source, known);
                }
                (None, _) => {
                    let known = KEYS.iter().map(|key| key.name.to_owned());
                    self.unknown(&name, &source, known);
                }
            }
        }
    }

    /// An empty variable counts as not set: that is how they are taken back in many places.
    fn variable(&mut self, name: String, text: String) {
        if !name.starts_with(PREFIX) || name == FILE_VARIABLE || text.is_empty() {
            return;
        }
        match KEYS.iter().find(|key| key.variable() == name) {
            Some(key) => self.set(key, text, Source::Environment(name)),
            None => {
                let known = KEYS.iter().map(Key::variable).chain([FILE_VARIABLE.to_owned()]);
                self.unknown(&name, &Source::Environment(name.clone()), known);
            }
        }
    }

    fn flag(&mut self, flag: &'static str, name: &str, text: String) {
        let source = Source::Flag(flag);
        match find(name) {
            Some(key) if key.is_secret() => self.problems.push(format!(
                "{name} can't be given by a flag, which others on this machine can see; use \
                 {}, or the file of settings",
                key.variable()
            )),
            Some(key) => self.set(key, text, source),
            None => self.unknown(name, &source, KEYS.iter().map(|key| key.name.to_owned())),
        }
    }

    fn unknown(&mut self, name: &str, source: &Source, known: impl Iterator<Item = String>) {
        let likely = known
            .map(|known| (likeness(name, &known), known))
            .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        let hint = match likely {
            Some((_, nearest)) => format!("did you mean {nearest}?"),
            None => "`gangway config` lists the known ones".to_owned(),
        };
        let what = match source {
            Source::Environment(_) => format!("unknown variable {name}"),
            Source::Default | Source::File(_) | Source::Flag(_) => {
                format!("unknown key {name} ({source})")
            }
        };
        self.problems.push(format!("{what}; {hint}"));
    }

    /// Of the key itself and its file, the one from the stronger source holds.
    fn choose_key(&mut self) {
        let source = |name| self.said.get(name).map(|said: &Said| rank(&said.source));
        match (source("crossmint.api_key"), source("crossmint.api_key_file")) {
            (Some(key), Some(file)) if key == file => self.problems.push(
                "crossmint.api_key and crossmint.api_key_file are both set; leave one out"
                    .to_owned(),
            ),
            (Some(key), Some(file)) if key > file => self.settings.api_key_file = None,
            _ => {}
        }
    }
}

/// What all variables begin with makes none of them alike.
fn likeness(name: &str, known: &str) -> f64 {
    let bare = |text| str::strip_prefix(text, PREFIX).unwrap_or(text);
    strsim::jaro_winkler(bare(name), bare(known))
}

const fn rank(source: &Source) -> u8 {
    match source {
        Source::Default => 0,
        Source::File(_) => 1,
        Source::Environment(_) => 2,
        Source::Flag(_) => 3,
    }
}

fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

fn is_section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Inputs {
        let owned = |(name, text): &(&str, &str)| (name.to_string(), text.to_string());
        let flags = flags.iter().map(owned).map(|(name, text)| ("--set", name, text));
        Inputs {
            file: None,
            environment: environment.iter().map(owned).collect(),
            flags: flags.collect(),
        }
    }

    /// Loads a file with this text, and says what is wrong with it.
    fn problems_of_file(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.toml");
        std::fs::write(&path, text).unwrap();
        let problems = load(Inputs { file: Some(path.clone()), ..Inputs::default() }).err();
        let named = path.display().to_string();
        problems.map_or_else(Vec::new, |Problems(lines)| {
            lines.iter().map(|line| line.replace(&named, "FILE")).collect()
        })
    }

    fn problems_of(inputs: Inputs) -> Vec<String> {
        load(inputs).err().map_or_else(Vec::new, |Problems(lines)| lines)
    }

    #[test]
    fn the_defaults_are_those_of_the_rules_and_of_the_client() {
        let settings = load(Inputs::default()).ok().unwrap().settings;
        assert_eq!(settings.stuck_after, onboarding::StuckAfter::default());
        let current = onboarding::Policy {
            accepts: onboarding::Requirements::default().accepts(),
            confirm_registration: true,
            ..onboarding::Policy::default()
        };
        assert_eq!(settings.policy, current);
        let set = vec![("--set", "crossmint.api".to_owned(), "quickstart".to_owned())];
        let quickstart = load(Inputs { flags: set, ..Inputs::default() }).ok().unwrap().settings;
        let oldest = onboarding::Policy {
            verification_valid_ms: 0,
            keeps_consents: true,
            ..onboarding::Policy::default()
        };
        assert_eq!(quickstart.policy, oldest);
        assert!(settings.requirements.rules.iter().any(|rule| rule.consent));
        assert!(quickstart.requirements.rules.iter().all(|rule| !rule.consent));
        assert_eq!(quickstart.requirements.rules.len(), settings.requirements.rules.len());
        let client = crossmint::Settings::new("", crossmint::ApiKey::new(""));
        assert_eq!(settings.crossmint.api, client.api);
        assert_eq!(settings.crossmint.document_reference, client.document_reference);
        assert_eq!(settings.crossmint.document_data, client.document_data);
        assert_eq!(settings.crossmint.connect_timeout_ms, client.connect_timeout_ms);
        assert_eq!(settings.crossmint.call_timeout_ms, client.call_timeout_ms);
        assert_eq!(settings.crossmint.upload_timeout_ms, client.upload_timeout_ms);
        assert_eq!(
            (settings.budgets.writes_per_minute, settings.budgets.reads_per_minute),
            (120, 360)
        );
    }

    #[test]
    fn the_documented_file_sets_every_default_and_nothing_else() {
        assert_eq!(problems_of_file(&crate::settings::template()), Vec::<String>::new());
    }

    #[test]
    fn a_flag_beats_the_environment_that_beats_the_file_and_that_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.toml");
        std::fs::write(&path, "[worker]\nconcurrency = 2\nlease = '6m'\nshutdown_grace = '6s'")
            .unwrap();
        let environment = [
            ("GANGWAY_CONFIG", path.to_str().unwrap()),
            ("GANGWAY_WORKER__CONCURRENCY", "3"),
            ("GANGWAY_WORKER__LEASE", "7m"),
            ("GANGWAY_LOG__FORMAT", ""),
            ("HOME", "/root"),
        ];
        let loaded = load(inputs(&environment, &[("worker.concurrency", "4")])).ok().unwrap();
        let worker = loaded.settings.worker;
        assert_eq!(
            (worker.concurrency, worker.lease_ms, worker.shutdown_grace_ms),
            (4, 420_000, 6_000)
        );
        let source = |name| {
            let mut keys = loaded.effective();
            keys.find(|effective| effective.key.name == name).unwrap().source.to_string()
        };
        assert_eq!(source("worker.concurrency"), "flag --set");
        assert_eq!(source("worker.lease"), "environment GANGWAY_WORKER__LEASE");
        assert_eq!(source("worker.shutdown_grace"), format!("file {}", path.display()));
        assert_eq!(source("log.format"), "default");
    }

    #[test]
    fn what_is_unknown_is_an_error_that_suggests_the_nearest() {
        for (problems, expected) in [
            (
                problems_of(inputs(&[("GANGWAY_CROSSMINT__URI", "x")], &[])),
                "unknown variable GANGWAY_CROSSMINT__URI; did you mean GANGWAY_CROSSMINT__URL?",
            ),
            (
                problems_of(inputs(&[("GANGWAY_CONFG", "x")], &[])),
                "unknown variable GANGWAY_CONFG; did you mean GANGWAY_CONFIG?",
            ),
            (
                problems_of(inputs(&[], &[("worker.concurency", "1")])),
                "unknown key worker.concurency (flag --set); did you mean worker.concurrency?",
            ),
            (
                problems_of_file("[crosmint]\n"),
                "unknown key crosmint (file FILE); did you mean crossmint?",
            ),
            (
                problems_of_file("[policy.slowpoll]\n"),
                "unknown key policy.slowpoll (file FILE); did you mean policy.slow_poll?",
            ),
            (
                problems_of_file("[store]\nurll = 'sqlite:a'"),
                "unknown key store.urll (file FILE); did you mean store.url?",
            ),
            (
                problems_of(inputs(&[("GANGWAY_FOO", "x")], &[])),
                "unknown variable GANGWAY_FOO; `gangway config` lists the known ones",
            ),
            (
                problems_of(inputs(&[], &[("zzz", "1")])),
                "unknown key zzz (flag --set); `gangway config` lists the known ones",
            ),
        ] {
            assert_eq!(problems, [expected]);
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_named_with_its_source_and_never_shown() {
        for (text, expected) in [
            (
                "[worker]\nconcurrency = 'many'",
                "worker.concurrency (file FILE): expected a whole number from 1 to 10000",
            ),
            (
                "[worker]\nconcurrency = 0",
                "worker.concurrency (file FILE): expected a whole number from 1 to 10000",
            ),
            (
                "[worker]\nlease = 300",
                "worker.lease (file FILE): expected a duration with its unit, such as 500ms, 30s, 5m, 1h or 7d, up to 366d and not 0",
            ),
            (
                "[worker]\nlease = '367d'",
                "worker.lease (file FILE): expected a duration with its unit, such as 500ms, 30s, 5m, 1h or 7d, up to 366d and not 0",
            ),
            (
                "[store]\nkeep_document_contents = 'yes'",
                "store.keep_document_contents (file FILE): expected true or false",
            ),
            (
                "[store]\nurl = 'postgres://a:secret@b/c'",
                "store.url (file FILE): expected sqlite:PATH without parameters, such as sqlite:gangway.db",
            ),
            (
                "[store]\nurl = 'sqlite:x.db?mode=ro'",
                "store.url (file FILE): expected sqlite:PATH without parameters, such as sqlite:gangway.db",
            ),
            (
                "[crossmint]\nurl = 'ftp://x'",
                "crossmint.url (file FILE): expected an http or https origin and no more, such as https://staging.crossmint.com",
            ),
            (
                "[crossmint]\nurl = 'https://a:secret@b'",
                "crossmint.url (file FILE): expected an http or https origin and no more, such as https://staging.crossmint.com",
            ),
            ("[log]\nformat = 'xml'", "log.format (file FILE): expected human or json"),
            (
                "[products]\nwanted = []",
                "products.wanted (file FILE): expected a list of products, such as onramp and offramp",
            ),
            (
                "[products]\nwanted = ['Ada Lovelace']",
                "products.wanted (file FILE): expected a list of products, such as onramp and offramp",
            ),
            (
                "[crossmint]\napi_key = 5",
                "crossmint.api_key (file FILE): expected a text that is not empty",
            ),
            ("crossmint = 5", "unknown key crossmint (file FILE); did you mean crossmint.api?"),
            (
                "[log]\nfilter = 'info,engine=loud'",
                "log.filter (file FILE): expected a level, such as info, or levels by module, such as info,engine=debug",
            ),
            (
                "[worker]\nlease = '2m'",
                "worker.lease must be longer than 2m: longer than crossmint.call_timeout and crossmint.upload_timeout, or one call could be made twice",
            ),
            (
                "[policy.poll]\ninitial = '1m'",
                "policy.poll.max must not be shorter than policy.poll.initial",
            ),
        ] {
            assert_eq!(problems_of_file(text), [expected], "{text}");
        }
    }

    #[test]
    fn texts_are_read_with_the_settings_and_every_mistake_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        let texts = |tag: &str| inputs(&[("GANGWAY_TEXTS__DIR", dir)], &[("texts.language", tag)]);
        std::fs::write(folder.path().join("pt.toml"), "[who]\nuser = \"Sua vez.\"").unwrap();
        let settings = load(texts("pt-BR")).ok().unwrap().settings.texts;
        assert_eq!(settings.all().who(&settings.language, "user").as_str(), "Sua vez.");
        let problems = problems_of(texts("it"));
        assert_eq!(
            problems,
            ["texts.language: there are no texts in that language; there are de, en, es, fr, pt, \
                 and texts.dir may add more"]
        );
        std::fs::write(folder.path().join("pt.toml"), "[who]\nuser = 1\nnobody = 2").unwrap();
        assert_eq!(problems_of(texts("pt-BR")).len(), 2);
        assert_eq!(
            problems_of(texts("deutsch")),
            [
                "texts.language (flag --set): expected the tag of a language, such as en, de or de-AT"
            ]
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_told_how_to_begin_one() {
        let problems = problems_of(Inputs { file: Some("no.toml".into()), ..Inputs::default() });
        assert!(problems[0].contains("`gangway config --template > no.toml`"), "{problems:?}");
    }

    #[test]
    fn every_problem_is_told_at_once_and_none_shows_a_value() {
        let canary = "sk_staging_canary";
        let problems = problems_of(inputs(
            &[("GANGWAY_LOG__FORMAT", canary), ("GANGWAY_CROSSMINT__KEY", canary)],
            &[("crossmint.api_key", canary), ("worker.lease", canary)],
        ));
        assert_eq!(problems.len(), 4, "{problems:?}");
        assert!(!problems.join("\n").contains("canary"), "{problems:?}");
        let broken = problems_of_file(&format!("[crossmint]\napi_key = \"{canary}\nurl = 1"));
        assert!(
            broken[0].starts_with("FILE, line 2: ") && !broken[0].contains("canary"),
            "{broken:?}"
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let environment = [("GANGWAY_CROSSMINT__API_KEY", "sk_staging_canary")];
        let loaded = load(inputs(&environment, &[])).ok().unwrap();
        let shown: Vec<_> = loaded.effective().filter_map(|effective| effective.text).collect();
        assert!(shown.contains(&"***") && !shown.join("").contains("canary"));
        assert!(!format!("{:?}", loaded.settings).contains("canary"));
    }

    #[test]
    fn the_key_comes_from_the_stronger_source_and_two_of_one_strength_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("key");
        std::fs::write(&key_file, "ck_client\n").unwrap();
        let key_file = key_file.to_str().unwrap();
        let outcome = |environment: &[(&str, &str)], flags: &[(&str, &str)]| match load(inputs(
            environment,
            flags,
        )) {
            Err(_) => "refused settings",
            Ok(loaded) => match loaded.settings.client() {
                Ok(_) => "client",
                Err(crate::settings::KeyError::Missing) => "missing",
                Err(crate::settings::KeyError::File { .. }) => "unreadable",
                Err(crate::settings::KeyError::InFile { .. }) => "refused key in a file",
                Err(crate::settings::KeyError::Refused(_)) => "refused key",
            },
        };
        let key = ("GANGWAY_CROSSMINT__API_KEY", "sk_staging_1");
        let file = ("GANGWAY_CROSSMINT__API_KEY_FILE", key_file);
        let sandbox = ("GANGWAY_CROSSMINT__URL", "http://127.0.0.1:1");
        assert_eq!(outcome(&[], &[]), "missing");
        assert_eq!(outcome(&[sandbox], &[]), "client");
        assert_eq!(
            outcome(&[("GANGWAY_CROSSMINT__URL", "http://example.org")], &[]),
            "refused key"
        );
        assert_eq!(outcome(&[key], &[]), "client");
        assert_eq!(outcome(&[file], &[]), "refused key in a file");
        assert_eq!(outcome(&[key, file], &[]), "refused settings");
        assert_eq!(
            outcome(&[key], &[("crossmint.api_key_file", key_file)]),
            "refused key in a file"
        );
        assert_eq!(outcome(&[], &[("crossmint.api_key_file", "/nowhere/key")]), "unreadable");
    }
}
