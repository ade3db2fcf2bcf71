//! A scrape of `/metrics`, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

/// The series of a scrape.
#[derive(Debug)]
pub struct Scrape {
    /// The text, as it came.
    pub text: String,
    /// The type of each metric, by name, and what is said of it.
    pub types: BTreeMap<String, (String, String)>,
    /// The value of each series, by its name and labels as they stand in the text.
    pub values: BTreeMap<String, f64>,
}

impl Scrape {
    /// Reads the text format, version 0.0.4.
    ///
    /// # Panics
    /// When a line is none of the format.
    pub fn read(text: String) -> Self {
        let (mut types, mut values) = (BTreeMap::new(), BTreeMap::new());
        let mut says = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                says = rest.split_once(' ').unwrap().1;
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                types.insert(name.to_owned(), (kind.to_owned(), says.to_owned()));
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                values.insert(series.to_owned(), value.parse().unwrap());
            }
        }
        Self { text, types, values }
    }

    /// The value of a series; nothing if it is not there.
    pub fn get(&self, series: &str) -> Option<f64> {
        self.values.get(series).copied()
    }

    /// The value of a series.
    ///
    /// # Panics
    /// When it is not there.
    pub fn value(&self, series: &str) -> f64 {
        self.get(series).unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    /// The sum of the series whose name and labels hold all of these.
    pub fn sum(&self, parts: &[&str]) -> f64 {
        let all = self.values.iter();
        all.filter(|(series, _)| parts.iter().all(|part| series.contains(part)))
            .map(|(_, value)| value)
            .sum()
    }

    /// Each label's name with each of its values.
    pub fn labels(&self) -> BTreeSet<(String, String)> {
        self.labels_of("")
    }

    /// The same, of those series alone whose name begins so.
    pub fn labels_of(&self, name: &str) -> BTreeSet<(String, String)> {
        let mut found = BTreeSet::new();
        for series in self.values.keys().filter(|series| series.starts_with(name)) {
            let Some((_, labels)) = series.split_once('{') else { continue };
            for label in labels.trim_end_matches('}').split("\",") {
                let (name, value) = label.split_once("=\"").unwrap();
                found.insert((name.to_owned(), value.trim_end_matches('"').to_owned()));
            }
        }
        found
    }

    /// The names of series, those of histograms among them.
    pub fn names(&self) -> BTreeSet<&str> {
        self.values.keys().map(|series| series.split('{').next().unwrap()).collect()
    }
}
