//! As much of Exif as is needed to take it out: which side is up, and whether a place is noted.

/// What a block of Exif says.
pub(crate) struct Exif {
    /// How the picture is to be turned, if it is (2 to 8).
    pub(crate) orientation: Option<u8>,
    /// Whether it says where the picture was taken.
    pub(crate) has_location: bool,
}

const ORIENTATION: u16 = 0x0112;
const LOCATION: u16 = 0x8825;
const ENTRY_BYTES: usize = 12;

/// Reads a TIFF header and its first directory; what can't be read says nothing.
pub(crate) fn read(tiff: &[u8]) -> Exif {
    let mut exif = Exif { orientation: None, has_location: false };
    for (tag, value) in entries(tiff).unwrap_or_default() {
        match tag {
            ORIENTATION => {
                exif.orientation = u8::try_from(value).ok().filter(|turn| (2..=8).contains(turn));
            }
            LOCATION => exif.has_location = true,
            _ => {}
        }
    }
    exif
}

/// The tag of each entry, and its value as a short number.
fn entries(tiff: &[u8]) -> Option<Vec<(u16, u16)>> {
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let two = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    };
    let four = tiff.get(4..8)?.try_into().ok()?;
    let at = if is_little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) };
    let at = usize::try_from(at).ok()?;
    let first = at.checked_add(2)?;
    let count = usize::from(u16_at(at)?);
    let places = (0..count).map(|index| first.saturating_add(index * ENTRY_BYTES));
    Some(places.map_while(|at| Some((u16_at(at)?, u16_at(at.checked_add(8)?)?))).collect())
}

/// A block of Exif that says how the picture is to be turned and nothing else.
pub(crate) fn only_orientation(turn: u8) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01".to_vec();
    tiff.extend(ORIENTATION.to_be_bytes());
    // One short number.
    tiff.extend([0, 3, 0, 0, 0, 1, 0, turn, 0, 0]);
    // No further directory.
    tiff.extend([0; 4]);
    tiff
}
