//! The memory of a running process.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::Process;

/// All memory that a process may have written, as a core file would have it.
pub fn of(process: &Process) -> String {
    String::from_utf8_lossy(&bytes_of(process.id())).into_owned()
}

/// The same, of any process.
pub fn bytes_of(id: u32) -> Vec<u8> {
    let directory = format!("/proc/{id}");
    let memory = File::open(format!("{directory}/mem")).unwrap();
    let maps = fs::read_to_string(format!("{directory}/maps")).unwrap();
    let mut all = Vec::new();
    for line in maps.lines() {
        let mut columns = line.split_whitespace();
        let (range, mode) = (columns.next().unwrap(), columns.next().unwrap());
        if !mode.starts_with("rw") || line.ends_with("[vvar]") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|at| u64::from_str_radix(at, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(end - start).unwrap()];
        memory.read_exact_at(&mut bytes, start).unwrap();
        all.append(&mut bytes);
    }
    all
}
