//! One connection, used by one call at a time, and never again after a call that did not end well.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

/// After SQLite has rolled back by itself (a full disk), `sqlx` still believes in the transaction and every later
/// one fails. A new connection knows nothing of it.
#[derive(Debug)]
pub(super) struct Lane {
    options: SqliteConnectOptions,
    idle: Option<SqliteConnection>,
}

impl Lane {
    pub fn new(options: SqliteConnectOptions, idle: Option<SqliteConnection>) -> Lane {
        Lane { options, idle }
    }

    /// The caller gives it back only after success; a call that is dropped half-way takes it along.
    pub async fn take(&mut self) -> Result<SqliteConnection, sqlx::Error> {
        match self.idle.take() {
            Some(connection) => Ok(connection),
            None => self.options.connect().await,
        }
    }

    pub fn give_back(&mut self, connection: SqliteConnection) {
        self.idle = Some(connection);
    }

    pub async fn close(self) -> Result<(), sqlx::Error> {
        match self.idle {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }
}
