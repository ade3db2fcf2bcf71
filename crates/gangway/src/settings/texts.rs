//! Reads the folder of texts that a setting names.

use std::fs::{self, DirEntry};
use std::io::{self, Read as _};
use std::path::Path;

use onboarding::texts::{Language, TEXTS_BYTES_MAX, Texts};

/// More files than there are languages and regions that anybody writes for.
const FILES_MAX: usize = 1_000;

/// The texts that come with Gangway, with those of the folder over them; or every mistake in its
/// files, a line each.
pub(super) fn read(folder: &Path) -> Result<Texts, Vec<String>> {
    let mut texts = Texts::default();
    let mut problems = Vec::new();
    let files = files(folder).map_err(|error| vec![unreadable(folder, &error)])?;
    if files.is_empty() {
        problems.push(format!(
            "texts.dir: there is no file of texts in {}, such as de.toml",
            folder.display()
        ));
    }
    if files.len() > FILES_MAX {
        return Err(vec![format!(
            "texts.dir: there are more than {FILES_MAX} files of texts in {}",
            folder.display()
        )]);
    }
    for file in files {
        match read_file(&file.path(), texts.clone()) {
            Ok(with_file) => texts = with_file,
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() { Ok(texts) } else { Err(problems) }
}

/// The files whose names end in `.toml`, in the order of their names.
fn files(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_toml = entry.path().extension().is_some_and(|extension| extension == "toml");
        if is_toml && files.len() <= FILES_MAX {
            files.push(entry);
        }
    }
    files.sort_by_key(DirEntry::file_name);
    Ok(files)
}

fn read_file(path: &Path, texts: Texts) -> Result<Texts, Vec<String>> {
    let shown = path.display();
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    // Two files of one language would each be right alone.
    let language: Option<Language> =
        name.parse().ok().filter(|language: &Language| language.as_str() == name);
    let Some(language) = language else {
        return Err(vec![format!(
            "{shown}: the name of a file of texts is its language, such as de.toml or de-AT.toml"
        )]);
    };
    let bytes = bytes_of(path).map_err(|error| vec![unreadable(path, &error)])?;
    texts
        .with(language, &bytes)
        .map_err(|mistakes| mistakes.iter().map(|mistake| format!("{shown}, {mistake}")).collect())
}

/// No more than one byte above the limit.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    // What is no file could keep whoever reads it waiting.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(TEXTS_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!(
        "texts.dir: {} can't be read ({error}); check the path and its permissions",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What reading a folder of these files gives, with the folder's path as DIR.
    fn read_files(files: &[(&str, &[u8])]) -> Result<Texts, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let shown = folder.path().display().to_string();
        read(folder.path()).map_err(|problems| {
            problems.iter().map(|problem| problem.replace(&shown, "DIR")).collect()
        })
    }

    #[test]
    fn a_folder_replaces_texts_and_adds_languages() {
        let texts = read_files(&[
            ("de.toml", b"[who]\nuser = \"Bitte sehr.\""),
            ("pt-BR.toml", b"[who]\nuser = \"Sua vez.\""),
            ("README", b"no texts"),
        ])
        .unwrap();
        for (tag, expected) in
            [("de-AT", "Bitte sehr."), ("pt-BR", "Sua vez."), ("en", "It is your turn.")]
        {
            assert_eq!(texts.who(&tag.parse().unwrap(), "user").as_str(), expected, "{tag}");
        }
    }

    /// The file that the page on settings shows.
    #[test]
    fn the_documented_file_is_taken() {
        let page = include_str!("../../../../docs/configuration.md");
        let (_, section) = page.split_once("## Texts").unwrap();
        let example = section.split("```toml").nth(1).unwrap().split("```").next().unwrap();
        let texts = read_files(&[("de.toml", example.as_bytes())]).unwrap();
        assert_eq!(texts.document(&"de".parse().unwrap(), "id-passport").as_str(), "Pass");
    }

    #[test]
    fn every_mistake_of_every_file_is_told() {
        for (files, expected) in [
            (&[][..], &["texts.dir: there is no file of texts in DIR, such as de.toml"][..]),
            (
                &[
                    ("de.toml", &b"[who]\nuesr = \"x\""[..]),
                    ("es.toml", b"[who]\nuser = \"\xFF\""),
                    ("deutsch.toml", b""),
                    ("pt_br.toml", b""),
                    ("fr.toml", b"[due]\nby = \"x\"\n[who]\nuser = 1"),
                ],
                &[
                    "DIR/de.toml, line 2: who.uesr: there is no such text; did you mean who.user?",
                    "DIR/deutsch.toml: the name of a file of texts is its language, such as \
                     de.toml or de-AT.toml",
                    "DIR/es.toml, line 2: is not UTF-8; save the file in that encoding",
                    "DIR/fr.toml, line 2: due.by: the placeholder {date} is missing",
                    "DIR/fr.toml, line 4: who.user: must be a text in quotation marks",
                    "DIR/pt_br.toml: the name of a file of texts is its language, such as de.toml \
                     or de-AT.toml",
                ],
            ),
        ] {
            assert_eq!(read_files(files).unwrap_err(), expected);
        }
    }

    #[test]
    fn what_is_no_folder_and_no_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let problems = read(&folder.path().join("nowhere")).unwrap_err();
        assert!(problems[0].contains("nowhere can't be read"), "{problems:?}");
        fs::create_dir(folder.path().join("de.toml")).unwrap();
        let problems = read(folder.path()).unwrap_err();
        assert!(problems[0].contains("de.toml can't be read (not a file)"), "{problems:?}");
    }
}
