//! What a person gives about a user: the file, a patch of it, the locator.

use onboarding::{Checked, LocatorKind, Problems, Profile, UserFile, UserLocator};
use serde_json::Value;

use crate::canary::{MARKED_BYTES_MAX, MARKER, assert_none_planted, planted};
use crate::provider::{NOW, PROFILE};

/// A whole user.
pub(crate) fn file(data: &[u8]) {
    match UserFile::parse(data, NOW) {
        Ok(Checked { value, warnings }) => {
            assert!(!warnings.has_errors());
            check_profile(value.profile.as_ref());
        }
        Err(problems) => check_refusal(&problems),
    }
    if let Ok(Checked { value: profile, .. }) = Profile::parse(data, NOW.date()) {
        check_profile(Some(&profile));
    }
    check_hides(data, |bytes| UserFile::parse(bytes, NOW));
}

/// A merge patch of a user who is held.
pub(crate) fn patch(data: &[u8]) {
    let held = &*PROFILE;
    match UserFile::parse_patch(data, Some(held), NOW) {
        Ok(Checked { value, .. }) => {
            check_profile(value.profile.as_ref());
            check_said_twice(data, &value);
            check_keeps_the_rest(data, held, &value);
        }
        Err(problems) => check_refusal(&problems),
    }
    check_hides(data, |bytes| UserFile::parse_patch(bytes, Some(held), NOW));
}

/// A profile that was taken is taken again, and is the same, in each of its forms.
fn check_profile(profile: Option<&Profile>) {
    let Some(profile) = profile else { return };
    let again = Profile::from_value(&profile.to_value(), NOW.date());
    assert!(again.is_ok_and(|again| again.value == *profile), "a profile changes when read again");
    let json = serde_json::to_vec(profile).unwrap();
    let stored: Profile = serde_json::from_slice(&json).unwrap();
    assert!(stored == *profile, "a profile changes in the store");
}

/// A patch that is given twice changes nothing more.
fn check_said_twice(data: &[u8], once: &UserFile) {
    let Some(after) = &once.profile else { return };
    // What the patch took out is gone the second time, and so may be every section it names.
    if let Ok(twice) = UserFile::parse_patch(data, Some(after), NOW) {
        assert!(twice.value == *once, "a patch changes something when it is given twice");
    }
}

/// What a patch does not name stays as it is.
fn check_keeps_the_rest(data: &[u8], held: &Profile, after: &UserFile) {
    let Some(after) = &after.profile else { return };
    let text = std::str::from_utf8(data).expect("it was taken");
    let patch = serde_json::from_str(text.trim_start_matches('\u{feff}')).expect("it was taken");
    assert!(keeps_the_rest(&held.to_value(), &patch, &after.to_value()), "a patch loses a field");
}

fn keeps_the_rest(held: &Value, patch: &Value, after: &Value) -> bool {
    let Value::Object(fields) = held else { return true };
    fields.iter().all(|(name, value)| match patch.get(name) {
        None => after.get(name) == Some(value),
        Some(inner @ Value::Object(_)) => keeps_the_rest(value, inner, &after[name]),
        Some(_) => true,
    })
}

pub(crate) fn check_refusal(problems: &Problems) {
    assert!(problems.has_errors(), "refused for nothing");
    for problem in &problems.0 {
        assert!(!problem.message.is_empty());
        assert!(problem.pointer.is_empty() || problem.pointer.starts_with('/'));
    }
}

/// No problem repeats a text of the file.
fn check_hides<T>(data: &[u8], parse: impl Fn(&[u8]) -> Result<Checked<T>, Problems>) {
    if data.len() > MARKED_BYTES_MAX {
        return;
    }
    let marked = match serde_json::from_slice::<Value>(data) {
        Ok(json) => planted(&json).to_string().into_bytes(),
        // What is no JSON may hold personal data as well.
        Err(_) => [MARKER.as_bytes(), data].concat(),
    };
    let told = match parse(&marked) {
        Ok(Checked { warnings, .. }) => warnings,
        Err(problems) => problems,
    };
    assert_none_planted(&told.to_string());
}

/// A user locator.
pub(crate) fn locator(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<UserLocator>() {
        Ok(locator) => {
            let again: UserLocator = locator.to_string().parse().expect("what it shows is one");
            assert_eq!(again.as_str(), locator.as_str(), "shown and read again it is another");
            assert_eq!(
                format!("{}:{}", locator.kind().as_str(), locator.value()),
                locator.as_str()
            );
            // Of the value nothing: the kind is all that a log may show.
            let shown = format!("UserLocator({}:…)", locator.kind().as_str());
            assert_eq!(format!("{locator:?}"), shown);
            check_value_kept(text, &locator);
            check_sandbox_agrees(&locator);
        }
        Err(error) => assert!(error.to_string().chars().count() < 200),
    }
}

/// Two users never become one: but for the case of an e-mail address, the value is as it came.
fn check_value_kept(text: &str, locator: &UserLocator) {
    let value = text.split_once(':').map(|(_, value)| value).unwrap();
    match locator.kind() {
        LocatorKind::Email => assert_eq!(locator.value(), value.to_lowercase()),
        LocatorKind::UserId | LocatorKind::PhoneNumber | LocatorKind::Twitter => {
            assert_eq!(locator.value(), value);
        }
    }
}

/// The independent model of the provider takes what we send.
fn check_sandbox_agrees(locator: &UserLocator) {
    let theirs: sandbox::Locator = locator.as_str().parse().expect("the sandbox takes it");
    assert_eq!(theirs.as_str(), locator.as_str());
}
