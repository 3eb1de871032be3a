//! The stores of the demo: each as a table of the policy, as the word by which an app names its place there, and as what
//! the witness reads.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::cast::CAST;
use crate::cli::exit::Failure;
use crate::sandbox::consumer::ReaderConfig;

/// Where credentials are published.
#[derive(Debug, clap::Args)]
pub struct Shelves {
    /// Where credentials are published: one or more, in this order.
    #[arg(long = "store", value_enum, value_delimiter = ',', default_value = "file")]
    stores: Vec<Choice>,
    /// The Vault or OpenBao server, for `--store vault`.
    #[arg(long, env = "VAULT_ADDR")]
    vault_address: Option<String>,
    /// A file with a token for it.
    #[arg(long)]
    vault_token_file: Option<PathBuf>,
    /// The KV version 2 mount.
    #[arg(long, default_value = "secret")]
    vault_mount: String,
    /// The region, for `--store aws`. Credentials come by the usual chain (environment, profile, …).
    #[arg(long, env = "AWS_REGION", default_value = "eu-west-1")]
    aws_region: String,
    /// A server that takes the requests of AWS Secrets Manager, in place of AWS's own.
    #[arg(long, env = "AWS_ENDPOINT_URL")]
    aws_endpoint_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Choice {
    File,
    Vault,
    Aws,
}

/// One store.
pub struct Shelf {
    pub name: &'static str,
    /// `[store.NAME…]` of the policy.
    pub table: String,
    /// How an app's place there is called: `path` or `name`.
    pub place_word: &'static str,
    reader: Reader,
}

enum Reader {
    File {
        apps: PathBuf,
        identity: PathBuf,
    },
    Vault {
        address: String,
        token_file: PathBuf,
        mount: String,
    },
    Aws {
        region: String,
        endpoint_url: Option<String>,
    },
}

/// Makes what the stores need in `directory`.
///
/// # Errors
/// [`Failure`] (1): a server's address or token is missing; a file cannot be made; a store is named twice.
pub fn build(args: &Shelves, directory: &Path) -> Result<Vec<Shelf>, Failure> {
    let mut shelves: Vec<Shelf> = Vec::new();
    for choice in &args.stores {
        let shelf = match choice {
            Choice::File => file(directory)?,
            Choice::Vault => vault(args)?,
            Choice::Aws => aws(args),
        };
        if shelves.iter().any(|other| other.name == shelf.name) {
            return Err(Failure::failed("--store names one store twice"));
        }
        shelves.push(shelf);
    }
    Ok(shelves)
}

impl Shelf {
    /// Where an app's credential is.
    pub fn place(app: &str) -> String {
        format!("demo/{app}")
    }

    /// How a consumer reads an app's credential here.
    pub fn reader(&self, app: &str) -> ReaderConfig {
        match &self.reader {
            Reader::File { apps, identity } => ReaderConfig::File {
                path: apps.join(Shelf::place(app)).join("current"),
                identity_file: identity.clone(),
            },
            Reader::Vault {
                address,
                token_file,
                mount,
            } => ReaderConfig::Vault {
                address: address.clone(),
                token_file: token_file.clone(),
                mount: mount.clone(),
                path: Shelf::place(app),
            },
            Reader::Aws { region, endpoint_url } => ReaderConfig::Aws {
                region: region.clone(),
                endpoint_url: endpoint_url.clone(),
                name: Shelf::place(app),
            },
        }
    }
}

fn file(directory: &Path) -> Result<Shelf, Failure> {
    let (secrets, identity) = (directory.join("secrets"), directory.join("store.key"));
    let made = fs::DirBuilder::new().mode(0o700).create(&secrets);
    made.map_err(|fault| Failure::failed(format!("{}: {}", secrets.display(), fault.kind())))?;
    crate::app::generate_identity(&identity)?;
    Ok(Shelf {
        name: "local",
        table: format!(
            "[store.local.file]\ndirectory = \"{}\"\nidentity_file = \"{}\"",
            secrets.display(),
            identity.display()
        ),
        place_word: "path",
        reader: Reader::File {
            apps: secrets.join("apps"),
            identity,
        },
    })
}

fn vault(args: &Shelves) -> Result<Shelf, Failure> {
    let needed =
        || Failure::failed("--store vault needs --vault-address (or VAULT_ADDR) and --vault-token-file");
    let address = args.vault_address.clone().ok_or_else(needed)?;
    let token_file = args.vault_token_file.as_ref().ok_or_else(needed)?;
    let token_file =
        std::path::absolute(token_file).map_err(|fault| Failure::failed(fault.kind().to_string()))?;
    let mount = args.vault_mount.clone();
    Ok(Shelf {
        name: "corp",
        table: format!(
            "[store.corp.vault]\naddress = \"{address}\"\nmount = \"{mount}\"\n\
             [store.corp.vault.auth.token]\nfile = \"{}\"",
            token_file.display()
        ),
        place_word: "path",
        reader: Reader::Vault {
            address,
            token_file,
            mount,
        },
    })
}

fn aws(args: &Shelves) -> Shelf {
    let endpoint = match &args.aws_endpoint_url {
        Some(url) => format!("endpoint_url = \"{url}\"\n"),
        None => String::new(),
    };
    Shelf {
        name: "cloud",
        table: format!(
            "[store.cloud.aws]\nregion = \"{}\"\n{endpoint}create = true",
            args.aws_region
        ),
        place_word: "name",
        reader: Reader::Aws {
            region: args.aws_region.clone(),
            endpoint_url: args.aws_endpoint_url.clone(),
        },
    }
}

/// Every app in every store: what the witness is to read, under a name of its own.
pub fn watched(shelves: &[Shelf]) -> impl Iterator<Item = (String, ReaderConfig)> {
    let pairs = CAST
        .iter()
        .flat_map(|app| shelves.iter().map(move |shelf| (app, shelf)));
    pairs.map(|(app, shelf)| (watched_as(app.name, shelf.name), shelf.reader(app.name)))
}

/// The witness's name for an app in a store.
pub fn watched_as(app: &str, store: &str) -> String {
    format!("{app} in {store}")
}
