//! One configured server: requests with a token, and what a refusal by right means.

use std::sync::Arc;

use reqwest::Request;

use super::answer::Answer;
use super::auth::{Token, Tokens};
use super::requests::Requests;
use super::settings::VaultSettings;
use super::wire::Wire;
use crate::clock::Clock;
use crate::port::{Fault, Outcome, Refusal};

/// A server, shared by all apps whose values it keeps.
pub struct VaultConnection {
    wire: Arc<Wire>,
    tokens: Arc<Tokens>,
    settings: VaultSettings,
}

impl VaultConnection {
    /// Prepares to speak to the server; sends nothing and reads no file yet. `clock` is what leases are reckoned by.
    ///
    /// # Errors
    /// [`Fault::Unusable`] if the address or the namespace cannot be used.
    pub fn new(settings: VaultSettings, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let wire = Arc::new(Wire::new(&settings)?);
        Ok(VaultConnection {
            tokens: Tokens::new(wire.clone(), settings.auth.clone(), clock),
            wire,
            settings,
        })
    }

    pub(super) fn settings(&self) -> &VaultSettings {
        &self.settings
    }

    pub(super) fn requests(&self) -> &Requests {
        self.wire.requests()
    }

    /// Asks something that changes nothing. Success and 404 are answers; the rest are faults. `asked` names the right
    /// that it takes.
    pub(super) async fn ask(&self, request: Request, asked: &str) -> Result<Answer, Fault> {
        let again = request.try_clone();
        let used = self.tokens.get().await?;
        let mut answer = self.send(request, &used).await?;
        if answer.status == 403
            && let (Some(token), Some(again)) = (self.tokens.refused(&used).await?, again)
        {
            answer = self.send(again, &token).await?;
        }
        answer.fault(asked).map_or(Ok(answer), Err)
    }

    /// Sends the one mutating request of an effect. The answer is a success; all else is an outcome.
    pub(super) async fn change<T>(&self, request: Request, asked: &str) -> Result<Answer, Outcome<T>> {
        let used = self.tokens.get().await.map_err(Outcome::NotNow)?;
        let answer = self.send(request, &used).await?;
        match answer.refusal(asked) {
            None => Ok(answer),
            Some(Outcome::Refused(Refusal::Permission(text))) => Err(self.forbidden(&used, text).await),
            Some(other) => Err(other),
        }
    }

    /// How the server is, by status.
    pub(super) async fn health(&self) -> Result<u16, Fault> {
        self.wire.health().await
    }

    /// A write was refused by right. It was not applied, so with another token the same request may work; it is the
    /// caller's to send it again, since an effect holds one mutating request.
    async fn forbidden<T>(&self, used: &Arc<Token>, text: String) -> Outcome<T> {
        match self.tokens.refused(used).await {
            Ok(None) => Outcome::Refused(Refusal::Permission(text)),
            Ok(Some(_)) => {
                Outcome::NotNow(Fault::Unavailable("the token has been replaced meanwhile".into()))
            }
            Err(fault) => Outcome::NotNow(fault),
        }
    }

    async fn send(&self, request: Request, token: &Token) -> Result<Answer, super::answer::Lost> {
        let answer = self.wire.send(request, Some(&token.header)).await?;
        if answer.is_success() || answer.is_absence() {
            token.proven();
        }
        Ok(answer)
    }
}
