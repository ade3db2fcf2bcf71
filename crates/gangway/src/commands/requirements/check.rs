//! `requirements check`: what will be asked of a user, without any call.

use onboarding::Product;
use onboarding::requirements::{
    Alternative, Case, Certainty, Compiled, Diligence, Need, Obstacle, What, compile,
};
use serde::Serialize;

use super::listed;
use super::subject::{Named, Subject};
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{plain, print, print_json};
use crate::settings::Settings;
use crate::{cli, clock};

/// The answer as JSON: `user` or `file`, whichever was named.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    wanted_products: Vec<&'a str>,
    #[serde(flatten)]
    compiled: &'a Compiled,
}

/// `requirements check`.
pub(crate) async fn check(
    settings: &Settings,
    args: cli::RequirementsCheck,
) -> Result<Exit, Error> {
    let requirements = &*settings.requirements;
    let now = clock::now();
    let mut subject = Subject::find(settings, &args.subject, now).await?;
    if !args.want.is_empty() {
        subject.wanted = args.want.into_iter().collect();
    }
    let compiled = compile(
        requirements,
        &Case {
            wanted: subject.wanted.clone(),
            profile: subject.profile.as_ref(),
            documents: subject.documents.clone(),
            consented: subject.consented,
            diligence: if args.edd { Diligence::Enhanced } else { Diligence::Standard },
            eligibility: subject.eligibility.clone(),
            today: now.date(),
        },
    );
    if args.output.json {
        print_json(&answer(&subject, &compiled))?;
    } else {
        print(&page(&subject, &compiled))?;
    }
    Ok(exit(&compiled))
}

fn exit(compiled: &Compiled) -> Exit {
    if !compiled.blocked.is_empty() {
        Exit::Rejected
    } else if compiled.now.is_empty() {
        Exit::Done
    } else {
        Exit::PersonMustAct
    }
}

fn answer<'a>(subject: &'a Subject, compiled: &'a Compiled) -> Answer<'a> {
    let (user, file) = match &subject.named {
        Named::User(user) => (Some(user.as_str()), None),
        Named::File(path) => (None, Some(path.as_str())),
    };
    let wanted_products = subject.wanted.iter().map(|product| product.as_str()).collect();
    Answer { user, file, wanted_products, compiled }
}

fn page(subject: &Subject, compiled: &Compiled) -> String {
    let named = match &subject.named {
        Named::User(user) => user.as_str(),
        Named::File(path) => path,
    };
    let mut text = format!("{}: wants {}\n", plain(named), listed(&subject.wanted, ", "));
    let areas = listed(&compiled.areas, " or ");
    match (&compiled.area, &compiled.entity) {
        (Some(_), Some(entity)) => {
            text.push_str(&format!("lives in the area {areas}, served by {entity}\n"));
        }
        (Some(_), None) => text.push_str(&format!("lives in the area {areas}\n")),
        (None, _) => text.push_str("lives in a country that is not known yet\n"),
    }
    if !compiled.blocked.is_empty() {
        text.push_str("\ncan't be had:\n");
    }
    for blocked in &compiled.blocked {
        let rule = blocked.rule.as_ref().map(|rule| format!(" ({})", rule.rule));
        let (rule, why) = (rule.unwrap_or_default(), obstacle(blocked.obstacle));
        text.push_str(&format!("  {}: {why}{rule}\n", plain(blocked.product.as_str())));
    }
    let is_blocked =
        |product: &Product| compiled.blocked.iter().any(|blocked| blocked.product == *product);
    if !compiled.now.is_empty() {
        text.push_str("\nmissing now:\n");
    } else if !subject.wanted.iter().all(is_blocked) {
        text.push_str("\nnothing is missing now\n");
    }
    for need in &compiled.now {
        text.push_str(&format!("  {}\n", headline(need)));
        for line in [lacks(need), Some(remedy(need, &subject.named))].into_iter().flatten() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    if !compiled.later.is_empty() {
        text.push_str("\nprobably later:\n");
    }
    for need in &compiled.later {
        text.push_str(&format!("  {}\n", headline(need)));
        text.push_str(&lacks(need).map(|line| format!("    {line}\n")).unwrap_or_default());
    }
    if !compiled.unwanted.is_empty() {
        text.push_str("\nbetter left out:\n");
    }
    for unwanted in &compiled.unwanted {
        text.push_str(&format!("  {} ({})\n", unwanted.field, unwanted.rule.rule));
    }
    text
}

fn obstacle(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Residence => "not to be had where the user lives",
        Obstacle::Rejected => "the provider refused the user; its support may say why",
        Obstacle::UnknownProduct => "the table has no rule for it; ask the provider what it needs",
    }
}

/// What it is, for which products, how sure, and by which rules.
fn headline(need: &Need) -> String {
    let what = match &need.what {
        What::Data { section, .. } => section.as_str(),
        What::Document { name, .. } | What::Operator { name } => name,
        What::Consent => "privacy policy",
    };
    let by = if need.rules.is_empty() {
        "asked for by the provider".to_owned()
    } else {
        listed(need.rules.iter().map(|cited| &cited.rule), ", ")
    };
    let sure = match need.certainty {
        Certainty::Now => "",
        Certainty::ByResidence => ", depending on where the user lives",
        Certainty::ByAge => ", as it is getting old",
        Certainty::IfAsked => ", if the provider looks closer",
        Certainty::NewerDocs => ", if the provider's newer documentation is right",
        Certainty::AboveLimit => ", above the product's limit",
        Certainty::OlderDocs => ", if the provider's older documentation is right",
    };
    plain(&format!("{what} for {}{sure} ({by})", listed(&need.products, ", ")))
}

fn lacks(need: &Need) -> Option<String> {
    match &need.what {
        What::Data { missing, .. } if missing.is_empty() => {
            Some("all that the table names is there, and it is asked for all the same".to_owned())
        }
        What::Data { missing, unreadable, .. } => {
            let lacking = missing.iter().map(|field| match unreadable.contains(field) {
                true => format!("{field} (what is given there can't be understood)"),
                false => field.to_string(),
            });
            Some(format!("lacks {}", listed(lacking, ", ")))
        }
        What::Document { name, any_of } if is_named_by(any_of, name) => None,
        What::Document { any_of, .. } => Some(listed(any_of.iter().map(group), ", or ")),
        What::Consent => None,
        What::Operator { .. } => Some("Gangway does not know what is meant".to_owned()),
    }
}

/// Whether the only document that will do is named as the need is.
fn is_named_by(any_of: &[Alternative], name: &str) -> bool {
    matches!(any_of, [only] if matches!(&only.documents[..], [kind] if kind.as_str() == name))
}

fn group(alternative: &Alternative) -> String {
    let all = listed(&alternative.documents, " and ");
    if alternative.missing == alternative.documents {
        return all;
    }
    format!("{all} (lacks {})", listed(&alternative.missing, " and "))
}

/// The command that supplies it, or who has to act.
fn remedy(need: &Need, named: &Named) -> String {
    let (user, file) = match named {
        Named::User(user) => (user.as_str(), None),
        Named::File(path) => ("LOCATOR", Some(path)),
    };
    let remedy = match (&need.what, file) {
        (What::Consent, Some(path)) => {
            format!("when the user has accepted it, put privacyPolicyAcceptedAt into {path}")
        }
        (What::Consent, None) => format!(
            "when the user has accepted it: gangway user patch {user} --file FILE, with \
             privacyPolicyAcceptedAt"
        ),
        (What::Data { .. }, Some(path)) => format!("put it into {path}"),
        (What::Data { .. }, None) => format!("gangway user patch {user} --file FILE"),
        (What::Document { any_of, .. }, _) => {
            let kinds = any_of.iter().map(|group| group.missing.first());
            let kind = match kinds.collect::<Vec<_>>().as_slice() {
                [Some(only)] => only.to_string(),
                _ => "TYPE".to_owned(),
            };
            format!("gangway document add {user} --type {kind} --file FILE")
        }
        (What::Operator { .. }, _) => "an operator has to ask the provider".to_owned(),
    };
    plain(&remedy)
}
