//! What a broken run may differ in from the clean one: nothing in its end, and in its calls only
//! a repeat of what was lost.

use sandbox::{Call, CallRecord};

use crate::point::{Break, How};
use crate::run::Ran;
use crate::scenarios::TriggersEffect;

/// What is wrong with a broken run, if anything is.
pub fn difference(clean: &Ran, broken: &Ran, at: &Break, effect: TriggersEffect) -> Option<String> {
    if broken.ending != clean.ending {
        return Some(format!("ended as {:#}\ninstead of {:#}", broken.ending, clean.ending));
    }
    let lost = lost_write(at, &broken.points[at.stage]);
    let may_not_show = effect == TriggersEffect::FirstShows && at.stage > 0;
    let may_repeat = may_not_show && lost == Some(Call::TriggerVerification);
    let more = broken.triggers_effective.checked_sub(clean.triggers_effective);
    if more.is_none_or(|more| more > u64::from(may_repeat)) {
        let (clean, broken) = (clean.triggers_effective, broken.triggers_effective);
        return Some(format!("{broken} triggers took effect instead of {clean}"));
    }
    let calls = || format!("{:#?}", broken.calls.iter().map(line).collect::<Vec<_>>());
    wrong_trigger(&broken.calls, may_repeat)
        .or_else(|| poorer_record(&broken.calls))
        .map(str::to_owned)
        .or_else(|| wrong_repeat(&clean.calls, &broken.calls, lost))
        .map(|wrong| format!("{wrong}: {}", calls()))
}

/// What is wrong with a run in which nothing was broken, if anything is.
pub fn fault(clean: &Ran) -> Option<&'static str> {
    wrong_trigger(&clean.calls, false).or_else(|| poorer_record(&clean.calls))
}

/// The write that may be made again, by the worker that came to `points`: that takes an answer
/// which is lost, on the way or with the process that knew it.
fn lost_write(at: &Break, points: &[String]) -> Option<Call> {
    let before_the_commit = ["SlowDown", "SetGate"].contains(&at.name());
    let is_lost = match at.how {
        How::KillBefore => before_the_commit || at.name() == "Commit",
        How::KillAfter => before_the_commit || at.is_call(),
        How::FailAfter => at.is_call(),
        How::FailBefore | How::DoubtBefore | How::DoubtAfter => false,
    };
    let call = at.last_call(points).filter(|_| is_lost)?;
    match call {
        "accept-privacy-policy" | "accept-terms" => Some(Call::AcceptLegalDocument),
        "register-user" => Some(Call::RegisterUser),
        "upload-document" => Some(Call::UploadDocument),
        "trigger-verification" => Some(Call::TriggerVerification),
        "link-wallet" => Some(Call::LinkWallet),
        "read-user" | "check-status" => None,
        _ => panic!("a call that nobody makes: {call}"),
    }
}

/// I5: the same data is triggered for again only after it was seen that the last trigger had no
/// effect, or that nobody can see whether it had.
fn wrong_trigger(calls: &[CallRecord], may_repeat: bool) -> Option<&'static str> {
    let mut last: Option<&CallRecord> = None;
    let mut is_read = false;
    for call in calls {
        match call.call? {
            Call::RegisterUser | Call::UploadDocument | Call::AcceptLegalDocument => {
                last = last.filter(|_| !call.effect);
            }
            // The provider has lost what it was triggered for.
            Call::CheckStatus if call.status == Some(404) => last = None,
            Call::CheckStatus => is_read |= is_answered(call),
            Call::TriggerVerification => {
                if let Some(last) = last {
                    let was_plain = last.status.is_some_and(|status| (400..500).contains(&status));
                    if last.effect && !may_repeat {
                        return Some("triggered again for the same data");
                    }
                    if !is_read && !was_plain {
                        return Some("triggered again before the status was read");
                    }
                }
                (last, is_read) = (Some(call), false);
            }
            // A wallet is nothing to be judged, and what the provider shows is no verdict.
            Call::LinkWallet | Call::GetUser => {}
            Call::GetDocument | Call::GetLinkedWallet => {
                return Some("a call that nobody makes");
            }
        }
    }
    None
}

fn is_answered(call: &CallRecord) -> bool {
    call.status == Some(200) && call.fault.is_none()
}

/// I4: no registration leaves out a section that an earlier one had.
fn poorer_record(calls: &[CallRecord]) -> Option<&'static str> {
    let registrations = calls.iter().filter(|call| call.call == Some(Call::RegisterUser));
    let sections: Vec<_> = registrations.map(|call| &call.sections).collect();
    let is_poorer =
        sections.windows(2).any(|pair| pair[0].iter().any(|section| !pair[1].contains(section)));
    is_poorer.then_some("a registration was poorer than the one before")
}

/// The writes are those of the clean run in their order, and `lost` once more at most.
/// Wallets are linked whenever nothing else is due, so that they keep no order but their own.
fn wrong_repeat(clean: &[CallRecord], broken: &[CallRecord], lost: Option<Call>) -> Option<String> {
    let count = |calls: &[CallRecord]| calls.iter().filter(|call| call.call == lost).count();
    let of_the_lost = count(broken).saturating_sub(count(clean));
    let (clean, broken) = (writes(clean), writes(broken));
    for of_wallets in [false, true] {
        let in_order = |writes: &[String]| -> Vec<String> {
            let chosen = writes.iter().filter(|write| (*write == "link-wallet") == of_wallets);
            chosen.cloned().collect()
        };
        let made = in_order(&broken);
        let mut rest = made.iter();
        if let Some(missing) =
            in_order(&clean).iter().find(|write| !rest.any(|made| made == *write))
        {
            return Some(format!("{missing} is not made in its turn"));
        }
    }
    let repeats = broken.len() - clean.len();
    let repeats_max = lost.map_or(0, |_| of_the_lost.min(1));
    (repeats > repeats_max).then(|| format!("{repeats} repeats, where {lost:?} was lost"))
}

fn writes(calls: &[CallRecord]) -> Vec<String> {
    let is_read = |call: &&CallRecord| matches!(call.call, Some(Call::CheckStatus | Call::GetUser));
    calls.iter().filter(|call| !is_read(call)).map(what).collect()
}

fn what(call: &CallRecord) -> String {
    let name = serde_json::to_value(call.call).unwrap();
    let name = name.as_str().unwrap();
    match call.document_type {
        Some(document_type) => format!("{name} {document_type}"),
        None => format!("{name} {}", call.sections.join(",")).trim_end().to_owned(),
    }
}

fn line(call: &CallRecord) -> String {
    let CallRecord { status, fault, effect, .. } = call;
    format!("{}: status {status:?}, fault {fault:?}, effect {effect}", what(call))
}
