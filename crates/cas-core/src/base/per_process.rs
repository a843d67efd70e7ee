//! A value that a child of fork does not share with its parent.

use std::sync::RwLock;

/// A value that is made again in a child of fork, such as a pool of connections: if parent and
/// child used one TLS connection, each would break the other's.
pub(crate) struct PerProcess<T>(RwLock<(u64, T)>);

impl<T: Clone> PerProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(RwLock::new((cas_sys::fork_generation(), value)))
    }

    /// A clone of this process's value. `make` is called in a child that has none yet.
    ///
    /// This never waits: a thread of the parent may have held the lock at the moment of fork, and
    /// does not exist in the child. The child then gets a value of its own for each call.
    pub(crate) fn get(&self, make: impl FnOnce() -> T) -> T {
        self.get_in(cas_sys::fork_generation(), make)
    }

    fn get_in(&self, generation: u64, make: impl FnOnce() -> T) -> T {
        if let Ok(current) = self.0.try_read()
            && current.0 == generation
        {
            return current.1.clone();
        }
        let new = make();
        match self.0.try_write() {
            // Another thread was first.
            Ok(current) if current.0 == generation => current.1.clone(),
            Ok(mut current) => {
                *current = (generation, new.clone());
                new
            }
            Err(_) => new,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: u64 = 1_000;

    fn value() -> PerProcess<&'static str> {
        PerProcess(RwLock::new((HERE, "parent")))
    }

    #[test]
    fn process_keeps_its_value() {
        let unused = || panic!("made again");
        assert_eq!(PerProcess::new("own").get(unused), "own");
        assert_eq!(value().get_in(HERE, unused), "parent");
    }

    #[test]
    fn child_makes_a_value_once() {
        let value = value();
        assert_eq!(value.get_in(HERE + 1, || "child"), "child");
        assert_eq!(value.get_in(HERE + 1, || panic!("made again")), "child");
    }

    #[test]
    fn threads_that_make_a_value_at_once_agree_on_the_first() {
        let value = value();
        let second = value.get_in(HERE + 1, || {
            // Another thread, while this one makes its own.
            assert_eq!(value.get_in(HERE + 1, || "first"), "first");
            "second"
        });
        assert_eq!(second, "first");
    }

    #[test]
    fn lock_that_another_thread_holds_is_not_waited_for() {
        let value = value();
        let held = value.0.write().unwrap();
        assert_eq!(value.get_in(HERE + 1, || "child"), "child");
        drop(held);
        let held = value.0.read().unwrap();
        assert_eq!(value.get_in(HERE, || panic!("made again")), "parent");
        assert_eq!(value.get_in(HERE + 1, || "child"), "child");
        drop(held);
        assert_eq!(value.get_in(HERE, || panic!("made again")), "parent");
    }
}
