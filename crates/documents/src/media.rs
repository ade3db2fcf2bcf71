//! The type of a document: the bytes decide, never the name.

use std::path::Path;

use onboarding::Problems;

/// What a document's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// Portable Document Format.
    Pdf,
    /// High Efficiency Image, as telephones take it.
    Heic,
    /// WebP.
    Webp,
}

impl MediaType {
    /// Every type that is taken.
    pub const ALL: [Self; 5] = [Self::Png, Self::Jpeg, Self::Pdf, Self::Heic, Self::Webp];

    /// The media type's registered name, as a data URL has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Pdf => "application/pdf",
            Self::Heic => "image/heic",
            Self::Webp => "image/webp",
        }
    }

    const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Pdf => &["pdf"],
            Self::Heic => &["heic", "heif"],
            Self::Webp => &["webp"],
        }
    }

    fn from_extension(extension: &str) -> Option<Self> {
        let extension = extension.to_ascii_lowercase();
        Self::ALL.into_iter().find(|media| media.extensions().contains(&extension.as_str()))
    }

    /// The type by the first bytes, or what else they are.
    pub(crate) fn recognise(bytes: &[u8]) -> Result<Self, &'static str> {
        match infer::get(bytes).map(|found| found.mime_type()) {
            Some("image/png") => Ok(Self::Png),
            Some("image/jpeg") => Ok(Self::Jpeg),
            Some("application/pdf") => Ok(Self::Pdf),
            Some("image/heif") => Ok(Self::Heic),
            Some("image/webp") => Ok(Self::Webp),
            Some(other) => Err(other),
            None if is_text(bytes) => Err("plain text"),
            None => Err("of no type that Gangway knows"),
        }
    }
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'))
}

/// The name itself may be personal data, so only a type is told.
pub(crate) fn check_name(media_type: MediaType, file_name: Option<&str>, problems: &mut Problems) {
    let Some(extension) =
        file_name.and_then(|name| Path::new(name).extension()).and_then(|ext| ext.to_str())
    else {
        return;
    };
    match MediaType::from_extension(extension) {
        Some(declared) if declared != media_type => {
            let (named, found) = (declared.as_str(), media_type.as_str());
            let remedy = "see that it is the right file, then rename it";
            problems.error("/data", format!("is named as {named} but is {found}; {remedy}"));
        }
        Some(_) => {}
        None => problems.warn(
            "/data",
            format!("is {}, which the file's name does not say", media_type.as_str()),
        ),
    }
}
