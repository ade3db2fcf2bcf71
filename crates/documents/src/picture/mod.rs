//! Pictures: what is taken out of them, their size, and whether they can be decoded.

mod heic;
mod jpeg;
mod png;
pub(crate) mod tiff;
mod webp;

use std::collections::BTreeSet;

#[cfg(any(test, feature = "samples"))]
pub(crate) use png::push as png_push;

use crate::media::MediaType;

/// A picture's size in pixels, as it is stored: the orientation does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl Size {
    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    pub(crate) fn shorter_side(self) -> u32 {
        self.width.min(self.height)
    }
}

/// What is in a picture's file beside the picture. None of it is stored or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metadata {
    /// What the camera notes: its make, the time, a preview.
    Exif,
    /// Where the picture was taken.
    Location,
    /// What programs note, as XML.
    Xmp,
    /// What editors note: titles, persons, places.
    Iptc,
    /// Comments and texts.
    Text,
    /// Bytes behind the picture's end, such as a film or a second picture.
    Appended,
    /// Anything else that a picture does not need.
    Other,
}

impl Metadata {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Exif,
        Self::Location,
        Self::Xmp,
        Self::Iptc,
        Self::Text,
        Self::Appended,
        Self::Other,
    ];

    /// The word in the output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exif => "exif",
            Self::Location => "location",
            Self::Xmp => "xmp",
            Self::Iptc => "iptc",
            Self::Text => "text",
            Self::Appended => "appended",
            Self::Other => "other",
        }
    }
}

/// A file from which the metadata was taken out.
#[derive(Default)]
pub(crate) struct Stripped {
    pub(crate) content: Vec<u8>,
    pub(crate) metadata: BTreeSet<Metadata>,
    /// Whether a block of Exif is kept; there is one at most.
    has_exif: bool,
}

impl Stripped {
    fn starting_with(start: &[u8]) -> Self {
        Self { content: start.to_vec(), ..Self::default() }
    }

    fn end(mut self, behind: &[u8]) -> Self {
        if !behind.is_empty() {
            self.metadata.insert(Metadata::Appended);
        }
        self
    }

    /// Notes that a block of Exif goes, and answers the orientation that stays: a picture that
    /// lies on its side must not do so for the one who looks at it.
    fn exif(&mut self, tiff: &[u8]) -> Option<Vec<u8>> {
        let exif = tiff::read(tiff);
        let turned = exif.orientation.filter(|_| !self.has_exif);
        let kept = turned.map(tiff::only_orientation);
        self.has_exif |= kept.is_some();
        if kept.as_deref() != Some(tiff) {
            self.metadata.insert(Metadata::Exif);
        }
        if exif.has_location {
            self.metadata.insert(Metadata::Location);
        }
        kept
    }
}

/// Why a picture is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The container is broken or has no end.
    Damaged,
    /// The container is whole and the picture in it is not.
    Undecodable,
    /// There are several pictures, one after the other.
    Animated,
    /// The place of something that has to go can't be told.
    Unstrippable,
}

/// Takes out the metadata: what is left is the picture, its colours and which side is up.
pub(crate) fn strip(media_type: MediaType, bytes: &[u8]) -> Result<Stripped, Fault> {
    match media_type {
        MediaType::Png => png::strip(bytes).ok_or(Fault::Damaged),
        MediaType::Jpeg => jpeg::strip(bytes).ok_or(Fault::Damaged),
        MediaType::Webp => webp::strip(bytes),
        MediaType::Heic => heic::strip(bytes),
        MediaType::Pdf => Ok(Stripped::starting_with(bytes)),
    }
}

/// The size by the header alone; nothing is decoded.
pub(crate) fn size(media_type: MediaType, bytes: &[u8]) -> Result<Size, Fault> {
    match media_type {
        MediaType::Png => png::size(bytes),
        MediaType::Jpeg => jpeg::size(bytes),
        MediaType::Webp => webp::size(bytes),
        MediaType::Heic => heic::size(bytes),
        MediaType::Pdf => None,
    }
    .ok_or(Fault::Damaged)
}

/// Decodes the whole picture. Of HEIC the container alone is looked at: its decoders are no
/// libraries that may be built in.
pub(crate) fn decode(media_type: MediaType, bytes: &[u8]) -> Result<(), Fault> {
    match media_type {
        MediaType::Png => png::decode(bytes),
        MediaType::Jpeg => jpeg::decode(bytes),
        MediaType::Webp => webp::decode(bytes),
        MediaType::Heic | MediaType::Pdf => Some(()),
    }
    .ok_or(Fault::Undecodable)
}

fn be_u16(bytes: &[u8], at: usize) -> Option<u16> {
    let two = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(u16::from_be_bytes(two))
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

#[cfg(test)]
mod tests;
