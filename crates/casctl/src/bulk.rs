//! Uploads many certificates: at the documented rate, past failures, and safe to run again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use cas_core::{Certificate, Client, ErrorKind, Facts, OnConflict, Outcome, Receipt, Upload};
use serde_json::{Value, json};

use crate::failure::{Failure, IN_PART, unusable};
use crate::language::say;
use crate::layout::Lineage;
use crate::output::{self, Format, Progress};
use crate::parallel;
use crate::receipt;
use crate::rules::Rules;
use crate::session::Session;

/// One run over many certificates.
pub(crate) struct Bulk<'a> {
    pub session: &'a Session<'a>,
    pub rules: Rules,
    /// How many are uploaded at once.
    pub jobs: usize,
    /// A file that receives a JSON line about each certificate.
    pub report: Option<&'a Path>,
}

/// What became of one certificate.
type Uploaded = Result<(Receipt, Value), Failure>;

/// How many came to which end.
#[derive(Default)]
struct Counts {
    created: usize,
    reused: usize,
    failed: usize,
    first_failure: Option<Failure>,
}

impl Bulk<'_> {
    /// Uploads the certificates. Prints each result as it comes, and what failed.
    pub(crate) fn run(&self, lineages: &[Lineage]) -> Result<(), Failure> {
        let started = Instant::now();
        let mut report = self.report.map(create).transpose()?;
        let client = self.session.client()?;
        // Without an access key, each certificate would fail for the same reason.
        client.credentials()?;
        let listed = match client.list() {
            Ok(listed) => listed,
            // The access key may upload but not list: the service then says what is stored.
            Err(error) if error.kind() == ErrorKind::Permission => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let progress = Progress::start(lineages.len(), self.session.shows_progress());
        let mut counts = Counts::default();
        parallel::each(
            lineages,
            self.jobs,
            || !self.session.is_interrupted(),
            |lineage| upload(client, lineage, &self.rules, &listed),
            |index, result| {
                let line = self.print(&lineages[index], &result);
                progress.advance();
                counts.add(result);
                report.as_mut().map_or(Ok(()), |report| write(report, &line))
            },
        )?;
        drop(progress);
        self.end(lineages.len(), counts, started)
    }

    /// Prints what became of a certificate. Returns it as JSON.
    fn print(&self, lineage: &Lineage, result: &Uploaded) -> Value {
        let format = self.session.format();
        let mut value = match result {
            Ok((_, value)) => value.clone(),
            Err(failure) => json!({ "error": failure.details() }),
        };
        value["source"] = json!(lineage.label);
        value["cert_file"] = json!(lineage.cert);
        match (result, format) {
            (_, Format::Json) => output::json(&value),
            (Ok((receipt, _)), Format::Text) => {
                output::line(&format!("{} {}", receipt.cert_id, receipt.name));
            }
            (Err(failure), Format::Text) => failure.print_about(&lineage.label),
        }
        value
    }

    fn end(&self, all: usize, counts: Counts, started: Instant) -> Result<(), Failure> {
        let Counts { created, reused, failed, first_failure } = counts;
        let left = all - created - reused - failed;
        let seconds = started.elapsed().as_secs_f64();
        self.session.note(&say!(
            "{created} uploaded, {reused} stored already, {failed} failed, {left} not tried, in \
             {seconds:.1} s.",
            "已上传 {created}，已存在 {reused}，失败 {failed}，未尝试 {left}，用时 {seconds:.1} 秒。"
        ));
        if left > 0 {
            output::warning(&say!(
                "Interrupted: run the same command again to go on.",
                "已中断：再次运行同一命令即可继续。"
            ));
        }
        match first_failure {
            None if left == 0 => Ok(()),
            // Nothing was achieved: the exit status says why.
            Some(failure) if failed == all => Err(Failure::Status(failure.status())),
            _ => Err(Failure::Status(IN_PART)),
        }
    }
}

impl Counts {
    fn add(&mut self, result: Uploaded) {
        match result {
            Ok((Receipt { outcome: Outcome::Reused, .. }, _)) => self.reused += 1,
            Ok(_) => self.created += 1,
            Err(failure) => {
                self.failed += 1;
                self.first_failure.get_or_insert(failure);
            }
        }
    }
}

fn upload(client: &Client, lineage: &Lineage, rules: &Rules, listed: &[Certificate]) -> Uploaded {
    let (receipt, facts) = store(client, lineage, rules, listed, false)?;
    let value = receipt::json_of(&receipt, facts.as_ref());
    Ok((receipt, value))
}

/// Uploads one certificate, unless it is among those `listed`: then its key need not travel. With
/// `any_name`, it counts there under any name. The upload itself then need not read the list.
pub(crate) fn store(
    client: &Client,
    lineage: &Lineage,
    rules: &Rules,
    listed: &[Certificate],
    any_name: bool,
) -> Result<(Receipt, Option<Facts>), Failure> {
    let rules = rules.clone().with(lineage.on_conflict.as_deref(), lineage.lang.as_deref());
    let mut upload = Upload::new();
    upload.load_certificate(&lineage.cert)?;
    upload.load_key(&lineage.key)?;
    match &lineage.name {
        Some(name) => upload.set_name(name),
        None => upload.set_suggested_name()?,
    }
    rules.set(&mut upload)?;
    upload.set_reuse_any_name(any_name || rules.any_name());
    // Under `Fail`, even the same certificate is a failure.
    let may_be_stored = rules.on_conflict() != OnConflict::Fail;
    let stored = if may_be_stored { client.find_stored(listed, &upload)? } else { None };
    upload.set_reuse_any_name(rules.any_name());
    let receipt = match stored {
        Some(receipt) => receipt,
        None => client.upload(&upload)?,
    };
    Ok((receipt, upload.inspect().facts))
}

/// Creates the report. The one of an earlier run is replaced.
pub(crate) fn create(path: &Path) -> Result<(File, &Path), Failure> {
    File::create(path).map(|file| (file, path)).map_err(|error| unwritable(path, &error))
}

pub(crate) fn write((file, path): &mut (File, &Path), line: &Value) -> Result<(), Failure> {
    writeln!(file, "{line}").map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let path = cas_core::quoted_path(path);
    unusable(
        say!("Failed to write the report {path}: {error}.", "写入报告 {path} 失败：{error}。"),
        say!("Check its directory and permissions.", "请检查目录和权限。"),
    )
}
