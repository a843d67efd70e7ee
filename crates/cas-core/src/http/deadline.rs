//! The deadline of the request that a thread is sending, which connections it may use, and how much
//! of the request it has sent.

use std::cell::RefCell;
use std::io;
use std::mem::ManuallyDrop;
use std::time::Duration;

use crate::base::deadline::Deadline;

/// How often a response is read after its deadline. Each time at least one byte of it has arrived,
/// usually all of it.
const LATE_READS: u32 = 1024;

/// The connection that a request may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Connection {
    /// One that earlier requests have used, or a new one.
    Any,
    /// A new one, for a request that is sent again: what made the last attempt fail may concern the
    /// others too.
    New,
}

/// The request that the current thread is sending.
///
/// ureq hands out pooled connections without saying which request they are for, so the sockets find
/// the deadline here and count here what they send.
pub(crate) struct RequestDeadline {
    deadline: Deadline,
    /// The deadline that applies now: while a connection is being made, it may be an earlier one.
    limit: Deadline,
    /// The connection to use; `Any` once a new one is established.
    connection: Connection,
    /// Whether the connection carries no other request.
    is_last: bool,
    /// Whether the server has asked for a client certificate while the connection was made.
    asked_for_certificate: bool,
    /// Bytes that the kernel has accepted since the connection was established.
    sent: usize,
    /// How often the response may still be read after the deadline.
    late_reads: u32,
}

thread_local! {
    /// Needs no destructor, since a thread may outlive the library: [`Current`] empties it.
    static CURRENT: RefCell<ManuallyDrop<Option<RequestDeadline>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Ends the request of this thread when it is dropped.
#[must_use]
pub(crate) struct Current;

impl Drop for Current {
    fn drop(&mut self) {
        set(None);
    }
}

fn set(request: Option<RequestDeadline>) {
    let previous = CURRENT.replace(ManuallyDrop::new(request));
    drop(ManuallyDrop::into_inner(previous));
}

fn read<T>(read: impl FnOnce(&RequestDeadline) -> T) -> Option<T> {
    CURRENT.with_borrow(|current| current.as_ref().map(read))
}

fn update(change: impl FnOnce(&mut RequestDeadline)) {
    CURRENT.with_borrow_mut(|current| current.as_mut().map(change));
}

impl RequestDeadline {
    /// Starts a request that must be complete before `deadline`. It ends when the result is
    /// dropped.
    pub(crate) fn begin(deadline: &Deadline, connection: Connection) -> Current {
        set(Some(Self {
            deadline: deadline.clone(),
            limit: deadline.clone(),
            connection,
            is_last: false,
            asked_for_certificate: false,
            sent: 0,
            late_reads: LATE_READS,
        }));
        Current
    }

    /// Whether the deadline of the request has passed.
    pub(crate) fn passed() -> bool {
        read(|request| request.deadline.has_passed()).unwrap_or(false)
    }

    /// Whether the call was cancelled.
    pub(crate) fn cancelled() -> bool {
        read(|request| request.deadline.is_cancelled()).unwrap_or(false)
    }

    /// Whether the kernel has accepted any byte of the request.
    pub(crate) fn any_sent() -> bool {
        read(|request| request.sent > 0).unwrap_or(false)
    }

    /// A connection is being made and must be established within `timeout`.
    pub(crate) fn connecting(timeout: Duration) {
        update(|request| request.limit = request.deadline.within(timeout));
    }

    /// The server asks for a client certificate. libcas has none.
    pub(crate) fn ask_for_certificate() {
        update(|request| request.asked_for_certificate = true);
    }

    /// Whether it has.
    pub(crate) fn asked_for_certificate() -> bool {
        read(|request| request.asked_for_certificate).unwrap_or(false)
    }

    /// The connection is established: every byte sent from now on belongs to the request.
    pub(crate) fn connected() {
        update(|request| {
            request.limit = request.deadline.clone();
            request.connection = Connection::Any;
            request.sent = 0;
        });
    }

    /// Whether the request may use a connection that earlier requests have used, and leave it to
    /// later ones.
    pub(crate) fn may_reuse() -> bool {
        read(|request| request.connection == Connection::Any && !request.is_last).unwrap_or(true)
    }

    /// The connection is closed when the response has been read.
    pub(crate) fn close_connection() {
        update(|request| request.is_last = true);
    }

    /// The kernel has accepted `bytes` more bytes.
    pub(crate) fn sent(bytes: usize) {
        update(|request| request.sent += bytes);
    }

    /// Whether what has arrived of a response is read although its deadline has passed. A process
    /// that was stopped, or a thread that did not run, finds the response in the socket. Nothing
    /// waits for it, and a server that goes on sending does not prolong the call.
    pub(crate) fn may_read_late() -> bool {
        let mut may = false;
        update(|request| {
            may = request.sent > 0 && request.late_reads > 0 && !request.deadline.is_cancelled();
            request.late_reads = request.late_reads.saturating_sub(1);
        });
        may
    }

    /// The deadline that applies now.
    pub(crate) fn limit() -> io::Result<Deadline> {
        read(|request| request.limit.clone()).ok_or_else(|| io::ErrorKind::TimedOut.into())
    }

    /// How long a socket may wait before the deadline is checked again, in a form that it accepts:
    /// at least one millisecond. `TimedOut` if the request must end.
    pub(crate) fn tick() -> io::Result<Duration> {
        let tick = read(|request| request.limit.tick());
        let tick = tick.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(tick.max(Duration::from_millis(1)))
    }
}

/// Whether a socket only woke up, so that the deadline is checked and the operation repeated.
pub(crate) fn is_interruption(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    use crate::base::deadline::Cancellation;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    fn time_left() -> Duration {
        RequestDeadline::limit().unwrap().time_left()
    }

    #[test]
    fn connect_timeout_applies_until_the_connection_is_established() {
        let _request = RequestDeadline::begin(&Deadline::after(HOUR), Connection::Any);
        RequestDeadline::connecting(MINUTE);
        assert!(time_left() <= MINUTE);
        RequestDeadline::connected();
        assert!(time_left() > MINUTE);
        RequestDeadline::connecting(2 * HOUR);
        assert!(time_left() <= HOUR);
        RequestDeadline::connecting(Duration::ZERO);
        assert_eq!(RequestDeadline::tick().unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(!RequestDeadline::passed());
        let _request = RequestDeadline::begin(&Deadline::over(), Connection::Any);
        assert!(RequestDeadline::passed());
    }

    #[test]
    fn bytes_sent_to_establish_the_connection_do_not_count() {
        let _request = RequestDeadline::begin(&Deadline::after(HOUR), Connection::Any);
        RequestDeadline::sent(100);
        RequestDeadline::connected();
        assert!(!RequestDeadline::any_sent());
        RequestDeadline::sent(1);
        assert!(RequestDeadline::any_sent());
        let _request = RequestDeadline::begin(&Deadline::after(HOUR), Connection::Any);
        assert!(!RequestDeadline::any_sent());
    }

    #[test]
    fn a_request_that_is_sent_again_waits_for_a_new_connection() {
        assert!(RequestDeadline::may_reuse());
        let _request = RequestDeadline::begin(&Deadline::after(HOUR), Connection::New);
        assert!(!RequestDeadline::may_reuse());
        RequestDeadline::connecting(MINUTE);
        assert!(!RequestDeadline::may_reuse());
        RequestDeadline::connected();
        assert!(RequestDeadline::may_reuse());
        RequestDeadline::close_connection();
        assert!(!RequestDeadline::may_reuse());
        let _request = RequestDeadline::begin(&Deadline::after(HOUR), Connection::Any);
        assert!(RequestDeadline::may_reuse());
    }

    #[test]
    fn only_a_response_is_read_late_and_not_for_ever() {
        let cancellation = Cancellation::default();
        let deadline = cancellation.deadline(Instant::now());
        let _request = RequestDeadline::begin(&deadline, Connection::Any);
        assert!(!RequestDeadline::may_read_late());
        RequestDeadline::sent(1);
        assert_eq!((0..2 * LATE_READS).filter(|_| RequestDeadline::may_read_late()).count(), 1023);
        let _request = RequestDeadline::begin(&deadline, Connection::Any);
        RequestDeadline::sent(1);
        assert!(RequestDeadline::may_read_late());
        cancellation.cancel();
        assert!(!RequestDeadline::may_read_late());
    }

    #[test]
    fn without_a_request_there_is_no_time() {
        drop(RequestDeadline::begin(&Deadline::after(HOUR), Connection::Any));
        assert!(RequestDeadline::limit().is_err() && RequestDeadline::tick().is_err());
        assert!(!RequestDeadline::any_sent() && !RequestDeadline::passed());
        assert!(!RequestDeadline::may_read_late());
    }

    #[test]
    fn a_cancelled_request_has_no_time() {
        let cancellation = Cancellation::default();
        let _request =
            RequestDeadline::begin(&cancellation.deadline(Instant::now() + HOUR), Connection::Any);
        RequestDeadline::connecting(MINUTE);
        assert!(RequestDeadline::tick().is_ok() && !RequestDeadline::cancelled());
        cancellation.cancel();
        assert!(RequestDeadline::tick().is_err());
        assert!(RequestDeadline::cancelled() && !RequestDeadline::passed());
    }
}
