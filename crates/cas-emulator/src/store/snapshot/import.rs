//! Reading a snapshot, piece by piece.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::marker::PhantomData;

use rusqlite::{Connection, ErrorCode, params};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};
use serde_json::error::Category;

use super::certificate::{Certificate, Problem};
use super::document::{
    ACCESS_KEYS, CERTIFICATES, SEQUENCE_TABLES, SEQUENCES, VERSION, VERSION_MEMBER,
};
use super::error::SnapshotError;
use super::rows::{CloudResource, Contact, Deletion, Job, SnapshotRow, Worker};
use super::seal::{self, SealedFor, Secrets};
use crate::store::error::StoreError;
use crate::store::key_sealer::KeySealer;

/// The longest item of a document, in bytes: items are read into memory one by one.
const LONGEST: usize = 4 * 1024 * 1024;

/// Adds all of a snapshot to an empty database. After an error, the caller undoes what was added.
pub(in crate::store) fn import(
    connection: &Connection,
    stored: &KeySealer,
    secrets: &Secrets,
    document: &mut dyn Read,
) -> Result<(), SnapshotError> {
    let left = Cell::new(LONGEST);
    let (key, failure) = (RefCell::default(), RefCell::default());
    let import = Import { connection, stored, secrets, key, failure, left: &left };
    let document = BufReader::new(Limited { document, left: &left });
    let mut deserializer = serde_json::Deserializer::from_reader(document);
    let read = import.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    let failure = import.failure.take();
    match (read, failure) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(failure)) => Err(SnapshotError::Store(failure)),
        (Err(error), None) => Err(SnapshotError::Invalid(sentence(&error))),
    }
}

/// Why nothing was changed.
fn sentence(error: &serde_json::Error) -> String {
    let reason = match error.classify() {
        Category::Io if error.io_error_kind() == Some(io::ErrorKind::InvalidData) => {
            format!("a part of it is longer than {LONGEST} bytes, at line {}", error.line())
        }
        Category::Io => "it did not arrive completely".to_owned(),
        // The message quotes the document, and this could be a private key.
        _ if error.to_string().contains("-----BEGIN") => {
            format!("PEM where something else is expected at line {}", error.line())
        }
        Category::Eof => format!("it ends too early, at line {}", error.line()),
        _ => error.to_string(),
    };
    format!("The snapshot cannot be used, and nothing was changed: {reason}.")
}

/// A snapshot that is being read.
#[derive(Clone, Copy)]
struct ImportRef<'a>(&'a Import<'a>);

struct Import<'a> {
    connection: &'a Connection,
    stored: &'a KeySealer,
    secrets: &'a Secrets,
    /// The key of the document, once it was needed.
    key: RefCell<Option<KeySealer>>,
    /// The failure of the database that ended it.
    failure: RefCell<Option<StoreError>>,
    /// How many bytes the current item may still have.
    left: &'a Cell<usize>,
}

/// A document whose items have a limited length.
struct Limited<'a> {
    document: &'a mut dyn Read,
    left: &'a Cell<usize>,
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = self.document.read(buffer)?;
        self.left.set(self.left.get().saturating_sub(count));
        Ok(count)
    }
}

impl Import<'_> {
    fn deserialize<'de, D: Deserializer<'de>>(&self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(ImportRef(self))
    }

    fn certificate(
        &self,
        certificate: &Certificate,
        sealed_for: &[SealedFor],
    ) -> Result<(), String> {
        self.left.set(LONGEST);
        let mut key = self.key.borrow_mut();
        if certificate.has_keys() && key.is_none() {
            *key = Some(seal::open(sealed_for, self.secrets)?);
        }
        certificate.store(self.connection, self.stored, key.as_ref()).map_err(|problem| {
            match problem {
                Problem::Invalid(reason) => format!("{}: {reason}", certificate.label()),
                Problem::Database(error) => self.problem(certificate.label(), error),
            }
        })
    }

    fn row<T: SnapshotRow>(&self, row: &T) -> Result<(), String> {
        self.left.set(LONGEST);
        let inserted = row.insert(self.connection);
        inserted.map(|_| ()).map_err(|error| self.problem(row.label(), error))
    }

    fn sequences(&self, sequences: BTreeMap<String, i64>) -> Result<(), String> {
        for (table, last) in sequences {
            if !SEQUENCE_TABLES.contains(&table.as_str()) {
                return Err(format!("unknown sequence `{table}`"));
            }
            let set = || {
                let update = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
                if self.connection.execute(update, params![table, last])? == 0 {
                    let insert = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
                    self.connection.execute(insert, params![table, last])?;
                }
                Ok(())
            };
            set().map_err(|error| self.problem(format!("sequence `{table}`"), error))?;
        }
        Ok(())
    }

    /// What is wrong with a part of the document. Another failure is that of the database.
    fn problem(&self, label: String, error: rusqlite::Error) -> String {
        match error.sqlite_error_code() {
            Some(ErrorCode::ConstraintViolation) => {
                format!("{label}: it occurs twice, or refers to what does not exist ({error})")
            }
            None => format!("{label}: {error}"),
            Some(_) => {
                *self.failure.borrow_mut() = Some(error.into());
                label
            }
        }
    }
}

impl<'de> Visitor<'de> for ImportRef<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a snapshot: an object that GET /_emulator/snapshot has returned")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let Self(import) = self;
        let mut sealed_for: Vec<SealedFor> = Vec::new();
        let mut version = None;
        while let Some(name) = members.next_key::<String>()? {
            match name.as_str() {
                ACCESS_KEYS => {
                    sealed_for = members.next_value()?;
                    continue;
                }
                VERSION_MEMBER => {
                    let given: u64 = members.next_value()?;
                    if given != VERSION {
                        return Err(A::Error::custom(format!(
                            "it has version {given}, and this emulator reads version {VERSION}"
                        )));
                    }
                    version = Some(given);
                    continue;
                }
                _ if version.is_none() => {
                    return Err(A::Error::custom(format!(
                        "`{VERSION_MEMBER}` is missing before `{name}`"
                    )));
                }
                _ => {}
            }
            match name.as_str() {
                CERTIFICATES => members.next_value_seed(Each::new(|certificate: Certificate| {
                    import.certificate(&certificate, &sealed_for)
                })),
                CloudResource::MEMBER => rows::<CloudResource, _>(import, &mut members),
                Contact::MEMBER => rows::<Contact, _>(import, &mut members),
                Deletion::MEMBER => rows::<Deletion, _>(import, &mut members),
                Job::MEMBER => rows::<Job, _>(import, &mut members),
                Worker::MEMBER => rows::<Worker, _>(import, &mut members),
                SEQUENCES => import.sequences(members.next_value()?).map_err(A::Error::custom),
                _ => Err(A::Error::custom(format!("unknown member `{name}`"))),
            }?;
        }
        if version.is_none() {
            return Err(A::Error::custom(format!("`{VERSION_MEMBER}` is missing")));
        }
        Ok(())
    }
}

fn rows<'de, T: SnapshotRow, A: MapAccess<'de>>(
    import: &Import<'_>,
    members: &mut A,
) -> Result<(), A::Error> {
    members.next_value_seed(Each::new(|row: T| import.row(&row)))
}

/// Reads an array, and passes each of its items on.
struct Each<T, F>(F, PhantomData<T>);

impl<T, F: FnMut(T) -> Result<(), String>> Each<T, F> {
    fn new(visit: F) -> Self {
        Self(visit, PhantomData)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T) -> Result<(), String>> DeserializeSeed<'de>
    for Each<T, F>
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T) -> Result<(), String>> Visitor<'de> for Each<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            (self.0)(item).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
