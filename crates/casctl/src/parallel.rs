//! Does the same for many things, several at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Calls `work` for each thing, on `jobs` threads, as long as `goes_on`. `done` hears each result,
/// with the index of the thing, as it comes.
pub(crate) fn each<T: Sync, R: Send, E>(
    things: &[T],
    jobs: usize,
    goes_on: impl Fn() -> bool + Sync,
    work: impl Fn(&T) -> R + Sync,
    mut done: impl FnMut(usize, R) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel::<(usize, R)>();
    thread::scope(|scope| {
        for _ in 0..jobs.min(things.len()) {
            let (sender, next, goes_on, work) = (sender.clone(), &next, &goes_on, &work);
            scope.spawn(move || {
                while goes_on() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(thing) = things.get(index) else { return };
                    if sender.send((index, work(thing))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        results.into_iter().try_for_each(|(index, result)| done(index, result))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn each_thing_is_done_once() {
        let things: Vec<usize> = (0..100).collect();
        let mut done = Vec::new();
        let double = |thing: &usize| thing * 2;
        each(
            &things,
            8,
            || true,
            double,
            |index, result| {
                done.push((index, result));
                Ok::<_, ()>(())
            },
        )
        .unwrap();
        done.sort_unstable();
        assert!(done.iter().enumerate().all(|(index, it)| *it == (index, index * 2)));
        assert_eq!(done.len(), 100);
    }

    #[test]
    fn it_ends_early_when_asked_or_after_an_error() {
        let things = [(); 100];
        let stops = AtomicBool::new(false);
        let mut done = 0;
        let work = |(): &()| stops.store(true, Ordering::Relaxed);
        let count = |_, ()| {
            done += 1;
            Ok::<_, ()>(())
        };
        each(&things, 1, || !stops.load(Ordering::Relaxed), work, count).unwrap();
        assert_eq!(done, 1);
        assert_eq!(each(&things, 2, || true, |()| (), |_, ()| Err(7)), Err(7));
    }
}
