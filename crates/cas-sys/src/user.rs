//! The user that the program runs as.

/// The ID of the effective user: the owner of the files that the program creates.
#[must_use]
pub fn effective_user() -> u32 {
    // SAFETY: has no preconditions and never fails.
    unsafe { libc::geteuid() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn it_owns_what_the_program_creates() {
        let path = std::env::temp_dir().join(format!("cas-sys-user-{}", std::process::id()));
        let owner = std::fs::File::create(&path).unwrap().metadata().unwrap().uid();
        std::fs::remove_file(path).unwrap();
        assert_eq!(super::effective_user(), owner);
    }
}
