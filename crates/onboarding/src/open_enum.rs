//! Enums whose values the provider may add to at any time.

/// The longest word that is taken for one of an open set, in characters.
const WORD_CHARS_MAX: usize = 64;

/// Whether a person's `text` can be a word of an open set. These take words that are not known
/// yet, but none that can't be one at all: they are shown, told to others, and kept for ever, so
/// that nobody's name may get there by a slip.
#[must_use]
pub fn is_word(text: &str) -> bool {
    let is_of_words = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=WORD_CHARS_MAX).contains(&text.len()) && text.chars().all(is_of_words)
}

/// Declares an open enum: the values known today, and `Other` for the rest.
/// It reads from and writes to the wire word; reading never fails.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// A word that this version of Gangway does not know, kept as it came.
            Other(String),
        }

        impl $name {
            /// The values known today.
            pub const KNOWN: &[Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let known: Vec<&str> = Self::KNOWN.iter().map(Self::as_str).collect();
                schemars::json_schema!({
                    "type": "string",
                    "description": "An open set: the provider may add to it.",
                    "examples": known
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Ok(Self::from(word.as_ref()))
            }
        }
    };
}

pub(crate) use open_enum;
