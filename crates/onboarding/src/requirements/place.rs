//! One TOML table of a file of requirements: what is in it, and where it is.

use std::collections::BTreeSet;

use toml::Value;

use super::Area;
use super::read::{document_type, free, known_product, word};
use super::table::Origin;
use crate::json::pointer_to;
use crate::problem::Problems;
use crate::{Date, DocumentType, Product, Timestamp, names};

const SOURCE_MISSING: &str = "is missing; say where this is stated, such as a page's address";
const DATE_MISSING: &str = "is missing; say on which day the source was read, as YYYY-MM-DD";

/// A value, or what is wrong with it.
pub(super) type Read<T> = Result<T, String>;

/// One TOML table, read by name, and its place in the file.
pub(super) struct Place<'a> {
    table: &'a toml::Table,
    pointer: String,
    pub(super) problems: &'a mut Problems,
}

impl<'a> Place<'a> {
    /// The file's own table.
    pub(super) fn root(table: &'a toml::Table, problems: &'a mut Problems) -> Self {
        Self { table, pointer: String::new(), problems }
    }
}

impl Place<'_> {
    /// Tells what is wrong with a key, or with the table itself.
    pub(super) fn error(&mut self, name: &str, message: impl Into<String>) {
        let pointer =
            if name.is_empty() { self.pointer.clone() } else { pointer_to(&self.pointer, name) };
        self.problems.error(pointer, message);
    }

    /// Refuses what has none of these names; every table but the file's own has an origin.
    pub(super) fn check_names(&mut self, own: &[&str]) {
        let origin: &[&str] =
            if self.pointer.is_empty() { &[] } else { &["source", "date", "note"] };
        let known = [own, origin].concat();
        for name in self.table.keys().filter(|name| !known.contains(&name.as_str())) {
            let message = names::unknown("is no key of this table", name, &known);
            let pointer = pointer_to(&self.pointer, name);
            self.problems.error(pointer, message);
        }
    }

    /// The tables of an array, each read by `read`.
    pub(super) fn array<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Place<'_>) -> T,
    ) -> Vec<T> {
        let Some(value) = self.table.get(name) else { return Vec::new() };
        let tables = value.as_array().map(|all| all.iter().map(Value::as_table));
        let Some(tables) = tables.and_then(|all| all.collect::<Option<Vec<_>>>()) else {
            self.error(name, format!("must be tables, each under [[{name}]]"));
            return Vec::new();
        };
        let mut list = Vec::new();
        for (index, table) in tables.into_iter().enumerate() {
            let pointer = format!("/{name}/{index}");
            list.push(read(&mut Place { table, pointer, problems: self.problems }));
        }
        list
    }

    /// The tables of a table, each read by `read` with its name.
    pub(super) fn named<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&str, &mut Place<'_>) -> Option<T>,
    ) -> Vec<T> {
        let mut list = Vec::new();
        let Some(value) = self.table.get(name) else { return list };
        let Some(all) = value.as_table() else {
            self.error(name, format!("must be tables, each under [{name}.NAME]"));
            return list;
        };
        for (id, value) in all {
            let pointer = pointer_to(&format!("/{name}"), id);
            if let Err(message) = word(id) {
                self.problems.error(&pointer, message);
            } else if let Some(table) = value.as_table() {
                list.extend(read(id, &mut Place { table, pointer, problems: self.problems }));
            } else {
                self.problems.error(&pointer, "must be a table");
            }
        }
        list
    }

    pub(super) fn text<T>(&mut self, name: &str, read: impl Fn(&str) -> Read<T>) -> Option<T> {
        let value = self.table.get(name)?;
        let read =
            value.as_str().ok_or_else(|| "must be a text in quotes".to_owned()).and_then(read);
        read.map_err(|message| self.error(name, message)).ok()
    }

    pub(super) fn required<T>(
        &mut self,
        name: &str,
        missing: &str,
        read: impl Fn(&str) -> Read<T>,
    ) -> Option<T> {
        if !self.table.contains_key(name) {
            self.error(name, missing);
        }
        self.text(name, read)
    }

    /// A list of texts, each read by `read`; empty where there is none.
    pub(super) fn list<T>(&mut self, name: &str, read: impl Fn(&str) -> Read<T>) -> Vec<T> {
        let Some(value) = self.table.get(name) else { return Vec::new() };
        let pointer = pointer_to(&self.pointer, name);
        texts(value, &pointer, self.problems, read)
    }

    pub(super) fn groups(&mut self, name: &str) -> Option<Vec<Vec<DocumentType>>> {
        let Some(value) = self.table.get(name) else {
            self.error(name, "is missing; list groups of document types, any one of which will do");
            return None;
        };
        let pointer = pointer_to(&self.pointer, name);
        let Some(groups) = value.as_array() else {
            self.error(name, "must be a list of lists of document types");
            return None;
        };
        let groups = groups.iter().enumerate().map(|(index, group)| {
            texts(group, &format!("{pointer}/{index}"), self.problems, document_type)
        });
        Some(groups.collect())
    }

    pub(super) fn products(&mut self, name: &str) -> BTreeSet<Product> {
        let products: BTreeSet<Product> = self.list(name, known_product).into_iter().collect();
        let is_empty =
            self.table.get(name).is_none_or(|it| it.as_array().is_some_and(Vec::is_empty));
        if is_empty {
            self.error(name, "is missing; list the products that this is about");
        }
        products
    }

    /// The areas that are named, or all.
    pub(super) fn areas(&mut self, all: &BTreeSet<Area>) -> BTreeSet<Area> {
        if !self.table.contains_key("areas") {
            return all.clone();
        }
        let known: Vec<&str> = all.iter().map(|area| area.0.as_str()).collect();
        let areas = self.list("areas", |text| {
            let area = Area(text.to_owned());
            if all.contains(&area) {
                return Ok(area);
            }
            Err(names::unknown("is no area of this file", text, &known))
        });
        areas.into_iter().collect()
    }

    pub(super) fn switch(&mut self, name: &str) -> bool {
        match self.table.get(name).map(Value::as_bool) {
            Some(None) => {
                self.error(name, "must be true or false");
                false
            }
            switch => switch.flatten().unwrap_or(false),
        }
    }

    pub(super) fn days(&mut self, name: &str) -> Option<u32> {
        let days = self.table.get(name)?.as_integer().and_then(|days| u32::try_from(days).ok());
        let days = days.filter(|days| (1..=36_500).contains(days));
        if days.is_none() {
            self.error(name, "must be a whole number of days");
        }
        days
    }

    /// Where it comes from. What is wrong with that is told, and reading goes on.
    pub(super) fn origin(&mut self) -> Origin {
        let source = self.required("source", SOURCE_MISSING, free).unwrap_or_default();
        let note = self.text("note", free);
        let date = match self.table.get("date") {
            None => Err(DATE_MISSING),
            Some(Value::Datetime(date)) => Date::parse(&date.to_string()).map_err(|_| NO_DATE),
            Some(other) => other.as_str().and_then(|text| Date::parse(text).ok()).ok_or(NO_DATE),
        };
        let date = date.unwrap_or_else(|message| {
            self.error("date", message);
            Timestamp(0).date()
        });
        Origin { source, date, note }
    }
}

const NO_DATE: &str = "must be a day that exists, as YYYY-MM-DD";

fn texts<T>(
    value: &Value,
    pointer: &str,
    problems: &mut Problems,
    read: impl Fn(&str) -> Read<T>,
) -> Vec<T> {
    let Some(elements) = value.as_array() else {
        problems.error(pointer, "must be a list of texts");
        return Vec::new();
    };
    let mut list = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let text = element.as_str().ok_or_else(|| "must be a text in quotes".to_owned());
        match text.and_then(&read) {
            Ok(value) => list.push(value),
            Err(message) => problems.error(format!("{pointer}/{index}"), message),
        }
    }
    list
}
