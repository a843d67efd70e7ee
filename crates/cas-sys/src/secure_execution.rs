//! Whether the program runs with more rights than the user who started it.

/// Whether the kernel runs the program in secure-execution mode (`AT_SECURE`): its executable is
/// set-user-ID or set-group-ID, carries file capabilities, or a security module asks for it.
///
/// The environment then comes from a less privileged user, so it must not decide which files the
/// program trusts or which hosts it calls; see `secure_getenv(3)`. The mode is fixed when the
/// program starts: dropping privileges later does not change it.
#[must_use]
pub fn secure_execution() -> bool {
    // SAFETY: `getauxval` takes a number, has no preconditions and only reads the vector that the
    // kernel passed to the program.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::process::Command;

    const CHILD: &str = "CAS_SYS_TEST_PRINT_SECURE_EXECUTION";

    /// Runs this test program again, from `path`, and returns what it reports.
    fn in_a_child(path: &std::path::Path) -> bool {
        let name = "secure_execution::tests::reports_set_user_id_programs";
        let output = Command::new(path)
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("secure: "), "{text}");
        text.contains("secure: true")
    }

    /// Only root can give a program to another user. Elsewhere, and where the kernel ignores the
    /// set-user-ID bit, the second half has nothing to test.
    #[test]
    #[allow(clippy::print_stdout)] // the parent reads it
    fn reports_set_user_id_programs() {
        if std::env::var_os(CHILD).is_some() {
            println!("secure: {}", secure_execution());
            return;
        }
        let this = std::env::current_exe().unwrap();
        assert!(!secure_execution());
        assert!(!in_a_child(&this));

        let status = fs::read_to_string("/proc/self/status").unwrap();
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        if !is_root || !status.contains("NoNewPrivs:\t0") {
            return;
        }
        let copy = this.with_extension(format!("setuid-{}", std::process::id()));
        // By another process: a file that this one has open for writing, or a child that another
        // test forks meanwhile, cannot be executed.
        assert!(Command::new("cp").args([&this, &copy]).status().unwrap().success());
        chown(&copy, Some(65534), None).unwrap();
        fs::set_permissions(&copy, Permissions::from_mode(0o4755)).unwrap();
        let honoured = honours_set_user_id(&copy);
        let secure = in_a_child(&copy);
        fs::remove_file(&copy).unwrap();
        assert_eq!(secure, honoured);
    }

    /// Whether the file system of `path` is mounted without `nosuid`.
    fn honours_set_user_id(path: &std::path::Path) -> bool {
        let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: all-zero bytes are a valid `statvfs`.
        let mut filesystem: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: a NUL-terminated path, and the address of a `statvfs`.
        assert_eq!(unsafe { libc::statvfs(path.as_ptr(), &raw mut filesystem) }, 0);
        filesystem.f_flag & libc::ST_NOSUID == 0
    }
}
