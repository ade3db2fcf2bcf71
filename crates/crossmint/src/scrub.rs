//! Takes personal data out of what the provider says.
//!
//! Providers like to repeat what they refuse. Nothing that was sent may come
//! back in a message, nor anything that looks like it.

use onboarding::{UserLocator, is_kind_of_document};
use serde::Serialize;
use serde_json::Value;

use crate::wire::path_segment;

/// The longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 300;
/// What the provider says beyond so many characters is not looked at: a megabyte of digits
/// would become one mark, and take a second.
const LOOKED_AT_CHARS_MAX: usize = 4_096;
/// A value that begins within them is known as far as this, so it is not cut in two: the
/// longest is a locator in which each byte is encoded.
const VALUE_CHARS_MAX: usize = 1_024;
/// What stands in a message where something was taken out.
const MARK: &str = "[…]";
/// Shorter values are left alone: two letters are a country, and half of every sentence.
const VALUE_BYTES_MIN: usize = 3;
/// A word out of a value of several words is taken out alone when it is this long.
const WORD_BYTES_MIN: usize = 5;
/// So many digits are a number that could name a person.
const DIGITS_MIN: usize = 5;
/// So many characters of base64's alphabet in a row are a piece of a file.
const BASE64_CHARS_MIN: usize = 64;

/// `message` rid of every text in `given`, by the rules for a body that was sent, and of every line
/// in `said`, which are the provider's own words to the user: each is plain, all in a row are not.
#[must_use]
pub fn scrub(message: &str, given: &impl Serialize, said: &impl Serialize) -> String {
    let mut personal = Personal::default();
    personal.add_body(given);
    // What can't be a JSON value was not read from one either.
    let said = serde_json::to_value(said).unwrap_or_default();
    each_text(&said, &mut |_, text| text.lines().for_each(|line| personal.add_whole(line.trim())));
    personal.scrub(message)
}

/// What was sent with a call and must not come back: the locator's value and
/// every text in the body, folded to lower case. It has no `Debug`.
#[derive(Default)]
pub(crate) struct Personal(Vec<Vec<char>>);

impl Personal {
    /// Adds a locator's value, in clear and as it stands in the path.
    pub(crate) fn add_locator(&mut self, locator: &UserLocator) {
        self.add(locator.value());
        self.add(&path_segment(locator.value()));
    }

    /// Adds every text in a body.
    pub(crate) fn add_body(&mut self, body: &impl Serialize) {
        // A body that can't be a JSON value could not be sent either.
        let body = serde_json::to_value(body).unwrap_or_default();
        each_text(&body, &mut |name, text| {
            if !is_kind_of_document(name, text) {
                self.add(text);
            }
        });
    }

    /// Adds one text, and the long words in it.
    pub(crate) fn add(&mut self, text: &str) {
        self.add_whole(text);
        let words = text.split_whitespace().filter(|word| word.len() >= WORD_BYTES_MIN);
        self.0.extend(words.map(|word| folded(&plain(word))));
    }

    fn add_whole(&mut self, text: &str) {
        if text.len() >= VALUE_BYTES_MIN {
            self.0.push(folded(&plain(text)));
        }
    }

    /// `text` without personal data and control characters, cut to a readable length.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let seen = text.char_indices().nth(LOOKED_AT_CHARS_MAX + VALUE_CHARS_MAX);
        let plain = plain(seen.map_or(text, |(end, _)| &text[..end]));
        let folded = folded(&plain);
        let (mut out, mut room, mut hidden_until) = (String::new(), MESSAGE_CHARS_MAX, 0);
        for (at, c) in plain.iter().enumerate() {
            let after_mark = at > 0 && at <= hidden_until;
            hidden_until = hidden_until.max(at + self.hidden_at(&folded, at));
            if at >= hidden_until {
                out.push(*c);
                room -= 1;
            } else if !after_mark {
                out.push_str(MARK);
                room -= MARK.chars().count();
            }
            if room < MARK.chars().count() || at == LOOKED_AT_CHARS_MAX {
                if at + 1 < plain.len() {
                    drop_half_token(&mut out);
                }
                break;
            }
        }
        out
    }

    /// How many characters from `at` on have to go.
    fn hidden_at(&self, text: &[char], at: usize) -> usize {
        let rest = &text[at..];
        let sent = self.0.iter().filter(|value| rest.starts_with(value)).map(Vec::len).max();
        let at_token = at == 0 || ends_token(text[at - 1]);
        let mail = if at_token { mail_chars(rest) } else { 0 };
        sent.unwrap_or(0).max(mail).max(number_chars(rest)).max(base64_chars(rest))
    }
}

/// Each text in a value, with the name of the field that it is the whole of, or none.
fn each_text(value: &Value, act: &mut impl FnMut(&str, &str)) {
    each_text_of("", value, act);
}

fn each_text_of(name: &str, value: &Value, act: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => act(name, text),
        Value::Array(items) => items.iter().for_each(|item| each_text_of("", item, act)),
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| each_text_of(name, field, act));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Line ends become spaces, other control characters go: they could split a value in two.
fn plain(text: &str) -> Vec<char> {
    let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    spaced.filter(|c| !c.is_control()).collect()
}

/// Lower case, one character for one, so that places in the text stay the same.
fn folded(text: &[char]) -> Vec<char> {
    text.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect()
}

/// Half of a name that was not sent could not be told by whoever knows the whole.
fn drop_half_token(text: &mut String) {
    let kept = text.trim_end_matches(|c| !ends_token(c)).trim_end().len();
    text.truncate(kept);
}

fn ends_token(c: char) -> bool {
    c.is_whitespace() || "\"<>()[]{},;:".contains(c)
}

/// The length of the token that `rest` begins with, if it looks like an e-mail address.
fn mail_chars(rest: &[char]) -> usize {
    let length = rest.iter().position(|c| ends_token(*c)).unwrap_or(rest.len());
    let token = &rest[..length];
    let has_at = token.contains(&'@') || token.windows(3).any(|three| three == ['%', '4', '0']);
    if has_at && length >= VALUE_BYTES_MIN { length } else { 0 }
}

/// The length of a number of [`DIGITS_MIN`] digits that `rest` begins with.
/// A date or a phone number may have one sign between two digits.
fn number_chars(rest: &[char]) -> usize {
    let mut digits = 0;
    for (at, c) in rest.iter().enumerate() {
        if c.is_numeric() {
            digits += 1;
            if digits == DIGITS_MIN {
                return at + 1;
            }
        } else if at == 0 || !" -./".contains(*c) || !rest[at - 1].is_numeric() {
            break;
        }
    }
    0
}

/// [`BASE64_CHARS_MIN`] if `rest` begins with so many characters of a file, else nothing.
fn base64_chars(rest: &[char]) -> usize {
    let all =
        |chars: &[char]| chars.iter().all(|c| c.is_ascii_alphanumeric() || "+/=_-".contains(*c));
    if rest.get(..BASE64_CHARS_MIN).is_some_and(all) { BASE64_CHARS_MIN } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sent: &[&str], text: &str, expected: &str) {
        let mut personal = Personal::default();
        personal.add_body(&sent);
        assert_eq!(personal.scrub(text), expected, "{text}");
    }

    #[test]
    fn what_was_sent_does_not_come_back() {
        check(&["Ilse"], "name Ilse is bad", "name […] is bad");
        check(&["Ilse"], "name ILSE, ilse and ilses", "name […], […] and […]s");
        check(&["Müller"], "MÜLLER", "[…]");
        check(&["李明"], "name 李明 is bad", "name […] is bad");
        check(&["Anna Maria"], "maria is no name", "[…] is no name");
        check(&["C01X", "C01X0006H"], "C01X0006H!", "[…]!");
        check(&["Ilse"], "Il\u{0}se", "[…]");
        check(&["DE"], "DE is not supported", "DE is not supported");
    }

    #[test]
    fn kinds_of_documents_stay_and_what_is_said_of_the_person_goes() {
        let scrubbed = |body: Value, message: &str| {
            let mut personal = Personal::default();
            personal.add_body(&body);
            personal.scrub(message)
        };
        let sent = |name: &str, kind: &str, status: &str| {
            serde_json::json!({
                "userDetails": {"firstName": name},
                "kycData": {"identityDocument": {"type": kind, "number": "C01X0006H"}},
                "dueDiligence": {"employmentStatus": status}
            })
        };
        let message = "one of id-passport, id-idcard-front; Ilse is unemployed";
        assert_eq!(
            scrubbed(sent("Ilse", "passport", "unemployed"), message),
            "one of id-passport, id-idcard-front; […] is […]"
        );
        // It is somebody's name as well, or no known kind.
        assert_eq!(scrubbed(sent("Passport", "passport", "x"), "passport?"), "[…]?");
        assert_eq!(scrubbed(sent("Ilse", "AB123 passport", "x"), "the AB123 passport"), "the […]");
        let upload = serde_json::json!({"documentType": "id-passport", "data": "selfie"});
        assert_eq!(scrubbed(upload, "id-passport of selfie"), "id-passport of […]");
    }

    #[test]
    fn what_the_provider_said_goes_line_by_line_and_its_words_stay() {
        let said = ["Sign this message to link your wallet.\n\nNonce: k3v9"];
        let scrubbed = |message| scrub(message, &["0xAda5"], &said);
        assert_eq!(scrubbed("this wallet is not linked"), "this wallet is not linked");
        assert_eq!(scrubbed("you signed Nonce: k3v9 for 0xada5"), "you signed […] for […]");
        assert_eq!(scrubbed("'Sign this message to link your wallet.'"), "'[…]'");
    }

    #[test]
    fn values_that_overlap_or_touch_go_whole() {
        check(&["abc def", "def ghi"], "x abc def ghi y", "x […] y");
        check(&["Ilse", "Brandt"], "IlseBrandt", "[…]");
        check(&["Ilse"], "IlseIlse Ilse", "[…] […]");
    }

    #[test]
    fn what_looks_like_personal_data_goes_though_it_was_not_sent() {
        check(&[], "use o'brien+a@example.org, please", "use […], please");
        check(&[], "email%3Aa%40b.org email:a@b.org", "[…] email:[…]");
        check(&[], "must hold an @ sign", "must hold an @ sign");
        check(&[], "number 123456 but 1234", "number […] but 1234");
        check(&[], "born 01.01.1995, call +49 301 112", "born […], call +[…]");
        check(&[], "1,2,3,4,5 of 100 at 400", "1,2,3,4,5 of 100 at 400");
        check(
            &[],
            &format!("data:image/png;base64,{}==.", "iVBO".repeat(40)),
            "data:image/png;base64,[…].",
        );
    }

    #[test]
    fn messages_stay_readable_and_short() {
        check(&[], "two\r\nlines\u{7}\u{1b}[31m", "two  lines[31m");
        check(&[], "", "");
        check(&[], &"ab ".repeat(200), &"ab ".repeat(99)[..296]);
        check(&[], &format!("{} Ilse", ".".repeat(293)), &format!("{} Ilse", ".".repeat(293)));
        check(&[], &format!("{} Ilse and on", "123456".repeat(800)), "[…]");
        let personal = Personal::default();
        assert!(personal.scrub(&"@bc d ".repeat(200)).chars().count() <= MESSAGE_CHARS_MAX);
    }
}
