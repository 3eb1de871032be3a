//! Mail, over TLS from the first byte or by STARTTLS, or on this machine in the clear. One connection for each mail.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use lettre::address::Envelope;
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::{Sink, TIMEOUT, Trouble, Unusable};
use crate::alert::render::{plain, short, title};
use crate::clock::Clock;
use crate::port::outbox::Letter;
use crate::secret::Secret;

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// By STARTTLS; without it nothing is sent.
    Starttls,
    /// By TLS from the first byte.
    Implicit,
    /// Not at all.
    None,
}

/// A mail server, and who writes to whom.
pub struct SmtpSettings {
    /// The server, by name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// Certificates to trust besides the system's, in PEM.
    pub ca: Option<Vec<u8>>,
    /// User name and password.
    pub login: Option<(String, Secret)>,
    /// The sender.
    pub from: String,
    /// The receivers.
    pub to: Vec<String>,
}

/// The receivers of mail.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    clock: Arc<dyn Clock>,
}

impl Smtp {
    /// Prepares to send; connects to nothing.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn new(settings: SmtpSettings, clock: Arc<dyn Clock>) -> Result<Smtp, Unusable> {
        let mailbox = |text: &String| {
            let address = text
                .parse()
                .map_err(|_| Unusable("one of its addresses is none"))?;
            Ok(Mailbox::new(None, address))
        };
        let tls = match settings.protection {
            Protection::None => Tls::None,
            Protection::Starttls => Tls::Required(parameters(&settings)?),
            Protection::Implicit => Tls::Wrapper(parameters(&settings)?),
        };
        let from = mailbox(&settings.from)?;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .tls(tls)
            .hello_name(ClientId::Domain(from.email.domain().to_owned()))
            .timeout(Some(TIMEOUT));
        if let Some((user, password)) = settings.login {
            transport = transport.credentials(Credentials::new(user, password.expose().to_owned()));
        }
        Ok(Smtp {
            transport: transport.build(),
            to: settings.to.iter().map(mailbox).collect::<Result<_, _>>()?,
            from,
            clock,
        })
    }

    fn message(&self, letter: &Letter) -> Result<Message, Trouble> {
        let unwritable = |_| Trouble::Refused {
            why: "the mail could not be written".into(),
        };
        let domain = self.from.email.domain();
        // All mails of an incident are one thread.
        let thread: String = letter
            .incident
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '.' })
            .collect();
        let thread = format!("<{thread}@{domain}>");
        let now = Duration::from_millis(u64::try_from(self.clock.now().0).unwrap_or_default());
        let mut mail = Message::builder()
            .from(self.from.clone())
            .subject(short(&title(letter).replace(['\r', '\n'], " "), 200))
            .date(UNIX_EPOCH + now)
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            .references(thread.clone())
            .in_reply_to(thread)
            .header(header::ContentType::TEXT_PLAIN);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let envelope = Envelope::new(
            Some(self.from.email.clone()),
            self.to.iter().map(|to| to.email.clone()).collect(),
        );
        mail.envelope(envelope.map_err(unwritable)?)
            .body(plain(letter))
            .map_err(unwritable)
    }
}

fn parameters(settings: &SmtpSettings) -> Result<TlsParameters, Unusable> {
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.ca {
        let certificate =
            Certificate::from_pem(pem).map_err(|_| Unusable("`ca_file` holds no certificate in PEM"))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder
        .build_rustls()
        .map_err(|_| Unusable("TLS cannot be set up"))
}

#[async_trait]
impl Sink for Smtp {
    async fn send(&self, letter: &Letter, _before: Option<&Letter>) -> Result<(), Trouble> {
        let mail = self.message(letter)?;
        let fault = match self.transport.send(mail).await {
            Ok(_) => return Ok(()),
            Err(fault) => fault,
        };
        // What a server says may repeat what it was sent: only its code is told.
        let code = fault.status().map(|code| code.to_string());
        let why = match &code {
            Some(code) => format!("it answered {code}"),
            None if fault.is_tls() => "TLS could not be agreed on".to_owned(),
            None if fault.is_timeout() => "no answer in time".to_owned(),
            None if fault.is_client() => {
                "it does not offer what is wanted of it, such as STARTTLS or a login".to_owned()
            }
            None => "no connection, or it broke".to_owned(),
        };
        Err(match fault.is_permanent() {
            true => Trouble::Refused { why },
            false => Trouble::later(why),
        })
    }
}
