//! How large and how small a document may be.

use onboarding::texts;

use crate::MediaType;

/// What is taken and what is not, as far as the bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The smallest file, in bytes.
    pub bytes_min: usize,
    /// The largest file, in bytes before base64.
    pub bytes_max: usize,
    /// The shortest side of a picture, in pixels.
    pub side_pixels_min: u32,
    /// The most pixels of a picture. A picture with more is not decoded, and decoding one takes
    /// up to nine bytes of memory for each.
    pub pixels_max: u64,
    /// The most pages of a PDF.
    pub pages_max: u32,
    /// A document that expires in fewer days than this is doubted.
    pub expiry_lead_days: u32,
}

impl Limits {
    /// Of these the provider gives one number: it speaks of 10 MB a file and not of which
    /// megabyte, so the smaller one is safe. The others let through what a person can read.
    pub const DEFAULT: Self = Self {
        // A picture or page on which anything can be read has more.
        bytes_min: 1_000,
        bytes_max: 10_000_000,
        // An ID card of 54 mm at 150 dots an inch.
        side_pixels_min: 300,
        // What the telephones of today take at most, as long as a file of 10 MB holds it.
        pixels_max: 50_000_000,
        pages_max: 20,
        expiry_lead_days: 30,
    };
}

impl Limits {
    /// What people are told of them.
    #[must_use]
    pub fn told(&self) -> texts::Limits {
        texts::Limits {
            media_types: MediaType::ALL.map(|media| media.as_str().to_owned()).into(),
            bytes_max: u64::try_from(self.bytes_max).ok(),
            side_pixels_min: Some(self.side_pixels_min),
            pages_max: Some(self.pages_max),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
