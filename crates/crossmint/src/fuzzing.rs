//! For the fuzzer: a client that meets a given answer instead of a network.

use crate::Client;
use crate::reference::Forms;
use crate::settings::DocumentReference;

impl Client {
    /// Makes this a client that has made no call yet, and whose every call gets this answer.
    ///
    /// # Errors
    /// When no server could give such an answer.
    pub fn answer_with(
        &mut self,
        status: u16,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(), http::Error> {
        let mut answer = http::Response::builder().status(status);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        self.transport.canned = Some(answer.body(body)?);
        self.reference_forms = Forms::new(DocumentReference::Reference);
        Ok(())
    }
}
