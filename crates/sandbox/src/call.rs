//! The nine calls of the wire, and the log of those that arrived.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::locator::Locator;
use crate::script::Fault;

/// One of the nine calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// `PUT /users/{locator}`
    RegisterUser,
    /// `GET /users/{locator}`
    GetUser,
    /// `PUT /users/{locator}/legal-documents`
    AcceptLegalDocument,
    /// `POST /documents`
    UploadDocument,
    /// `GET /documents/{id}`
    GetDocument,
    /// `PUT /users/{locator}/identity-verification`
    TriggerVerification,
    /// `GET /users/{locator}/identity-verification`
    CheckStatus,
    /// `PUT /users/{locator}/linked-wallets/{address}`
    LinkWallet,
    /// `GET /users/{locator}/linked-wallets/{address}`
    GetLinkedWallet,
}

impl Call {
    /// Whether the call draws on the writes of a minute.
    pub(crate) const fn is_write(self) -> bool {
        match self {
            Self::RegisterUser
            | Self::AcceptLegalDocument
            | Self::UploadDocument
            | Self::TriggerVerification
            | Self::LinkWallet => true,
            Self::GetUser | Self::GetDocument | Self::CheckStatus | Self::GetLinkedWallet => false,
        }
    }

    /// The scope that a key needs for the call.
    pub(crate) const fn scope(self) -> &'static str {
        if self.is_write() { "users.create" } else { "users.read" }
    }
}

/// One call as it arrived. It holds no personal data beyond the locator.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecord {
    /// The number of the call since start or reset, from 1.
    pub seq: u64,
    /// When it had arrived whole, in milliseconds since 1970.
    pub at: i64,
    /// The HTTP method.
    pub method: String,
    /// Which call, or none for a path that the provider does not serve.
    pub call: Option<Call>,
    /// Whose call, where that could be read.
    pub user: Option<Locator>,
    /// The status that was answered, or none if the connection was dropped.
    pub status: Option<u16>,
    /// The scripted fault that the caller met.
    pub fault: Option<Fault>,
    /// Whether an answer of the script was spent on it.
    pub scripted: bool,
    /// Whether it changed the provider's records. Reads never do.
    pub effect: bool,
    /// The sections that a registration carried.
    pub sections: Vec<&'static str>,
    /// The type of the document that was uploaded.
    pub document_type: Option<&'static str>,
}

/// How many calls the log keeps; beyond it the oldest are dropped and counted.
const CALLS_MAX: usize = 100_000;

/// The latest calls in the order of their arrival.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CallLog {
    /// How many older calls were dropped to bound the memory.
    pub dropped: u64,
    /// The calls that are kept.
    pub calls: VecDeque<CallRecord>,
}

impl CallLog {
    /// Numbers the record and keeps it.
    pub(crate) fn push(&mut self, mut record: CallRecord) {
        if self.calls.len() == CALLS_MAX {
            self.calls.pop_front();
            self.dropped += 1;
        }
        record.seq = self.dropped + self.calls.len() as u64 + 1;
        self.calls.push_back(record);
    }

    /// The calls of one user, of one kind, or both; all of them without either.
    pub(crate) fn filtered(&self, user: Option<&Locator>, call: Option<Call>) -> Self {
        let wanted = |record: &&CallRecord| {
            user.is_none_or(|user| record.user.as_ref() == Some(user))
                && call.is_none_or(|call| record.call == Some(call))
        };
        Self { dropped: self.dropped, calls: self.calls.iter().filter(wanted).cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_drops_the_oldest_and_keeps_counting() {
        let record = CallRecord {
            seq: 0,
            at: 0,
            method: "GET".to_owned(),
            call: Some(Call::GetUser),
            user: None,
            status: Some(200),
            fault: None,
            scripted: false,
            effect: false,
            sections: Vec::new(),
            document_type: None,
        };
        let mut log = CallLog::default();
        for _ in 0..CALLS_MAX + 3 {
            log.push(record.clone());
        }
        assert_eq!((log.dropped, log.calls.len()), (3, CALLS_MAX));
        assert_eq!(log.calls.front().map(|first| first.seq), Some(4));
        assert_eq!(log.calls.back().map(|last| last.seq), Some(CALLS_MAX as u64 + 3));
    }
}
