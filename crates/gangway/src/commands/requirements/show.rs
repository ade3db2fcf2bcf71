//! `requirements show`: the table in force.

use onboarding::Requirements;
use onboarding::requirements::{Origin, Rule, When};

use super::listed;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::{plain, print, print_json};
use crate::settings::Settings;

/// `requirements show`.
pub(crate) fn show(settings: &Settings, json: bool) -> Result<Exit, Error> {
    let requirements = &*settings.requirements;
    if json {
        print_json(requirements)?;
    } else {
        print(&page(requirements))?;
    }
    Ok(Exit::Done)
}

fn page(requirements: &Requirements) -> String {
    let mut text = String::new();
    let mut entry = |head: String, lines: &[String], origin: &Origin| {
        text.push_str(&format!("{}\n", plain(&head)));
        for line in lines {
            text.push_str(&format!("  {}\n", plain(line)));
        }
        text.push_str(&format!("  source: {} ({})\n", plain(&origin.source), origin.date));
        if let Some(note) = &origin.note {
            text.push_str(&format!("  note: {}\n", plain(note)));
        }
        text.push('\n');
    };
    for area in &requirements.areas {
        let countries = if area.countries.is_empty() {
            "all other countries".to_owned()
        } else {
            listed(&area.countries, ", ")
        };
        let states = if area.states.is_empty() {
            String::new()
        } else {
            format!(", of which {}", listed(&area.states, ", "))
        };
        let entity = area.entity.iter().map(|entity| format!("served by {entity}"));
        let lines: Vec<String> =
            [format!("{countries}{states}")].into_iter().chain(entity).collect();
        entry(format!("area {}", area.name), &lines, &area.origin);
    }
    for accepts in &requirements.accepts {
        let groups = accepts.any_of.iter().map(|group| listed(group, " and "));
        let head = format!("document {} in {}", accepts.requirement, listed(&accepts.areas, ", "));
        entry(head, &[listed(groups, ", or ")], &accepts.origin);
    }
    for rule in &requirements.rules {
        entry(format!("rule {}", rule.id), &lines_of(rule, requirements), &rule.origin);
    }
    for tier in &requirements.tiers {
        let head = format!("above {}, {} becomes {}", tier.above, tier.product, tier.becomes);
        entry(head, &[], &tier.origin);
    }
    for restriction in &requirements.restricted {
        let head = format!("restriction {}", restriction.id);
        let products = listed(&restriction.products, ", ");
        let line = format!("{products} can't be had in {}", listed(&restriction.countries, ", "));
        entry(head, &[line], &restriction.origin);
    }
    text
}

fn lines_of(rule: &Rule, requirements: &Requirements) -> Vec<String> {
    let everywhere = rule.areas.len() == requirements.areas.len();
    let areas = if everywhere { "everywhere".to_owned() } else { listed(&rule.areas, ", ") };
    let when = match rule.when {
        When::Always => "",
        When::IfSent => ", if the section is sent",
        When::EnhancedDueDiligence => ", under enhanced due diligence",
        When::NewerDocs => ", by the newer documentation alone",
        When::OlderDocs => ", by the older documentation alone",
    };
    let mut lines = vec![format!("for {}; {areas}{when}", listed(&rule.products, ", "))];
    if rule.consent {
        lines.push("asks for the acceptance of the privacy policy".to_owned());
    }
    if !rule.fields.is_empty() {
        lines.push(format!("asks for {}", listed(&rule.fields, ", ")));
    }
    if !rule.documents.is_empty() {
        lines.push(format!("asks for the documents {}", listed(&rule.documents, ", ")));
    }
    if !rule.leave_out.is_empty() {
        lines.push(format!("better left out: {}", listed(&rule.leave_out, ", ")));
    }
    if let Some(days) = rule.max_age_days {
        lines.push(format!("not older than {days} days"));
    }
    lines
}
