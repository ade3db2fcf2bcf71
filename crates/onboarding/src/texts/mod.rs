//! What is said to people, by language.
//!
//! The texts are data (`config/texts`), and a company may replace them or add languages. What a
//! user reads is a [`Phrase`] and what staff reads a [`StaffNote`]; the provider's own words
//! never become a phrase.

mod language;
mod parse;
mod standing;
mod subject;
mod task;
mod template;
#[cfg(test)]
mod tests;
mod voice;

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub use language::{InvalidLanguage, Language};
pub use parse::{Mistake, TEXT_LENGTH_MAX, TEXTS_BYTES_MAX};
pub use standing::Explanation;
pub use subject::{DueBy, Limits, Standing, StuckBy, Subject, SubjectKind, ToDo, Usable};
pub use task::{Reminder, TaskText, UserText};
pub use voice::{Phrase, StaffNote};

use crate::Date;
use parse::Catalogue;
use voice::Voice;

/// The catalogues that come with Gangway.
const EMBEDDED: [(&str, &str); 4] = [
    ("en", include_str!("../../../../config/texts/en.toml")),
    ("de", include_str!("../../../../config/texts/de.toml")),
    ("es", include_str!("../../../../config/texts/es.toml")),
    ("fr", include_str!("../../../../config/texts/fr.toml")),
];

static DEFAULT: LazyLock<Texts> = LazyLock::new(|| {
    let read = |text: &str, known| {
        parse::parse(text.as_bytes(), known).expect("the embedded texts are tested")
    };
    let english = read(EMBEDDED[0].1, None);
    let catalogues = EMBEDDED.iter().map(|(tag, text)| {
        let language = tag.parse().expect("the embedded languages are tested");
        (language, read(text, Some(&english)))
    });
    Texts { catalogues: catalogues.collect() }
});

/// Every text, by language. A missing one falls back: `de-AT`, `de`, `en`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// English has every text.
    catalogues: BTreeMap<Language, Catalogue>,
}

impl Default for Texts {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl Texts {
    /// The texts that come with Gangway.
    #[must_use]
    pub fn embedded() -> &'static Self {
        &DEFAULT
    }

    /// These texts, with those of a file over them. The file may be a part.
    ///
    /// # Errors
    /// Every mistake in the file, with its place.
    pub fn with(mut self, language: Language, file: &[u8]) -> Result<Self, Vec<Mistake>> {
        let known = DEFAULT.catalogues.get(&Language::english());
        let read = parse::parse(file, known)?;
        self.catalogues.entry(language).or_default().extend(read);
        Ok(self)
    }

    /// The languages that there is any text in.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.catalogues.keys()
    }

    /// Whether there is any text in this language, or in it without its region.
    #[must_use]
    pub fn speaks(&self, language: &Language) -> bool {
        self.catalogues.contains_key(language) || self.catalogues.contains_key(&language.base())
    }

    fn voice(&self, language: &Language) -> Voice<'_> {
        let languages = language.fallbacks();
        Voice(languages.iter().filter_map(|language| self.catalogues.get(language)).collect())
    }

    /// What is said of a task, to the user and to staff.
    #[must_use]
    pub fn task(&self, language: &Language, subject: &Subject, today: Date) -> TaskText {
        TaskText {
            user: self.task_for_user(language, subject, today),
            staff_note: self.task_for_staff(language, subject, today),
        }
    }

    /// What is said of a task to the user.
    #[must_use]
    pub fn task_for_user(&self, language: &Language, subject: &Subject, today: Date) -> UserText {
        task::for_user(&self.voice(language), subject, today)
    }

    /// What is said of a task to staff, who may read another language.
    #[must_use]
    pub fn task_for_staff(&self, language: &Language, subject: &Subject, today: Date) -> StaffNote {
        task::for_staff(&self.voice(language), subject, today)
    }

    /// A reminder of a task, for the user.
    #[must_use]
    pub fn reminder(&self, language: &Language, subject: &Subject, today: Date) -> Reminder {
        task::reminder(&self.voice(language), subject, today)
    }

    /// How it stands with one product, in a paragraph that can be read out to the user.
    #[must_use]
    pub fn explain(&self, language: &Language, standing: &Standing, today: Date) -> Explanation {
        standing::explain(&self.voice(language), standing, today)
    }

    /// How it stands with all products of a user, in one paragraph: of each whether it can be
    /// used and why, then once what they have in common, which `whole` says.
    #[must_use]
    pub fn explain_all(
        &self,
        language: &Language,
        products: &[Standing],
        whole: &Standing,
        today: Date,
    ) -> Phrase {
        standing::explain_all(&self.voice(language), products, whole, today)
    }

    /// Where the user stands, by the state's word.
    #[must_use]
    pub fn state(&self, language: &Language, state: &str) -> Phrase {
        self.voice(language).word("state", state)
    }

    /// How it stands with a product, by the provider's word.
    #[must_use]
    pub fn product_status(&self, language: &Language, status: &str) -> Phrase {
        self.voice(language).word("status", status)
    }

    /// A product's name, as one speaks of it within a sentence.
    #[must_use]
    pub fn product(&self, language: &Language, product: &str) -> Phrase {
        self.voice(language).word("product", product)
    }

    /// A section's name.
    #[must_use]
    pub fn section(&self, language: &Language, section: &str) -> Phrase {
        self.voice(language).word("section", section)
    }

    /// The name of a document type, or of a requirement such as `id`.
    #[must_use]
    pub fn document(&self, language: &Language, document_type: &str) -> Phrase {
        self.voice(language).word_of("document", document_type, "name")
    }

    /// Which side a document type is of, if it is of one.
    #[must_use]
    pub fn side(&self, language: &Language, document_type: &str) -> Option<Phrase> {
        let (_, side) = document_type.rsplit_once('-')?;
        self.voice(language).find(&format!("side.{side}"), &[])
    }

    /// The label of a profile's field, by its dotted name.
    #[must_use]
    pub fn field(&self, language: &Language, field: &str) -> Phrase {
        task::field_label(&self.voice(language), field)
    }

    /// Who acts next, said to the user.
    #[must_use]
    pub fn who(&self, language: &Language, who: &str) -> Phrase {
        standing::who(&self.voice(language), who)
    }

    /// The same, said to staff.
    #[must_use]
    pub fn who_for_staff(&self, language: &Language, who: &str) -> StaffNote {
        StaffNote(standing::staff_who(&self.voice(language), who))
    }

    /// Why it does not go on, said to the user.
    #[must_use]
    pub fn stuck(&self, language: &Language, cause: &str) -> Phrase {
        self.voice(language).word("stuck", cause)
    }

    /// The same, said to staff, with what helps.
    #[must_use]
    pub fn stuck_for_staff(&self, language: &Language, note: &str) -> StaffNote {
        StaffNote(standing::staff_stuck(&self.voice(language), note))
    }

    /// A day, with its year if that is not this year's.
    #[must_use]
    pub fn date(&self, language: &Language, day: Date, today: Date) -> Phrase {
        self.voice(language).date(day, today)
    }
}
