//! Ending a program and what it has started.

/// Kills every process of the group `leader` that may be killed. Does nothing if there is none.
///
/// Pass the ID of a child that was started as the leader of a group, before it is waited for or at
/// once after: no other process has the ID by then.
pub fn kill_process_group(leader: u32) {
    let Ok(leader) = libc::pid_t::try_from(leader) else { return };
    // 0 and 1 would stand for the own group and for every process.
    if leader > 1 {
        // SAFETY: has no preconditions; a negative number names a group.
        unsafe { libc::kill(-leader, libc::SIGKILL) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_program_and_what_it_started_are_killed() {
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 600 & sleep 600"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let output = shell.stdout.take().unwrap();
        kill_process_group(shell.id());
        assert!(!shell.wait().unwrap().success());
        // The pipe is closed only once all of them are gone.
        assert_eq!(std::io::read_to_string(output).unwrap(), "");
        kill_process_group(0);
        kill_process_group(u32::MAX);
    }
}
